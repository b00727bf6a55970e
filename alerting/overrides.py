"""A project's changes to shipped alerts, by name: which are disabled, and other limits and durations.

The proofs of an alert assume its limit. Where the project sets another one, two generated proofs replace them: just
beyond the new limit the alert fires after `for`, at the limit it stays silent.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from deckwatch.alerting import unit_tests
from deckwatch.alerting.model import Alert, InputSeries, Limit, Proof, SeriesStep
from deckwatch.alerting.series_notation import INTERVAL
from deckwatch.core import units
from deckwatch.core.problems import Problem, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from deckwatch.alerting.read_topics import Topics
    from deckwatch.core.problems import Place

_KEYWORDS = {">": "above", "<": "below", "==": "is"}
_MARGIN = 0.01  # generated proofs exceed the limit by this share of it


def disable_alerts(topics: Topics, names: Mapping[str, Place]) -> list[Problem]:
    """Remove alerts from `topics`; return a problem for each unknown name."""
    problems = []
    for name, place in names.items():
        if name in topics.alerts:
            del topics.alerts[name]
        else:
            problems.append(Problem(place, f"no alert is called {name}", did_you_mean(name, topics.alerts)))
    return problems


def apply_limits(topics: Topics, settings: Mapping[str, tuple[object, Place]]) -> list[Problem]:
    """Set limits by name, `HostCpuHigh.above` or `HostCpuHigh.for`; return the invalid settings.

    Names with a lower-case initial are thresholds of signals, which the signals have applied already.
    """
    problems: list[Problem] = []
    known = list(_setting_names(topics.alerts.values()))
    for setting, (value, place) in settings.items():
        name, _, keyword = setting.partition(".")
        if not name[:1].isupper():
            continue
        if setting not in known:
            problems.append(Problem(place, f"no limit is called {setting}", did_you_mean(setting, known)))
            continue
        percent = units.meant_percent(value, topics.alerts[name].unit) if keyword != "for" else ""
        if percent:
            message = f"{value:g} of a ratio is {value:.0%}"
            problems.append(Problem(place, message, f"did you mean {percent}?", severity="warning"))
        try:
            topics.alerts[name] = _override_alert(topics.alerts[name], keyword, value)
        except ValueError as error:
            problems.append(Problem(place, str(error)))
            continue
        problems += _replace_proofs(topics, name, place)
    for alert in list(topics.alerts.values()):
        threshold = alert.limit.threshold if alert.limit is not None else ""
        if alert.reference is not None and (setting := f"{alert.reference.signal.name}.{threshold}") in settings:
            problems += _replace_proofs(topics, alert.name, settings[setting][1])
    return problems


def _setting_names(alerts: Iterable[Alert]) -> Iterator[str]:
    for alert in alerts:
        if alert.limit is not None:
            yield f"{alert.name}.{_KEYWORDS[alert.limit.operator]}"
        if alert.hold:
            yield f"{alert.name}.for"


def _override_alert(alert: Alert, keyword: str, value: object) -> Alert:
    if keyword == "for":
        return replace(alert, hold=units.parse_duration(str(value)))
    limit = alert.limit or Limit(">", 0.0)
    return replace(alert, limit=Limit(limit.operator, units.parse_quantity(value, alert.unit)))


def _replace_proofs(topics: Topics, name: str, place: Place) -> list[Problem]:
    """Replace an alert's proofs by generated ones for its new limit; warn where no series can be generated."""
    alert = topics.alerts[name]
    try:
        unit_tests.watched_series(alert)
    except ValueError:
        topics.alerts[name] = replace(alert, proofs=(), adjusted=True)
        message = f"the proofs of {name} assume the shipped limit and are not run"
        hint = "they give fixed series on either side of it"
        return [Problem(place, message, hint, check="proof", severity="warning")]
    topics.alerts[name] = replace(alert, proofs=_generate_proofs(alert), adjusted=True)
    return []


def _generate_proofs(alert: Alert) -> tuple[Proof, ...]:
    limit = alert.limit
    if limit is None:
        return ()
    margin = abs(limit.value) * _MARGIN or 1.0
    beyond = {">": limit.value + margin, "<": limit.value - margin, "==": limit.value}[limit.operator]
    inside = limit.value + margin if limit.operator == "==" else limit.value
    fires = -(-alert.hold // INTERVAL) * INTERVAL
    length = fires + 10 * INTERVAL
    path = (*alert.path, "proof")
    return (
        Proof(path, (InputSeries("", (SeriesStep(length, value=beyond),)),), fires),
        Proof(path, (InputSeries("", (SeriesStep(length, value=inside),)),), None),
    )
