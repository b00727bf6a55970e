"""Alerts: what fired, for how long, whose it was, and how fast somebody reacted."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from deckwatch.reports.graphs import list_critical_times
from deckwatch.reports.model import TIME, Column, Fact, Finding, Graph, Line, Section, Table, Text, Value
from deckwatch.reports.numbers import Change
from deckwatch.reports.texts import count_of, format_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from deckwatch.alerting.alert_history import Firing
    from deckwatch.reports.context import Context
    from deckwatch.reports.model import Block, Tone
    from deckwatch.reports.queries import Query, Results

TITLE = "Alerts"
ORDER = 20
AUDIENCE = ""

_MAX_ALERTS, _MAX_FIRINGS = 15, 10
_SEVERITIES = ("critical", "error", "warning")
_MOODS: dict[str, Tone] = {"critical": "bad", "error": "bad", "warning": "warning"}
_WATCHDOG = "Watchdog"  # fires always, on purpose


def list_queries(context: Context) -> Mapping[str, Query]:
    """Return no queries: the history of alerts is read for all sections."""
    del context
    return {}


def build_section(context: Context, results: Results) -> Section:
    """Return the section; it says so if nothing fired."""
    del results
    firings = list_firings(context.history.firings)
    before = None if context.history_before is None else list_firings(context.history_before.firings)
    facts = _list_facts(firings, before)
    if not firings:
        quiet = "No alert fired."
        return Section(TITLE, [Text("quiet", [quiet])], facts=facts, findings=[Finding(quiet, "good")])
    blocks: list[Block] = [_tabulate_alerts(firings), _tabulate_teams(firings), _tabulate_firings(firings)]
    blocks.append(_draw_series(context, firings))
    return Section(TITLE, blocks=blocks, facts=facts, findings=list(_list_findings(context, firings)))


def list_firings(firings: Sequence[Firing]) -> list[Firing]:
    """Return the firings without the alert that always fires."""
    return [firing for firing in firings if firing.name != _WATCHDOG]


def total_seconds(firings: Sequence[Firing]) -> float:
    """Return how long alerts fired, in all; those that fire at the same time count twice."""
    return sum(firing.end - firing.start for firing in firings)


def _list_facts(firings: Sequence[Firing], before: Sequence[Firing] | None) -> list[Fact]:
    critical = sum(firing.labels.get("severity") == "critical" for firing in firings)
    change = Change(len(firings), None if before is None else len(before), "up", least=1)
    tone: Tone = "bad" if critical else "warning" if firings else "good"
    notes = [f"{critical} critical"] if critical else []
    notes += [] if before is None else [f"before: {len(before)}"]
    facts = [Fact("alerts", "Alerts fired", Value(change.now, "none", tone=tone), "; ".join(notes))]
    if firings:
        facts.append(Fact("alert_time", "Time with alerts", Value(total_seconds(firings), "s"), "sum of all alerts"))
    seconds = _reaction_seconds(firings)
    if seconds:
        median = Value(statistics.median(seconds), "s")
        facts.append(Fact("acknowledged", "Time to acknowledge", median, f"median of {len(seconds)}"))
    return facts


def _list_findings(context: Context, firings: Sequence[Firing]) -> list[Finding]:
    findings = []
    bands = list_critical_times(context)
    if bands:
        seconds = sum(band.end - band.start for band in bands)
        critical = [firing for firing in firings if firing.labels.get("severity") == "critical"]
        names = sorted({firing.name for firing in critical})
        subject = "Critical alerts" if len(names) > 1 else "A critical alert"
        findings.append(Finding(f"{subject} fired for {format_seconds(seconds)}: {', '.join(names)}.", "bad"))
    still = sorted({firing.name for firing in firings if firing.is_firing})
    if still:
        findings.append(Finding(f"Still firing at the end: {', '.join(still)}.", "warning"))
    unanswered = [firing for firing in firings if _is_serious(firing) and firing.acknowledgement.answer == "no"]
    if unanswered:
        text = f"Nobody acknowledged {count_of(len(unanswered), 'firing')} of a critical alert or an error."
        findings.append(Finding(text, "warning"))
    return findings


def _is_serious(firing: Firing) -> bool:
    return firing.labels.get("severity") in ("critical", "error")


def _reaction_seconds(firings: Sequence[Firing]) -> list[float]:
    found = (firing.acknowledgement.seconds for firing in firings)
    return sorted(seconds for seconds in found if seconds is not None)


def _tabulate_alerts(firings: Sequence[Firing]) -> Table:
    groups = _group_firings(
        firings, lambda firing: (firing.name, _read_severity(firing), firing.labels.get("owner", ""))
    )
    rows = [
        [
            Value(text=name),
            Value(text=severity, tone=_MOODS.get(severity, "none")),
            Value(text=owner),
            Value(len(group), "none"),
            Value(total_seconds(group), "s"),
            Value(max(firing.end - firing.start for firing in group), "s"),
        ]
        for (name, severity, owner), group in sorted(
            groups.items(), key=lambda item: (-total_seconds(item[1]), item[0])
        )
    ]
    columns = (
        Column("alert", "Alert", is_number=False),
        Column("severity", "Severity", is_number=False),
        Column("owner", "Team", is_number=False),
        Column("firings", "Firings"),
        Column("seconds", "Total time"),
        Column("longest_seconds", "Longest"),
    )
    omitted = max(len(rows) - _MAX_ALERTS, 0)
    return Table("alerts", "Alerts by total time firing", columns, rows[:_MAX_ALERTS], omitted)


def _tabulate_teams(firings: Sequence[Firing]) -> Table:
    rows = []
    for (owner,), group in sorted(_group_firings(firings, lambda firing: (firing.labels.get("owner", ""),)).items()):
        seconds = _reaction_seconds(group)
        answers = [firing.acknowledgement.answer for firing in group]
        rows.append(
            [
                Value(text=owner or "no team"),
                Value(len(group), "none"),
                Value(sum(_read_severity(firing) == "critical" for firing in group), "none"),
                Value(total_seconds(group), "s"),
                # Where it is not known for each, a number would look like a reproach.
                Value(None if "unknown" in answers else answers.count("yes"), "none"),
                Value(statistics.median(seconds) if seconds else None, "s"),
                Value(seconds[-1] if seconds else None, "s"),
            ]
        )
    columns = (
        Column("owner", "Team", is_number=False),
        Column("firings", "Firings"),
        Column("critical", "Critical"),
        Column("seconds", "Total time"),
        Column("acknowledged", "Acknowledged"),
        Column("median_seconds", "Median time to acknowledge"),
        Column("longest_reaction_seconds", "Longest"),
    )
    return Table("teams", "Alerts by team", columns, rows)


def _tabulate_firings(firings: Sequence[Firing]) -> Table:
    longest = sorted(firings, key=lambda firing: (-(firing.end - firing.start), -firing.start, firing.name))
    rows = [
        [
            Value(text=firing.name, tone=_MOODS.get(_read_severity(firing), "none")),
            Value(text=firing.location),
            Value(firing.start, TIME),
            Value(firing.end - firing.start, "s"),
            Value(text="still fires" if firing.is_firing else "began earlier" if firing.cut else ""),
            Value(text=_describe_reaction(firing)),
        ]
        for firing in longest
    ]
    columns = (
        Column("alert", "Alert", is_number=False),
        Column("where", "Where", is_number=False),
        Column("start", "Start"),
        Column("seconds", "Duration"),
        Column("state", "State", is_number=False),
        Column("acknowledged", "Acknowledged", is_number=False),
    )
    omitted = max(len(rows) - _MAX_FIRINGS, 0)
    return Table("firings", "Longest firings", columns, rows[:_MAX_FIRINGS], omitted)


def _describe_reaction(firing: Firing) -> str:
    known = firing.acknowledgement
    if known.answer == "yes":
        after = "" if known.seconds is None else f"after {format_seconds(known.seconds)} "
        return f"{after}by {known.author}"
    return f"in advance by {known.author}" if known.answer == "in advance" else known.answer


def _draw_series(context: Context, firings: Sequence[Firing]) -> Graph:
    """Return the number of alerts that fired at each point, by severity."""
    lines = []
    for severity in _SEVERITIES:
        chosen = [firing for firing in firings if _read_severity(firing) == severity]
        if chosen:
            counts = [_count_between(chosen, at - context.grid.step, at) for at in context.period_times]
            lines.append(Line(severity, counts))
    return Graph("series", "Firing alerts", "none", context.period_times, lines)


def _count_between(firings: Sequence[Firing], start: float, end: float) -> float:
    return float(sum(firing.start < end and firing.end > start for firing in firings))


def _read_severity(firing: Firing) -> str:
    return firing.labels.get("severity", "")


def _group_firings(
    firings: Sequence[Firing], key_of: Callable[[Firing], tuple[str, ...]]
) -> dict[tuple[str, ...], list[Firing]]:
    groups: dict[tuple[str, ...], list[Firing]] = {}
    for firing in firings:
        groups.setdefault(key_of(firing), []).append(firing)
    return groups
