"""Which alerts keep others silent: as declared, by severity within a family, and by the collectors that alerts read.

Alertmanager takes a label that is missing on both sides for equal, and lets an alert silence itself. So every rule
names the alerts on both sides, agrees only in labels that both sides carry, and no alerts silence each other.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deckwatch.alerting.model import SEVERITIES, Alert
from deckwatch.alerting.render_rules import alert_expression
from deckwatch.alerting.routes import Selection, format_matcher, parse_selection
from deckwatch.core import expression_labels, promql
from deckwatch.core.problems import Problem, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from deckwatch.alerting.checking import Context
    from deckwatch.core.catalog import MetricInfo
    from deckwatch.core.yaml_file import Document, Path

BLIND_ALERT = "CollectorBlind"
_RULE_LABELS = frozenset(("alertname", "severity", "owner", "topic"))  # labels of the rule itself
_TARGET_LABELS = ("job", "instance")  # on every series that is scraped
_SUBJECT_LABELS = ("server", "service")  # collectors of several things are blind for one of them


@dataclass(frozen=True)
class Inhibition:
    """While one of `sources` fires, the `targets` with the same values of `equal` are not sent."""

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    equal: tuple[str, ...]
    source_matchers: tuple[str, ...] = ()  # how Alertmanager is told of the alerts, if not by their names
    target_matchers: tuple[str, ...] = ()

    def as_data(self) -> dict[str, Any]:
        """Return what the Jsonnet library makes a rule of."""
        return {
            "source": list(self.source_matchers or (format_matcher("alertname", self.sources),)),
            "target": list(self.target_matchers or (format_matcher("alertname", self.targets),)),
            "equal": list(self.equal),
        }


def build_inhibitions(
    documents: Sequence[Document], own: Document, context: Context
) -> tuple[list[Inhibition], list[Problem]]:
    """Return all rules, and what is wrong with those of the project, `own`.

    A shipped rule on alerts that are not in the bundle is left out.
    """
    problems: list[Problem] = []
    result: list[Inhibition] = []
    for document in documents:
        for i, data in enumerate((document.data or {}).get("inhibitions", ())):
            result += _declared_inhibitions(
                document, ("inhibitions", i), data, context, problems, strict=document is own
            )
    result += _family_inhibitions(context)
    result += _blindness_inhibitions(
        context, {target for rule in result if BLIND_ALERT in rule.targets for target in rule.sources}
    )
    if circle := _find_cycle(result):
        message = f"{' and '.join(circle)} would silence each other, and nobody would be told of any"
        problems.append(Problem(own.place(("inhibitions",)), message, check="inhibition"))
    return result, problems


def _declared_inhibitions(
    document: Document, path: Path, data: Mapping[str, Any], context: Context, problems: list[Problem], *, strict: bool
) -> list[Inhibition]:
    alerts = list(context.iter_alerts())
    sides = [parse_selection(document, (*path, side), data[side]) for side in ("while", "mute")]
    sources, targets = ([alert for alert in alerts if side.matches_alert(alert)] for side in sides)
    targets = [alert for alert in targets if alert not in sources]
    equal = tuple(data["same"])
    if strict:
        found = [problem for side in sides for problem in side.find_problems(alerts)]
        found += _missing_labels(document, path, [*sources, *targets], equal, context)
        problems += found
        if found:
            return []
    if not sources or not targets:
        return []
    there = [f'{label}!=""' for label in equal if label not in _TARGET_LABELS]
    return [
        Inhibition(
            tuple(alert.name for alert in sources),
            tuple(alert.name for alert in targets),
            equal,
            (*_side_matchers(sides[0], sources, alerts), *there),
            tuple(_side_matchers(sides[1], targets, alerts)),
        )
    ]


def _side_matchers(side: Selection, chosen: Sequence[Alert], alerts: Sequence[Alert]) -> list[str]:
    """Return a selection's own words where they select just these alerts, else the alerts' names."""
    if [alert for alert in alerts if side.matches_alert(alert)] == list(chosen):
        return side.to_matchers()
    return [
        format_matcher("alertname", [alert.name for alert in chosen]),
        *(format_matcher(*one) for one in side.labels.items()),
    ]


def _missing_labels(
    document: Document, path: Path, alerts: Iterable[Alert], equal: Sequence[str], context: Context
) -> Iterator[Problem]:
    for alert in alerts:
        carried = possible_labels(alert, context)
        for i, label in enumerate(equal):
            if label not in carried:
                place = document.place((*path, "same", i))
                hint = did_you_mean(label, sorted(carried))
                yield Problem(place, f"{alert.name} has no label {label}", hint, check="inhibition")


def possible_labels(alert: Alert, context: Context) -> frozenset[str]:
    """Return the labels that an alert can have when it fires."""
    own = _RULE_LABELS | frozenset(alert.labels)
    try:
        found = expression_labels.result_labels(alert_expression(alert), context.catalog)
    except promql.PromqlError:
        found = None  # told by the check of expressions
    return own | (frozenset(alert.each) if found is None else found)


def _family_inhibitions(context: Context) -> Iterator[Inhibition]:
    """Yield for each alert of a family that it silences the less severe ones."""
    families: dict[str, list[Alert]] = defaultdict(list)
    for alert in context.iter_alerts():
        if alert.family:
            families[alert.family].append(alert)
    for alerts in families.values():
        for alert in alerts:
            rank = SEVERITIES.index(alert.severity)
            milder = [one for one in alerts if SEVERITIES.index(one.severity) < rank]
            # All that both can carry, not only what tells them apart: the same disk, not the same machine.
            both = (
                possible_labels(alert, context).intersection(*(possible_labels(one, context) for one in milder))
                - _RULE_LABELS
            )
            equal = (*(label for label in _TARGET_LABELS if label in both), *sorted(both.difference(_TARGET_LABELS)))
            if milder:
                yield Inhibition((alert.name,), tuple(one.name for one in milder), equal)


def _blindness_inhibitions(context: Context, causes: set[str]) -> Iterator[Inhibition]:
    """Yield for each collector that its blindness silences the alerts that read what it shows.

    `causes` are alerts that silence the blindness itself: a server that does not answer blinds its collectors.
    """
    if all(alert.name != BLIND_ALERT for alert in context.iter_alerts()):
        return
    fed: dict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
    for alert in context.iter_alerts():
        if alert.name == BLIND_ALERT or alert.name in causes:
            continue
        carried = possible_labels(alert, context)
        for metric in sorted(find_metrics(alert.watched, context)):
            info = context.catalog.series(metric)
            if info is None or info.source not in context.collectors:
                continue
            equal = tuple(
                label for label in (*_TARGET_LABELS, *_SUBJECT_LABELS) if label in carried and _has_label(label, info)
            )
            if equal and alert.name not in fed[info.source, equal]:
                fed[info.source, equal].append(alert.name)
    for (collector, equal), names in sorted(fed.items()):
        blind: tuple[str, ...] = (format_matcher("alertname", [BLIND_ALERT]), format_matcher("collector", [collector]))
        if not set(equal) & set(_TARGET_LABELS):  # a label that both lack would be the only one in which they agree
            blind += tuple(f'{label}!=""' for label in equal)
        yield Inhibition((BLIND_ALERT,), tuple(names), equal, blind)


def _has_label(label: str, info: MetricInfo) -> bool:
    """Return whether a metric has a label from its collector, or from the target that shows it."""
    return label in info.labels or label in _TARGET_LABELS


def find_metrics(expr: str, context: Context) -> set[str]:
    """Return the metrics that an expression reads, through recordings; none for what is not PromQL."""
    result: set[str] = set()
    seen: set[str] = set()
    waiting = [expr]
    while waiting:
        try:
            read = {selector.metric for selector in promql.find_selectors(waiting.pop()) if selector.metric}
        except promql.PromqlError:
            continue  # told by the check of expressions
        for name in read - seen:
            seen.add(name)
            recording = context.recordings.get(name)
            if recording is None:
                result.add(name)
            else:
                waiting.append(recording.expr)
    return result


def _find_cycle(rules: Sequence[Inhibition]) -> list[str]:
    """Return the alerts that silence themselves, by any number of steps."""
    mutes: dict[str, set[str]] = defaultdict(set)
    for rule in rules:
        for source in rule.sources:
            mutes[source] |= set(rule.targets)
    return sorted(name for name in mutes if name in _muted_by(name, mutes))


def _muted_by(name: str, mutes: Mapping[str, set[str]]) -> set[str]:
    reached: set[str] = set()
    waiting = list(mutes[name])
    while waiting:
        one = waiting.pop()
        if one not in reached:
            reached.add(one)
            waiting += mutes.get(one, ())
    return reached
