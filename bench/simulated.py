"""Ours alone with up to 5,000 containers, in trees of plain files: cost per series as the number grows.

A container of a captured machine is copied (`bench/_simulated_machine.py`) and read by `deckwatch serve`, with as many
descriptors as systemd and Docker allow and without series limits. Plain files cost less to read than the kernel's.
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
_MOST = 20_000  # containers read in all scrapes of one kind together


@dataclass(frozen=True)
class _Measurement:
    """Results for `count` containers: the page, the page of containers only, MiB, open descriptors, and the floor."""

    count: int
    whole: Scrapes
    containers: Scrapes
    memory: float
    descriptors: int
    floor: Floor


def sheets(options: Options) -> Iterator[Sheet]:
    _allow_descriptors()
    for world in WORLDS[:1] if options.quick else WORLDS:
        found = [_measure_count(world, count, options) for count in sorted(options.sizes or CONTAINERS)]
        yield _figures_sheet(f"Ours alone, in trees of plain files like {world}", found)
        yield _ratio_targets(f"The same against the targets: {world}", found).to_sheet()


def _measure_count(world: str, count: int, options: Options) -> _Measurement:
    print_progress(f"{world} with {count} containers …")
    with _simulated_machine.simulated_machine(world, count) as tree, tempfile.TemporaryDirectory() as folder:
        server = _peers.deckwatch_server(None, *tree.options)
        # The last one given counts, so the engine is the tree's.
        server = replace(server, argv=(sys.executable, "-m", f"{__package__}._unlimited", *server.argv[1:]))
        times = max(5, min(options.scrapes, _MOST // max(count, 1)))
        with server.run_in(Path(folder)) as program:
            assert program.process is not None
            pid = program.process.pid
            pages = {"all": Target(server.url, pid), "containers": Target(f"{server.url}?collect[]=container", pid)}
            whole, containers = (scrape_targets({name: page}, times=times)[name] for name, page in pages.items())
            memory, kept = resident_mib(pid), count_descriptors(pid)
        return _Measurement(count, whole, containers, memory, kept, _floor.measure_floor(tree.options))


def _figures_sheet(title: str, found: list[_Measurement]) -> Sheet:
    rows = [
        ("CPU a scrape, ms", *(format_value(one.whole.cpu) for one in found)),
        ("wall p50, ms", *(format_value(one.whole.p50) for one in found)),
        ("wall p99, ms", *(format_value(one.whole.p99) for one in found)),
        ("resident, MiB", *(format_value(one.memory) for one in found)),
        ("series", *(format_value(one.whole.page.count) for one in found)),
        ("CPU per 1,000 series, ms", *(format_value(_cpu_per_1000(one.whole)) for one in found)),
        ("the same of the containers' page, ms", *(format_value(_cpu_per_1000(one.containers)) for one in found)),
        ("files read", *(format_value(one.floor.files) for one in found)),
        ("descriptors open", *(format_value(one.descriptors) for one in found)),
        ("floor: kept descriptors, ms", *(format_value(one.floor.kept) for one in found)),
        ("floor: the same with pauses, ms", *(format_value(one.floor.paused) for one in found)),
        ("floor: open, read, close, ms", *(format_value(one.floor.opened) for one in found)),
        (
            "CPU a scrape, times the floor with pauses",
            *(format_value(one.whole.cpu / one.floor.paused) for one in found),
        ),
    ]
    return Sheet(title, ("figure", *(f"{one.count:,}" for one in found)), rows)


def _ratio_targets(title: str, found: list[_Measurement]) -> Targets:
    targets, least = Targets(title), found[0]
    for one in found[1:]:
        for figure, pick in (("page", one.whole), ("containers' page", one.containers)):
            base = least.whole if pick is one.whole else least.containers
            name = f"CPU per 1,000 series of the {figure}, {one.count:,} containers"
            targets.add_target(
                1.2, Row(name, _cpu_per_1000(pick), _cpu_per_1000(base), what=f"that with {least.count}")
            )
    return targets


def _cpu_per_1000(scrapes: Scrapes) -> float:
    return 1000 * scrapes.cpu / scrapes.page.count


def _allow_descriptors() -> None:
    """Allow as many descriptors as systemd and Docker do, if permitted."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, max(hard, _DESCRIPTORS)))
    except (ValueError, OSError):
        print_progress(
            f"only {hard:,} descriptors are allowed here: with more files than half of that, some are opened each time"
        )
