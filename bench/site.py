"""A site of 50 hosts with 2,500 containers: Prometheus and VictoriaMetrics side by side; the cost of more hosts.

A real exporter's pages are served for every host by one process (`bench/_site_pages.py`). A real Prometheus, and a real
VictoriaMetrics with vmalert, scrape all of them with the generated configuration and evaluate all shipped rules, both
at the same time; the latter by itself, so that alerts about Prometheus have no data there. The first half of the run,
in which rules look back at little, does not count. `--sizes N` is the number of hosts. Programs: prometheus,
victoria-metrics and vmalert (`apt-get install victoria-metrics`).
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench import _site_figures, _site_setup
from bench._options import print_progress
from bench._process import cpu_seconds, resident_mib
from bench._sheet import Sheet, format_value
from deckwatch.provisioning.program import find_program

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from bench._options import Options
    from bench._site_setup import Plan

HOSTS, PER_HOST = 50, 50
_INTERVAL_SECONDS = 15
_MINUTES = 10
_QUICK = (5, 10, 1.5)  # hosts, containers of each, minutes
_LARGE = (1000, 50_000)
_MAX_CORES, _MAX_MIB = 1.0, 2048.0
_RULES_SECONDS = 60.0


@dataclass(frozen=True)
class Usage:
    """What the processes of an engine used: cores, and resident memory in MiB at the end."""

    cores: float
    mib: float


def sheets(options: Options) -> Iterator[Sheet]:
    hosts, per_host, minutes = _QUICK if options.quick else (HOSTS, PER_HOST, _MINUTES)
    for count in options.sizes or (hosts,):
        plan = _site_setup.Plan(count, per_host, _INTERVAL_SECONDS, 60.0 * minutes)
        yield from measure_site(plan)


def measure_site(plan: Plan) -> Generator[Sheet, None, None]:
    """Yield the sheets of one site; programs that are not installed are left out."""
    if find_program("prometheus") is None:
        print_progress("site skipped: requires Prometheus")
        return
    with tempfile.TemporaryDirectory(prefix="bench-site-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        port = stack.enter_context(_site_setup.serve_pages(folder, plan))
        engines = list(_site_setup.start_engines(folder, plan, port, stack))
        print_progress(f"{plan.hosts} hosts, {plan.containers:,} containers, {plan.seconds:.0f} s …")
        time.sleep(plan.seconds / 2)
        for engine in engines:  # on a busy machine a short run could end before the first rules are evaluated
            _site_figures.wait_recorded(engine.url, _RULES_SECONDS)
        before = {engine.name: [cpu_seconds(pid) for pid in engine.pids()] for engine in engines}
        started = time.monotonic()
        time.sleep(plan.seconds / 2)
        elapsed = time.monotonic() - started
        figures: dict[str, dict[str, float]] = {}
        for engine in engines:
            used = sum(cpu_seconds(pid) for pid in engine.pids()) - sum(before[engine.name])
            usage = Usage(used / elapsed, sum(resident_mib(pid) for pid in engine.pids()))
            figures[engine.name] = engine.read_figures(plan) | {"cores": usage.cores, "mib": usage.mib}
        yield _usage_sheet(plan, figures)
        yield _extrapolation_sheet(plan, figures)
        yield _site_figures.answers_sheet(engines, plan)


_ROWS = (
    ("CPU", "cores", "cores"),
    ("memory", "mib", "MiB"),
    ("series", "series", ""),
    ("series per host, without containers", "per_host", ""),
    ("series per container", "per_container", ""),
    ("recorded series", "recorded", ""),
    ("samples per second", "samples", ""),
    ("bytes per sample, values", "bytes", "B"),
    ("bytes per series, index", "index_bytes", "B"),
    ("rules, one evaluation of all groups", "rule_seconds", "s"),
    ("rules, the slowest group", "slowest_rules", "s"),
)


def _usage_sheet(plan: Plan, figures: dict[str, dict[str, float]]) -> Sheet:
    names = list(figures)
    rows = [[title, *(format_value(figures[name].get(key), unit) for name in names)] for title, key, unit in _ROWS]
    goal = figures[names[0]]
    met = goal["cores"] < _MAX_CORES and goal["mib"] < _MAX_MIB
    note = (
        f"goal of {names[0]}: less than {_MAX_CORES:g} core and {_MAX_MIB / 1024:g} GiB: {'met' if met else 'not met'}"
    )
    title = f"Site: {plan.hosts} hosts, {plan.containers:,} containers, every {plan.interval} s, all shipped rules"
    return Sheet(title, ("figure", *names), rows, note)


def _extrapolation_sheet(plan: Plan, figures: dict[str, dict[str, float]]) -> Sheet:
    """Return the cost of 1,000 hosts and 50,000 containers, each figure with its arithmetic."""
    rows: list[Sequence[str]] = []
    for name, one in figures.items():
        rows += [[f"{name}: {title}", value, how] for title, value, how in extrapolate(one, *_LARGE, plan.interval)]
    return Sheet(
        f"Extrapolated: {_LARGE[0]:,} hosts, {_LARGE[1]:,} containers", ("figure", "value", "arithmetic"), rows
    )


def extrapolate(one: dict[str, float], hosts: int, containers: int, interval: float) -> Iterator[tuple[str, str, str]]:
    """Yield title, value and arithmetic of each figure of a larger installation.

    Series are those of hosts and of containers, recorded ones in proportion to the others. CPU and memory grow with
    series: both engines process each sample and keep each series. Servers are as many as stay below the goal.
    """
    scraped = hosts * one["per_host"] + containers * one["per_container"]
    share = one["recorded"] / max(one["series"] - one["recorded"], 1)
    series = scraped * (1 + share)
    factor = series / max(one["series"], 1)
    cores, mib = one["cores"] * factor, one["mib"] * factor
    per_day = series * 86_400 / interval
    yield (
        "series",
        format_value(round(series)),
        f"({hosts:,} * {one['per_host']:.0f} + {containers:,} * {one['per_container']:.1f}) * {1 + share:.3f}",
    )
    yield "samples per second", format_value(round(series / interval)), f"{series:,.0f} / {interval:g} s"
    yield "CPU", format_value(cores, "cores"), f"{one['cores']:.3f} * {factor:.1f}"
    yield "memory", format_value(mib / 1024, "GiB"), f"{one['mib']:.0f} MiB * {factor:.1f}"
    if "bytes" in one:
        gib = per_day * one["bytes"] / 2**30
        yield "disk, a day", format_value(gib, "GiB"), f"{per_day:,.0f} samples * {one['bytes']:.2f} B"
    if "rule_seconds" in one:
        seconds = one["rule_seconds"] * factor
        yield "rules, one evaluation", format_value(seconds, "s"), f"{one['rule_seconds']:.3f} s * {factor:.1f}"
    servers = max(cores / _MAX_CORES, mib / _MAX_MIB)
    how = f"the larger of {cores:.1f} / {_MAX_CORES:g} core and {mib:,.0f} / {_MAX_MIB:.0f} MiB"
    yield "servers at the goal", format_value(float(-(-servers // 1))), how
