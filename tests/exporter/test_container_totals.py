"""The machine as cAdvisor's container `/`: the values of the host collectors under other names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from deckwatch.exporter import collector
from deckwatch.exporter.scrape import Scraper

if TYPE_CHECKING:
    from collections.abc import Callable

    from deckwatch.exporter.world import World

WORLD = "vm-kernel6.18-cgroup1"
DECLARED = collector.load_collectors()
# Ours, and what node_exporter's metrics say about the same machine; the labels that select one series.
SAME = {
    "container_spec_memory_limit_bytes": "node_memory_MemTotal_bytes",
    "container_memory_rss": "node_memory_AnonPages_bytes",
    "container_memory_mapped_file": "node_memory_Mapped_bytes",
    "container_fs_reads_total /dev/vda": "node_disk_reads_completed_total vda",
    "container_fs_writes_bytes_total /dev/vda": "node_disk_written_bytes_total vda",
    "container_fs_io_time_seconds_total /dev/vda": "node_disk_io_time_seconds_total vda",
    "container_fs_io_current /dev/vda": "node_disk_io_now vda",
    "container_network_receive_bytes_total eth0": "node_network_receive_bytes_total eth0",
    "container_network_transmit_packets_dropped_total eth0": "node_network_transmit_drop_total eth0",
    "container_fs_limit_bytes /dev/vda": "node_filesystem_size_bytes /dev/vda",
    "container_fs_inodes_free /dev/vda": "node_filesystem_files_free /dev/vda",
}


@pytest.fixture
def totals(captured: Callable[[str], World]) -> dict[str, float]:
    """Every value by the metric's name and its last or, of a host's metric, first label."""
    names = ("container_totals", *(name for name in DECLARED if name.startswith("host_")))
    values = {}
    for outcome in Scraper(captured(WORLD), {name: DECLARED[name] for name in names}).scrape(seconds=60):
        for sample in outcome.samples:
            is_container = outcome.collector.name == "container_totals"
            labels = [label for label in sample.labels if label not in ("", "/" if is_container else "")]
            values.setdefault(" ".join([sample.metric.name, *labels[:1]]), sample.value)
    return values


def test_the_values_are_those_of_the_host_collectors(totals: dict[str, float]) -> None:
    assert {name: totals[name] for name in SAME} == {name: totals[other] for name, other in SAME.items()}


def test_sums_are_consistent(totals: dict[str, float]) -> None:
    cpu = totals["container_cpu_usage_seconds_total total"]
    parts = totals["container_cpu_user_seconds_total"] + totals["container_cpu_system_seconds_total"]
    assert cpu == pytest.approx(parts)
    # As on cAdvisor's page: without the kernel's own memory.
    used = totals["container_memory_rss"] + totals["container_memory_cache"]
    assert used < totals["node_memory_MemTotal_bytes"] - totals["node_memory_MemFree_bytes"]
    assert totals["container_memory_usage_bytes"] == used
    assert totals["container_memory_working_set_bytes"] == used - totals["node_memory_Inactive_file_bytes"]
    assert totals["container_fs_usage_bytes /dev/vda"] < totals["container_fs_limit_bytes /dev/vda"]


def test_interfaces_of_containers_are_left_out(captured: Callable[[str], World]) -> None:
    [outcome] = Scraper(captured(WORLD), {"container_totals": DECLARED["container_totals"]}).scrape(seconds=60)
    interfaces = {sample.labels[-1] for sample in outcome.samples if "network" in sample.metric.name}
    assert "eth0" in interfaces
    assert not [name for name in interfaces if name.startswith(("veth", "docker", "br-")) or name == "lo"]
    assert not outcome.collector.default


def test_every_metric_keeps_its_owner() -> None:
    """The first collector that declares a metric is the one whose failure mutes alerts on it."""
    owners = {info.name: info.source for info in collector.list_metrics(DECLARED.values())}
    assert owners["container_memory_working_set_bytes"] == "container_memory"
    assert owners["container_last_seen"] == "container_state"
    assert owners["container_spec_memory_limit_bytes"] == "container_spec"
