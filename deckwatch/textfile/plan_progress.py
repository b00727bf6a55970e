"""What follows from a plan and the date: states of phases and milestones, progress, the estimated end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deckwatch.textfile.plan import Component, Milestone, MilestoneStatus, Objective, Phase, PhaseStatus, Plan

_DAY_SECONDS = 86_400.0
_SAMPLES = 200  # of the history within the time over which the rate is measured


class Migrated(NamedTuple):
    """How many datasets were migrated at a Unix time."""

    time: float
    number: int


def find_phase_status(plan: Plan, phase: Phase, now: float) -> PhaseStatus:
    """Return the stated status, or the one that dates, progress and open critical blockers mean."""
    if phase.status is not None:
        return phase.status
    if (phase.done is not None and phase.done <= now) or (phase.progress is not None and phase.progress >= 1):
        return "completed"
    if now < phase.start and not phase.progress:
        return "not_started"
    blockers = (blocker for blocker in plan.blockers if blocker.phase == phase.name)
    is_blocked = any(blocker.severity == "critical" and is_open(blocker.resolved, now) for blocker in blockers)
    return "blocked" if is_blocked else "in_progress"


def find_phase_progress(plan: Plan, phase: Phase, now: float) -> float | None:
    """Return the stated progress, or the share of reached milestones; None for a phase in progress without either."""
    status = find_phase_status(plan, phase, now)
    if status == "completed":
        return 1.0
    if phase.progress is not None:
        return phase.progress
    milestones = [milestone for milestone in plan.milestones if milestone.phase == phase.name]
    if milestones:
        reached = [milestone for milestone in milestones if find_milestone_status(milestone, now) == "completed"]
        return len(reached) / len(milestones)
    return 0.0 if status == "not_started" else None


def find_milestone_status(milestone: Milestone, now: float) -> MilestoneStatus:
    """Return completed, missed after the due day, or pending."""
    if milestone.done is not None and milestone.done <= now:
        return "completed"
    return "missed" if milestone.due < now else "pending"


def is_open(resolved: float | None, now: float) -> bool:
    """Return whether a blocker or an issue is open, given when it was or will be resolved."""
    return resolved is None or resolved > now


def find_component_progress(component: Component) -> float | None:
    """Return the stated progress, or the migrated share of the datasets."""
    total = sum(component.datasets.values())
    if component.progress is None and total:
        return component.datasets.get("migrated", 0) / total
    return component.progress


def find_objective_status(objective: Objective, now: float) -> Literal["open", "met", "missed"]:
    """Return met if the value reaches the target, missed after the due day, or open."""
    value = objective.value
    if value is not None:
        reached = value >= objective.target if objective.is_higher_better else value <= objective.target
        if reached:
            return "met"
    return "missed" if objective.due is not None and objective.due < now else "open"


def count_datasets(plan: Plan) -> tuple[int, int]:
    """Return how many datasets are migrated, and how many there are; 0 and 0 if the plan states none."""
    datasets = [component.datasets for component in plan.components]
    return sum(states.get("migrated", 0) for states in datasets), sum(sum(states.values()) for states in datasets)


def extend_history(history: Sequence[Migrated], migrated: int, total: int, plan: Plan, now: float) -> list[Migrated]:
    """Return the history with the current number; samples too close to each other or too old are dropped.

    Once all are migrated it stays as it is, and its last sample has the time.
    """
    known = [sample for sample in history if sample.time < now]
    if known and known[-1].number >= total == migrated:
        return known
    if len(known) >= 2 and known[-1].time - known[-2].time < plan.rate_over / _SAMPLES:
        known.pop()
    oldest = max((sample.time for sample in known if sample.time <= now - plan.rate_over), default=0.0)
    return [*(sample for sample in known if sample.time >= oldest), Migrated(now, migrated)]


def estimate_end(plan: Plan, history: Sequence[Migrated], total: int, now: float) -> float | None:
    """Return the Unix time at which all datasets are migrated at the rate of the last `rate_over`.

    `history` ends with the current number. A history of less than a day is replaced by the mean rate since the start.
    None without datasets, and as long as none are migrated.
    """
    if not history or not total:
        return None
    last = history[-1]
    if last.number >= total:
        return last.time
    old = [sample for sample in history if sample.time >= now - plan.rate_over * (1 + 1 / _SAMPLES)]
    first = old[0] if old and now - old[0].time >= _DAY_SECONDS else Migrated(plan.start, 0)
    elapsed = now - first.time
    rate = (last.number - first.number) / elapsed if elapsed >= _DAY_SECONDS else 0.0
    return now + (total - last.number) / rate if rate > 0 else None
