"""The live page's values equal those of the metrics page, on captured machines, a made-up one and this one."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

from deckwatch.exporter import exposition
from deckwatch.exporter.collector import choose_collectors, load_collectors
from deckwatch.exporter.live.page import render_live
from deckwatch.exporter.live.reader import LiveReader
from deckwatch.exporter.live.reading import iter_series
from deckwatch.exporter.metric import Lines, Metric
from deckwatch.exporter.outcome import Outcome
from deckwatch.exporter.scrape import Scraper
from deckwatch.exporter.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NAMES = sorted(path.parent.name for path in Path(__file__).parents[1].glob("worlds/*/world.json"))


class Page:
    """A metrics page, read by Prometheus' own parser."""

    def __init__(self, text: str) -> None:
        self.samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]

    def values(self, metric: str, /, **labels: str) -> Iterator[float]:
        for sample in self.samples:
            if sample.name in (metric, f"{metric}_total") and labels.items() <= sample.labels.items():
                yield sample.value

    def total(self, metric: str, /, **labels: str) -> float | None:
        values = list(self.values(metric, **labels))
        return sum(values) if values else None


def scrape_page(scraper: Scraper) -> Page:
    outcomes = scraper.scrape(seconds=30)
    return Page(exposition.render_text(sample for outcome in outcomes for sample in outcome.samples))


def reader_of(world: World) -> LiveReader:
    return LiveReader(Scraper(world, choose_collectors(load_collectors())))


@pytest.mark.parametrize("name", NAMES)
def test_values_of_a_captured_machine_are_those_of_its_metrics_page(
    name: str, captured: Callable[[str], World]
) -> None:
    reader = reader_of(captured(name))
    page = scrape_page(reader.scraper)
    reader.refresh(wait_seconds=30, max_age=60)
    board = reader.build_board()
    available, total = page.total("node_memory_MemAvailable_bytes"), page.total("node_memory_MemTotal_bytes")
    assert board.host.memory_available == available
    assert board.host.memory_total == total
    if available is not None and total:
        cache = max((page.total("node_zfs_arc_size") or 0) - (page.total("node_zfs_arc_c_min") or 0), 0)
        assert board.host.memory == pytest.approx(max(1 - (available + cache) / total, 0))
    assert board.host.cores == len(list(page.values("node_cpu_seconds_total", mode="idle")))
    assert board.host.cpu is None, "a rate needs two readings"
    assert board.measuring
    for row in board.filesystems:
        assert row.available == max(page.values("node_filesystem_avail_bytes", mountpoint=row.mountpoint))
        assert row.size == max(page.values("node_filesystem_size_bytes", mountpoint=row.mountpoint))
    shown = {sample.labels["mountpoint"] for sample in page.samples if sample.name == "node_filesystem_size_bytes"}
    assert {row.mountpoint for row in board.filesystems} <= shown
    containers = {s.labels["name"] for s in page.samples if s.name == "deckwatch_container_state"}
    assert {row.name for row in board.containers} == containers
    for row in board.containers:
        assert row.memory == page.total("container_memory_working_set_bytes", name=row.name)
        assert (row.memory_limit or 0) == (page.total("container_spec_memory_limit_bytes", name=row.name) or 0)
        assert row.restarts == page.total("deckwatch_container_restarts_total", name=row.name)
        assert list(page.values("deckwatch_container_state", name=row.name, state=row.state)) == [1]
        assert (row.cpu, row.received) == (None, None)
    reader.scraper.close()


def test_rates_are_those_between_two_metrics_pages(deck) -> None:
    scraper = deck.reader.scraper
    deck.reader.refresh(wait_seconds=30)
    first = scrape_page(scraper)
    deck.now += 10
    second = scrape_page(scraper)
    deck.reader.refresh(wait_seconds=30)
    board = deck.reader.build_board()

    def rate(metric: str, /, **labels: str) -> float:
        return (second.total(metric, **labels) - first.total(metric, **labels)) / 10

    assert board.host.cpu == pytest.approx(1 - rate("node_cpu_seconds_total", mode="idle") / 4)
    assert board.host.received == pytest.approx(rate("node_network_receive_bytes_total", device="eth0"))
    assert board.disks[0].busy == pytest.approx(rate("node_disk_io_time_seconds_total", device="nvme0n1"))
    for row in board.containers:
        if row.state == "running":
            assert row.cpu == pytest.approx(rate("container_cpu_usage_seconds_total", name=row.name))
            assert row.sent == pytest.approx(rate("container_network_transmit_bytes_total", name=row.name))
    [database] = board.databases
    done = [rate(f"pg_stat_database_xact_{end}", datname="shop") for end in ("commit", "rollback")]
    assert database.transactions == pytest.approx(sum(done)), "template databases are left out, as in the signal"


def test_values_of_this_machine_are_those_of_its_metrics_page() -> None:
    reader = reader_of(World())
    first = scrape_page(reader.scraper)
    reader.refresh(wait_seconds=10, max_age=60)
    started = time.monotonic()
    time.sleep(3.3)
    second = scrape_page(reader.scraper)
    seconds = time.monotonic() - started
    reader.refresh(wait_seconds=10, max_age=60)
    board = reader.build_board()
    assert board.host.memory_available == second.total("node_memory_MemAvailable_bytes")
    assert board.host.load == pytest.approx(second.total("node_load1") / board.host.cores)
    idle = [page.total("node_cpu_seconds_total", mode="idle") for page in (first, second)]
    assert board.host.cpu == pytest.approx(1 - (idle[1] - idle[0]) / seconds / board.host.cores, abs=0.1)
    assert f'<data value="{board.host.memory!r}">' in render_live(reader)
    reader.scraper.close()


def test_the_first_rates_are_being_measured_and_never_wrong(deck) -> None:
    deck.reader.refresh(wait_seconds=30)
    assert ">measuring<" in render_live(deck.reader)
    assert deck.reader.build_board().host.cpu is None
    deck.now += 1  # too short for a rate
    deck.reader.refresh(wait_seconds=30, max_age=0)
    assert deck.reader.build_board().host.cpu is None
    deck.now += 600  # too long for a rate of now
    deck.reader.refresh(wait_seconds=30)
    assert deck.reader.build_board().host.cpu is None
    deck.now += 15
    deck.reader.refresh(wait_seconds=30)
    assert deck.reader.build_board().host.cpu == pytest.approx(0.38, rel=0.7)
    assert ">measuring<" not in render_live(deck.reader)


def test_a_counter_that_was_reset_or_is_new_has_no_rate(deck) -> None:
    deck.pass_time(30)
    deck.names = {name: (*row[:3], 0.01, *row[4:]) for name, row in deck.names.items()}  # lower counters
    deck.names["new"] = ("running", 1, "", 0.5, 1e6, 0, 0, 0)
    deck.pass_time(15)
    rates = {row.name: row.cpu for row in deck.reader.build_board().containers}
    assert (rates["shop-api"], rates["new"]) == (None, None)
    deck.pass_time(15)
    rates = {row.name: row.cpu for row in deck.reader.build_board().containers}
    assert rates["shop-api"] == pytest.approx(0.01, rel=0.7)
    assert rates["new"] == pytest.approx(0.5, rel=0.7)


def test_values_come_from_scrapes_that_happen_anyway(deck) -> None:
    deck.reader.refresh(wait_seconds=30)
    deck.now += 20
    outcomes = deck.reader.scraper.scrape(seconds=30)
    known = {id(outcome) for outcome in outcomes}
    deck.reader.refresh(wait_seconds=30)
    assert {id(record.outcome) for record in deck.reader.scraper.records.values()} == known
    deck.now += 3
    deck.reader.refresh(wait_seconds=30)
    reread = {key for key, record in deck.reader.scraper.records.items() if id(record.outcome) not in known}
    assert reread == {("host_cpu", ""), ("host_rest", ""), ("container_state", "")}, "no connection, no probe"


@pytest.mark.parametrize("name", ["a\u2028b", "a\x0bb\x85c", "a\nb", 'a"b\\\\n', "} 1", "x, y=z", "\udcff"])
def test_names_that_contain_the_characters_of_the_format(name: str) -> None:
    metric = Metric("container_memory_working_set_bytes", "gauge", "A test.", ("id", "name"))
    line = f"{metric.line_prefix(('/a', name))}1.5\n".encode()
    outcome = Outcome(None, "", [Lines(metric, [line, line], 2)], 0.0, 0.0)
    shown = name.encode("utf-8", "replace").decode()
    assert list(iter_series(outcome)) == [(metric.name, {"id": "/a", "name": shown}, 1.5)] * 2
