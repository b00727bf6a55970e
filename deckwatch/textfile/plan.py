"""A plan: its phases, milestones, blockers, issues, components and objectives, with all dates as Unix times."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

PhaseStatus = Literal["not_started", "in_progress", "completed", "blocked"]
MilestoneStatus = Literal["pending", "completed", "missed"]


@dataclass(frozen=True, slots=True)
class Phase:
    """A phase; `done`, `progress` and `status` are None where the plan does not state them."""

    name: str
    start: float
    end: float
    done: float | None = None
    progress: float | None = None
    status: PhaseStatus | None = None
    risk: str = ""
    needs: tuple[str, ...] = ()
    title: str = ""


@dataclass(frozen=True, slots=True)
class Milestone:
    """A milestone, due until the end of a day."""

    name: str
    phase: str
    due: float
    done: float | None = None
    title: str = ""


@dataclass(frozen=True, slots=True)
class Blocker:
    """What holds up a phase."""

    id: str
    phase: str
    severity: str
    since: float
    resolved: float | None = None
    title: str = ""


@dataclass(frozen=True, slots=True)
class Issue:
    """An issue; `downtime` is in seconds, `test` the name of the test that fails because of it."""

    id: str
    severity: str
    detected: float
    component: str = ""
    title: str = ""
    resolved: float | None = None
    resolution: str = ""
    datasets: int | None = None
    users: int | None = None
    downtime: float | None = None
    description: str = ""
    test: str = ""
    resolved_by: str = ""


@dataclass(frozen=True, slots=True)
class Component:
    """A component: its versions in both systems, and its datasets by state (migrated, pending, failed)."""

    name: str
    progress: float | None = None
    old: str = ""
    new: str = ""
    datasets: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Objective:
    """What is to be reached; `value` is None as long as nobody has measured it."""

    name: str
    target: float
    value: float | None = None
    is_higher_better: bool = True
    due: float | None = None
    title: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan. `weeks` is the planned number, `rate_over` in seconds."""

    name: str
    start: float
    end: float
    weeks: int
    rate_over: float
    phases: tuple[Phase, ...] = ()
    milestones: tuple[Milestone, ...] = ()
    blockers: tuple[Blocker, ...] = ()
    issues: tuple[Issue, ...] = ()
    components: tuple[Component, ...] = ()
    objectives: tuple[Objective, ...] = ()
