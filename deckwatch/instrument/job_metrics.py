"""Declarations of the metrics of jobs, which `deckwatch.instrument.jobs` and `deckwatch job run` both write."""

from __future__ import annotations

from deckwatch.instrument.metrics import MetricDeclaration

LABELS = ("tenant", "workflow")
DEFAULT_TENANT = "default"
STATUSES = ("succeeded", "failed", "cancelled")
# Upper bounds in seconds: from a step of a pipeline to a nightly backup.
BUCKETS = (0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 1800.0, 3600.0, 7200.0, 14400.0, 28800.0, 86400.0)

EXECUTIONS = MetricDeclaration(
    "workflow_executions_total",
    "counter",
    "Finished executions by result: succeeded, failed or cancelled.",
    (*LABELS, "status"),
)
DURATION = MetricDeclaration(
    "workflow_execution_duration_seconds", "histogram", "Duration of finished executions.", LABELS, "seconds"
)
RUNNING = MetricDeclaration("workflow_executions_running", "gauge", "Running executions.", LABELS)
WAITING = MetricDeclaration("workflow_queue_depth", "gauge", "Waiting executions.", LABELS)
SKIPPED = MetricDeclaration(
    "workflow_executions_skipped_total",
    "counter",
    "Executions that did not start because the previous one was still running.",
    LABELS,
)
LAST_START = MetricDeclaration(
    "workflow_last_start_timestamp_seconds", "gauge", "Start of the last execution.", LABELS, "seconds"
)
LAST_END = MetricDeclaration(
    "workflow_last_end_timestamp_seconds", "gauge", "End of the last execution, whatever its result.", LABELS, "seconds"
)
LAST_SUCCESS = MetricDeclaration(
    "workflow_last_success_timestamp_seconds",
    "gauge",
    "End of the last successful execution; absent until there is one.",
    LABELS,
    "seconds",
)
LAST_DURATION = MetricDeclaration(
    "workflow_last_duration_seconds", "gauge", "Duration of the last execution.", LABELS, "seconds"
)
LAST_EXIT_CODE = MetricDeclaration(
    "workflow_last_exit_code", "gauge", "Exit code of the last execution; 128 and the signal if one ended it.", LABELS
)
LAST_OUTPUT = MetricDeclaration(
    "workflow_last_output_bytes", "gauge", "Size of the files that the last execution wrote.", LABELS, "bytes"
)
INTERVAL = MetricDeclaration(
    "workflow_expected_interval_seconds", "gauge", "Expected interval between successes.", LABELS, "seconds"
)

METRICS = (
    EXECUTIONS,
    DURATION,
    RUNNING,
    WAITING,
    SKIPPED,
    LAST_START,
    LAST_END,
    LAST_SUCCESS,
    LAST_DURATION,
    LAST_EXIT_CODE,
    LAST_OUTPUT,
    INTERVAL,
)
