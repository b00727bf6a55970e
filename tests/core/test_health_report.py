"""The state of a system from the series that the rules record."""

from __future__ import annotations

import pytest

from deckwatch.core.health_report import build_report
from deckwatch.core.timed_query import Sample


def state(component: str, value: float, **labels: str) -> Sample:
    return Sample({"__name__": "component:health:state", "component": component, **labels}, value)


def score(component: str, value: float) -> Sample:
    return Sample({"__name__": "component:health:score", "component": component}, value)


def overall(value: float) -> Sample:
    return Sample({"__name__": "health:overall:state"}, value)


def alert(name: str, severity: str, **labels: str) -> Sample:
    own = {"__name__": "ALERTS", "alertname": name, "alertstate": "firing", "severity": severity, "topic": "x"}
    return Sample(own | labels, 1)


WATCHDOG = alert("Watchdog", "info")
BECAUSE = Sample({"__name__": "component:health:because", "component": "shop", "because": "payments"}, 0)
ANSWERS = Sample({"__name__": "component:answers:ratio5m", "component": "payments"}, 0.629)


@pytest.mark.parametrize(
    ("samples", "expected", "code", "reason"),
    [
        ([WATCHDOG], "healthy", 0, ""),
        ([], "unknown", 3, "Prometheus evaluates no rules of Deckwatch: are the generated ones loaded?"),
        ([state("shop", 2), overall(2)], "healthy", 0, ""),
        ([state("shop", 1), overall(1)], "degraded", 1, "shop is degraded"),
        ([state("shop", 0), overall(0)], "critical", 2, "shop is critical"),
        ([state("shop", -1), overall(-1)], "unknown", 3, "shop is unknown"),
        # Without the state of the whole, that of the worst component; one that is low outweighs one that is unknown.
        ([state("shop", -1), state("till", 1), state("db", 2)], "degraded", 1, "till is degraded; shop is unknown"),
        # An external dependency lowers the whole by half at most: that is decided by the rules.
        ([state("bank", 0), overall(1)], "degraded", 1, "bank is critical"),
        ([state("shop", float("nan")), overall(float("nan"))], "unknown", 3, "shop is unknown"),
        # Two replicas of Prometheus behind one address.
        ([state("shop", 2, replica="a"), state("shop", 1, replica="b")], "degraded", 1, "shop is degraded"),
        ([WATCHDOG, alert("HostDown", "critical", instance="web-1")], "critical", 2, "HostDown fires"),
        ([WATCHDOG, alert("HostBusy", "warning", instance="web-1")], "degraded", 1, "HostBusy fires"),
        ([WATCHDOG, alert("HostNote", "info", instance="web-1")], "healthy", 0, ""),
        # The score counts what fires on a component: 80 with one warning.
        ([state("shop", 2), overall(2), alert("ApplicationSlow", "warning", service="shop")], "healthy", 0, ""),
        ([state("shop", 2), overall(2), alert("PostgresDown", "critical", server="db")], "critical", 2, "PostgresDown"),
        (
            [state("shop", -1), overall(-1), alert("HostBusy", "error")],
            "degraded",
            1,
            "shop is unknown; HostBusy fires",
        ),
    ],
)
def test_the_state_of_the_whole(samples, expected, code, reason):
    report = build_report(samples, has_rules=bool(samples))
    assert (report.state, report.exit_code) == (expected, code)
    assert report.reason.startswith(reason)
    assert bool(report.reason) == bool(reason)


def test_a_component_is_explained_by_its_cause_its_checks_and_its_alerts():
    samples = [
        *(state("shop", 0), score("shop", 20), state("payments", 0), score("payments", 0), state("db", 2), ANSWERS),
        *(score("db", 100), state("archive", -1), overall(0), BECAUSE),
        *(alert("ApplicationDown", "critical", service="shop"), alert("ShopSlow", "warning", service="shop")),
    ]
    report = build_report(samples, has_rules=True)
    assert report.reason == "payments is critical; archive is unknown; shop is critical"
    assert [(each.name, each.state, each.score, each.reason) for each in report.components] == [
        ("payments", "critical", 0, "answers 62 % of its checks"),
        ("shop", "critical", 20, "because of payments; ApplicationDown fires (critical); ShopSlow fires (warning)"),
        ("archive", "unknown", None, "no data for five minutes"),
        ("db", "healthy", 100, ""),
    ]
    assert report.find_component("db").exit_code == 0
    assert report.find_component("shop").reason.startswith("because of payments")
    unknown = report.find_component("shopp")
    assert (unknown.exit_code, unknown.reason) == (3, "no component is called shopp; did you mean shop?")
