"""Values of a control group's files, in base units and the same for versions 1 and 2.

For each topic the files, by version, and a function that takes what `Group.raw` returned of them. It returns None where
the group is gone or its kernel has no such controller, and raises ParseError, or ValueError where a number is none.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from deckwatch.exporter.sources.procfs import ParseError, decode_text, parse_pairs, parse_pressure, required_value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.sources.cgroup_files import Files, Raw

_NANO, _MICRO = 1e-9, 1e-6
_DEVICE_NUMBER = re.compile(rb"\d+:\d+")
_UNKNOWN_DEVICE = b"(unknown)"  # bdi_dev_name, mm/backing-dev.c

CPU: Files = {
    1: (("cpuacct", "cpuacct.usage"), ("cpuacct", "cpuacct.stat"), ("cpu", "cpu.stat")),
    2: (("", "cpu.stat"),),
}
# In version 1 those that include the groups below came with kernel 4.20.
IO: Files = {
    1: tuple(
        ("blkio", f"blkio.throttle.{name}_recursive", f"blkio.throttle.{name}")
        for name in ("io_service_bytes", "io_serviced")
    ),
    2: (("", "io.stat"),),
}
PROCESSES: Files = {1: (("pids", "cgroup.procs"),), 2: (("", "cgroup.procs"),)}
TASKS: Files = {1: (("pids", "tasks"),), 2: (("", "cgroup.threads"),)}
THREADS: Files = {1: (("pids", "pids.current"), ("pids", "pids.max")), 2: (("", "pids.current"), ("", "pids.max"))}
# Of a group of version 1 too, where the hierarchy of version 2 is mounted beside it.
PRESSURE: Files = dict.fromkeys((1, 2), tuple(("", f"{name}.pressure") for name in ("cpu", "memory", "io")))


class Cpu(NamedTuple):
    """Seconds of CPU time used, and the effect of the quota: periods, throttled periods and seconds, bursts."""

    total: float
    user: float
    system: float
    periods: int
    throttled_periods: int
    throttled: float
    burst_periods: int
    burst: float


class Io(NamedTuple):
    """Bytes and operations read and written on one device; operations are None where an engine does not report them."""

    read_bytes: int = 0
    written_bytes: int = 0
    reads: int | None = 0
    writes: int | None = 0


class Pressure(NamedTuple):
    """Seconds in which some tasks, and all of them, waited."""

    waiting: float
    stalled: float


def cpu_times(raw: Raw, user_hz: int) -> Cpu | None:
    """Return CPU times from CPU; `user_hz` is the system's USER_HZ, in which version 1 counts user and system time."""
    version, first, *more = raw
    if first is None:
        return None
    if version == 2:
        return parse_cpu_stat(first)
    split, quota = more
    return None if split is None else parse_cpuacct(first, split, quota or b"", user_hz)


def parse_cpu_stat(data: bytes) -> Cpu:
    """Return version 2's cpu.stat; the quota's lines are absent where the CPU controller is off."""
    fields = parse_pairs(data)
    return Cpu(
        total=required_value(fields, b"usage_usec") * _MICRO,
        user=required_value(fields, b"user_usec") * _MICRO,
        system=required_value(fields, b"system_usec") * _MICRO,
        periods=fields.get(b"nr_periods", 0),
        throttled_periods=fields.get(b"nr_throttled", 0),
        throttled=fields.get(b"throttled_usec", 0) * _MICRO,
        burst_periods=fields.get(b"nr_bursts", 0),
        burst=fields.get(b"burst_usec", 0) * _MICRO,
    )


def parse_cpuacct(usage: bytes, split: bytes, quota: bytes, user_hz: int) -> Cpu:
    """Return version 1's cpuacct.usage (ns), cpuacct.stat (ticks) and cpu.stat (ns)."""
    fields, limits = parse_pairs(split), parse_pairs(quota)
    return Cpu(
        total=int(usage) * _NANO,
        user=required_value(fields, b"user") / user_hz,
        system=required_value(fields, b"system") / user_hz,
        periods=limits.get(b"nr_periods", 0),
        throttled_periods=limits.get(b"nr_throttled", 0),
        throttled=limits.get(b"throttled_time", 0) * _NANO,
        burst_periods=limits.get(b"nr_bursts", 0),
        burst=limits.get(b"burst_time", 0) * _NANO,
    )


def disk_io(raw: Raw) -> dict[str, Io] | None:
    """Return reads and writes by device number (`8:0`), from IO.

    Version 1 does not see what the page cache writes later, and since Linux 6.10 it counts for a disk only after some
    limit was set on that disk (block/blk-throttle.c). Devices that were never used are left out.
    """
    version, size, *count = raw
    if size is None:
        return None
    if version == 2:
        return parse_io_stat(size)
    return None if count[0] is None else parse_blkio(size, count[0])


def parse_io_stat(data: bytes) -> dict[str, Io]:
    """Return version 2's io.stat.

    A device without figures gets no end of its line (block/blk-cgroup.c, Linux 5.14 to 6.5), so that one line may name
    several: the figures belong to the last. A disk that was removed is `(unknown)`. Newer kernels add keys and figures
    of latency and cost.
    """
    devices = {}
    for line in data.splitlines():
        number: str | None = None
        fields: dict[bytes, bytes] = {}
        for word in line.split():
            key, equals, value = word.partition(b"=")
            if equals:
                fields[key] = value
            elif word == _UNKNOWN_DEVICE or _DEVICE_NUMBER.fullmatch(word):
                number, fields = decode_text(word), {}
            else:
                raise ParseError(f"io.stat: {decode_text(line)!r}")
        if number is None:
            raise ParseError(f"io.stat: no device in {decode_text(line)!r}")
        read, written, *operations = (fields.get(key) for key in (b"rbytes", b"wbytes", b"rios", b"wios"))
        reads, writes = (None if count is None else int(count) for count in operations)
        device = Io(int(read or 0), int(written or 0), reads, writes)
        if any(device) and number != decode_text(_UNKNOWN_DEVICE):
            devices[number] = device
    return devices


def parse_blkio(size: bytes, count: bytes) -> dict[str, Io]:
    """Return version 1's io_service_bytes and io_serviced, whose lines are `8:0 Read 4096` and a closing `Total 0`."""
    sizes, counts = _values_by_device(size), _values_by_device(count)
    devices = {}
    for number in [*sizes, *(number for number in counts if number not in sizes)]:
        of_size, of_count = sizes.get(number, {}), counts.get(number, {})
        device = Io(*(of.get(word, 0) for of in (of_size, of_count) for word in (b"Read", b"Write")))
        if any(device):
            devices[number] = device
    return devices


def _values_by_device(data: bytes) -> dict[str, dict[bytes, int]]:
    devices: dict[str, dict[bytes, int]] = {}
    for line in data.splitlines():
        words = line.split()
        if words[:1] == [_UNKNOWN_DEVICE]:
            continue  # of a disk that was removed
        if len(words) == 3:
            devices.setdefault(decode_text(words[0]), {})[words[1]] = int(words[2])
        elif len(words) != 2 or words[0] != b"Total":
            raise ParseError(f"blkio: {decode_text(line)!r}")
    return devices


def count_processes(raw: Raw) -> int | None:
    """Return how many processes the group holds, from PROCESSES.

    In a separate process namespace, version 2 lists foreign processes as 0 and version 1 not at
    all: an empty list counts as missing, since a running container has at least one.
    """
    _, data = raw
    return len(data.split()) or None if data is not None else None


def list_pids(raw: Raw) -> list[int]:
    """Return the processes or threads of the group, from PROCESSES or TASKS, by their ids in the reader's namespace."""
    _, data = raw
    return [int(word) for word in (data or b"").split()]


def thread_counts(raw: Raw) -> tuple[int, int] | None:
    """Return the number of threads and its limit (0: none), from THREADS."""
    _, current, most = raw
    if current is None or most is None:
        return None
    return int(current), 0 if most.strip() == b"max" else int(most)


def pressure_totals(raw: Raw) -> Iterator[Pressure | None]:
    """Yield for CPU, memory and disks how long tasks waited, from PRESSURE."""
    for data in raw[1:]:
        if data is None:
            yield None
        else:
            totals = parse_pressure(data)
            # The CPU had no line `full` before Linux 5.13.
            yield Pressure(required_value(totals, "some") * _MICRO, totals.get("full", 0) * _MICRO)
