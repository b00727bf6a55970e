"""`deckwatch report` on two weeks of samples: every number of every table beside a PromQL query of its own."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.live

WEEK = 7 * 86400
# The points of the report: one for each hour, without that at the start of the range.
POINTS = "[604799s:1h]"
RATE = "[3720s]"  # a point and a scrape
DOWN = 'ALERTS{alertstate="firing",severity!="info"}'
REQUESTS = "sum by (service) (rate(http_requests_total[3720s]))"


def increase(selector: str, by: str) -> str:
    """Return the increase of counters that are never reset, without `increase`."""
    return f"sum by ({by}) ({selector} - {selector} offset 7d)"


def quantile(share: float, name: str, by: str) -> str:
    return f"histogram_quantile({share}, {increase(f'{name}_bucket', f'{by}, le')})"


KEPT = "1 - sum_over_time(objective:bad:rate5m[7d]) / sum_over_time(objective:all:rate5m[7d])"


def firing_seconds(by: str) -> str:
    """Return how long alerts fired: two minutes for each sample but the one at the end."""
    return f"120 * sum by ({by}) (count_over_time({DOWN}[7d]) - ({DOWN} or 0 * count_over_time({DOWN}[7d])))"


FAILING = increase('http_requests_total{code="500"}', "service")
CPU = increase('container_cpu_usage_seconds_total{name!=""}', "name, instance")
MEMORY = 'avg_over_time(container_memory_working_set_bytes{name!=""}[7d])'
EXECUTED = increase("workflow_executions_total", "tenant")
FAILED = increase('workflow_executions_total{status="failed"}', "tenant")
FREE = "node_filesystem_avail_bytes"
# Table: the labels of its rows, in the order of its first columns, and a query for each column of numbers. `@` marks
# queries at the beginning of the range.
CHECKS: dict[tuple[str, str], tuple[tuple[str, ...], dict[str, str]]] = {
    ("objectives", "objectives"): (
        ("objective", "service"),
        {
            "target": "1 - objective:budget:ratio",
            "actual": KEPT,
            "actual_before": f"@{KEPT}",
            "used": f"(1 - ({KEPT})) / objective:budget:ratio",
            "lost_seconds": f"(1 - ({KEPT})) * {WEEK}",
            "budget_left": "1 - (1 - objective:good:ratio) / objective:budget:ratio",
            "budget_window": "objective:period:seconds",
        },
    ),
    ("alerts", "alerts"): (
        ("alertname", "severity", "owner"),
        {"seconds": firing_seconds("alertname, severity, owner")},
    ),
    ("alerts", "teams"): (("owner",), {"seconds": firing_seconds("owner")}),
    ("services", "services"): (
        ("service",),
        {
            "requests": increase("http_requests_total", "service"),
            "average": f"avg_over_time(({REQUESTS}){POINTS})",
            "before": f"@avg_over_time(({REQUESTS}){POINTS})",
            "peak": f"max_over_time(({REQUESTS}){POINTS})",
            "errors": f"{FAILING} / {increase('http_requests_total', 'service')}",
            "p50": quantile(0.5, "http_request_duration_seconds", "service"),
            "p95": quantile(0.95, "http_request_duration_seconds", "service"),
            "p99": quantile(0.99, "http_request_duration_seconds", "service"),
            "available": "sum by (service) (sum_over_time(probe_success[7d]) / count_over_time(probe_success[7d]))",
        },
    ),
    ("capacity", "resources"): (
        (),
        {
            "used": f'1 - {FREE}{{mountpoint="/"}} / node_filesystem_size_bytes',
            "left": FREE,
            "per_day": f"({FREE} - {FREE} offset 7d) / 7",
            "runs_out": f"{FREE} / ({FREE} offset 7d - {FREE} > 0) * {WEEK}",
        },
    ),
    ("capacity", "databases"): (
        (),
        {
            "size": "pg_database_size_bytes",
            "per_day": "delta(pg_database_size_bytes[7d]) / 7",
            "in_30_days": f"predict_linear(pg_database_size_bytes[7d], {30 * 86400})",
        },
    ),
    ("containers", "costs"): (
        ("name", "instance"),
        {
            "share": f"({CPU} / scalar(sum({CPU})) + on (name, instance) {MEMORY} / scalar(sum({MEMORY}))) / 2",
            "core_hours": f"{CPU} / 3600",
            "core_hours_before": f"@{CPU} / 3600",
            "cpu_share": f"{CPU} / scalar(sum({CPU}))",
            "memory": MEMORY,
            "memory_share": f"{MEMORY} / scalar(sum({MEMORY}))",
        },
    ),
    ("containers", "peaks"): (
        ("name", "instance"),
        {
            "memory_peak": "quantile_over_time(1, container_memory_working_set_bytes[7d])",
            "memory_low": "quantile_over_time(0, container_memory_working_set_bytes[7d])",
            "limit": "container_spec_memory_limit_bytes",
            "peak_of_limit": "max_over_time((container_memory_working_set_bytes / "
            "container_spec_memory_limit_bytes)[7d:2m])",
            "cores_peak": f"max_over_time((rate(container_cpu_usage_seconds_total{RATE})){POINTS})",
        },
    ),
    ("containers", "faults"): (
        ("name", "instance"),
        {"restarts": "round(increase(deckwatch_container_restarts_total[7d])) > 0"},
    ),
    ("workflows", "tenants"): (
        ("tenant",),
        {
            "target": "max by (tenant) (0 * workflow_expected_interval_seconds) + on () group_left () "
            "(1 - objective:budget:ratio{service='workflows'})",
            "executions": EXECUTED,
            "failed": FAILED,
            "success": f"1 - {FAILED} / {EXECUTED}",
            "success_before": f"@1 - {FAILED} / {EXECUTED}",
            "p95": quantile(0.95, "workflow_execution_duration_seconds", "tenant"),
            "overdue": "time() - workflow_last_success_timestamp_seconds > bool workflow_expected_interval_seconds",
        },
    ),
    ("migration", "phases"): (
        ("phase",),
        {
            "progress": "migration_phase_progress_ratio",
            "blockers": "sum by (phase) (migration_blockers) or max by (phase) (0 * migration_phase_progress_ratio)",
        },
    ),
    ("migration", "blockers"): (("phase", "severity"), {"blockers": "migration_blockers"}),
    ("migration", "components"): (
        ("component",),
        {
            "progress": "migration_component_progress_ratio",
            "datasets": 'sum by (component) (migration_datasets{state!="pending"})',
            "all": "sum without (state) (migration_datasets)",
            "rollbacks": "increase(migration_rollbacks_total[7d])",
        },
    ),
}
# Tables whose rows are figures, not series, and lists of events: checked by tests of their own.
OTHERS = {("changes", "changes"), ("peaks", "peaks"), ("shop", "figures"), ("alerts", "firings")}
OTHERS |= {("migration", "milestones")}
# Columns that are counted from the list of firings, or are the time of a value that is compared.
DERIVED = {"firings", "longest_seconds", "critical", "acknowledged", "median_seconds", "longest_reaction_seconds"}
DERIVED |= {"oom_kills"}


def find_expected(row: dict, labels: tuple[str, ...], expected: dict) -> float | None:
    """Return the value of the series of a row: by its first columns, or by the words of its place."""
    if labels:
        keys = [cell["text"] for cell in row.values()]
        return expected.get(tuple(keys[: len(labels)]))
    words = set((row.get("where") or row["database"])["text"].split())
    return next((value for key, value in expected.items() if words <= set(key)), None)


@pytest.mark.parametrize("name", sorted(CHECKS))
def test_every_number_is_that_of_an_independent_query(report, name):
    labels, columns = CHECKS[name]
    table = report.find_table(*name)
    for column, expr in columns.items():
        expected = report.run_query(expr, labels or ("datname", "server", "mountpoint", "instance"))
        checked = 0
        for row in table["rows"]:
            value, wanted = row[column]["value"], find_expected(row, labels, expected)
            if value is None or wanted is None:
                assert value is wanted, (column, row)
                continue
            assert value == pytest.approx(wanted, rel=0.005, abs=1e-9), (column, row)
            checked += 1
        assert checked, column


def test_no_table_is_left_unchecked(report):
    for section in report.data["sections"]:
        for table in section["tables"]:
            name = (section["key"], table["key"])
            cells = [(column, cell["value"]) for row in table["rows"] for column, cell in row.items()]
            numbers = {column for column, value in cells if isinstance(value, (int, float))}
            if name not in OTHERS:
                assert numbers <= {*CHECKS[name][1], *DERIVED}, name
