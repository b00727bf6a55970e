"""Parsers of cgroup files, on content written by kernels 6.1 (version 2) and 6.18 (version 1)."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deckwatch.exporter.sources import cgroup_memory
from deckwatch.exporter.sources import cgroup_values as values
from deckwatch.exporter.sources.cgroup_memory import Memory, MemoryDetail
from deckwatch.exporter.sources.cgroup_values import Cpu, Io, Pressure

if TYPE_CHECKING:
    from collections.abc import Callable

    from deckwatch.exporter.sources.cgroup_files import Files, Raw

CPU_STAT = b"""usage_usec 2402611
user_usec 2095984
system_usec 306626
nr_periods 48
nr_throttled 47
throttled_usec 3799458
nr_bursts 0
burst_usec 0
"""
IO_STAT = b"""8:0 rbytes=90112 wbytes=4096 rios=5 wios=1 dbytes=0 dios=0
7:0
253:0 rbytes=0 wbytes=0 rios=0 wios=0 dbytes=0 dios=0
259:1 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6 cost.usage=7 rios.avg=8
"""
BYTES = b"""254:0 Read 655360
254:0 Write 1310720
254:0 Sync 1966080
254:0 Async 0
254:0 Discard 0
254:0 Total 1966080
7:0 Read 0
7:0 Write 0
Total 1966080
"""
COUNTS = BYTES.replace(b"655360", b"10").replace(b"1310720", b"20").replace(b"1966080", b"30")


class Group:
    """Files by controller and name, instead of a cgroup."""

    def __init__(self, version: int, files: dict[tuple[str, str], bytes]) -> None:
        self.version = version
        self.files = files

    def raw(self, files: Files) -> Raw:
        contents = [
            next((self.files[file[0], name] for name in file[1:] if (file[0], name) in self.files), None)
            for file in files[self.version]
        ]
        return (self.version, *contents)


TOPICS: dict[str, tuple[Files, Callable[..., object]]] = {
    "cpu": (values.CPU, values.cpu_times),
    "memory": (cgroup_memory.MEMORY, cgroup_memory.memory_usage),
    "memory_detail": (cgroup_memory.MEMORY_DETAIL, cgroup_memory.memory_detail),
    "memory_reclaim": (cgroup_memory.MEMORY_RECLAIM, cgroup_memory.memory_reclaim),
    "io": (values.IO, values.disk_io),
    "processes": (values.PROCESSES, values.count_processes),
    "threads": (values.THREADS, values.thread_counts),
    "pressure": (values.PRESSURE, values.pressure_totals),
}


def read(topic: str, version: int, files: dict[tuple[str, str], bytes], *more: object) -> object:
    """Return the values of a topic, from a cgroup with these files."""
    topic_files, parse = TOPICS[topic]
    result = parse(Group(version, files).raw(topic_files), *more)
    return list(result) if topic == "pressure" else result


def test_cpu_of_version_2():
    cpu = read("cpu", 2, {("", "cpu.stat"): CPU_STAT}, 100)
    assert cpu == pytest.approx(Cpu(2.402611, 2.095984, 0.306626, 48, 47, 3.799458, 0, 0.0))


def test_cpu_without_the_controller_has_no_quota():
    cpu = values.parse_cpu_stat(CPU_STAT.partition(b"nr_periods")[0])
    assert (cpu.total, cpu.periods, cpu.throttled) == (pytest.approx(2.402611), 0, 0)


def test_cpu_of_version_1():
    files = {
        ("cpuacct", "cpuacct.usage"): b"42047683\n",
        ("cpuacct", "cpuacct.stat"): b"user 3\nsystem 1\n",
        ("cpu", "cpu.stat"): b"nr_periods 9\nnr_throttled 2\nthrottled_time 1500000000\nnr_bursts 0\nburst_time 0\n",
    }
    cpu = read("cpu", 1, files, 100)
    assert cpu == pytest.approx(Cpu(0.042047683, 0.03, 0.01, 9, 2, 1.5, 0, 0.0))
    del files["cpu", "cpu.stat"]
    assert read("cpu", 1, files, 100).periods == 0


def test_memory_of_version_2():
    files = {
        ("", "memory.current"): b"1000\n",
        ("", "memory.stat"): b"anon 100\nfile 800\nfile_mapped 7\ninactive_file 300\npgfault 5\npgmajfault 2\n",
        ("", "memory.events"): b"low 0\nhigh 0\nmax 35\noom 1\noom_kill 1\noom_group_kill 0\n",
        ("", "memory.peak"): b"2000\n",
        ("", "memory.swap.current"): b"50\n",
    }
    assert read("memory", 2, files) == Memory(1000, 700, 100, 800, 1)
    assert read("memory_detail", 2, files) == MemoryDetail(50, 7, 2000, 35, 5, 2)
    del files["", "memory.peak"]
    assert read("memory_detail", 2, files).peak is None


def test_memory_of_version_1_includes_descendants():
    files = {
        ("memory", "memory.usage_in_bytes"): b"1000\n",
        ("memory", "memory.stat"): b"rss 1\ncache 1\ninactive_file 1\ntotal_rss 100\ntotal_cache 800\n"
        b"total_inactive_file 1200\ntotal_mapped_file 7\ntotal_pgfault 5\ntotal_pgmajfault 2\n",
        ("memory", "memory.oom_control"): b"oom_kill_disable 0\nunder_oom 0\noom_kill 3\n",
        ("memory", "memory.max_usage_in_bytes"): b"2000\n",
        ("memory", "memory.failcnt"): b"35\n",
    }
    assert read("memory", 1, files) == Memory(1000, 0, 100, 800, 3)
    assert read("memory_detail", 1, files) == MemoryDetail(None, 7, 2000, 35, 5, 2)


def test_memory_reclaim_counters():
    files = {
        ("", "memory.stat"): b"active_file 1\ninactive_file 2\nkernel 3\nfile_dirty 4\npgscan 5\npgscan_kswapd 50\n",
        ("", "memory.events"): b"low 0\nhigh 6\nmax 7\noom 1\noom_kill 1\n",
    }
    assert read("memory_reclaim", 2, files) == {
        b"active_file": 1,
        b"inactive_file": 2,
        b"kernel": 3,
        b"file_dirty": 4,
        b"pgscan": 5,
        b"high": 6,
        b"max": 7,
    }
    del files["", "memory.events"]
    assert b"high" not in read("memory_reclaim", 2, files)
    files = {
        ("memory", "memory.stat"): b"active_file 9\ntotal_active_file 1\ntotal_dirty 4\n",
        ("memory", "memory.kmem.usage_in_bytes"): b"3\n",
    }
    assert read("memory_reclaim", 1, files) == {b"active_file": 1, b"file_dirty": 4, b"kernel": 3}
    assert read("memory_reclaim", 1, {}) == {}


def test_io_of_version_2_omits_unused_devices():
    devices = read("io", 2, {("", "io.stat"): IO_STAT})
    assert devices == {"8:0": Io(90112, 4096, 5, 1), "259:1": Io(1, 2, 3, 4)}
    assert read("io", 2, {("", "io.stat"): b""}) == {}


@pytest.mark.parametrize("end", ["_recursive", ""])
def test_io_of_version_1(end):
    files = {
        ("blkio", f"blkio.throttle.io_service_bytes{end}"): BYTES,
        ("blkio", f"blkio.throttle.io_serviced{end}"): COUNTS,
    }
    assert read("io", 1, files) == {"254:0": Io(655360, 1310720, 10, 20)}


def test_processes_and_threads():
    assert read("processes", 2, {("", "cgroup.procs"): b"96\n0\n0\n"}) == 3
    assert read("processes", 1, {("pids", "cgroup.procs"): b""}) is None
    two = {("", "pids.current"): b"3\n", ("", "pids.max"): b"max\n"}
    assert read("threads", 2, two) == (3, 0)
    assert read("threads", 2, two | {("", "pids.max"): b"50\n"}) == (3, 50)


def test_pressure():
    some = b"some avg10=0.00 avg60=0.00 avg300=0.00 total=7253\n"
    full = b"full avg10=0.00 avg60=0.00 avg300=0.00 total=3012\n"
    files = {("", "cpu.pressure"): some, ("", "io.pressure"): some + full}
    for version in (1, 2):
        cpu, memory, io = read("pressure", version, files)
        assert memory is None
        assert cpu == pytest.approx(Pressure(0.007253, 0.0))
        assert io == pytest.approx(Pressure(0.007253, 0.003012))


@pytest.mark.parametrize("version", [1, 2])
def test_a_removed_cgroup_has_no_values(version):
    assert read("cpu", version, {}, 100) is None
    assert read("memory", version, {}) is None
    assert read("memory_detail", version, {}) is None
    assert read("io", version, {}) is None
    assert read("processes", version, {}) is None
    assert read("threads", version, {}) is None
    assert read("pressure", version, {}) == [None] * 3


WORDS = st.sampled_from(
    [b"8:0", b"Read", b"Total", b"4096", b"-1", b"x", b"rbytes=1", b"rbytes=x", b"total=5", b"some"]
)
FILES = st.binary(max_size=60) | st.lists(st.lists(WORDS, max_size=4).map(b" ".join), max_size=4).map(b"\n".join)


@given(FILES, FILES)
def test_parsers_raise_only_value_errors(one, other):
    for parse in (
        values.parse_cpu_stat,
        values.parse_io_stat,
        lambda data: values.parse_blkio(data, other),
        lambda data: values.parse_cpuacct(data, other, other, 100),
        lambda data: read("pressure", 2, {("", "cpu.pressure"): data}),
    ):
        with contextlib.suppress(ValueError):
            assert parse(one) is not None
