"""A migration: how far it is, when it ends, what blocks it, and its phases and milestones.

The metrics are those of `deckwatch new migration`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.reports.graphs import Plot, draw_rows
from deckwatch.reports.model import DATE, Column, Fact, Finding, Section, Table, Value
from deckwatch.reports.numbers import MINUS
from deckwatch.reports.queries import Query
from deckwatch.reports.texts import count_of, format_seconds, join_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deckwatch.reports.context import Context
    from deckwatch.reports.model import Tone
    from deckwatch.reports.queries import Results, Sample

TITLE = "Migration"
ORDER = 65
AUDIENCE = "migration"

_WEEK = 7 * 86400
_LATE_SECONDS = 86400
_SLIGHTLY_LATE_SECONDS = _WEEK
_STATUS_MOODS: dict[str, Tone] = {"completed": "good", "blocked": "bad", "missed": "bad"}
_RISK_MOODS: dict[str, Tone] = {"high": "bad", "medium": "warning"}
_SEVERITY_MOODS: dict[str, Tone] = {"critical": "bad", "warning": "warning"}
_PHASE_COLUMNS = (
    Column("phase", "Phase", is_number=False),
    Column("status", "Status", is_number=False),
    Column("progress", "Progress"),
    Column("risk", "Risk", is_number=False),
    Column("depends_on", "Depends on", is_number=False),
    Column("blockers", "Blockers"),
)
_BLOCKER_COLUMNS = (
    Column("phase", "Phase", is_number=False),
    Column("severity", "Severity", is_number=False),
    Column("blockers", "Open"),
)
_MILESTONE_COLUMNS = (
    Column("milestone", "Milestone", is_number=False),
    Column("phase", "Phase", is_number=False),
    Column("due", "Due"),
    Column("status", "Status", is_number=False),
)
_COMPONENT_COLUMNS = (
    Column("component", "Component", is_number=False),
    Column("progress", "Migrated"),
    Column("datasets", "Datasets migrated"),
    Column("all", "Datasets"),
    Column("rollbacks", "Rolled back"),
)


def list_queries(context: Context) -> Mapping[str, Query]:
    """Return the queries: the plan at the end of the range, and what was migrated in it."""
    migrated = 'sum(migration_datasets{state="migrated"})'
    progress = f"{migrated} / (sum(migration_datasets) > 0)"
    attempts = f"sum(increase(migration_attempts_total[{context.window}]))"
    succeeded = f'sum(increase(migration_attempts_total{{result="success"}}[{context.window}]))'
    return {
        "progress": Query(progress),
        "progress_before": Query(progress, "start"),
        "migrated": Query(migrated),
        "datasets": Query("sum(migration_datasets)"),
        "week": Query("ceil((time() - max(migration_start_timestamp_seconds)) / 604800)"),
        "weeks": Query("max(migration_weeks_total)"),
        "planned": Query("max(migration_planned_end_timestamp_seconds)"),
        "estimated": Query("max(migration_estimated_completion_timestamp_seconds)"),
        "success": Query(f"({succeeded} or 0 * {attempts}) / ({attempts} > 0)"),
        "status": Query("max by (phase, status) (migration_phase_status) == 1"),
        "phase_progress": Query("max by (phase) (migration_phase_progress_ratio)"),
        "risk": Query("max by (phase, risk) (migration_phase_risk) == 1"),
        "depends": Query("max by (phase, depends_on) (migration_phase_dependency_info) == 1"),
        "blockers": Query("sum by (phase, severity) (migration_blockers) > 0"),
        "due": Query("max by (phase, milestone) (migration_milestone_due_timestamp_seconds)"),
        "milestone_status": Query("max by (milestone, status) (migration_milestone_status) == 1"),
        "milestone_title": Query("max by (milestone, title) (migration_milestone_info)"),
        "component_progress": Query("max by (component) (migration_component_progress_ratio)"),
        "component_migrated": Query('sum by (component) (migration_datasets{state="migrated"})'),
        "component_datasets": Query("sum by (component) (migration_datasets)"),
        "rollbacks": Query(f"sum by (component) (increase(migration_rollbacks_total[{context.window}]))"),
        "series": Query(progress, "grid"),
    }


def build_section(context: Context, results: Results) -> Section | None:
    """Return the section; None without a migration."""
    names = ("progress", "progress_before", "migrated", "datasets", "week", "weeks", "planned", "estimated", "success")
    figures = {name: next((sample.value for sample in results.read_samples(name)), None) for name in names}
    tables = [
        _tabulate_phases(results),
        _tabulate_blockers(results),
        _tabulate_milestones(results),
        _tabulate_components(results),
    ]
    tables = [table for table in tables if table.rows]
    if not tables and figures["progress"] is None:
        return None
    graphs = draw_rows(
        context,
        results.read_rows("series"),
        Plot("progress", "Datasets migrated", "percentunit", otherwise="share of all datasets"),
    )
    return Section(
        TITLE,
        [*tables, *graphs],
        facts=_list_facts(figures, results.read_samples("blockers")),
        findings=_list_findings(context, figures, results),
    )


def _list_facts(figures: Mapping[str, float | None], blockers: Sequence[Sample]) -> list[Fact]:
    facts = []
    if (progress := figures["progress"]) is not None:
        before = figures["progress_before"]
        note = "" if before is None else f"{100 * (progress - before):+.1f} points in this period".replace("-", MINUS)
        facts.append(Fact("migrated", "Migrated", Value(progress, "percentunit"), note))
    if (estimated := figures["estimated"]) is not None:
        delay = _find_delay(figures)
        note = "as planned" if delay is not None and delay <= _LATE_SECONDS else ""
        if delay is not None and delay > _LATE_SECONDS:
            note = f"{format_seconds(delay)} late"
        facts.append(Fact("estimated_end", "Estimated end", Value(estimated, DATE, tone=_judge_delay(delay)), note))
    critical = round(sum(sample.value for sample in blockers if sample.labels.get("severity") == "critical"))
    if blockers or figures["progress"] is not None:
        tone: Tone = "bad" if critical else "good"
        facts.append(Fact("critical_blockers", "Critical blockers", Value(float(critical), "none", tone=tone)))
    return facts


def _list_findings(context: Context, figures: Mapping[str, float | None], results: Results) -> list[Finding]:
    del context
    findings = []
    if (progress := figures["progress"]) is not None:
        text = f"{100 * progress:.1f} % is migrated"
        if figures["datasets"]:
            text += f", {figures['migrated'] or 0:.0f} of {count_of(round(figures['datasets']), 'dataset')}"
        if figures["week"] is not None:
            text += f", in week {figures['week']:.0f}" + (f" of {figures['weeks']:.0f}" if figures["weeks"] else "")
        if figures["success"] is not None:
            text += f"; {100 * figures['success']:.1f} % of the attempts succeeded"
        findings.append(Finding(f"{text}."))
    delay = _find_delay(figures)
    if delay is not None and delay > _LATE_SECONDS:
        text = f"At the current rate the migration ends {format_seconds(delay)} later than planned."
        findings.append(Finding(text, _judge_delay(delay)))
    blocked = sorted(_label_by(results, "status", "phase", "status", only="blocked"))
    if blocked:
        what, verb = ("Phase", "is") if len(blocked) == 1 else ("Phases", "are")
        findings.append(Finding(f"{what} {join_names(blocked)} {verb} blocked.", "bad"))
    titles = _label_by(results, "milestone_title", "milestone", "title")
    late = _label_by(results, "milestone_status", "milestone", "status", only="missed")
    missed = sorted(titles.get(milestone, milestone) for milestone in late)
    if missed:
        findings.append(Finding(f"{count_of(len(missed), 'milestone')} missed: {join_names(missed)}.", "warning"))
    return findings


def _find_delay(figures: Mapping[str, float | None]) -> float | None:
    planned, estimated = figures["planned"], figures["estimated"]
    return None if planned is None or estimated is None else estimated - planned


def _judge_delay(delay: float | None) -> Tone:
    if delay is None:
        return "none"
    return "bad" if delay > _SLIGHTLY_LATE_SECONDS else "warning" if delay > _LATE_SECONDS else "good"


def _tabulate_phases(results: Results) -> Table:
    status, risk = _label_by(results, "status", "phase", "status"), _label_by(results, "risk", "phase", "risk")
    progress = _value_by(results, "phase_progress", "phase")
    depends: dict[str, list[str]] = {}
    for sample in results.read_samples("depends"):
        depends.setdefault(sample.labels.get("phase", ""), []).append(sample.labels.get("depends_on", ""))
    blockers: dict[str, float] = {}
    for sample in results.read_samples("blockers"):
        phase = sample.labels.get("phase", "")
        blockers[phase] = blockers.get(phase, 0) + sample.value
    order = ("completed", "in_progress", "blocked", "not_started")
    phases = sorted(
        {*status, *progress},
        key=lambda phase: (order.index(status[phase]) if status.get(phase) in order else len(order), phase),
    )
    rows = [
        [
            Value(text=phase),
            Value(text=status.get(phase, "").replace("_", " "), tone=_STATUS_MOODS.get(status.get(phase, ""), "none")),
            Value(progress.get(phase), "percentunit"),
            Value(text=risk.get(phase, ""), tone=_RISK_MOODS.get(risk.get(phase, ""), "none")),
            Value(text=", ".join(sorted(depends.get(phase, ())))),
            Value(blockers.get(phase, 0.0), "none", tone="bad" if blockers.get(phase) else "none"),
        ]
        for phase in phases
    ]
    return Table("phases", "Phases", _PHASE_COLUMNS, rows)


def _tabulate_blockers(results: Results) -> Table:
    rows = []
    for sample in sorted(results.read_samples("blockers"), key=lambda sample: sorted(sample.labels.values())):
        severity = sample.labels.get("severity", "")
        phase = Value(text=sample.labels.get("phase", ""))
        tone = _SEVERITY_MOODS.get(severity, "none")
        rows.append([phase, Value(text=severity, tone=tone), Value(sample.value, "none")])
    return Table("blockers", "Open blockers", _BLOCKER_COLUMNS, rows)


def _tabulate_milestones(results: Results) -> Table:
    status = _label_by(results, "milestone_status", "milestone", "status")
    titles = _label_by(results, "milestone_title", "milestone", "title")
    rows = []
    for sample in sorted(results.read_samples("due"), key=lambda sample: sample.value):
        name = sample.labels.get("milestone", "")
        state = status.get(name, "")
        rows.append(
            [
                Value(text=titles.get(name, name)),
                Value(text=sample.labels.get("phase", "")),
                Value(sample.value, DATE),
                Value(text=state, tone=_STATUS_MOODS.get(state, "none")),
            ]
        )
    return Table("milestones", "Milestones", _MILESTONE_COLUMNS, rows)


def _tabulate_components(results: Results) -> Table:
    parts = ("component_progress", "component_migrated", "component_datasets", "rollbacks")
    figures = {part: _value_by(results, part, "component") for part in parts}
    rows = [
        [
            Value(text=component),
            Value(figures["component_progress"].get(component), "percentunit"),
            Value(figures["component_migrated"].get(component), "short", decimals=0),
            Value(figures["component_datasets"].get(component), "short", decimals=0),
            Value(figures["rollbacks"].get(component), "short", decimals=0),
        ]
        for component in sorted({name for values in figures.values() for name in values})
    ]
    return Table("components", "Components", _COMPONENT_COLUMNS, rows)


def _label_by(results: Results, query: str, key: str, label: str, only: str = "") -> dict[str, str]:
    """Return the values of a label by those of another."""
    found = {sample.labels.get(key, ""): sample.labels.get(label, "") for sample in results.read_samples(query)}
    return {name: value for name, value in found.items() if not only or value == only}


def _value_by(results: Results, query: str, key: str) -> dict[str, float]:
    return {sample.labels.get(key, ""): sample.value for sample in results.read_samples(query)}
