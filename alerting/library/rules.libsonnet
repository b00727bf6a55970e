// Rule files for Prometheus, and their unit tests for promtool.
//
// A topic: {
//   topic, interval,                      // '' for Prometheus's default
//   recordings: [{ record, expr }],
//   alerts: [{
//     alert, watched, operator, limit,      // operator '' where `watched` contains the comparison
//     hold, keep,                           // durations, '' for none
//     labels: {}, each: [labels that distinguish the alerts of a rule],
//     summary, means, threshold, metric,
//     humanize: [template function, unit suffix], or null where the value has no meaning
//     runbook: its path in the bundle, '' if published; runbook_url: '' if not,
//     dashboard: {uid, panel?} or null
//   }],
//   files: [rule files of the tests],
//   tests: [{ name, alert, by, series: [{ series, values }], at: [{ time, labels or null }] }],
// }
// `links`: {
//   grafana: address of Grafana,
//   deploys: { metric, version: its label, by: the label it shares with an alert }, or {}
// }
local dropEmpty(object) = { [key]: object[key] for key in std.objectFields(object) if object[key] != '' };

local reference(label) = '{{ $labels.%s }}' % label;

// "web-1 /data: The disk is full. It is at 96%, the limit is more than 90% for 5m. Nothing can be written any more."
local description(alert) =
  local where = std.join(' ', [reference(label) for label in alert.each]);
  local value = '{{ $value | %s }}%s' % alert.humanize;
  local now = if alert.humanize == null then '' else if alert.operator == '' || alert.operator == '==' then
    (if alert.each == [] then ' The value is %s.' % value else '')
  else ' It is at %s; the limit is %s.' % [value, alert.threshold];
  (if where == '' then '' else where + ': ') + alert.summary + now + ' ' + alert.means;

// Grafana sets a variable from `var-NAME` and ignores unknown ones.
local dashboardUrl(alert, links) =
  if alert.dashboard == null then ''
  else
    local panel = if 'panel' in alert.dashboard then ['viewPanel=%d' % alert.dashboard.panel] else [];
    local variables = ['var-%s={{ $labels.%s | urlquery }}' % [label, label] for label in alert.each];
    local query = std.join('&', panel + variables);
    '%s/d/%s%s' % [links.grafana, alert.dashboard.uid, if query == '' then '' else '?' + query];

// "2.1.0, since 2026-11-21 19:03:00 +0000 UTC": the newest version of the service. A deploy older than a day is not
// a likely cause, and is dated to the beginning of that day.
local deploy(alert, links) =
  local deploys = links.deploys;
  if deploys == {} || !std.member(alert.each, deploys.by) then ''
  else
    // A series that began within the last minute has no point in the subquery yet.
    local appeared = 'timestamp(%s{%s=%%[1]q})' % [deploys.metric, deploys.by];
    local expr = 'topk(1, min by (%s) (min_over_time(%s[1d:1m]) or %s))' % [deploys.version, appeared, appeared];
    '{{ with printf `%s` $labels.%s | query }}{{ with first . }}{{ . | label "%s" }}, since {{ . | value | humanizeTimestamp }}{{ end }}{{ end }}' % [expr, deploys.by, deploys.version];

local expression(alert) =
  if alert.operator == '' then alert.watched else '%s %s %s' % [alert.watched, alert.operator, alert.limit];

local rule(alert, links) = dropEmpty({
  alert: alert.alert,
  expr: expression(alert),
  'for': alert.hold,
  keep_firing_for: alert.keep,
}) {
  labels: alert.labels,
  annotations: dropEmpty({
    summary: alert.summary,
    description: description(alert),
    metric: alert.metric,
    threshold: alert.threshold,
    runbook: alert.runbook,
    runbook_url: alert.runbook_url,
    dashboard_url: dashboardUrl(alert, links),
    deploy: deploy(alert, links),
  }),
};

local firing(test) = 'max by (%s) (ALERTS{alertname="%s", alertstate="firing"})' % [std.join(', ', test.by), test.alert];

local labelText(labels) =
  '{%s}' % std.join(', ', ['%s="%s"' % [label, labels[label]] for label in std.objectFields(labels)]);

local unitTest(test, interval) = {
  name: test.name,
  interval: interval,
  input_series: test.series,
  promql_expr_test: [
    {
      expr: firing(test),
      eval_time: moment.time,
      exp_samples: if moment.labels == null then [] else [{ labels: labelText(moment.labels), value: 1 }],
    }
    for moment in test.at
  ],
};

{
  // The rule file of a topic.
  rules(topic, links): {
    groups: [dropEmpty({ name: topic.topic, interval: topic.interval }) {
      rules: topic.recordings + [rule(alert, links) for alert in topic.alerts],
    }],
  },

  // The test file of a topic; `topic.files` are its rule files, relative to it.
  tests(topic, interval): {
    rule_files: topic.files,
    evaluation_interval: interval,
    tests: [unitTest(test, interval) for test in topic.tests],
  },
}
