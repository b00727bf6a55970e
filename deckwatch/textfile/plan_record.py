"""The metrics of a plan and its file, which also holds how many datasets were migrated when."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple, get_args

from deckwatch.textfile import plan_metrics as metrics
from deckwatch.textfile import plan_progress, prom_file
from deckwatch.textfile.plan import MilestoneStatus, PhaseStatus
from deckwatch.textfile.plan_progress import Migrated, is_open
from deckwatch.textfile.prom_file import Series

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from deckwatch.textfile.plan import Issue, Plan
    from deckwatch.textfile.prom_file import Family

MAX_ISSUES = 100  # listed one by one: those with the highest severity, of these the oldest
_MAX_TITLE = 120  # letters
_HISTORY = "# migrated "  # a comment of the format: Unix time, number
_SEVERITIES = ("info", "warning", "error", "critical")
_RESOLUTIONS = ("manual", "automatic", "rollback")


class Summary(NamedTuple):
    """What a plan amounts to: Unix time of the estimated end, its delay in seconds, and numbers of items."""

    estimated_end: float | None
    delay: float | None
    missed: int
    blockers: int
    open_issues: int


def write_plan(folder: Path, plan: Plan, now: float, counted: tuple[int, int] = (0, 0)) -> tuple[Path, Summary]:
    """Write the metrics of a plan at a Unix time; return the file's path. Raises DeckwatchError.

    `counted` are the numbers of migrated and of all datasets, for a plan that states none.
    """
    path = folder / prom_file.file_name("plan", plan.name)
    with prom_file.lock_folder(folder):
        before = prom_file.read_text(path)
        stated = plan_progress.count_datasets(plan)
        migrated, total = stated if stated[1] else counted
        history = _parse_history(before)
        if total:
            history = plan_progress.extend_history(history, migrated, total, plan, now)
        end = plan_progress.estimate_end(plan, history, total, now)
        lines = [f"{_HISTORY}{sample.time:.0f} {sample.number}\n" for sample in history]
        families = [*_schedule_families(plan, end), *_phase_families(plan, now), *_milestone_families(plan, now)]
        families += [*_blocker_families(plan, now), *_component_families(plan)]
        families += [*_issue_families(plan, now, _parse_resolved(before)), *_objective_families(plan, now)]
        prom_file.write_text(path, "".join(lines) + prom_file.render_families(families))
    return path, _summarize_plan(plan, end, now)


def _summarize_plan(plan: Plan, end: float | None, now: float) -> Summary:
    return Summary(
        end,
        None if end is None else end - plan.end,
        sum(plan_progress.find_milestone_status(one, now) == "missed" for one in plan.milestones),
        sum(is_open(blocker.resolved, now) for blocker in plan.blockers),
        sum(is_open(issue.resolved, now) for issue in plan.issues),
    )


def _parse_history(text: str) -> list[Migrated]:
    history = []
    for line in text.splitlines():
        time, _, number = line.removeprefix(_HISTORY).partition(" ")
        if line.startswith(_HISTORY) and time.isdigit() and number.isdigit():
            history.append(Migrated(float(time), int(number)))
    return history


def _parse_resolved(text: str) -> dict[str, float]:
    """Return the counters of resolved issues of the file before, by resolution."""
    try:
        series = prom_file.parse_series(text)
    except ValueError:
        return {}
    return {
        one.labels.get("resolution_type", ""): one.value
        for one in series
        if one.name == metrics.ISSUES_RESOLVED.name and math.isfinite(one.value)
    }


def _schedule_families(plan: Plan, end: float | None) -> Iterator[Family]:
    yield metrics.START, [Series(plan.start)]
    yield metrics.PLANNED_END, [Series(plan.end)]
    yield metrics.WEEKS, [Series(plan.weeks)]
    if end is not None:
        yield metrics.ESTIMATED_END, [Series(end)]
        yield metrics.DELAY, [Series(end - plan.end)]


def _phase_families(plan: Plan, now: float) -> Iterator[Family]:
    phases = plan.phases
    yield metrics.PHASE_INFO, [Series(1, (phase.name, _cut_title(phase.title))) for phase in phases if phase.title]
    yield metrics.PHASE_START, [Series(phase.start, (phase.name,)) for phase in phases]
    yield metrics.PHASE_END, [Series(phase.end, (phase.name,)) for phase in phases]
    ended = [(phase.name, phase.done) for phase in phases if phase.done is not None and phase.done <= now]
    yield metrics.PHASE_DONE, [Series(done, (name,)) for name, done in ended]
    states = {phase.name: plan_progress.find_phase_status(plan, phase, now) for phase in phases}
    yield metrics.PHASE_STATUS, _list_states(states, get_args(PhaseStatus))
    progress = {phase.name: plan_progress.find_phase_progress(plan, phase, now) for phase in phases}
    yield metrics.PHASE_PROGRESS, [Series(share, (name,)) for name, share in progress.items() if share is not None]
    yield metrics.PHASE_RISK, [Series(1, (phase.name, phase.risk)) for phase in phases if phase.risk]
    yield metrics.DEPENDENCY, [Series(1, (phase.name, other)) for phase in phases for other in phase.needs]


def _list_states(states: Mapping[str, str], known: Sequence[str]) -> list[Series]:
    """Return for each name a series per known state: 1 for its own, 0 for the others."""
    return [Series(state == own, (name, state)) for name, own in states.items() for state in known]


def _milestone_families(plan: Plan, now: float) -> Iterator[Family]:
    milestones = plan.milestones
    yield metrics.MILESTONE_INFO, [Series(1, (one.name, _cut_title(one.title))) for one in milestones if one.title]
    yield metrics.MILESTONE_DUE, [Series(one.due, (one.phase, one.name)) for one in milestones]
    states = [(one, plan_progress.find_milestone_status(one, now)) for one in milestones]
    yield (
        metrics.MILESTONE_STATUS,
        [
            Series(state == own, (one.phase, one.name, state))
            for one, own in states
            for state in get_args(MilestoneStatus)
        ],
    )


def _blocker_families(plan: Plan, now: float) -> Iterator[Family]:
    """Yield the open blockers; the number of critical ones is also stated where it is 0."""
    blockers = [blocker for blocker in plan.blockers if is_open(blocker.resolved, now)]
    counts = Counter({(phase.name, "critical"): 0 for phase in plan.phases})
    counts.update((blocker.phase, blocker.severity) for blocker in blockers)
    yield metrics.BLOCKERS, [Series(number, labels) for labels, number in counts.items()]
    yield metrics.BLOCKER_SINCE, [Series(one.since, (one.id, one.phase, one.severity)) for one in blockers]
    yield metrics.BLOCKER_INFO, [Series(1, (one.id, _cut_title(one.title))) for one in blockers if one.title]


def _component_families(plan: Plan) -> Iterator[Family]:
    components = plan.components
    counts = [((one.name, state), number) for one in components for state, number in one.datasets.items()]
    yield metrics.DATASETS, [Series(number, labels) for labels, number in counts]
    progress = [(one.name, plan_progress.find_component_progress(one)) for one in components]
    yield metrics.COMPONENT_PROGRESS, [Series(share, (name,)) for name, share in progress if share is not None]
    versions = [(one.name, "old", one.old) for one in components] + [(one.name, "new", one.new) for one in components]
    yield metrics.COMPONENT_VERSION, [Series(1, labels) for labels in versions if labels[2]]


def _issue_families(plan: Plan, now: float, resolved_before: dict[str, float]) -> Iterator[Family]:
    """Yield the open issues; the counters of resolved ones never decrease, also if the plan drops old issues."""
    issues = [issue for issue in plan.issues if is_open(issue.resolved, now)]
    listed = sorted(issues, key=lambda issue: (-_SEVERITIES.index(issue.severity), issue.detected))[:MAX_ISSUES]
    yield metrics.ISSUE_DETECTED, [Series(one.detected, (one.id, one.severity, one.component)) for one in listed]
    texts = [
        (one.id, _cut_title(one.title), _cut_title(one.description)) for one in listed if one.title or one.description
    ]
    yield metrics.ISSUE_INFO, [Series(1, labels) for labels in texts]
    yield metrics.ISSUE_TEST, [Series(1, (one.id, one.test)) for one in listed if one.test]
    yield metrics.ISSUE_DATASETS, _list_known_series((one.id, one.datasets) for one in listed)
    yield metrics.ISSUE_USERS, _list_known_series((one.id, one.users) for one in listed)
    yield metrics.ISSUE_DOWNTIME, _list_known_series((one.id, one.downtime) for one in listed)
    counts = Counter(issue.severity for issue in issues)
    yield metrics.ISSUES_OPEN, [Series(counts[severity], (severity,)) for severity in _SEVERITIES]
    ended = [(one.resolved, one) for one in plan.issues if one.resolved is not None and not is_open(one.resolved, now)]
    newest = sorted(ended, key=lambda pair: -pair[0])[:MAX_ISSUES]
    yield metrics.ISSUE_RESOLVED, [Series(when, (one.id, one.severity, _name_resolution(one))) for when, one in newest]
    resolvers = [(one.id, one.component, one.resolved_by) for _, one in newest if one.component or one.resolved_by]
    yield metrics.ISSUE_RESOLVER, [Series(1, labels) for labels in resolvers]
    resolved = Counter(_name_resolution(issue) for _, issue in ended)
    totals = {name: max(resolved[name], resolved_before.get(name, 0)) for name in _RESOLUTIONS}
    yield metrics.ISSUES_RESOLVED, [Series(number, (name,)) for name, number in totals.items()]


def _name_resolution(issue: Issue) -> str:
    return issue.resolution or "manual"


def _list_known_series(pairs: Iterable[tuple[str, float | None]]) -> list[Series]:
    return [Series(value, (name,)) for name, value in pairs if value is not None]


def _objective_families(plan: Plan, now: float) -> Iterator[Family]:
    objectives = plan.objectives
    yield metrics.OBJECTIVE_INFO, [Series(1, (one.name, _cut_title(one.title))) for one in objectives if one.title]
    yield metrics.OBJECTIVE_TARGET, [Series(one.target, (one.name,)) for one in objectives]
    yield metrics.OBJECTIVE_VALUE, _list_known_series((one.name, one.value) for one in objectives)
    states = {one.name: plan_progress.find_objective_status(one, now) for one in objectives}
    yield metrics.OBJECTIVE_STATUS, _list_states(states, ("open", "met", "missed"))


def _cut_title(title: str) -> str:
    """Return a title on one line, cut at its maximum."""
    text = " ".join(title.split())
    return text if len(text) <= _MAX_TITLE else f"{text[: _MAX_TITLE - 1]}…"
