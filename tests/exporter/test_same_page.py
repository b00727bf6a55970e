"""A page is the same whether its files are compared with those of the last scrape, or all read and parsed afresh.

Random histories of a captured machine are scraped by two exporters: one remembers as usual, the other forgets before
each scrape what it has read. Only the durations of the collectors differ.
"""

from __future__ import annotations

import asyncio
import gzip
import os
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from deckwatch.exporter import collector
from deckwatch.exporter.scrape import Scraper
from deckwatch.exporter.server import App
from deckwatch.exporter.sources.cgroup import Cgroups

if TYPE_CHECKING:
    from deckwatch.exporter.world import World

MACHINES = ("vm-kernel6.18-cgroup1", "debian12-kernel6.1-docker")
# What an exporter that forgets keeps, since pages show it: what the engine reports, where groups are (for a container's
# life), settings read once a minute, and when containers were seen.
REMEMBERED = ("Engine", "Cgroups", "DescriptorBudget", "SettingsCache", "_LastSeen")
# Averages over the scrapes before, and the exporter's own process.
WITH_HISTORY = ("container_tasks", "deckwatch")
HOST = ("host_filesystem", "host_network", "host_vmstat")
DURATIONS = (b"deckwatch_collector_duration_seconds{", b"node_scrape_collector_duration_seconds{")

FULL = os.environ.get("DECKWATCH_TRIALS") == "full"  # otherwise the same histories each time
SLOTS = st.integers(0, 3)
STEPS = st.one_of(
    st.just(("rest",)),
    st.tuples(st.just("work"), SLOTS, st.integers(1, 9)),
    st.tuples(st.just("fork"), SLOTS, st.integers(1, 3)),
    st.tuples(st.just("join"), SLOTS, st.integers(1, 3)),
    st.tuples(st.just("grow"), SLOTS, st.sampled_from([0, 60, 500, 2500])),
    st.tuples(st.just("interfaces"), st.sampled_from([0, 3, 90, 500])),
    st.tuples(st.just("end"), SLOTS, st.booleans()),
    st.tuples(st.just("start")),
    st.tuples(st.just("start"), SLOTS),
    st.tuples(st.just("restart"), SLOTS),
    st.tuples(st.just("reuse"), SLOTS),
    st.tuples(st.just("move"), SLOTS),
    st.tuples(st.just("mount"), st.integers(0, 3), st.booleans()),
    st.tuples(st.just("fill"), st.integers(1, 99)),
    st.tuples(st.just("clock"), st.sampled_from([-90_000, -10, 15, 61, 400])),
    st.tuples(st.just("die"), SLOTS, st.integers(0, 12)),
)
PAGES = st.sampled_from([("gzip", b""), ("identity", b""), ("identity", b"collect[]=container_pids")])
HISTORIES = st.lists(st.tuples(STEPS, PAGES), min_size=1, max_size=8)


class Exporter:
    """One exporter of a world; with `forgets`, each scrape is as if it were the first one."""

    def __init__(self, world: World, *, forgets: bool = False) -> None:
        self.world = world
        self._forgets = forgets
        self._scraper = Scraper(world, chosen_collectors())
        self._app = App(self._scraper, chosen_collectors())

    def page(self, encoding: str = "identity", query: bytes = b"") -> list[bytes]:
        """Return the lines of a page, except for durations."""
        if self._forgets:
            self._forget()
        response = asyncio.run(self._app.metrics_response(query, {"accept-encoding": encoding}))
        body = gzip.decompress(response.body) if ("content-encoding", "gzip") in response.headers else response.body
        return [line for line in body.splitlines() if not line.startswith(DURATIONS)]

    def close(self) -> None:
        self._scraper.close()
        self.world.close()

    def _forget(self) -> None:
        sources = self.world._sources
        for kind in [kind for kind in sources if kind.__name__ not in REMEMBERED]:
            sources.pop(kind).close()
        for group in self.world.source(Cgroups)._groups.values():
            for file in list(group._kept):
                group._close_file(file)
        self._app = App(self._scraper, chosen_collectors())


def chosen_collectors() -> dict[str, collector.Collector]:
    return {
        name: declared
        for name, declared in collector.load_collectors().items()
        if name.startswith(("container_", *HOST)) and not name.startswith(WITH_HISTORY)
    }


def apply_step(machine: Any, step: tuple[Any, ...]) -> None:
    match step:
        case ("work", slot, amount):
            machine.work(slot, amount)
        case ("fork", slot, number):
            machine.fork(slot, number)
        case ("join", slot, number):
            machine.fork(slot, number, moved=True)
        case ("grow", slot, lines):
            machine.grow(slot, lines)
        case ("interfaces", lines):
            machine.add_interfaces(lines)
        case ("end", slot, reported):
            machine.end(slot, reported=reported)
        case ("start", *pid_of):
            machine.start(pid_of=next(iter(pid_of), None))
        case ("restart", slot):
            machine.restart(slot)
        case ("reuse", slot):
            machine.reuse_pid(slot)
        case ("move", slot):
            machine.move(slot)
        case ("mount", number, readonly):
            machine.mount(number, readonly=readonly)
        case ("fill", blocks):
            machine.fill(blocks)
        case ("clock", seconds):
            machine.clock += seconds


def scrape_dying(machine: Any, remembering: Exporter, forgetting: Exporter, step: tuple[Any, ...]) -> None:
    """Let a container die between two readings of its files: each line is of the moment before or of that after."""
    _, slot, readings = step
    inspect = machine._slot(slot)
    before, left = forgetting.page(), [readings]

    def die_at_last(path: str) -> None:
        if inspect["Id"] in path:
            left[0] -= 1
            if left[0] == 0:
                machine.remove_files(inspect)

    machine.during = die_at_last
    page = remembering.page()
    machine.during = lambda _path: None
    machine.remove_files(inspect)
    possible = {*before, *forgetting.page()}
    assert not [line for line in page if line not in possible and not line.startswith(b"deckwatch_collector_")]


@pytest.mark.parametrize("name", MACHINES)
@settings(
    max_examples=500 if FULL else 12,
    derandomize=not FULL,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(history=HISTORIES)
@example([(("fork", 0, 3), ("gzip", b"")), (("join", 0, 1), ("gzip", b"")), (("rest",), ("identity", b""))])
@example([(("rest",), ("gzip", b"")), (("restart", 0), ("gzip", b"")), (("start", 0), ("gzip", b""))])
@example([(("interfaces", 500), ("gzip", b"")), (("interfaces", 3), ("gzip", b"")), (("work", 0, 1), ("gzip", b""))])
@example([(("move", 0), ("gzip", b"")), (("move", 0), ("gzip", b"")), (("mount", 2, True), ("gzip", b""))])
@example([(("rest",), ("gzip", b"")), (("die", 0, 4), ("gzip", b"")), (("start",), ("gzip", b""))])
def test_a_page_is_the_same_as_if_everything_were_read_afresh(changing_machine, name: str, history: list[Any]) -> None:
    with changing_machine(name) as machine:
        remembering = Exporter(machine.open_world())
        forgetting = Exporter(machine.open_world(), forgets=True)
        try:
            for step, (encoding, query) in [(("rest",), ("gzip", b"")), *history]:
                apply_step(machine, step)
                machine.tell(remembering.world, forgetting.world)
                if step[0] == "die":
                    scrape_dying(machine, remembering, forgetting, step)
                assert remembering.page(encoding, query) == forgetting.page("identity", query), step
        finally:
            remembering.close()
            forgetting.close()
