"""Our figures of this machine beside those of a node_exporter that runs on it, at the same moment."""

from __future__ import annotations

import urllib.request
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

from deckwatch.exporter import collector
from deckwatch.exporter.collectors import _host_filters
from deckwatch.exporter.scrape import Scraper
from deckwatch.exporter.world import World
from deckwatch.provisioning.program import Program, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.live

Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]

ROUNDS = 4
# Metrics with other labels or series in newer and older versions, and node_exporter's own.
OTHERWISE = ("node_scrape_collector_", "node_exporter_build_info", "node_textfile_")
# What the one does shows in the other's figures: they are processes and sockets, and wake each other up.
RESTLESS = (
    "node_procs_",
    "node_processes_",
    "node_sockstat_",
    "node_tcp_connection_states",
    "node_netstat_Tcp_CurrEstab",
)
SLACK = 50
# Its page is on its way to us while it counts what is.
QUEUES = ((("state", "rx_queued_bytes"),), (("state", "tx_queued_bytes"),))


@pytest.fixture(scope="module")
def theirs(need, tmp_path_factory) -> Iterator[str]:
    program = need("node_exporter", "prometheus-node-exporter", get="apt-get install prometheus-node-exporter")
    port = free_port()
    flags = ["processes", "tcpstat", "interrupts"]
    argv = [program, f"--web.listen-address=127.0.0.1:{port}", *(f"--collector.{flag}" for flag in flags)]
    # Its newer default, whichever version this is.
    argv.append(f"--collector.diskstats.device-exclude={_host_filters.DISKS}")
    url = f"http://127.0.0.1:{port}/metrics"
    with Program("node_exporter", argv, log=tmp_path_factory.mktemp("node_exporter") / "log", ready=url):
        yield url


@pytest.fixture(scope="module")
def here() -> Iterator[World]:
    with World(docker_host="", config={"host": {"veth": True}}) as world:
        yield world


def ours(world: World) -> Series:
    hosts = {name: one for name, one in collector.load_collectors().items() if name.startswith("host_")}
    outcomes = Scraper(world, hosts).scrape(seconds=30)
    assert {one.collector.name: one.error for one in outcomes if one.error} == {}
    found: Series = {}
    for outcome in outcomes:
        for metric, values, value in outcome.samples:
            labels = sorted((name, text) for name, text in zip(metric.labels, values, strict=True) if text)
            found[metric.name, tuple(labels)] = value
    return found


def read(url: str) -> Series:
    with urllib.request.urlopen(url, timeout=30) as answer:
        text = answer.read().decode()
    return {
        (sample.name, tuple(sorted((name, text) for name, text in sample.labels.items() if text))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith("node_") and not sample.name.startswith(OTHERWISE)
    }


def test_no_series_of_theirs_is_missing(theirs: str, here: World) -> None:
    missing: set[object] = set()
    for turn in range(ROUNDS):  # an interface or a mount may come and go between two readings
        before, page, after = ours(here), read(theirs), ours(here)
        # Newer versions have more labels for these, and so may we.
        gone = {key for key in page.keys() - before.keys() - after.keys() if not key[0].endswith("_info")}
        missing = gone if turn == 0 else missing & gone
        if not missing:
            break
    assert missing == set()
    assert len(page) > 300


def test_figures_lie_between_two_of_ours(theirs: str, here: World) -> None:
    outside: dict[object, tuple[float, float, float]] = {}
    for turn in range(ROUNDS):
        before, page, after = ours(here), read(theirs), ours(here)
        shared = {key for key in before.keys() & page.keys() & after.keys() if key[1] not in QUEUES}
        assert len(shared) > 300
        found = {}
        for key in shared:
            low, high = sorted((before[key], after[key]))
            slack = 0.02 * max(abs(low), abs(high)) + (SLACK if key[0].startswith(RESTLESS) else 0.01)
            if not low - slack <= page[key] <= high + slack:
                found[key] = (before[key], page[key], after[key])
        # A figure that goes up and down may be elsewhere for a moment, but not each time.
        outside = found if turn == 0 else {key: value for key, value in found.items() if key in outside}
        if not outside:
            break
    assert outside == {}
