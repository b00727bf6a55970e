"""What a scrape allocates is freed: a leak of one object a scrape is hundreds of MB a year."""

from __future__ import annotations

import asyncio
import gc
import shutil
import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from deckwatch.exporter import exposition, page
from deckwatch.exporter.collector import Collector, load_collectors
from deckwatch.exporter.scrape import Scraper
from deckwatch.exporter.server import App
from deckwatch.exporter.sources.postgres import Server
from deckwatch.exporter.world import NoData

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator

    from deckwatch.exporter.metric import Sample
    from deckwatch.exporter.world import World

WARM_UP, SCRAPES = 200, 100  # the interpreter's own caches grow for some time


def count_blocks() -> int:
    gc.collect()
    return sys.getallocatedblocks()


@pytest.mark.parametrize("name", ["debian12-kernel6.1-docker", "kernel4.4-no-psi"])
def test_scrapes_leave_no_memory_behind(captured, name: str) -> None:
    world = captured(name)
    now = [0.0]
    world.age_clock = lambda: now[0]
    scraper = Scraper(
        world, {name: each for name, each in load_collectors().items() if not name.startswith("deckwatch_")}
    )

    def scrape_page() -> None:
        now[0] += 15
        outcomes = scraper.scrape(seconds=60)
        own = exposition.self_samples(outcomes, scraper.records, now[0], 0.1)
        exposition.render_text([*(sample for outcome in outcomes for sample in outcome.samples), *own])
        if now[0] % 150 == 0:
            page.render_index(scraper)

    for _ in range(WARM_UP):
        scrape_page()
    before = count_blocks()
    for _ in range(SCRAPES):
        scrape_page()
    grown = count_blocks() - before
    scraper.close()
    assert grown < SCRAPES


DAMAGED = ("proc/stat", "proc/net/netstat", "proc/meminfo", "proc/*/net/dev", "sys/fs/cgroup/**/memory.stat")


def hold_the_failure(_world: World) -> Iterator[Sample]:
    """Fail, with the exception in a local of the frame that raises it, and one that it was raised for."""
    try:
        int("cause")
    except ValueError as caught:
        fault = ValueError("held")
        fault.__cause__ = cause = caught
    raise fault
    yield cause


def hold_the_failure_of(world: World, _subject: object) -> Iterator[Sample]:
    yield from hold_the_failure(world)


def be_absent(_world: World) -> Iterator[Sample]:
    reason = NoData("held")
    raise reason


def fail_to_list(_world: World) -> dict[str, str]:
    fault = OSError(2, "no such file")
    raise fault


def make_collector(name: str, collect: Callable, **options: object) -> Collector:
    settings = {"default": True, "peer": None, "subjects": None, "subject_label": "server", "budget": 1000, **options}
    return Collector(name, (), collect, "A test.", **settings)


@pytest.mark.parametrize("name", ["debian12-kernel6.1-docker", "vm-kernel6.18-cgroup1"])
def test_scrapes_leave_no_reference_cycles(captured, tmp_path, name: str) -> None:
    world = captured(name)
    world.procfs = shutil.copytree(world.procfs, tmp_path / "proc", symlinks=True)
    world.sysfs = shutil.copytree(world.sysfs, tmp_path / "sys", symlinks=True)
    statvfs = world.statvfs

    def refuse(path: str) -> os.statvfs_result:
        if "/var" in path:
            raise PermissionError(13, "Permission denied", path)
        return statvfs(path)

    world.statvfs = refuse
    world.config = {
        **world.config,
        "probes": [
            {"service": "closed", "tcp": "127.0.0.1:1"},
            {"service": "unknown", "http": "http://[::bad/"},
            {"service": "unnamed", "tcp": "x.invalid:1"},
        ],
    }
    for path in [path for pattern in DAMAGED for path in tmp_path.glob(pattern) if path.is_file()]:
        path.write_bytes(b"nonsense: x y z\n\xff\n")
    collectors = load_collectors() | {
        "x_holds": make_collector("x_holds", hold_the_failure),
        "x_absent": make_collector("x_absent", be_absent),
        "x_unlisted": make_collector("x_unlisted", lambda *_: (), subjects=fail_to_list),
        "x_elsewhere": make_collector(
            "x_elsewhere", lambda *_: (), subjects=lambda _: {"db": Server("db", str, 1, "web-2")}
        ),
        "x_down": make_collector("x_down", hold_the_failure_of, subjects=lambda _: {"db": 1}),
    }
    scraper = Scraper(world, collectors)
    app = App(scraper, collectors)

    def scrape_page() -> None:
        asyncio.run(app.metrics_response(b"", {"accept-encoding": "gzip"}))

    for _ in range(5):
        scrape_page()
    outcomes = [record.outcome for record in scraper.records.values() if record.outcome]
    failed = {outcome.collector.name for outcome in outcomes if outcome.error}
    assert {"x_holds", "x_unlisted", "x_down", "host_cpu", "host_memory"} <= failed
    assert any(outcome.absent for outcome in outcomes)
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        for _ in range(SCRAPES):
            scrape_page()
        gc.collect()
        found = Counter(type(each).__name__ for each in gc.garbage)
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
        scraper.close()
    assert found == {}
