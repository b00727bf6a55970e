"""The host's /proc and /sys: readers of their files, and parsers for those of the whole machine.

A parser takes what the kernel wrote and returns numbers in the kernel's own units, which its docstring says. It raises
ParseError, or ValueError where a number is none, and nothing else. proc(5) and the kernel's own
Documentation/filesystems/proc.rst describe the files.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from deckwatch.exporter.sources.files import KeptFiles, read_once
from deckwatch.exporter.world import NoData

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from deckwatch.exporter.world import World

T = TypeVar("T")
_Key = TypeVar("_Key", str, bytes)
_Value = TypeVar("_Value")

# ENOENT and ENOTDIR: this kernel has no such file.
_ABSENT = (FileNotFoundError, NotADirectoryError)


class ParseError(ValueError):
    """A file of the kernel does not read as documented."""


def read_proc(world: World, name: str) -> bytes:
    """Return `<procfs>/name`, through a kept descriptor; raises NoData where the kernel has no such file."""
    try:
        return world.source(KeptFiles).read(f"{world.procfs}/{name}")
    except _ABSENT:
        raise NoData(f"this kernel has no /proc/{name}") from None


def read_sys(world: World, name: str, *, keep: bool = True) -> bytes:
    """Return `<sysfs>/name` without the line's end; raises NoData where it is absent.

    `keep` is for what is read at every scrape, and leaves a descriptor open for the next.
    """
    path = f"{world.sysfs}/{name}"
    try:
        return (world.source(KeptFiles).read(path) if keep else read_once(path)).rstrip(b"\n")
    except _ABSENT:
        raise NoData(f"this kernel has no /sys/{name}") from None
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        raise ParseError(f"/sys: {name[:60]!r}… is not a file name") from None  # part of it is from a malformed file


def list_sys(world: World, name: str) -> list[str]:
    """Return the sorted names in the folder `<sysfs>/name`; raises NoData where it is absent."""
    try:
        return sorted(os.listdir(f"{world.sysfs}/{name}"))  # noqa: PTH208 - a Path for each name costs 2 µs
    except _ABSENT:
        raise NoData(f"this kernel has no /sys/{name}") from None


def read_init(world: World, name: str) -> bytes:
    """Return `<procfs>/1/name`, which shows the host even if the exporter runs in other namespaces.

    Where process 1 is hidden (the mount option hidepid) and the exporter runs beside it, not in a container, its own
    file says the same. Raises NoData where there is neither.
    """
    return read_init_or_self(world, name, read_once)


def read_init_or_self(world: World, name: str, read: Callable[[str], T]) -> T:
    """Apply `read` to the path that `read_init` reads; for files too long to hold in memory."""
    try:
        return read(f"{world.procfs}/1/{name}")
    except PermissionError:
        if not runs_on_host(world):
            raise
    except _ABSENT:
        if not runs_on_host(world):
            raise NoData(f"no /proc/1/{name}") from None
    try:
        return read(f"{world.procfs}/self/{name}")
    except _ABSENT:
        raise NoData(f"no /proc/1/{name} and no /proc/self/{name}") from None


def runs_on_host(world: World) -> bool:
    """Return whether the exporter runs on the host itself: its own view of network and mounts is then the host's."""
    return str(world.rootfs) == "/"


def decode_text(data: bytes) -> str:
    """Return a name or a line as text; what is not UTF-8 is replaced."""
    return data.decode("utf-8", "replace")


def parse_cpus(data: bytes) -> dict[str, tuple[int, ...]]:
    """Return from /proc/stat for each CPU online the ticks (USER_HZ a second) in each mode.

    In the file's order: user, nice, system, idle, iowait, irq, softirq, steal, guest, guest_nice; old kernels end
    earlier.
    """
    cpus: dict[str, tuple[int, ...]] = {}
    for line in data.split(b"\n"):
        if not line.startswith(b"cpu"):
            if cpus:
                break  # the lines of CPUs stand together at the top; `intr` below is long
            continue
        name, *ticks = line.split()
        if len(ticks) < 4:
            raise ParseError(f"/proc/stat: too few columns for {decode_text(name)}")
        if name != b"cpu":  # the sum of all
            cpus[decode_text(name[3:])] = tuple(map(int, ticks))
    if not cpus:
        raise ParseError("/proc/stat: no CPUs")
    return cpus


def parse_stat(data: bytes) -> dict[bytes, int]:
    """Return the first number of each line of /proc/stat that is not of a CPU: ctxt, btime, intr (the sum), …."""
    result = {}
    for line in data.split(b"\n"):
        if line and not line.startswith(b"cpu"):
            name, *values = line.split(b" ", 2)
            if not values:
                raise ParseError(f"/proc/stat: no value for {decode_text(name)}")
            result[name] = int(values[0])
    return result


class Amount(NamedTuple):
    """One line of /proc/meminfo: bytes where the kernel writes kB, a count elsewhere."""

    value: int
    in_bytes: bool


def parse_meminfo(data: bytes) -> dict[bytes, Amount]:
    """Return /proc/meminfo by the kernel's names: MemTotal, Active(anon), HugePages_Total, …."""
    result = {}
    for line in data.split(b"\n"):
        name, _, rest = line.partition(b":")
        words = rest.split()
        if words:
            in_bytes = words[1:] == [b"kB"]
            result[name] = Amount(int(words[0]) * 1024 if in_bytes else int(words[0]), in_bytes)
        elif line:
            raise ParseError(f"/proc/meminfo: {decode_text(line)!r}")
    return result


def parse_pairs(data: bytes) -> dict[bytes, int]:
    """Return a file of lines `name number`: /proc/vmstat, /proc/net/snmp6."""
    return {name: int(value) for name, value in split_pairs(data).items()}


def split_pairs(data: bytes) -> dict[bytes, bytes]:
    """Return a file of lines `name number` with unparsed numbers, for long files of which few are needed."""
    words = data.split()
    if len(words) % 2:
        raise ParseError("a name without a number")
    return dict(zip(words[::2], words[1::2], strict=True))


def required_value(values: Mapping[_Key, _Value], key: _Key) -> _Value:
    """Return the value of a line that every kernel writes; raises ParseError where it is missing."""
    value = values.get(key)
    if value is None:
        raise ParseError(f"no line {key!r}")
    return value


class Disk(NamedTuple):
    """One line of /proc/diskstats: device numbers, name, and its 11 to 17 counters."""

    major: str
    minor: str
    name: str
    counters: tuple[int, ...]


def parse_diskstats(data: bytes) -> list[Disk]:
    """Return the block devices of /proc/diskstats; sectors are of 512 bytes, times in milliseconds.

    Documentation/admin-guide/iostats.rst has the columns: 11 since Linux 2.6, 15 (discards) since 4.18, 17 (flushes)
    since 5.5.
    """
    disks = []
    for line in data.splitlines():
        words = line.split()
        if len(words) < 14:
            raise ParseError(f"/proc/diskstats: {len(words)} columns")
        disks.append(
            Disk(decode_text(words[0]), decode_text(words[1]), decode_text(words[2]), tuple(map(int, words[3:])))
        )
    return disks


def parse_pressure(data: bytes) -> dict[str, int]:
    """Return from a file of /proc/pressure the total stall time in microseconds of `some` and of `full`."""
    totals = {}
    for line in data.split(b"\n"):
        share, _, rest = line.partition(b" ")
        if share:
            _, separator, total = rest.partition(b"total=")
            if not separator:
                raise ParseError(f"/proc/pressure: no total for {decode_text(share)}")
            totals[decode_text(share)] = int(total)
    return totals


def parse_schedstat(data: bytes) -> dict[str, tuple[int, int, int]]:
    """Return from /proc/schedstat for each CPU the nanoseconds tasks ran, those they waited, and how often they ran."""
    result = {}
    for line in data.splitlines():
        words = line.split()
        if words and words[0].startswith(b"cpu"):
            if len(words) < 10:
                raise ParseError(f"/proc/schedstat: {len(words)} columns")
            result[decode_text(words[0][3:])] = (int(words[7]), int(words[8]), int(words[9]))
    if not result:
        raise ParseError("/proc/schedstat: no CPUs")
    return result


def parse_numbers(data: bytes, at_least: int = 1) -> list[int]:
    """Return a line of whole numbers, such as /proc/sys/fs/file-nr: allocated, free, maximum."""
    numbers = [int(word) for word in data.split()]
    if len(numbers) < at_least:
        raise ParseError(f"{len(numbers)} numbers, not {at_least}")
    return numbers


def parse_loadavg(data: bytes) -> tuple[float, float, float]:
    """Return the load averages over 1, 5 and 15 minutes."""
    words = data.split()
    if len(words) < 3:
        raise ParseError("/proc/loadavg: fewer than three numbers")
    return float(words[0]), float(words[1]), float(words[2])
