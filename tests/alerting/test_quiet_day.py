"""No false alerts: the generated rules over a day of normal load on a machine."""

from __future__ import annotations

import re

import pytest
import yaml

from deckwatch.alerting import inhibitions, render_rules
from deckwatch.alerting.promtool import TIMEOUT_SECONDS, run_promtool
from deckwatch.core import promql, yaml_write

GET = "apt-get install prometheus"
HOUR = 3600
PAGES = 'ALERTS{alertstate="firing", severity=~"error|critical"}'
NOTIFIED = 'ALERTS{alertstate="firing", severity!="info"}'


@pytest.fixture(scope="module")
def promtool(need):
    return need("promtool", get=GET)


def keep_rules(groups, alerts):
    """Return the groups with only these alerts and the recordings that they read, directly or through others.

    Averages over hours and days take most of the time, and only alerts of severity info read them. Those alerts are
    not in `ALERTS` then: health scores, which read it, leave them out.
    """
    rules = [rule for group in groups for rule in group["rules"]]
    read, waiting = set(), [rule["expr"] for rule in rules if rule.get("alert") in alerts]
    while waiting:
        selectors = promql.find_selectors(waiting.pop())
        assert all(item.metric for item in selectors), "this may read every rule"
        added = {item.metric for item in selectors} - read
        read |= added
        waiting += [rule["expr"] for rule in rules if rule.get("record") in added]
    kept = (
        [rule for rule in group["rules"] if rule.get("alert") in alerts or rule.get("record") in read]
        for group in groups
    )
    return [{**group, "rules": own} for group, own in zip(groups, kept, strict=True) if own]


@pytest.fixture
def fired(promtool, shipped_alerting, tmp_path):
    """Return a function that runs the rules over a day and returns the names of the alerts that fired."""
    folder = shipped_alerting.write(tmp_path) / render_rules.RULES_FOLDER
    alerts = {alert.name for alert in shipped_alerting.context.iter_alerts() if alert.severity != "info"}
    groups = [
        group
        for path in sorted(folder.glob("*.yaml"))
        for group in yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)["groups"]
    ]
    kept = keep_rules(groups, alerts)
    assert {rule["alert"] for group in kept for rule in group["rules"] if "alert" in rule} == alerts
    rules = tmp_path / "rules.yaml"
    rules.write_text(yaml_write.dump_yaml({"groups": kept}), encoding="utf-8")

    def run(day, selector=NOTIFIED):
        test = {
            "interval": f"{day.step}s",
            "input_series": [{"series": text, "values": values} for text, values in day.series().items()],
            "promql_expr_test": [
                {
                    "expr": f"count by (alertname) (count_over_time({selector}[{day.length}s]))",
                    "eval_time": f"{day.length}s",
                    "exp_samples": [
                        {"labels": '{alertname="expected"}', "value": 1}
                    ],  # fails, so that promtool prints the actual value
                }
            ],
        }
        path = tmp_path / "day.yaml"
        path.write_text(
            yaml.safe_dump(
                {"rule_files": [rules.name], "evaluation_interval": f"{day.step}s", "tests": [test]}, width=1e9
            )
        )
        done = run_promtool([promtool, "test", "rules", str(path)], TIMEOUT_SECONDS)
        output = done.stdout + done.stderr
        (got,) = re.findall(r"got:(.*)", output) or [None]
        assert got is not None, output
        return set(re.findall(r'alertname=\\?"(\w+)', got))

    return run


def test_the_day_has_a_series_for_every_metric_that_alerts_read(quiet_day, shipped_alerting):
    context = shipped_alerting.context
    read = set().union(*(inhibitions.find_metrics(alert.watched, context) for alert in context.iter_alerts()))
    shown = {selector.metric for text in quiet_day(end=60).series() for selector in promql.find_selectors(text)}
    # Except the series of Prometheus itself, and recordings that only projects have.
    missing = sorted(name for name in read - shown if name != "ALERTS" and ":" not in name)
    assert not missing, "\n".join(
        ["tests/fixtures/quiet_day.py: yield their values on a day without faults, such as in _host:"]
        + [f'        yield f"{name}{{{{{{NODE}}}}}}", lambda _: 0.0' for name in missing]
    )


@pytest.mark.slow
def test_a_normal_day_notifies_only_of_the_reboot(fired, quiet_day):
    assert fired(quiet_day()) == {"HostRebooted"}


@pytest.mark.slow
@pytest.mark.parametrize("here", [False, True], ids=["prometheus-elsewhere", "prometheus-here"])
def test_a_reboot_notifies_only_of_itself_at_full_resolution(fired, quiet_day, here):
    assert fired(quiet_day(begin=4 * HOUR, end=6 * HOUR, step=15, here=here)) == {"HostRebooted"}


@pytest.mark.slow
def test_a_deployment_does_not_notify_at_full_resolution(fired, quiet_day):
    assert fired(quiet_day(begin=11 * HOUR, end=13 * HOUR, step=15)) == set()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("series", "value", "alert"),
    [
        (r'deckwatch_container_state{.*name="db".*state="exited"', 1.0, "ContainerNotRunning"),
        ("pg_up", 0.0, "PostgresDown"),
        ("up{", 0.0, "ExporterDown"),
        ('probe_success{.*service="shop"', 0.0, "ApplicationDown"),
    ],
)
def test_a_fault_in_the_same_hours_notifies(fired, quiet_day, series, value, alert):
    """With one fault from noon on, the test would see an alert."""
    day = quiet_day(begin=23 * HOUR // 2, end=25 * HOUR // 2, fault=(re.compile(series), 12 * HOUR, value))
    assert alert in fired(day, PAGES)
