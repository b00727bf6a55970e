"""What a project changes of shipped alerts, by name."""

import pytest

from deckwatch.alerting import promtool
from deckwatch.core.problems import Place

PLACE = Place("deckwatch.yaml", 7, 3)


def alert(built, name):
    return next(alert for group in built.bundle.groups for alert in group.alerts if alert.name == name)


def test_a_disabled_alert_is_gone_with_its_tests_and_runbook(alerting_of):
    built = alerting_of(shipped=True, disable={"HostClockSkew": PLACE})
    assert built.problem_lines() == []
    assert not any("HostClockSkew" in text for text in built.texts().values())
    assert not any("HostClockSkew" in page.path for page in built.bundle.runbooks)


def test_a_limit_is_set_by_the_alerts_name_and_proved_anew(alerting_of, need):
    need("promtool", get="apt-get install prometheus")
    own = {
        "ExporterDown.for": ("5m", PLACE),
        "HostNetworkErrors.above": ("3%", PLACE),
        "host.cpu.high": ("90%", PLACE),
    }
    built = alerting_of(shipped=True, set=own)
    adjusted = [alert.name for group in built.bundle.groups for alert in group.alerts if alert.adjusted]
    assert adjusted == ["ExporterDown", "HostCpuHigh", "HostNetworkErrors"]
    assert alert(built, "HostNetworkErrors").limit.value == 0.03
    assert alert(built, "HostCpuHigh").limit.value == 0.9
    assert alert(built, "ExporterDown").hold == 300
    groups = [group for group in built.bundle.groups if group.topic == "host"]
    (outcome,) = promtool.run(groups, built.bundle.artifacts)
    assert outcome.problems == ()


def test_where_no_series_can_be_made_up_the_proofs_are_left_out_and_that_is_said(alerting_of):
    built = alerting_of(shipped=True, set={"ExporterDown.for": ("5m", PLACE)})
    (line,) = built.problem_lines()
    assert line.startswith("deckwatch.yaml:7:3: warning: the proofs of ExporterDown assume the shipped limit and are")
    assert alert(built, "ExporterDown").proofs == ()


def test_a_bare_number_that_was_a_percentage_is_reported(alerting_of):
    lines = alerting_of(shipped=True, set={"HostNetworkErrors.above": (3, PLACE)}).problem_lines()
    assert lines == ["deckwatch.yaml:7:3: warning: 3 of a ratio is 300% (did you mean 3%?) [input]"]


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ({"disable": {"HostClokSkew": PLACE}}, "no alert is called HostClokSkew (did you mean HostClockSkew?)"),
        (
            {"set": {"HostNetworkErrors.below": (1, PLACE)}},
            "no limit is called HostNetworkErrors.below (did you mean HostNetworkErrors.above?)",
        ),
        ({"set": {"HostNetworkErrors.above": ("3s", PLACE)}}, "a duration fits the unit seconds, not ratio"),
        ({"set": {"HostNetworkErrors.for": ("soon", PLACE)}}, "'soon' is not a duration such as 500ms, 5m or 1h30m"),
    ],
)
def test_a_fault_is_reported_where_it_is_set(alerting_of, settings, wanted):
    lines = alerting_of(shipped=True, **settings).problem_lines()
    assert [line.partition(" [")[0] for line in lines] == [f"deckwatch.yaml:7:3: error: {wanted}"]
