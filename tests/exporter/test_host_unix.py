"""A machine without /proc: psutil's values compared with those of /proc, and no collector fails."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deckwatch.exporter import collector
from deckwatch.exporter.scrape import Scraper
from deckwatch.exporter.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

LINUX = pytest.mark.skipif(not Path("/proc/stat").exists(), reason="nothing to compare with: this system has no /proc")


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[World]:
    """A world without /proc and /sys whose uname is that of a Mac."""
    name = os.uname_result(("Darwin", "mac-1", "25.0.0", "Darwin Kernel", "arm64"))
    nothing = {"procfs": tmp_path / "proc", "sysfs": tmp_path / "sys", "rootfs": Path("/")}
    with World(docker_host="", uname=lambda: name, **nothing) as world:
        yield world


def test_nothing_fails_and_basic_metrics_exist(elsewhere) -> None:
    ours = {
        name: outcome
        for name, outcome in collector.load_collectors().items()
        if name.startswith(("host_", "deckwatch_"))
    }
    outcomes = Scraper(elsewhere, ours).scrape(seconds=30)
    assert {outcome.collector.name: outcome.error for outcome in outcomes if outcome.error} == {}
    names = {sample.metric.name for outcome in outcomes for sample in outcome.samples}
    assert {
        *("node_cpu_seconds_total", "node_load1", "node_memory_total_bytes", "node_memory_swap_used_bytes"),
        *("node_filesystem_avail_bytes", "node_network_receive_bytes_total", "node_boot_time_seconds"),
        *("node_uname_info", "node_time_seconds"),
    } <= names


def test_host_unix_is_not_used_on_linux(found) -> None:
    with World(docker_host="") as here:
        assert found(here, "host_unix") == {}


@LINUX
def test_values_match_those_of_proc(elsewhere, found) -> None:
    with World(docker_host="") as here:
        linux = {}
        for topic in ("cpu", "load", "stat", "disk", "network", "filesystem", "memory"):
            linux |= found(here, f"host_{topic}")
    unix = found(elsewhere, "host_unix")
    memory = {name: linux[f"node_memory_{name}_bytes",] for name in ("MemTotal", "SwapTotal", "MemFree", "Active")}
    assert unix["node_memory_total_bytes",] == memory["MemTotal"]
    assert unix["node_memory_swap_total_bytes",] == memory["SwapTotal"]
    assert unix["node_memory_free_bytes",] == pytest.approx(memory["MemFree"], abs=memory["MemTotal"] / 10)
    assert unix["node_memory_active_bytes",] == pytest.approx(memory["Active"], abs=memory["MemTotal"] / 10)
    shared = unix.keys() & linux.keys()
    assert {key[0] for key in shared} >= {
        *("node_cpu_seconds_total", "node_load15", "node_boot_time_seconds", "node_filesystem_files"),
        *("node_network_transmit_packets_total", "node_disk_read_time_seconds_total"),
    }
    # Values change a little between the two readings, and counters only increase.
    spent = {"bytes": 50e6, "seconds": 5, "load1": 5, "load5": 2, "load15": 1}

    def slack(name: str) -> float:
        return spent.get(name.removesuffix("_total").rpartition("_")[2], 3000)

    far = {key: (unix[key], linux[key]) for key in shared if abs(unix[key] - linux[key]) > slack(key[0])}
    assert far == {}
    assert unix["node_boot_time_seconds",] == pytest.approx(linux["node_boot_time_seconds",], abs=1)
    for family in ("node_network_receive_bytes_total", "node_cpu_seconds_total", "node_disk_read_bytes_total"):
        assert {key for key in unix if key[0] == family} == {key for key in linux if key[0] == family}


@pytest.mark.parametrize("system", ["Darwin", "FreeBSD"])
def test_memory_metrics_use_the_systems_own_names(tmp_path, found, system: str) -> None:
    name = os.uname_result((system, "host", "1", "1", "x"))
    with World(docker_host="", procfs=tmp_path / "proc", sysfs=tmp_path / "sys", uname=lambda: name) as world:
        names = {key[0] for key in found(world, "host_unix")}
    darwin = {"node_memory_total_bytes", "node_memory_swap_total_bytes", "node_memory_swapped_in_bytes_total"}
    bsd = {"node_memory_size_bytes", "node_memory_swap_size_bytes", "node_memory_swap_in_bytes_total"}
    ours, others = (darwin, bsd) if system == "Darwin" else (bsd, darwin)
    assert ours <= names
    assert not others & names
