"""Workflows: what each tenant was target and got."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.reports.graphs import Plot, draw_rows
from deckwatch.reports.model import Column, Fact, Finding, Section, Table, Value
from deckwatch.reports.numbers import Change
from deckwatch.reports.queries import Query
from deckwatch.reports.texts import count_of, join_names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deckwatch.reports.context import Context
    from deckwatch.reports.model import Tone
    from deckwatch.reports.queries import Results

TITLE = "Tenants"
ORDER = 80
AUDIENCE = "workflows"

_DECIMALS = 2
_LEAST = 0.001  # change of a success ratio that counts
_COLUMNS = (
    Column("tenant", "Tenant", is_number=False),
    Column("executions", "Executions"),
    Column("failed", "Failed"),
    Column("target", "Target"),
    Column("success", "Success rate"),
    Column("success_before", "Before"),
    Column("change", "Change"),
    Column("verdict", "Verdict", is_number=False),
    Column("p95", "p95"),
    Column("overdue", "Overdue workflows"),
)
_EXECUTIONS = "workflow_executions_total"
_PARTS = ("executions", "failed", "success", "success_before", "p95", "overdue", "target")


def list_queries(context: Context) -> Mapping[str, Query]:
    """Return the queries: executions by tenant, failures, durations, and workflows without a recent success."""
    window, point = context.window, context.point_window
    failed = f'sum by (tenant) (increase({_EXECUTIONS}{{status="failed"}}[{window}]))'
    whole = f"sum by (tenant) (increase({_EXECUTIONS}[{window}]))"
    known_failed = f"({failed} or 0 * {whole})"
    success = f"1 - {known_failed} / ({whole} > 0)"
    course = (
        f'1 - (sum by (tenant) (rate({_EXECUTIONS}{{status="failed"}}[{point}]))'
        f" or 0 * sum by (tenant) (rate({_EXECUTIONS}[{point}])))"
        f" / (sum by (tenant) (rate({_EXECUTIONS}[{point}])) > 0)"
    )
    age = "time() - max by (tenant, workflow) (workflow_last_success_timestamp_seconds)"
    return {
        "executions": Query(whole),
        "failed": Query(known_failed),
        "success": Query(success),
        "success_before": Query(success, "start"),
        "p95": Query(
            "histogram_quantile(0.95, sum by (tenant, le) "
            f"(rate(workflow_execution_duration_seconds_bucket[{window}])))"
        ),
        "overdue": Query(
            f"sum by (tenant) ({age} > bool max by (tenant, workflow) (workflow_expected_interval_seconds))"
        ),
        # The objectives of the service that executes the workflows hold for each of its tenants.
        "target": Query(
            f"max by (tenant) (group by (tenant, service) ({_EXECUTIONS}) * on (service) group_left ()"
            " (1 - min by (service) (objective:budget:ratio)))"
        ),
        "series": Query(course, "grid"),
    }


def build_section(context: Context, results: Results) -> Section | None:
    """Return the section; None without executions."""
    figures = {
        name: {sample.labels.get("tenant", ""): sample.value for sample in results.read_samples(name)}
        for name in _PARTS
    }
    if not figures["executions"]:
        return None
    rows, broken = [], []
    for tenant in sorted(figures["executions"]):
        found = {name: values.get(tenant) for name, values in figures.items()}
        success, target = found["success"], found["target"]
        is_broken = success is not None and target is not None and success < target
        broken += [tenant] if is_broken else []
        change = Change(success, found["success_before"], "down", _LEAST, 0.0)
        cells = change.list_cells("percentunit", _DECIMALS)
        tone: Tone = "bad" if is_broken else "good" if target is not None and success is not None else "none"
        rows.append(
            [
                Value(text=tenant or "no tenant"),
                Value(found["executions"], "short", decimals=0),
                Value(found["failed"], "short", decimals=0),
                Value(target, "percentunit", decimals=_DECIMALS),
                Value(success, "percentunit", decimals=_DECIMALS, tone=tone),
                *cells[1:],
                Value(found["p95"], "s"),
                Value(found["overdue"], "none", tone="bad" if found["overdue"] else "none"),
            ]
        )
    rows.sort(key=lambda row: (row[4].number is None, row[4].number or 0.0))
    late = [tenant or "no tenant" for tenant, count in sorted(figures["overdue"].items()) if count]
    graphs = draw_rows(
        context, results.read_rows("series"), Plot("success", "Success rate", "percentunit", "tenant", "no tenant")
    )
    return Section(
        TITLE,
        [Table("tenants", "Executions by tenant", _COLUMNS, rows), *graphs],
        facts=[_count_met(len(rows), len(broken), has_target=bool(figures["target"]))],
        findings=_list_findings(broken, late),
    )


def _count_met(tenants: int, broken: int, *, has_target: bool) -> Fact:
    if not has_target:
        return Fact("tenants", "Tenants", Value(tenants, "none"))
    text = f"{tenants - broken} of {tenants}"
    return Fact("tenants", "Tenants that met the target", Value(text=text, tone="bad" if broken else "good"))


def _list_findings(broken: list[str], late: list[str]) -> list[Finding]:
    findings = []
    if broken:
        findings.append(Finding(f"The success rate is below the target for {join_names(broken)}.", "bad"))
    if late:
        text = f"{count_of(len(late), 'tenant')} with overdue workflows at the end: {join_names(late)}."
        findings.append(Finding(text, "warning"))
    return findings
