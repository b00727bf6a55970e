"""The state of a system from what the rules record: component scores, their causes, and firing alerts.

`alerting/rules/health.yaml` defines the scores. Here they are only read, so that the command `health`, `/api/health`
and the Health dashboard agree. What the rules do not score, such as alerts on machines, can make the state worse.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from deckwatch.core.problems import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from deckwatch.core.timed_query import Sample, TimedQuery

State = Literal["healthy", "degraded", "critical", "unknown"]

EXIT_CODES: dict[State, int] = {"healthy": 0, "degraded": 1, "critical": 2, "unknown": 3}
# One query for everything: series without the label alertstate match `!=` too. The alert Watchdog, which always fires,
# shows that the rules are evaluated.
SELECTOR = (
    '{__name__=~"component:health:(score|state|because)|component:answers:ratio5m|health:overall:state|ALERTS",'
    'alertstate!="pending",escalation=""}'
)
_STATES: dict[float, State] = {2: "healthy", 1: "degraded", 0: "critical", -1: "unknown"}
_WORST_FIRST: tuple[State, ...] = ("critical", "degraded", "unknown", "healthy")
_SEVERITIES = ("critical", "error", "warning")
_COMPONENT_LABELS = ("component", "service", "server")
_RULE_LABELS = frozenset(("__name__", "alertname", "alertstate", "severity", "owner", "topic"))
_NO_DATA = "no data for five minutes"


@dataclass(frozen=True, slots=True)
class Alert:
    """A firing alert, with the labels that locate it."""

    name: str
    severity: str
    labels: Mapping[str, str]

    @property
    def location(self) -> str:
        """The labels on one line, such as `instance=web-1`."""
        return " ".join(f"{key}={value}" for key, value in sorted(self.labels.items()))

    def as_data(self) -> dict[str, Any]:
        """Return the alert for programs."""
        return {"alert": self.name, "severity": self.severity, "labels": dict(self.labels)}


@dataclass(frozen=True, slots=True)
class Component:
    """A service or database. `score` is from 0 to 100, None where unknown; `causes` are unhealthy dependencies."""

    name: str
    state: State
    score: float | None = None
    answers: float | None = None  # the share of checks that it answered in the last five minutes
    causes: Sequence[str] = ()
    alerts: Sequence[Alert] = ()

    @property
    def reason(self) -> str:
        """Why the component is not healthy, or which alerts fire on it; empty if nothing is wrong."""
        parts = [f"because of {', '.join(self.causes)}"] if self.causes else []
        if self.score is None and self.state == "unknown":
            parts.append(_NO_DATA)
        elif self.answers is not None and self.answers < 1:
            parts.append(f"answers {math.floor(100 * self.answers)} % of its checks")
        parts += [f"{alert.name} fires ({alert.severity})" for alert in self.alerts]
        return "; ".join(parts)

    def as_data(self) -> dict[str, Any]:
        """Return the component for programs."""
        return {
            "name": self.name,
            "state": self.state,
            "score": self.score,
            "answers": self.answers,
            "causes": list(self.causes),
            "alerts": [alert.as_data() for alert in self.alerts],
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class HealthReport:
    """The state, why, the components (the worst first), and the alerts that fire on no component."""

    state: State
    reason: str
    components: Sequence[Component] = ()
    alerts: Sequence[Alert] = ()

    @property
    def exit_code(self) -> int:
        """0 healthy, 1 degraded, 2 critical, 3 unknown."""
        return EXIT_CODES[self.state]

    def find_component(self, name: str) -> HealthReport:
        """Return the report of one component; its state is unknown if there is none of this name."""
        for component in self.components:
            if component.name == name:
                return HealthReport(component.state, component.reason, [component])
        hint = did_you_mean(name, [component.name for component in self.components])
        reason = f"no component is called {name}"
        if not self.components and self.state == "unknown":
            reason = self.reason
        return HealthReport("unknown", f"{reason}; {hint}" if hint else reason)

    def as_data(self) -> dict[str, Any]:
        """Return the report for programs."""
        return {
            "state": self.state,
            "reason": self.reason,
            "components": [component.as_data() for component in self.components],
            "alerts": [alert.as_data() for alert in self.alerts],
        }


def read_report(query: TimedQuery) -> HealthReport:
    """Return the current report; raises Unreachable. One request, two if it finds nothing."""
    samples = query.run_query(SELECTOR)
    return build_report(samples, has_rules=bool(samples) or _has_alert_rules(query))


def build_report(samples: Iterable[Sample], *, has_rules: bool) -> HealthReport:
    """Return the report of these series; `has_rules` says whether Prometheus evaluates alerts at all."""
    by_name: dict[str, list[Sample]] = {}
    for sample in samples:
        by_name.setdefault(sample.labels.get("__name__", ""), []).append(sample)
    alerts = [alert for alert in map(_read_alert, by_name.get("ALERTS", ())) if alert.severity != "info"]
    alerts.sort(key=lambda alert: (_severity_order(alert), alert.name, alert.location))
    components = _read_components(by_name, alerts)
    names = {component.name for component in components}
    elsewhere = [alert for alert in alerts if not names & _list_subjects(alert)]
    if not components and not has_rules:
        return HealthReport("unknown", "Prometheus evaluates no rules of Deckwatch: are the generated ones loaded?")
    states: list[State] = [_STATES.get(sample.value, "unknown") for sample in by_name.get("health:overall:state", ())]
    states = states or [component.state for component in components] or ["healthy"]
    states += ["critical" if alert.severity == "critical" else "degraded" for alert in elsewhere]
    return HealthReport(_find_worst(states), _explain_state(components, elsewhere), components, elsewhere)


def _has_alert_rules(query: TimedQuery) -> bool:
    """Return whether Prometheus has evaluated an alert of ours, which has the label topic; none need fire."""
    groups = query.get("/api/v1/rules", type="alert").get("groups") or ()
    rules = (rule for group in groups for rule in group.get("rules") or ())
    return any("topic" in (rule.get("labels") or {}) and rule.get("health") == "ok" for rule in rules)


def _read_components(by_name: Mapping[str, Sequence[Sample]], alerts: Sequence[Alert]) -> list[Component]:
    """Return the components, the worst first. Several series of one, as of replicas, count as the worst of them."""
    states: dict[str, list[State]] = {}
    for sample in by_name.get("component:health:state", ()):
        states.setdefault(sample.labels.get("component", ""), []).append(_STATES.get(sample.value, "unknown"))
    scores = _find_lowest(by_name.get("component:health:score", ()))
    answers = _find_lowest(by_name.get("component:answers:ratio5m", ()))
    causes: dict[str, set[str]] = {}
    for sample in by_name.get("component:health:because", ()):
        causes.setdefault(sample.labels.get("component", ""), set()).add(sample.labels.get("because", ""))
    components = [
        Component(
            name,
            _find_worst(found),
            scores.get(name),
            answers.get(name),
            sorted(causes.get(name, ())),
            [alert for alert in alerts if name in _list_subjects(alert)],
        )
        for name, found in states.items()
    ]
    return sorted(components, key=lambda component: (_WORST_FIRST.index(component.state), component.name))


def _find_lowest(samples: Iterable[Sample]) -> dict[str, float]:
    values: dict[str, float] = {}
    for sample in samples:
        name = sample.labels.get("component", "")
        if math.isfinite(sample.value):
            values[name] = min(sample.value, values.get(name, math.inf))
    return values


def _read_alert(sample: Sample) -> Alert:
    labels = {name: value for name, value in sample.labels.items() if name not in _RULE_LABELS}
    return Alert(sample.labels.get("alertname", ""), sample.labels.get("severity", ""), labels)


def _list_subjects(alert: Alert) -> set[str]:
    return {alert.labels[label] for label in _COMPONENT_LABELS if label in alert.labels}


def _severity_order(alert: Alert) -> int:
    return _SEVERITIES.index(alert.severity) if alert.severity in _SEVERITIES else len(_SEVERITIES)


def _find_worst(states: Iterable[State]) -> State:
    return min(states, key=_WORST_FIRST.index)


def _explain_state(components: Sequence[Component], elsewhere: Sequence[Alert]) -> str:
    """Return the reason for the state of the whole in one line: what is unhealthy without a known cause first."""
    unhealthy = [component for component in components if component.state != "healthy"]
    unhealthy.sort(key=lambda component: bool(component.causes))
    parts = [f"{component.name} is {component.state}" for component in unhealthy]
    parts += list(dict.fromkeys(f"{alert.name} fires" for alert in elsewhere))
    return "; ".join(parts)
