"""Hundreds of probes of slow services at once: they wait beside each other, on one thread."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from urllib.parse import urlencode, urlsplit

import pytest

from deckwatch.exporter.collector import load_collectors
from deckwatch.exporter.collectors.app_probe import SUCCESS
from deckwatch.exporter.scrape import Scraper
from deckwatch.exporter.world import World

pytestmark = [pytest.mark.live, pytest.mark.quiet]

PROBES = 500
MOST_THREADS = 16


def count_new_threads(others: set[threading.Thread], ended: threading.Event, counts: list[int]) -> None:
    while not ended.wait(0.02):
        counts.append(len(set(threading.enumerate()) - others) - 1)  # without this one


def test_500_probes_of_a_second_within_one_scrape_and_few_threads(probed_app):
    entries = [{"service": f"shop-{number}", "http": f"{probed_app}/1?{number}"} for number in range(PROBES)]
    world = World(config={"probes": entries})
    counts: list[int] = []
    ended = threading.Event()
    others = set(threading.enumerate())  # of this process's earlier tests
    with contextlib.closing(world), contextlib.closing(Scraper(world, _probe_collector())) as scraper:
        scraper.scrape(only=["app_probe"], subjects={"service": "shop-0"})  # until the server listens
        threading.Thread(target=count_new_threads, args=(others, ended, counts), daemon=True).start()
        begun = time.monotonic()
        outcomes = scraper.scrape(seconds=9.5)
        seconds = time.monotonic() - begun
        ended.set()
    succeeded = [sample for outcome in outcomes for sample in outcome.samples if sample.metric is SUCCESS]
    print(f"{PROBES} probes in {seconds:.1f} s, {max(counts)} threads")
    assert sum(sample.value for sample in succeeded) == PROBES
    assert seconds < 9.5
    assert max(counts) <= MOST_THREADS


async def read_pages(address: str, queries: list[str]) -> list[str]:
    """Return the pages of these queries, which are sent at the same moment, each over a connection of its own."""
    parts = urlsplit(address)
    at_once = asyncio.Semaphore(32)

    async def connect():
        async with at_once:
            return await asyncio.open_connection(parts.hostname, parts.port)

    async def read_page(streams, query: str) -> str:
        reader, writer = streams
        header = f"GET /metrics?{query} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n"
        writer.write(f"{header}X-Prometheus-Scrape-Timeout-Seconds: 10\r\n\r\n".encode())
        try:
            return (await reader.read()).decode()
        finally:
            writer.close()

    connections = await asyncio.gather(*(connect() for _ in queries))
    return await asyncio.gather(*map(read_page, connections, queries))


def test_500_requests_for_one_probe_each_at_the_same_time(probed_app, serving):
    """As Prometheus scrapes them: each probe is a target of its own (decision 20)."""
    entries = [f"    - {{service: shop-{number}, http: '{probed_app}/1?{number}'}}\n" for number in range(PROBES)]
    server = serving("", project="watch:\n  probes:\n" + "".join(entries))
    server.get("/metrics?" + urlencode({"collect[]": "app_probe", "probe": "shop-0"}))
    counts: list[int] = []
    ended = threading.Event()

    def count_threads() -> None:
        while not ended.wait(0.02):
            counts.append(server.threads())

    counter = threading.Thread(target=count_threads, daemon=True)
    counter.start()
    begun = time.monotonic()
    queries = [urlencode({"collect[]": "app_probe", "probe": f"shop-{number}"}) for number in range(PROBES)]
    pages = asyncio.run(read_pages(server.address, queries))
    seconds = time.monotonic() - begun
    ended.set()
    counter.join()
    print(f"{PROBES} requests in {seconds:.1f} s, {max(counts)} threads")
    assert [page for page in pages if "\nprobe_success{" not in page] == []
    assert [page for page in pages if '"} 1\n' not in page.partition("\nprobe_success{")[2].partition("#")[0]] == []
    assert seconds < 10
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
