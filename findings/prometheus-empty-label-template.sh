#!/usr/bin/env bash
# Prometheus 2.42.0 (Debian 12): a rule's label whose template expands to nothing is the literal template in ALERTS.
#
# A label such as `team: "{{ $labels.team }}"` expands to an empty text for a series without `team`. The alert that is sent
# then has no such label, as expected, but the series ALERTS of the same alert has team="{{ $labels.team }}": dashboards
# that list ALERTS show the template.
#
# Seen by promtool, with one rule, for a series up{job="a"}:
#       alert   {alertname="Down", job="a"}
#       series  ALERTS{alertname="Down", alertstate="firing", job="a", team="{{ $labels.team }}"}
# Consequence here: copied labels are added to the expression with label_replace() (tests/alerting/test_copied_labels.py).
# Needs Debian 12 with its package server.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download -qq prometheus=2.42.0+ds-5+deb12u1 2>apt.log || { cat apt.log >&2; exit 2; }
dpkg-deb --extract prometheus_*.deb files
cat >rules.yaml <<'YAML'
groups:
  - name: example
    rules:
      - {alert: Down, expr: up == 0, labels: {team: "{{ $labels.team }}"}}
YAML
cat >tests.yaml <<'YAML'
rule_files: [rules.yaml]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series: [{series: 'up{job="a"}', values: 0 0 0}]
    alert_rule_test:
      - {eval_time: 1m, alertname: Down, exp_alerts: [{exp_labels: {job: a}}]}
    promql_expr_test:
      - expr: ALERTS
        eval_time: 1m
        exp_samples: [{labels: 'ALERTS{alertname="Down", alertstate="firing", job="a", team="{{ $labels.team }}"}', value: 1}]
YAML
files/usr/bin/promtool test rules tests.yaml
echo "as described"
