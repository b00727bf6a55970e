"""Containers: the most expensive ones, their peaks and lows, and those that were restarted or killed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from deckwatch.reports.expressions import CONTAINER_CPU, CONTAINER_MEMORY, container_cores, container_memory
from deckwatch.reports.graphs import Plot, draw_rows
from deckwatch.reports.model import Column, Fact, Finding, Section, Table, Value
from deckwatch.reports.queries import Query
from deckwatch.reports.texts import count_of, join_names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deckwatch.reports.context import Context
    from deckwatch.reports.queries import Results

TITLE = "Containers"
ORDER = 90
AUDIENCE = "containers"

_MAX_ROWS = 15
_NEAR_LIMIT = 0.9
_BY = "by (instance, name)"
_COST_COLUMNS = (
    Column("container", "Container", is_number=False),
    Column("machine", "Machine", is_number=False),
    Column("share", "Share of all"),
    Column("core_hours", "CPU hours"),
    Column("core_hours_before", "Before"),
    Column("cpu_share", "Share of CPU"),
    Column("memory", "Average memory"),
    Column("memory_share", "Share of memory"),
)
_PEAK_COLUMNS = (
    Column("container", "Container", is_number=False),
    Column("machine", "Machine", is_number=False),
    Column("memory_peak", "Max. memory"),
    Column("memory_low", "Min. memory"),
    Column("limit", "Limit"),
    Column("peak_of_limit", "Max. of limit"),
    Column("cores_peak", "Max. CPUs"),
)
_FAULT_COLUMNS = (
    Column("container", "Container", is_number=False),
    Column("machine", "Machine", is_number=False),
    Column("restarts", "Restarts"),
    Column("oom_kills", "OOM kills"),
)
_PARTS = (
    *("cpu_seconds", "cpu_seconds_before", "memory", "memory_peak", "memory_low", "limit", "cores_peak"),
    *("restarts", "oom_kills"),
)


class _Key(NamedTuple):
    instance: str
    name: str


def list_queries(context: Context) -> Mapping[str, Query]:
    """Return the queries: figures of each container over the range, and the course of each machine.

    A container that was created again has several series; sums over both and extremes of both are still right.
    """
    window, point, step = context.window, context.point_window, round(context.grid.step)
    spent = f"sum {_BY} (increase({CONTAINER_CPU}[{window}]))"
    return {
        "cpu_seconds": Query(spent),
        "cpu_seconds_before": Query(spent, "start"),
        "memory": Query(
            f"sum {_BY} (sum_over_time({CONTAINER_MEMORY}[{window}]))"
            f" / sum {_BY} (count_over_time({CONTAINER_MEMORY}[{window}]))"
        ),
        "memory_peak": Query(f"max {_BY} (max_over_time({CONTAINER_MEMORY}[{window}]))"),
        "memory_low": Query(f"min {_BY} (min_over_time({CONTAINER_MEMORY}[{window}]))"),
        "limit": Query(f'max {_BY} (last_over_time(container_spec_memory_limit_bytes{{name!=""}}[{window}])) > 0'),
        "cores_peak": Query(f"max_over_time((sum {_BY} (rate({CONTAINER_CPU}[{point}])))[{window}:{step}s])"),
        "restarts": Query(f'sum {_BY} (increase(deckwatch_container_restarts_total{{name!=""}}[{window}])) > 0'),
        "oom_kills": Query(f'sum {_BY} (increase(deckwatch_container_oom_kills_total{{name!=""}}[{window}])) > 0'),
        "cpu_series": Query(container_cores(point), "grid"),
        "memory_series": Query(container_memory(), "grid"),
    }


def build_section(context: Context, results: Results) -> Section | None:
    """Return the section; None without containers."""
    figures = {
        part: {
            _Key(sample.labels.get("instance", ""), sample.labels.get("name", "")): sample.value
            for sample in results.read_samples(part)
        }
        for part in _PARTS
    }
    keys = {*figures["cpu_seconds"], *figures["memory"]}
    if not keys:
        return None
    near = sorted(
        (
            (peak / limit, key)
            for key, peak in figures["memory_peak"].items()
            if (limit := figures["limit"].get(key)) and peak / limit >= _NEAR_LIMIT
        ),
        reverse=True,
    )
    faults = _tabulate_faults(figures)
    graphs = [
        *draw_rows(
            context,
            results.read_rows("cpu_series"),
            Plot("cpu", "CPUs used by containers", "short", "instance"),
        ),
        *draw_rows(
            context, results.read_rows("memory_series"), Plot("memory", "Memory of containers", "bytes", "instance")
        ),
    ]
    return Section(
        TITLE,
        [_tabulate_costs(keys, figures), _tabulate_peaks(keys, figures), *([faults] if faults.rows else []), *graphs],
        facts=[Fact("containers", "Containers", Value(len(keys), "none"))],
        findings=_list_findings([key.name for _, key in near], figures),
    )


def _tabulate_costs(keys: set[_Key], figures: Mapping[str, Mapping[_Key, float]]) -> Table:
    """Return containers by what they cost: the mean of their shares of all CPU time and of all memory."""
    cpu, memory = sum(figures["cpu_seconds"].values()), sum(figures["memory"].values())
    rows = []
    for key in keys:
        seconds, used = figures["cpu_seconds"].get(key), figures["memory"].get(key)
        cpu_share = seconds / cpu if seconds is not None and cpu else None
        memory_share = used / memory if used is not None and memory else None
        before = figures["cpu_seconds_before"].get(key)
        rows.append(
            [
                Value(text=key.name),
                Value(text=key.instance),
                Value(((cpu_share or 0) + (memory_share or 0)) / 2, "percentunit"),
                Value(None if seconds is None else seconds / 3600, "short"),
                Value(None if before is None else before / 3600, "short"),
                Value(cpu_share, "percentunit"),
                Value(used, "bytes"),
                Value(memory_share, "percentunit"),
            ]
        )
    rows.sort(key=lambda row: (-(row[2].number or 0), row[0].text, row[1].text))
    caption = "Containers by cost: mean of their shares of CPU time and memory"
    return Table("costs", caption, _COST_COLUMNS, rows[:_MAX_ROWS], max(len(rows) - _MAX_ROWS, 0))


def _tabulate_peaks(keys: set[_Key], figures: Mapping[str, Mapping[_Key, float]]) -> Table:
    rows = []
    for key in keys:
        peak, limit = figures["memory_peak"].get(key), figures["limit"].get(key)
        share = peak / limit if peak is not None and limit else None
        rows.append(
            [
                Value(text=key.name),
                Value(text=key.instance),
                Value(peak, "bytes"),
                Value(figures["memory_low"].get(key), "bytes"),
                Value(limit, "bytes"),
                Value(share, "percentunit", tone="bad" if share is not None and share >= _NEAR_LIMIT else "none"),
                Value(figures["cores_peak"].get(key), "short"),
            ]
        )
    rows.sort(key=lambda row: (-(row[5].number or 0), -(row[2].number or 0), row[0].text, row[1].text))
    return Table(
        "peaks",
        "Peak and low, nearest to the limit first",
        _PEAK_COLUMNS,
        rows[:_MAX_ROWS],
        max(len(rows) - _MAX_ROWS, 0),
    )


def _tabulate_faults(figures: Mapping[str, Mapping[_Key, float]]) -> Table:
    restarts, kills = figures["restarts"], figures["oom_kills"]
    rows = [
        [
            Value(text=key.name),
            Value(text=key.instance),
            Value(float(round(restarts.get(key, 0))), "none"),
            Value(float(round(kills.get(key, 0))), "none", tone="bad" if kills.get(key) else "none"),
        ]
        for key in sorted({*restarts, *kills}, key=lambda key: (-kills.get(key, 0), -restarts.get(key, 0), key))
    ]
    return Table("faults", "Restarted or killed", _FAULT_COLUMNS, rows[:_MAX_ROWS], max(len(rows) - _MAX_ROWS, 0))


def _list_findings(near: list[str], figures: Mapping[str, Mapping[_Key, float]]) -> list[Finding]:
    findings = []
    killed = sorted({key.name for key in figures["oom_kills"]})
    if killed:
        findings.append(Finding(f"Killed by the OOM killer: {join_names(killed)}.", "bad"))
    if near:
        text = f"{count_of(len(near), 'container')} came within a tenth of the memory limit: {join_names(near)}."
        findings.append(Finding(text, "warning"))
    return findings
