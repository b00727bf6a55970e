"""Inhibition rules: as declared, by a topic's scrape job, by severity within a family, and by the collectors read.

Alertmanager treats a label that is missing on both sides as equal, and lets an alert inhibit itself. So every rule
names the alerts on both sides, compares only labels that both sides have, and no alerts inhibit each other.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deckwatch.alerting.model import SEVERITIES, Alert
from deckwatch.alerting.render_rules import alert_expression
from deckwatch.alerting.routes import Selection, format_matcher, parse_selection
from deckwatch.core import expression_labels, promql
from deckwatch.core.contract import load_contract
from deckwatch.core.problems import Problem, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from deckwatch.alerting.checking import Context
    from deckwatch.alerting.project_data import InhibitionData
    from deckwatch.core.catalog import MetricInfo
    from deckwatch.core.yaml_file import Document, Path

BLIND_ALERT = "CollectorBlind"
_EXPORTER_ALERT = "ExporterDown"
_TARGET_ALERT = "TargetDown"
_RULE_LABELS = frozenset(("alertname", "severity", "owner", "topic"))
_TARGET_LABELS = ("job", "instance")  # on every scraped series
_SUBJECT_LABELS = ("server", "service")  # a collector of several servers or services can be blind for one of them


@dataclass(frozen=True)
class Inhibition:
    """While one of `sources` fires, `targets` with the same values of `equal` are not sent."""

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    equal: tuple[str, ...]
    source_matchers: tuple[str, ...] = ()  # replace the matcher by names
    target_matchers: tuple[str, ...] = ()

    def as_data(self) -> dict[str, object]:
        """Return the Jsonnet library's input for the rule."""
        return {
            "source": list(self.source_matchers or (format_matcher("alertname", self.sources),)),
            "target": list(self.target_matchers or (format_matcher("alertname", self.targets),)),
            "equal": list(self.equal),
        }


def build_inhibitions(
    documents: Sequence[Document], own: Document, context: Context
) -> tuple[list[Inhibition], list[Problem]]:
    """Return all rules, and the problems of those in the project's document, `own`.

    A shipped rule on alerts that are not in the bundle is left out.
    """
    problems: list[Problem] = []
    rules: list[Inhibition] = []
    for document in documents:
        for i, data in enumerate((document.data or {}).get("inhibitions", ())):
            path = ("inhibitions", i)
            rules += _declared_inhibitions(document, path, data, context, problems, strict=document is own)
    rules += _job_inhibitions(context)
    rules += _family_inhibitions(context)
    causes = {source for rule in rules if BLIND_ALERT in rule.targets for source in rule.sources}
    rules += _blindness_inhibitions(context, causes)
    if cycle := _find_cycle(rules):
        message = f"{' and '.join(cycle)} would silence each other, so none of them would be sent"
        problems.append(Problem(own.place(("inhibitions",)), message, check="inhibition"))
    return rules, problems


def _declared_inhibitions(
    document: Document, path: Path, data: InhibitionData, context: Context, problems: list[Problem], *, strict: bool
) -> list[Inhibition]:
    alerts = list(context.iter_alerts())
    source_side = parse_selection(document, (*path, "while"), data["while"])
    target_side = parse_selection(document, (*path, "mute"), data["mute"])
    sources = [alert for alert in alerts if source_side.matches_alert(alert)]
    targets = [alert for alert in alerts if target_side.matches_alert(alert) and alert not in sources]
    equal = tuple(data["same"])
    if strict:
        unknown = [problem for side in (source_side, target_side) for problem in side.find_problems(alerts)]
        unknown += _missing_labels(document, path, [*sources, *targets], equal, context)
        problems += unknown
        if unknown:
            return []
    if not sources or not targets:
        return []
    present = [f'{label}!=""' for label in equal if label not in _TARGET_LABELS]
    return [
        Inhibition(
            tuple(alert.name for alert in sources),
            tuple(alert.name for alert in targets),
            equal,
            (*_side_matchers(source_side, sources, alerts), *present),
            tuple(_side_matchers(target_side, targets, alerts)),
        )
    ]


def _side_matchers(side: Selection, chosen: Sequence[Alert], alerts: Sequence[Alert]) -> list[str]:
    """Return a selection's own matchers where they select exactly these alerts, else the alerts' names."""
    if [alert for alert in alerts if side.matches_alert(alert)] == list(chosen):
        return side.to_matchers()
    names = format_matcher("alertname", [alert.name for alert in chosen])
    return [names, *(format_matcher(label, values) for label, values in side.labels.items())]


def _missing_labels(
    document: Document, path: Path, alerts: Iterable[Alert], equal: Sequence[str], context: Context
) -> Iterator[Problem]:
    for alert in alerts:
        labels = possible_labels(alert, context)
        for i, label in enumerate(equal):
            if label not in labels:
                place = document.place((*path, "same", i))
                hint = did_you_mean(label, sorted(labels))
                yield Problem(place, f"{alert.name} has no label {label}", hint, check="inhibition")


def possible_labels(alert: Alert, context: Context) -> frozenset[str]:
    """Return the labels that an alert can have when it fires."""
    own = _RULE_LABELS | frozenset(alert.labels)
    try:
        labels = expression_labels.result_labels(alert_expression(alert), context.catalog)
    except promql.PromqlError:
        labels = None  # reported by the check `expression`
    return own | (frozenset(alert.each) if labels is None else labels)


def _job_inhibitions(context: Context) -> Iterator[Inhibition]:
    """Yield the rules by which a missing exporter, or a missing page of one job, inhibits the topics of that job.

    The last values of a missing page are outdated. Alerts without the label `instance` belong to no host.
    """
    alerts = list(context.iter_alerts())
    names = {alert.name for alert in alerts}
    targets = [alert for alert in alerts if alert.job and "instance" in possible_labels(alert, context)]
    jobs = load_contract()["jobs"]
    of_host = [alert for alert in targets if "target_per" not in jobs[alert.job]]
    # In the other jobs `instance` is a server or an address, and `host` the machine whose exporter reads it.
    of_other = [alert for alert in targets if alert not in of_host and "host" in possible_labels(alert, context)]
    sources: list[tuple[str, list[Alert], tuple[str, ...], str]] = [
        (_EXPORTER_ALERT, of_host, (), "instance"),
        (_EXPORTER_ALERT, of_other, (), "host"),
    ]
    for job in dict.fromkeys(alert.job for alert in targets):
        chosen = [alert for alert in targets if alert.job == job]
        sources.append((_TARGET_ALERT, chosen, (format_matcher("job", [job]),), "instance"))
    for source, chosen, matchers, label in sources:
        if source in names and chosen:
            yield Inhibition(
                (source,),
                tuple(alert.name for alert in chosen),
                (label,),
                (format_matcher("alertname", [source]), *matchers),
                (_topic_matcher(chosen, alerts),),
            )


def _topic_matcher(chosen: Sequence[Alert], alerts: Sequence[Alert]) -> str:
    """Return a matcher by topics where these are all of their alerts, else by names."""
    topics = list(dict.fromkeys(alert.topic for alert in chosen))
    if len(chosen) == sum(alert.topic in topics for alert in alerts):
        return format_matcher("topic", topics)
    return format_matcher("alertname", [alert.name for alert in chosen])


def _family_inhibitions(context: Context) -> Iterator[Inhibition]:
    """Yield, for each alert of a family, the rule by which it inhibits the less severe ones."""
    families: dict[str, list[Alert]] = defaultdict(list)
    for alert in context.iter_alerts():
        if alert.family:
            families[alert.family].append(alert)
    for alerts in families.values():
        for alert in alerts:
            rank = SEVERITIES.index(alert.severity)
            milder = [other for other in alerts if SEVERITIES.index(other.severity) < rank]
            # All labels that both can have, not only `each`: the same disk, not the same machine.
            labels = possible_labels(alert, context)
            shared = labels.intersection(*(possible_labels(other, context) for other in milder)) - _RULE_LABELS
            equal = (
                *(label for label in _TARGET_LABELS if label in shared),
                *sorted(shared.difference(_TARGET_LABELS)),
            )
            if milder:
                yield Inhibition((alert.name,), tuple(other.name for other in milder), equal)


def _blindness_inhibitions(context: Context, causes: set[str]) -> Iterator[Inhibition]:
    """Yield, for each collector, the rule by which its failure inhibits the alerts that read its metrics.

    `causes` are alerts that inhibit that failure themselves: a server that does not answer makes its collectors fail.
    """
    if all(alert.name != BLIND_ALERT for alert in context.iter_alerts()):
        return
    readers: dict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
    for alert in context.iter_alerts():
        if alert.name == BLIND_ALERT or alert.name in causes:
            continue
        labels = possible_labels(alert, context)
        for metric in sorted(find_metrics(alert.watched, context)):
            info = context.catalog.series(metric)
            # A metric of several collectors has the label `collector`; the catalogue knows one of them.
            if info is None or info.source not in context.collectors or "collector" in info.labels:
                continue
            equal = tuple(
                label for label in (*_TARGET_LABELS, *_SUBJECT_LABELS) if label in labels and _has_label(label, info)
            )
            # An alert on a service alone may be about another host, whose collector is healthy.
            identified = not {"instance", "server"}.isdisjoint(equal)
            if identified and alert.name not in readers[info.source, equal]:
                readers[info.source, equal].append(alert.name)
    for (collector, equal), names in sorted(readers.items()):
        matchers: tuple[str, ...] = (
            format_matcher("alertname", [BLIND_ALERT]),
            format_matcher("collector", [collector]),
        )
        if not set(equal) & set(_TARGET_LABELS):  # else a label that both lack would be the only one compared
            matchers += tuple(f'{label}!=""' for label in equal)
        yield Inhibition((BLIND_ALERT,), tuple(names), equal, matchers)


def _has_label(label: str, info: MetricInfo) -> bool:
    """Return whether a metric has a label, from its collector or from its scrape target."""
    return label in info.labels or label in _TARGET_LABELS


def find_metrics(expr: str, context: Context) -> set[str]:
    """Return the metrics that an expression reads, through recordings; none where it is not PromQL."""
    result: set[str] = set()
    seen: set[str] = set()
    pending = [expr]
    while pending:
        try:
            names = {selector.metric for selector in promql.find_selectors(pending.pop()) if selector.metric}
        except promql.PromqlError:
            continue  # reported by the check `expression`
        for name in names - seen:
            seen.add(name)
            recording = context.recordings.get(name)
            if recording is None:
                result.add(name)
            else:
                pending.append(recording.expr)
    return result


def _find_cycle(rules: Sequence[Inhibition]) -> list[str]:
    """Return the alerts that inhibit themselves, directly or through others."""
    mutes: dict[str, set[str]] = defaultdict(set)
    for rule in rules:
        for source in rule.sources:
            mutes[source] |= set(rule.targets)
    return sorted(name for name in mutes if name in _muted_by(name, mutes))


def _muted_by(name: str, mutes: Mapping[str, set[str]]) -> set[str]:
    muted: set[str] = set()
    pending = list(mutes[name])
    while pending:
        target = pending.pop()
        if target not in muted:
            muted.add(target)
            pending += mutes.get(target, ())
    return muted
