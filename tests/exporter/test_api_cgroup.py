"""Container statistics of old and new engines, read by the readers of the kernel's files."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deckwatch.exporter.sources import cgroup_memory, cgroup_values, procnet
from deckwatch.exporter.sources.api_cgroup import ApiCgroup, parse_stats
from deckwatch.exporter.sources.container import UNREADABLE

ETH0 = {
    "rx_bytes": 290,
    "rx_packets": 3,
    "rx_errors": 1,
    "rx_dropped": 2,
    "tx_bytes": 70,
    "tx_packets": 4,
    "tx_errors": 5,
    "tx_dropped": 6,
}
# Docker 20.10 with cgroup version 1.
ONE: dict[str, Any] = {
    "read": "2026-11-21T15:30:55.84044644Z",
    "pids_stats": {"current": 2},
    "blkio_stats": {
        "io_service_bytes_recursive": [
            {"major": 8, "minor": 0, "op": "Read", "value": 4096},
            {"major": 8, "minor": 0, "op": "Write", "value": 8192},
            {"major": 8, "minor": 0, "op": "Total", "value": 12288},
        ],
        "io_serviced_recursive": [
            {"major": 8, "minor": 0, "op": "Read", "value": 1},
            {"major": 8, "minor": 0, "op": "Write", "value": 2},
        ],
    },
    "cpu_stats": {
        "cpu_usage": {
            "total_usage": 27498441,
            "percpu_usage": [25528233, 1970208],
            "usage_in_kernelmode": 10000000,
            "usage_in_usermode": 20000000,
        },
        "throttling_data": {"periods": 2, "throttled_periods": 1, "throttled_time": 1500000000},
    },
    "memory_stats": {
        "usage": 1036288,
        "max_usage": 4136960,
        "failcnt": 3,
        "stats": {
            "rss": 1,
            "cache": 2,
            "total_rss": 110592,
            "total_cache": 8192,
            "total_inactive_file": 4096,
            "total_mapped_file": 512,
            "total_pgfault": 1230,
            "total_pgmajfault": 7,
        },
        "limit": 67108864,
    },
    "networks": {"eth0": ETH0},
}
# As moby daemon/stats_unix.go fills it in with cgroup version 2.
TWO: dict[str, Any] = {
    "read": "2026-11-21T15:30:55.84044644Z",
    "pids_stats": {"current": 3, "limit": 18446744073709551615},
    "blkio_stats": {
        "io_service_bytes_recursive": [
            {"major": 254, "minor": 0, "op": "read", "value": 4096},
            {"major": 254, "minor": 0, "op": "write", "value": 0},
        ],
        "io_serviced_recursive": None,
    },
    "cpu_stats": {
        "cpu_usage": {"total_usage": 3_000_000, "usage_in_kernelmode": 1_000_000, "usage_in_usermode": 2_000_000},
        "throttling_data": {"periods": 0, "throttled_periods": 0, "throttled_time": 0},
    },
    "memory_stats": {
        "usage": 900,
        "stats": {"anon": 300, "file": 200, "inactive_file": 100, "file_mapped": 5, "pgfault": 6, "pgmajfault": 7},
        "limit": 8_000_000_000,
    },
    "networks": {"eth0": ETH0},
}
PODMAN: dict[str, Any] = {  # 4.3 has no breakdown of memory, with either cgroup version
    "cpu_stats": {
        "cpu_usage": {"total_usage": 147883634, "usage_in_kernelmode": 75995160, "usage_in_usermode": 71888474},
    },
    "pids_stats": {"current": 2},
    "blkio_stats": {"io_service_bytes_recursive": []},
    "memory_stats": {"usage": 16703488, "limit": 67108864},
    "networks": {"network": ETH0},
}
NOT_RUNNING = {"cpu_stats": {"cpu_usage": {"total_usage": 0}}, "memory_stats": {}, "pids_stats": {}}


def group(data: dict[str, Any], oom_kills: int = 0) -> ApiCgroup:
    stats = parse_stats(data, 100)
    assert stats is not None
    return ApiCgroup("/docker/a", stats, oom_kills)


def test_version_1():
    reported = group(ONE, oom_kills=4)
    assert (reported.path, reported.version) == ("/docker/a", 1)
    cpu = cgroup_values.cpu_times(reported.make_reader(cgroup_values.CPU)(), 100)
    assert cpu is not None
    assert (cpu.total, cpu.user, cpu.system) == pytest.approx((0.027498441, 0.02, 0.01))
    assert (cpu.periods, cpu.throttled_periods, cpu.throttled) == (2, 1, 1.5)
    memory = cgroup_memory.memory_usage(reported.make_reader(cgroup_memory.MEMORY)())
    assert memory == (1036288, 1036288 - 4096, 110592, 8192, 4)
    detail = cgroup_memory.memory_detail(reported.make_reader(cgroup_memory.MEMORY_DETAIL)())
    assert detail is not None
    assert (detail.mapped_file, detail.peak, detail.limit_hits) == (512, 4136960, 3)
    assert (detail.page_faults, detail.major_faults) == (1230, 7)
    assert cgroup_values.disk_io(reported.make_reader(cgroup_values.IO)()) == {"8:0": (4096, 8192, 1, 2)}
    assert cgroup_values.thread_counts(reported.make_reader(cgroup_values.THREADS)()) == (2, 0)


def test_version_2():
    reported = group(TWO, oom_kills=1)
    assert reported.version == 2
    cpu = cgroup_values.cpu_times(reported.make_reader(cgroup_values.CPU)(), 100)
    assert cpu is not None
    assert (cpu.total, cpu.user, cpu.system) == pytest.approx((0.003, 0.002, 0.001))
    assert cgroup_memory.memory_usage(reported.make_reader(cgroup_memory.MEMORY)()) == (900, 800, 300, 200, 1)
    assert cgroup_values.thread_counts(reported.make_reader(cgroup_values.THREADS)()) == (3, 0)
    limited = copy.deepcopy(TWO)
    limited["pids_stats"]["limit"] = 50
    assert cgroup_values.thread_counts(group(limited).make_reader(cgroup_values.THREADS)()) == (3, 50)


def test_missing_fields_have_no_value():
    for data in (ONE, TWO, PODMAN):
        reported = group(data)
        assert cgroup_values.count_processes(reported.make_reader(cgroup_values.PROCESSES)()) is None
        assert set(cgroup_values.pressure_totals(reported.make_reader(cgroup_values.PRESSURE)())) == {None}


def test_podman_reports_memory_usage_without_a_breakdown():
    reported = group(PODMAN)
    assert reported.make_reader(cgroup_memory.MEMORY)()[1:3] == (b"16703488", None)


def test_traffic_has_the_format_of_proc_net_dev():
    for data in (ONE, TWO, PODMAN):
        [counters] = procnet.parse_dev(group(data).net_dev).values()
        assert counters == (290, 3, 1, 2, 0, 0, 0, 0, 70, 4, 5, 6, 0, 0, 0, 0)
    assert procnet.parse_dev(group({**ONE, "networks": {"eth0: 1\n": ETH0}}).net_dev) == {}
    assert procnet.parse_dev(group({**ONE, "networks": None}).net_dev) == {}


@pytest.mark.parametrize("data", [NOT_RUNNING, {}, {"id": "a", "name": "/a", "os_type": "linux"}])
def test_a_stopped_container_has_no_statistics(data):
    assert parse_stats(data, 100) is None


def places(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    keys = data.keys() if isinstance(data, dict) else range(len(data)) if isinstance(data, list) else ()
    return [place for key in keys for place in [(*path, key), *places(data[key], (*path, key))]]


@given(
    st.sampled_from([(name, place) for name in ("ONE", "TWO", "PODMAN") for place in places(globals()[name])]),
    st.none() | st.text(max_size=4) | st.integers() | st.floats() | st.lists(st.integers(), max_size=2) | st.just({}),
)
def test_a_response_of_an_unexpected_shape_is_an_error(where, value):
    name, place = where
    data = copy.deepcopy(globals()[name])
    inner = data
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    try:
        parse_stats(data, 100)
    except (*UNREADABLE, ArithmeticError):
        pass
