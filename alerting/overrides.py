"""What a project changes of shipped alerts by name: which are left out, and where their limits are.

The proofs of an alert are written for its limit. Where the project sets another one, two others take their place: just
beyond the new limit it fires after `for`, at the limit it is silent.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

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
_BEYOND = 0.01  # this share of the limit is just beyond it


def disable_alerts(topics: Topics, names: Mapping[str, Place]) -> list[Problem]:
    """Leave alerts out; return a problem for each name that no alert has."""
    problems = []
    for name, place in names.items():
        if name in topics.alerts:
            del topics.alerts[name]
        else:
            problems.append(Problem(place, f"no alert is called {name}", did_you_mean(name, topics.alerts)))
    return problems


def apply_limits(topics: Topics, settings: Mapping[str, tuple[Any, Place]]) -> list[Problem]:
    """Set limits by name, `HostCpuHigh.above` or `HostCpuHigh.for`; return what is wrong with them.

    Names that begin with a small letter are those of signals' thresholds, which the signals have taken already.
    """
    problems: list[Problem] = []
    known = list(_setting_names(topics.alerts.values()))
    for full, (value, place) in settings.items():
        name, _, word = full.partition(".")
        if not name[:1].isupper():
            continue
        if full not in known:
            problems.append(Problem(place, f"no limit is called {full}", did_you_mean(full, known)))
            continue
        percent = units.meant_percent(value, topics.alerts[name].unit) if word != "for" else ""
        if percent:
            message = f"{value:g} of a ratio is {value:.0%}"
            problems.append(Problem(place, message, f"did you mean {percent}?", severity="warning"))
        try:
            topics.alerts[name] = _override_alert(topics.alerts[name], word, value)
        except ValueError as error:
            problems.append(Problem(place, str(error)))
            continue
        problems += _replace_proofs(topics, name, place)
    for alert in list(topics.alerts.values()):
        threshold = alert.limit.threshold if alert.limit is not None else ""
        if alert.reference is not None and (full := f"{alert.reference.signal.name}.{threshold}") in settings:
            problems += _replace_proofs(topics, alert.name, settings[full][1])
    return problems


def _setting_names(alerts: Iterable[Alert]) -> Iterator[str]:
    for alert in alerts:
        if alert.limit is not None:
            yield f"{alert.name}.{_KEYWORDS[alert.limit.operator]}"
        if alert.hold:
            yield f"{alert.name}.for"


def _override_alert(alert: Alert, word: str, value: Any) -> Alert:
    if word == "for":
        return replace(alert, hold=units.parse_duration(str(value)))
    limit = alert.limit or Limit(">", 0.0)
    return replace(alert, limit=Limit(limit.operator, units.parse_quantity(value, alert.unit)))


def _replace_proofs(topics: Topics, name: str, place: Place) -> list[Problem]:
    """Replace an alert's proofs by those of its new limit; warn where its series cannot be made up."""
    alert = topics.alerts[name]
    try:
        unit_tests.watched_series(alert)
    except ValueError:
        topics.alerts[name] = replace(alert, proofs=(), adjusted=True)
        message = f"the proofs of {name} are for the shipped limit, and are left out"
        hint = "they name series that lie on the one or the other side of it"
        return [Problem(place, message, hint, check="proof", severity="warning")]
    topics.alerts[name] = replace(alert, proofs=_generate_proofs(alert), adjusted=True)
    return []


def _generate_proofs(alert: Alert) -> tuple[Proof, ...]:
    limit = alert.limit
    if limit is None:
        return ()
    step = abs(limit.value) * _BEYOND or 1.0
    beyond = {">": limit.value + step, "<": limit.value - step, "==": limit.value}[limit.operator]
    inside = limit.value + step if limit.operator == "==" else limit.value
    lasts = -(-alert.hold // INTERVAL) * INTERVAL + 10 * INTERVAL
    fires = -(-alert.hold // INTERVAL) * INTERVAL
    path = (*alert.path, "proof")
    return (
        Proof(path, (InputSeries("", (SeriesStep(lasts, value=beyond),)),), fires),
        Proof(path, (InputSeries("", (SeriesStep(lasts, value=inside),)),), None),
    )
