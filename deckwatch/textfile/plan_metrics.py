"""Declarations of the metrics of a plan, under the names of the template `deckwatch new migration`."""

from __future__ import annotations

from deckwatch.instrument.metrics import MetricDeclaration as Metric

START = Metric("migration_start_timestamp_seconds", "gauge", "Start of the plan.", (), "seconds")
PLANNED_END = Metric("migration_planned_end_timestamp_seconds", "gauge", "Planned end.", (), "seconds")
WEEKS = Metric("migration_weeks_total", "gauge", "Planned weeks.")
ESTIMATED_END = Metric(
    "migration_estimated_completion_timestamp_seconds",
    "gauge",
    "End of the migration at the current rate of datasets; absent as long as none are migrated.",
    (),
    "seconds",
)
DELAY = Metric(
    "migration_schedule_delay_seconds", "gauge", "Estimated end minus planned end; negative if early.", (), "seconds"
)
PHASE_INFO = Metric("migration_phase_info", "gauge", "1 for each phase, with its title.", ("phase", "title"))
PHASE_START = Metric("migration_phase_start_timestamp_seconds", "gauge", "Start of a phase.", ("phase",), "seconds")
PHASE_END = Metric("migration_phase_end_timestamp_seconds", "gauge", "Planned end of a phase.", ("phase",), "seconds")
PHASE_DONE = Metric(
    "migration_phase_done_timestamp_seconds", "gauge", "End of a completed phase.", ("phase",), "seconds"
)
PHASE_STATUS = Metric(
    "migration_phase_status",
    "gauge",
    "1 for the current status of a phase: not_started, in_progress, completed or blocked; else 0.",
    ("phase", "status"),
)
PHASE_PROGRESS = Metric("migration_phase_progress_ratio", "gauge", "Completed share of a phase.", ("phase",), "ratio")
PHASE_RISK = Metric(
    "migration_phase_risk", "gauge", "1 for the current risk of a phase: low, medium or high.", ("phase", "risk")
)
DEPENDENCY = Metric(
    "migration_phase_dependency_info", "gauge", "1 for each phase that another one depends on.", ("phase", "depends_on")
)
MILESTONE_INFO = Metric(
    "migration_milestone_info", "gauge", "1 for each milestone, with its title.", ("milestone", "title")
)
MILESTONE_DUE = Metric(
    "migration_milestone_due_timestamp_seconds",
    "gauge",
    "End of the last day on which a milestone is in time.",
    ("phase", "milestone"),
    "seconds",
)
MILESTONE_STATUS = Metric(
    "migration_milestone_status",
    "gauge",
    "1 for the current status of a milestone: pending, completed or missed; else 0.",
    ("phase", "milestone", "status"),
)
BLOCKERS = Metric("migration_blockers", "gauge", "Open blockers.", ("phase", "severity"))
BLOCKER_SINCE = Metric(
    "migration_blocker_since_timestamp_seconds",
    "gauge",
    "First day of an open blocker.",
    ("id", "phase", "severity"),
    "seconds",
)
BLOCKER_INFO = Metric("migration_blocker_info", "gauge", "1 for each open blocker, with its title.", ("id", "title"))
DATASETS = Metric(
    "migration_datasets", "gauge", "Datasets by state: migrated, pending or failed.", ("component", "state")
)
COMPONENT_PROGRESS = Metric(
    "migration_component_progress_ratio", "gauge", "Migrated share of a component.", ("component",), "ratio"
)
COMPONENT_VERSION = Metric(
    "migration_component_version_info",
    "gauge",
    "1 for the version of a component in each system.",
    ("component", "system", "version"),
)
ISSUE_DETECTED = Metric(
    "migration_issue_detected_timestamp_seconds",
    "gauge",
    "Detection time of an open issue.",
    ("id", "severity", "component"),
    "seconds",
)
ISSUE_INFO = Metric(
    "migration_issue_info",
    "gauge",
    "1 for each open issue, with its title and description.",
    ("id", "title", "description"),
)
ISSUE_TEST = Metric(
    "migration_issue_test_info", "gauge", "1 for each open issue that makes a test fail.", ("issue", "test")
)
ISSUE_DATASETS = Metric("migration_issue_affected_datasets", "gauge", "Datasets that an open issue affects.", ("id",))
ISSUE_USERS = Metric("migration_issue_affected_users", "gauge", "Users that an open issue affects.", ("id",))
ISSUE_DOWNTIME = Metric(
    "migration_issue_estimated_downtime_seconds", "gauge", "Estimated downtime of an open issue.", ("id",), "seconds"
)
ISSUES_OPEN = Metric(
    "migration_issues_open", "gauge", "Open issues, also those that are not listed one by one.", ("severity",)
)
ISSUE_RESOLVED = Metric(
    "migration_issue_resolved_timestamp_seconds",
    "gauge",
    "Time at which an issue was resolved; the newest hundred.",
    ("id", "severity", "resolution_type"),
    "seconds",
)
ISSUE_RESOLVER = Metric(
    "migration_issue_resolver_info",
    "gauge",
    "1 for each of these issues, with its component and who resolved it.",
    ("id", "component", "resolved_by"),
)
ISSUES_RESOLVED = Metric(
    "migration_issues_resolved_total",
    "counter",
    "Resolved issues by resolution: manual, automatic or rollback.",
    ("resolution_type",),
)
OBJECTIVE_INFO = Metric(
    "migration_objective_info", "gauge", "1 for each objective, with its title.", ("objective", "title")
)
OBJECTIVE_TARGET = Metric("migration_objective_target", "gauge", "Value to reach.", ("objective",))
OBJECTIVE_VALUE = Metric("migration_objective_value", "gauge", "Current value.", ("objective",))
OBJECTIVE_STATUS = Metric(
    "migration_objective_status",
    "gauge",
    "1 for the current status of an objective: open, met or missed; else 0.",
    ("objective", "status"),
)

COMMAND = "plan"
METRICS = tuple(value for value in globals().values() if isinstance(value, Metric))
