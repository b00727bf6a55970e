"""What a control group's files say, in base units and the same for versions 1 and 2.

Parsers take what the kernel wrote and raise ParseError, or ValueError where a number is none. Each reader returns None
where the group is gone or its kernel has no such controller.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from exporter.sources.procfs import ParseError, parse_pairs, parse_pressure, split_pairs, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exporter.sources.cgroup import Group

_NANO, _MICRO = 1e-9, 1e-6

_Key = TypeVar("_Key", str, bytes)
_Value = TypeVar("_Value")


class Cpu(NamedTuple):
    """Seconds of CPU time used so far, and what the quota did: periods, throttled periods and seconds, bursts."""

    total: float
    user: float
    system: float
    periods: int
    throttled_periods: int
    throttled: float
    burst_periods: int
    burst: float


class Memory(NamedTuple):
    """Bytes in use, and what of them is what. `limit_hits` counts allocations that met the limit."""

    usage: int
    working_set: int
    rss: int
    cache: int
    oom_kills: int


class MemoryDetail(NamedTuple):
    """More of memory: bytes, and counts of events and pages. `peak` is None before kernel 5.19 with version 2."""

    swap: int
    mapped_file: int
    peak: int | None
    limit_hits: int
    page_faults: int
    major_faults: int


class Io(NamedTuple):
    """Bytes and operations read and written on one device."""

    read_bytes: int = 0
    written_bytes: int = 0
    reads: int = 0
    writes: int = 0


class Pressure(NamedTuple):
    """Seconds in which some tasks, and all of them, waited."""

    waiting: float
    stalled: float


def cpu(group: Group, user_hz: int) -> Cpu | None:
    """Return CPU times: cpu.stat, or cpuacct.usage, cpuacct.stat and cpu.stat."""
    if group.version == 2:
        data = group.read("", "cpu.stat")
        return None if data is None else parse_cpu_stat(data)
    usage, split, quota = (
        group.read("cpuacct", "cpuacct.usage"),
        group.read("cpuacct", "cpuacct.stat"),
        group.read("cpu", "cpu.stat"),
    )
    if usage is None or split is None:
        return None
    return parse_cpuacct(usage, split, quota or b"", user_hz)


def parse_cpu_stat(data: bytes) -> Cpu:
    """Return version 2's cpu.stat; the quota's lines are absent where the CPU controller is off."""
    found = parse_pairs(data)
    return Cpu(
        total=_need(found, b"usage_usec") * _MICRO,
        user=_need(found, b"user_usec") * _MICRO,
        system=_need(found, b"system_usec") * _MICRO,
        periods=found.get(b"nr_periods", 0),
        throttled_periods=found.get(b"nr_throttled", 0),
        throttled=found.get(b"throttled_usec", 0) * _MICRO,
        burst_periods=found.get(b"nr_bursts", 0),
        burst=found.get(b"burst_usec", 0) * _MICRO,
    )


def parse_cpuacct(usage: bytes, split: bytes, quota: bytes, user_hz: int) -> Cpu:
    """Return version 1's cpuacct.usage (ns), cpuacct.stat (ticks) and cpu.stat (ns)."""
    found, limits = parse_pairs(split), parse_pairs(quota)
    return Cpu(
        total=int(usage) * _NANO,
        user=_need(found, b"user") / user_hz,
        system=_need(found, b"system") / user_hz,
        periods=limits.get(b"nr_periods", 0),
        throttled_periods=limits.get(b"nr_throttled", 0),
        throttled=limits.get(b"throttled_time", 0) * _NANO,
        burst_periods=limits.get(b"nr_bursts", 0),
        burst=limits.get(b"burst_time", 0) * _NANO,
    )


def memory(group: Group) -> Memory | None:
    """Return memory: memory.current, .stat and .events, or memory.usage_in_bytes, .stat and .oom_control.

    The working set is what is in use less the file pages that were not used lately (inactive_file): what the kernel
    could not take back without harm.
    """
    two = group.version == 2
    usage = group.read(*(("", "memory.current") if two else ("memory", "memory.usage_in_bytes")))
    stat = group.read(*(("", "memory.stat") if two else ("memory", "memory.stat")))
    events = group.read(*(("", "memory.events") if two else ("memory", "memory.oom_control")))
    if usage is None or stat is None:
        return None
    found, used = split_pairs(stat), int(usage)
    names = (b"inactive_file", b"anon", b"file") if two else (b"total_inactive_file", b"total_rss", b"total_cache")
    inactive, rss, cache = (int(_need(found, name)) for name in names)
    return Memory(
        usage=used,
        working_set=max(0, used - inactive),
        rss=rss,
        cache=cache,
        oom_kills=parse_pairs(events or b"").get(b"oom_kill", 0),
    )


def memory_detail(group: Group) -> MemoryDetail | None:
    """Return the rest of what memory.stat and its neighbours say."""
    two = group.version == 2
    stat = group.read("" if two else "memory", "memory.stat")
    if stat is None:
        return None
    found = parse_pairs(stat)
    if two:
        peak = group.read("", "memory.peak")
        return MemoryDetail(
            swap=int(group.read("", "memory.swap.current") or 0),
            mapped_file=_need(found, b"file_mapped"),
            peak=None if peak is None else int(peak),
            limit_hits=parse_pairs(group.read("", "memory.events") or b"").get(b"max", 0),
            page_faults=_need(found, b"pgfault"),
            major_faults=_need(found, b"pgmajfault"),
        )
    return MemoryDetail(
        swap=found.get(b"total_swap", 0),  # the line is absent without swap accounting
        mapped_file=_need(found, b"total_mapped_file"),
        peak=int(group.read("memory", "memory.max_usage_in_bytes") or 0),
        limit_hits=int(group.read("memory", "memory.failcnt") or 0),
        page_faults=_need(found, b"total_pgfault"),
        major_faults=_need(found, b"total_pgmajfault"),
    )


def io(group: Group) -> dict[str, Io] | None:
    """Return reads and writes by device number (`8:0`): io.stat, or blkio.throttle.io_service{_bytes,d}.

    Version 1 does not see what the page cache writes later, and since Linux 6.10 it counts for a disk only after some
    limit was set on that disk (block/blk-throttle.c). Devices that were never used are left out.
    """
    if group.version == 2:
        data = group.read("", "io.stat")
        return None if data is None else parse_io_stat(data)
    size, count = _blkio(group, "io_service_bytes"), _blkio(group, "io_serviced")
    if size is None or count is None:
        return None
    return parse_blkio(size, count)


def _blkio(group: Group, name: str) -> bytes | None:
    """Return a file of blkio; those that include the groups below came with kernel 4.20."""
    data = group.read("blkio", f"blkio.throttle.{name}_recursive")
    return group.read("blkio", f"blkio.throttle.{name}") if data is None else data


def parse_io_stat(data: bytes) -> dict[str, Io]:
    """Return version 2's io.stat."""
    devices = {}
    for line in data.splitlines():
        words = line.split()
        if not words or b":" not in words[0]:
            raise ParseError(f"io.stat: {text(line)!r}")
        # A line may name the device only, and newer kernels add keys and figures of latency.
        found = dict(word.split(b"=", 1) for word in words[1:] if b"=" in word)
        device = Io(*(int(found.get(key, 0)) for key in (b"rbytes", b"wbytes", b"rios", b"wios")))
        if any(device):
            devices[text(words[0])] = device
    return devices


def parse_blkio(size: bytes, count: bytes) -> dict[str, Io]:
    """Return version 1's io_service_bytes and io_serviced, whose lines are `8:0 Read 4096` and a closing `Total 0`."""
    sizes, counts = _by_device(size), _by_device(count)
    devices = {}
    for number in [*sizes, *(number for number in counts if number not in sizes)]:
        of_size, of_count = sizes.get(number, {}), counts.get(number, {})
        device = Io(*(of.get(word, 0) for of in (of_size, of_count) for word in (b"Read", b"Write")))
        if any(device):
            devices[number] = device
    return devices


def _by_device(data: bytes) -> dict[str, dict[bytes, int]]:
    devices: dict[str, dict[bytes, int]] = {}
    for line in data.splitlines():
        words = line.split()
        if len(words) == 3:
            devices.setdefault(text(words[0]), {})[words[1]] = int(words[2])
        elif len(words) != 2 or words[0] != b"Total":
            raise ParseError(f"blkio: {text(line)!r}")
    return devices


def processes(group: Group) -> int | None:
    """Return how many processes the group holds, from cgroup.procs.

    Where the reader has a process namespace of its own, version 2 lists foreign processes as 0 and version 1 not at
    all: an empty list is no answer, since a running container has at least one. Version 1 makes the list once for
    each opening and then goes on telling it as long as it is read every second (kernel/cgroup/cgroup-v1.c).
    """
    data = group.read("", "cgroup.procs") if group.version == 2 else group.read("pids", "cgroup.procs", once=True)
    return len(data.split()) or None if data is not None else None


def threads(group: Group) -> tuple[int, int] | None:
    """Return how many threads there are and how many there may be (0 is no limit), from pids.current and pids.max."""
    controller = "" if group.version == 2 else "pids"
    current, most = group.read(controller, "pids.current"), group.read(controller, "pids.max")
    if current is None or most is None:
        return None
    return int(current), 0 if most.strip() == b"max" else int(most)


def pressure(group: Group, resource: str) -> Pressure | None:
    """Return for `cpu`, `memory` or `io` how long tasks waited; the tree of version 2 has it, beside version 1 too."""
    data = group.read("", f"{resource}.pressure")
    if data is None:
        return None
    totals = parse_pressure(data)
    # The CPU had no line `full` before Linux 5.13.
    return Pressure(_need(totals, "some") * _MICRO, totals.get("full", 0) * _MICRO)


def _need(found: Mapping[_Key, _Value], key: _Key) -> _Value:
    value = found.get(key)
    if value is None:
        raise ParseError(f"no line {key!r}")
    return value
