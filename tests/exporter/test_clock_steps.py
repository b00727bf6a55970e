"""The wall clock may be set at any moment, by NTP or by hand: ages and time limits must not follow it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from deckwatch.exporter import exposition, page
from deckwatch.exporter.collector import load_collectors
from deckwatch.exporter.collectors import _container
from deckwatch.exporter.metric import count_series
from deckwatch.exporter.outcome import KEEP_STATE_SECONDS
from deckwatch.exporter.scrape import Scraper
from deckwatch.exporter.sources.container import Container
from deckwatch.exporter.sources.docker_snapshot import EngineUnreachable, Snapshot
from deckwatch.exporter.world import World

EXPORTER = Path(__file__).parents[2] / "exporter"
# Where the wall clock is right: what it shows is a date, or is compared with a date of another program.
WALL_CLOCK = {
    "collectors/_container.py",  # the engine's start of a container
    "collectors/container_state.py",
    "collectors/container_totals.py",  # container_last_seen
    "collectors/host_time.py",  # node_time_seconds
    "live/reader.py",  # "As of", uptimes and expiries
    "page.py",  # "As of"
    "sources/docker.py",  # a CRI runtime's status has dates only; they are compared with the one of its answer
    "protection/reloading_config.py",  # a file's modification time; the wait is bounded either way
    "world.py",
}


class Stepped:
    """A captured machine with an engine whose containers cannot be read after the first scrape, and its clocks."""

    def __init__(self, world: World) -> None:
        self.wall, self.age = 1_700_000_000.0, 5_000.0
        world.clock, world.age_clock = lambda: self.wall, lambda: self.age
        states = load_collectors()["container_state"]
        self._runs = 0

        def collect(inner: World):
            self._runs += 1
            if self._runs > 1:
                raise EngineUnreachable("it does not answer")
            yield from states.collect(inner)

        self.scraper = Scraper(world, {"container_state": replace(states, collect=collect)})

    def scrape(self) -> tuple[int, float]:
        """Return the number of states on the page, and the age that it states."""
        outcomes = self.scraper.scrape()
        own = exposition.self_samples(outcomes, self.scraper.records, self.age, 9.5)
        (age,) = (sample.value for sample in own if sample.metric.name == "deckwatch_collector_age_seconds")
        return count_series([sample for sample in outcomes[0].samples if sample.metric.state]), age


@pytest.fixture
def stepped(captured):
    made = Stepped(captured("debian12-kernel6.1-docker"))
    yield made
    made.scraper.close()


@pytest.mark.parametrize("step", [3600.0, -3600.0, 10 * 365 * 86400.0])
def test_states_survive_a_step_of_the_clock(stepped: Stepped, step: float) -> None:
    count, age = stepped.scrape()
    assert count > 20
    assert age == 0
    stepped.wall += step
    stepped.age += 30
    assert stepped.scrape() == (count, 30)
    stepped.age += KEEP_STATE_SECONDS - 30
    assert stepped.scrape() == (count, KEEP_STATE_SECONDS)
    stepped.age += 1
    assert stepped.scrape() == (0, KEEP_STATE_SECONDS + 1)


def test_the_status_page_shows_the_time_but_not_in_ages(stepped: Stepped) -> None:
    stepped.scrape()
    stepped.wall += 86400
    stepped.age += 5
    html = page.render_index(stepped.scraper)
    assert "As of 2023-11-15 22:13:20 UTC" in html
    assert "Nobody has read" not in html
    stepped.age += 3600
    assert "Nobody has read the metrics for " in page.render_index(stepped.scraper)


@pytest.mark.parametrize(("started", "settled"), [(-60.0, True), (-1.0, False), (3500.0, True)])
def test_a_container_started_before_the_clock_was_set_back_is_settled(started: float, *, settled: bool) -> None:
    container = replace(Container("a" * 64, "web", pid=7), started=1_700_000_000.0 + started)
    with World(clock=lambda: 1_700_000_000.0) as world:
        runs = _container._settled_runs(world, Snapshot(reachable=True, containers=(container,)))
    assert bool(runs) is settled


def test_the_clock_of_ages_never_steps_and_is_the_given_one() -> None:
    with World() as world:
        first, second = world.age_clock(), world.age_clock()
    assert 0 < first <= second < 1e9, "seconds since a start, not since 1970"
    with World(clock=lambda: 7.0) as world:
        assert world.age_clock() == 7.0


def test_only_dates_are_taken_from_the_wall_clock() -> None:
    pattern = re.compile(r"\.clock\(\)|time\.time(?:_ns)?\b|datetime\.now|\.clock\b(?!\w)")
    uses = {
        path.relative_to(EXPORTER).as_posix()
        for path in EXPORTER.rglob("*.py")
        if pattern.search(re.sub(r"#.*", "", path.read_text()))
    }
    assert uses <= WALL_CLOCK, "use World.age_clock for ages and limits; a date needs an entry in WALL_CLOCK"
