import pytest

ALERT = """\
owner: shop
alerts:
  ApiErrorsHigh:
    signal: application.errors
    above: 5%
    for: 5m
    severity: warning
    each: [service]
    summary: The shop answers with errors.
    means: More than one request in twenty fails.
    do: [Open the dashboard.]
    proof:
      - {give: [{value: 6%, for: 10m}], fires: 5m}
      - {give: [{value: 4%, for: 1h}], silent: true}
"""


def changed(*pairs):
    text = ALERT
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return text


def test_a_signal_is_recorded_once_and_compared(alerting_of):
    built = alerting_of({"shop.yaml": ALERT})
    assert built.problem_lines() == []
    (group,) = built.groups
    (recording,) = group.recordings
    (alert,) = group.alerts
    assert recording.name == alert.watched == "service:http_errors:ratio5m"
    assert "[5m]" in recording.expr
    assert (alert.limit.operator, alert.limit.value, alert.unit, alert.owner) == (">", 0.05, "ratio", "shop")
    assert (alert.hold, [proof.fires for proof in alert.proofs]) == (300, [300, None])


def test_a_signals_own_threshold_is_a_limit(alerting_of):
    built = alerting_of({"shop.yaml": changed(("above: 5%", "above: critical"), ("6%", "11%"))})
    assert built.problem_lines() == []
    assert built.groups[0].alerts[0].limit.value == 0.1


def test_a_later_file_replaces_a_shipped_alert_and_keeps_the_others(alerting_of):
    own = changed(("ApiErrorsHigh", "HostCpuHigh"))
    built = alerting_of({"host.yaml": own}, shipped=True)
    (line,) = built.problem_lines()
    assert line.startswith("host.yaml:3:3: warning: replaces the shipped alert HostCpuHigh (rename it if that")
    host = next(group for group in built.groups if group.topic == "host")
    assert [alert.owner for alert in host.alerts if alert.name == "HostCpuHigh"] == ["shop"]
    assert len(host.alerts) > 5


@pytest.mark.parametrize(
    ("pairs", "place", "words"),
    [
        ([("above: 5%", "abov: 5%")], "5:5", "unknown key abov (did you mean above?)"),
        ([("ApiErrorsHigh", "API_errors")], "3:3", "'API_errors' is not a name such as HostCpuHigh"),
        ([("severity: warning", "severity: warn")], "7:15", "unknown value 'warn' (did you mean warning?)"),
        ([("application.errors", "application.erors")], "4:13", "did you mean application.errors?"),
        ([("application.errors", "application.latency")], "4:13", "is a histogram: a suffix is required"),
        ([("above: 5%", "above: 5m")], "5:12", "a duration fits the unit seconds"),
        ([("above: 5%", "above: low")], "5:12", "has no threshold low"),
        ([("above: 5%", "above: 5%\n    below: 3%")], "6:5", "below is not allowed here"),
        ([("fires: 5m}", "fires: 5m, silent: true}")], "13:52", "silent is not allowed here"),
        ([("for: 10m", "for: soon")], "13:34", "'soon' is not a duration such as 30s"),
        ([("[{value: 6%, for: 10m}]", "{'up{': 1}")], "13:17", "'{' is not closed"),
        ([("value: 4%", "value: 4 apples")], "14:25", "is not a number, a percentage, a duration or a size"),
        ([("for: 5m\n", "for: 5\n")], "6:10", "expected a duration such as 30s, 5m or 1h30m, not 5"),
    ],
)
def test_a_fault_stands_at_its_place(alerting_of, pairs, place, words):
    lines = alerting_of({"shop.yaml": changed(*pairs)}).problem_lines()
    assert any(line.startswith(f"shop.yaml:{place}: error: ") and words in line for line in lines), lines


def test_all_faults_of_all_files_are_reported_and_nothing_is_made(alerting_of):
    built = alerting_of(
        {"a.yaml": changed(("5%", "x")), "b.yaml": changed(("ApiErrors", "Other"), ("errors\n", "erors\n"))}
    )
    assert len(built.problem_lines()) == 2
    assert built.bundle.artifacts == []


def test_the_same_alert_in_two_files_is_a_fault(alerting_of):
    lines = alerting_of({"a.yaml": ALERT, "b.yaml": ALERT}).problem_lines()
    assert lines == ["b.yaml:3:3: error: ApiErrorsHigh is defined in two files (first in a.yaml:3:3) [names]"]


def test_a_signal_that_a_topic_declares_itself_is_found_by_its_short_name(alerting_of):
    text = "signals:\n  load: {metric: node_load1, by: [instance], high: 3}\n" + changed(
        ("application.errors", "load"),
        ("above: 5%", "above: high"),
        ("[service]", "[instance]"),
        ("[{value: 6%, for: 10m}]", "{'node_load1{instance=\"a\"}': 4}"),
        ("[{value: 4%, for: 1h}]", "{'node_load1{instance=\"a\"}': 2}"),
    )
    built = alerting_of({"machines.yaml": text})
    assert built.problem_lines() == []
    assert built.groups[0].alerts[0].watched == "sum by (instance) (node_load1)"
