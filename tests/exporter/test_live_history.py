"""The last hour in memory: gaps, bounds, and its cost."""

from __future__ import annotations

import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deckwatch.exporter.collector import choose_collectors, load_collectors
from deckwatch.exporter.live.history import MAX_SERIES, SLOT_SECONDS, SLOTS, History
from deckwatch.exporter.live.measures import Key
from deckwatch.exporter.live.reader import BUDGET, LiveReader
from deckwatch.exporter.live.sparkline import render_sparkline
from deckwatch.exporter.live.text import format_compared, format_share
from deckwatch.exporter.scrape import Scraper
from deckwatch.exporter.world import World

KEY = Key("host", "", "cpu")


@given(st.lists(st.tuples(st.integers(0, 400), st.floats(0, 1, width=32)), max_size=60))
def test_points_are_the_last_value_of_each_slot_of_the_hour(steps: list[tuple[int, float]]) -> None:
    history, model, slot = History(), {}, 1000
    for skipped, value in steps:
        slot += skipped
        history.record(slot * SLOT_SECONDS, {KEY: value})
        model[slot] = value
    expected = [model.get(each) for each in range(slot - SLOTS + 1, slot + 1)] if model else []
    assert history.points(KEY, slot * SLOT_SECONDS) == expected


def test_values_of_the_hour_before_are_gone() -> None:
    history = History()
    history.record(0, {KEY: 1.0})
    assert history.mean(KEY, 3585, 3600) == 1.0
    assert history.mean(KEY, 3600, 3600) is None
    assert history.points(KEY, 3600) == [None] * SLOTS


def test_means_and_increases_are_of_the_last_minutes() -> None:
    history = History()
    for slot in range(40):
        history.record(slot * SLOT_SECONDS, {KEY: float(slot)})
    now = 39 * SLOT_SECONDS
    assert history.mean(KEY, now, 60) == pytest.approx((36 + 37 + 38 + 39) / 4)
    assert history.increase(KEY, now, 60) == 3
    history.record(40 * SLOT_SECONDS, {KEY: 2.0})  # the counter was reset
    assert history.increase(KEY, 40 * SLOT_SECONDS, 60) == 2


def test_memory_is_bounded() -> None:
    tracemalloc.start()
    try:
        history = History()
        for slot in range(3):
            values = {Key("container", f"container-{number}", "cpu"): 1.0 for number in range(MAX_SERIES + 500)}
            history.record(slot * SLOT_SECONDS, values)
        del values
        size = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert len(history) == MAX_SERIES
    assert history.is_full
    assert size < 8e6


def test_series_that_have_ended_make_room() -> None:
    history = History()
    history.record(0, {Key("container", str(number), "cpu"): 1.0 for number in range(MAX_SERIES)})
    history.record(3700, {KEY: 1.0})
    assert len(history) == 1
    assert not history.is_full


def test_a_line_has_gaps_where_nothing_was_recorded() -> None:
    points = [0.1, 0.2, None, 0.3, *[None] * 30, 0.4, 0.5]
    line = render_sparkline("CPU", points, format_share)
    assert line.count("M") == 4  # two lines, each with an area
    assert "CPU in the last hour: 10 % to 50 %" in line
    assert render_sparkline("CPU", [None, 0.5], format_share) == ""
    assert render_sparkline("CPU", [None] * 200 + [0.5] * 40, format_share).count("M0 ") == 2, "it begins at the left"
    assert "nan" not in render_sparkline("CPU", [0.0, 0.0], format_share)


def test_an_expensive_reading_is_taken_less_often(deck, monkeypatch) -> None:
    reader = deck.reader
    waits: list[float] = []
    clock = iter(0.1 * tick for tick in range(20))

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        return len(waits) > 2

    monkeypatch.setattr(reader._stopping, "wait", wait)
    monkeypatch.setattr(time, "process_time", lambda: next(clock))
    reader.refresh()
    reader._record_history()
    assert waits == [SLOT_SECONDS, pytest.approx(0.1 / BUDGET), pytest.approx(0.1 / BUDGET)]
    reader._limit_cost(30.0)  # a scrape at the same time
    assert reader.interval == pytest.approx(0.1 / BUDGET)


@pytest.mark.parametrize(("scraped", "expected"), [(True, range(6, 7)), (False, range(18, 19))])
def test_where_nobody_looks_the_scrapes_of_others_are_recorded_every_five_minutes(
    monkeypatch, scraped: bool, expected: range
) -> None:
    world = World(docker_host="")
    reader = LiveReader(Scraper(world, choose_collectors(load_collectors())))
    now = [world.age_clock()]
    end = now[0] + 1800
    taken: list[float] = []
    monkeypatch.setattr(world, "age_clock", lambda: now[0])

    def wait(seconds: float) -> bool:
        now[0] += seconds
        if scraped:
            reader.scraper.scrape(seconds=9)
        return now[0] > end

    monkeypatch.setattr(reader._stopping, "wait", wait)
    monkeypatch.setattr(reader, "_take_reading", lambda: taken.append(now[0]))
    reader._record_history()
    reader.scraper.close()
    absent = {key[0] for key, record in reader.scraper.records.items() if record.outcome and record.outcome.absent}
    assert "postgres_up" in absent, "what is not there does not count as unread"
    assert len(taken) in expected


def test_a_failed_reading_does_not_end_the_history(deck, monkeypatch, caplog) -> None:
    results = iter([False, False, True])
    monkeypatch.setattr(deck.reader._stopping, "wait", lambda _: next(results))
    monkeypatch.setattr(LiveReader, "_take_reading", lambda _: 1 / 0)
    deck.reader._record_history()
    assert caplog.text.count("could not be recorded") == 2


@pytest.mark.quiet
@pytest.mark.parametrize("count", [0, 100])
def test_the_history_of_this_machine_costs_less_than_its_share_of_a_core(groups, count: int) -> None:
    world = World(docker_host=groups(count).url if count else "")
    reader = LiveReader(Scraper(world, choose_collectors(load_collectors())))
    reader.has_history = True
    for _ in range(2):  # the first reading opens files
        reader.refresh(10, max_age=0)
    started, readings = time.process_time(), 5
    for _ in range(readings):
        before = time.process_time()
        reader._run_stale(0)
        reader._take_reading()
        reader._limit_cost(time.process_time() - before)
    spent = (time.process_time() - started) / readings
    reader.scraper.close()
    assert len(reader.build_board().containers) == count

    assert spent / reader.interval < 1.25 * BUDGET, f"{spent * 1000:.1f} ms every {reader.interval:.0f} s"
    if not count:
        assert reader.interval == SLOT_SECONDS


@pytest.mark.parametrize(
    ("value", "limit", "unit", "shown"),
    [
        (0.9018, 0.9, "ratio", ("90.2 %", "90 %")),
        (0.95, 0.9, "ratio", ("95 %", "90 %")),
        (0.9, 0.9, "ratio", ("90 %", "90 %")),
        (2 << 30, 1 << 30, "bytes", ("2.0 GiB", "1.0 GiB")),
    ],
)
def test_a_value_beyond_its_limit_reads_as_another_value(value, limit, unit, shown) -> None:
    assert format_compared(value, limit, unit) == shown
