"""Hundreds of probes of slow services at once: they wait beside each other, on one thread."""

from __future__ import annotations

import contextlib
import threading
import time

import pytest

from deckwatch.exporter.collector import load_collectors
from deckwatch.exporter.collectors.app_probe import SUCCESS
from deckwatch.exporter.scrape import Scraper
from deckwatch.exporter.world import World

pytestmark = [pytest.mark.live, pytest.mark.quiet]

PROBES = 500
MOST_THREADS = 16


def count_threads_until(ended: threading.Event, counts: list[int]) -> None:
    while not ended.wait(0.02):
        counts.append(threading.active_count() - 1)  # without this one


def test_500_probes_of_a_second_within_one_scrape_and_few_threads(probed_app):
    entries = [{"service": f"shop-{number}", "http": f"{probed_app}/1?{number}"} for number in range(PROBES)]
    world = World(config={"probes": entries})
    counts: list[int] = []
    ended = threading.Event()
    with contextlib.closing(world), contextlib.closing(Scraper(world, _probe_collector())) as scraper:
        scraper.scrape(only=["app_probe"], subjects={"service": "shop-0"})  # until the server listens
        threading.Thread(target=count_threads_until, args=(ended, counts), daemon=True).start()
        begun = time.monotonic()
        outcomes = scraper.scrape(seconds=9.5)
        seconds = time.monotonic() - begun
        ended.set()
    succeeded = [sample for outcome in outcomes for sample in outcome.samples if sample.metric is SUCCESS]
    print(f"{PROBES} probes in {seconds:.1f} s, {max(counts)} threads")
    assert sum(sample.value for sample in succeeded) == PROBES
    assert seconds < 9.5
    assert max(counts) <= MOST_THREADS


def test_probes_that_hang_do_not_delay_the_others(probed_app):
    hanging = [
        {"service": f"slow-{number}", "http": f"{probed_app}/60", "timeout": "3s", "name": str(number)}
        for number in range(100)
    ]
    world = World(config={"probes": [*hanging, {"service": "shop", "http": f"{probed_app}/0"}]})
    with contextlib.closing(world), contextlib.closing(Scraper(world, _probe_collector())) as scraper:
        [quick] = [outcome for outcome in scraper.scrape(seconds=9.5) if outcome.subject == "shop"]
    values = {sample.metric.name: sample.value for sample in quick.samples}
    assert values["probe_success"] == 1
    assert values["probe_duration_seconds"] < 2


def _probe_collector():
    return {"app_probe": load_collectors()["app_probe"]}
