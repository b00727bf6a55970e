"""Scaling: deckwatch with up to 5,000 simulated containers, and whether the cost per series stays constant.

A container of a captured machine is copied (`bench/_simulated_machine.py`), and `deckwatch serve` monitors the copies
with the file limit of systemd and Docker and without series budgets. Plain files are cheaper to read than procfs.
"""

from __future__ import annotations

import resource
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench import _floor, _peers, _simulated_machine
from bench._options import print_progress
from bench._process import Scrapes, Target, count_descriptors, resident_mib, scrape_targets
from bench._sheet import Row, Sheet, Targets, format_value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench._floor import Floor
    from bench._options import Options

CONTAINERS = (30, 200, 1000, 5000)
WORLDS = ("debian12-kernel6.1-cgroup2", "vm-kernel6.18-cgroup1")
_DESCRIPTORS = 524_288
_MAX_READS = 20_000  # of containers, in all scrapes of one page


@dataclass(frozen=True)
class _Measurement:
    """Results with `count` containers: the full page, that of the containers, MiB, open descriptors and the floor."""

    count: int
    full: Scrapes
    containers: Scrapes
    memory: float
    descriptors: int
    floor: Floor


def sheets(options: Options) -> Iterator[Sheet]:
    _allow_descriptors()
    for world in WORLDS[:1] if options.quick else WORLDS:
        results = [_measure_count(world, count, options) for count in sorted(options.sizes or CONTAINERS)]
        yield _figures_sheet(f"Deckwatch on simulated machines like {world}", results)
        yield _ratio_targets(f"Targets: {world}", results).to_sheet()


def _measure_count(world: str, count: int, options: Options) -> _Measurement:
    print_progress(f"{world} with {count} containers …")
    with _simulated_machine.simulated_machine(world, count) as tree, tempfile.TemporaryDirectory() as folder:
        server = _peers.deckwatch_server(None, *tree.options)
        # The last option wins, so the engine is the simulated machine's.
        server = replace(server, argv=(sys.executable, "-m", f"{__package__}._unlimited", *server.argv[1:]))
        times = max(5, min(options.scrapes, _MAX_READS // max(count, 1)))
        with server.run_in(Path(folder)) as program:
            assert program.process is not None
            pid = program.process.pid
            pages = {"all": Target(server.url, pid), "containers": Target(f"{server.url}?collect[]=container", pid)}
            full, containers = (scrape_targets({name: page}, times=times)[name] for name, page in pages.items())
            memory, descriptors = resident_mib(pid), count_descriptors(pid)
        return _Measurement(count, full, containers, memory, descriptors, _floor.measure_floor(tree.options))


def _figures_sheet(title: str, results: list[_Measurement]) -> Sheet:
    rows = [
        ("CPU per scrape, ms", *(format_value(result.full.cpu) for result in results)),
        ("wall p50, ms", *(format_value(result.full.p50) for result in results)),
        ("wall p99, ms", *(format_value(result.full.p99) for result in results)),
        ("resident, MiB", *(format_value(result.memory) for result in results)),
        ("series", *(format_value(result.full.page.count) for result in results)),
        ("CPU per 1,000 series, ms", *(format_value(_cpu_per_1000(result.full)) for result in results)),
        (
            "CPU per 1,000 series of the containers' page, ms",
            *(format_value(_cpu_per_1000(result.containers)) for result in results),
        ),
        ("files read", *(format_value(result.floor.files) for result in results)),
        ("descriptors open", *(format_value(result.descriptors) for result in results)),
        ("floor: open descriptors, ms", *(format_value(result.floor.kept) for result in results)),
        ("floor: open descriptors with pauses, ms", *(format_value(result.floor.paused) for result in results)),
        ("floor: open, read, close, ms", *(format_value(result.floor.opened) for result in results)),
        (
            "CPU per scrape, relative to the floor with pauses",
            *(format_value(result.full.cpu / result.floor.paused) for result in results),
        ),
    ]
    return Sheet(title, ("figure", *(f"{result.count:,}" for result in results)), rows)


def _ratio_targets(title: str, results: list[_Measurement]) -> Targets:
    targets, smallest = Targets(title), results[0]
    for result in results[1:]:
        for figure, scrapes in (("page", result.full), ("containers' page", result.containers)):
            base = smallest.full if scrapes is result.full else smallest.containers
            name = f"CPU per 1,000 series of the {figure}, {result.count:,} containers"
            targets.add_target(
                1.2, Row(name, _cpu_per_1000(scrapes), _cpu_per_1000(base), what=f"with {smallest.count} containers")
            )
    return targets


def _cpu_per_1000(scrapes: Scrapes) -> float:
    return 1000 * scrapes.cpu / scrapes.page.count


def _allow_descriptors() -> None:
    """Raise the limit of open files to that of systemd and Docker if permitted."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, max(hard, _DESCRIPTORS)))
    except (ValueError, OSError):
        print_progress(
            f"the limit of open files is {hard:,}: a scrape of more than half as many reopens some each time"
        )
