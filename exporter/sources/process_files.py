"""Files of /proc/<pid> that are read for many processes at every scrape, parsed by position and by search.

stat, status, io, limits, statm and smaps_rollup (fs/proc/array.c, fs/proc/base.c, fs/proc/task_mmu.c; proc(5)).
"""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from deckwatch.exporter.sources.procfs import ParseError, decode_text

# A process that has ended: opening its folder fails with ENOENT, reading an open file of it with ESRCH.
ENDED = (FileNotFoundError, NotADirectoryError, ProcessLookupError)

_MAX_BYTES = 16_384  # of a file; a longer command line is cut
_STAT_FIELDS = 22  # behind the name
_KIB = 1024
_OPEN_FILES = re.compile(rb"^Max open files +(\d+|unlimited)", re.MULTILINE)
_CONTAINER = re.compile(rb"(?<![0-9a-f])([0-9a-f]{64})(?![0-9a-f])")
_MONITOR = b"conmon-"  # before the id in the group of Podman's monitor, which is not in the container


class Stat(NamedTuple):
    """Fields of a stat file: times in ticks (USER_HZ a second), `start` since boot; memory in bytes and in pages."""

    comm: bytes
    state: bytes
    parent: int
    minor_faults: int
    major_faults: int
    user_ticks: int
    system_ticks: int
    threads: int
    start_ticks: int
    virtual_bytes: int
    resident_pages: int


class Status(NamedTuple):
    """Lines of a status file. Kernel threads have no memory, and so 0 bytes in swap."""

    swapped_bytes: int
    voluntary_switches: int
    nonvoluntary_switches: int


def read_file(folder: int, path: str) -> bytes:
    """Return a file below a folder's descriptor, up to 16 KiB, by one read; raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder)
    try:
        return os.read(descriptor, _MAX_BYTES)
    finally:
        os.close(descriptor)


def parse_stat(data: bytes) -> Stat:
    """Return the fields of a stat file; raises ParseError, and ValueError where a number is none."""
    # The name in field 2 is in brackets and may contain spaces and brackets.
    start, end = data.find(b"("), data.rfind(b")")
    words = data[end + 1 :].split(None, _STAT_FIELDS)
    if start < 0 or end < start or len(words) < _STAT_FIELDS:
        raise ParseError(f"/proc/<pid>/stat: {len(words)} fields behind the name")
    return Stat(
        data[start + 1 : end],
        words[0],
        int(words[1]),
        int(words[7]),
        int(words[9]),
        int(words[11]),
        int(words[12]),
        int(words[17]),
        int(words[19]),
        int(words[20]),
        int(words[21]),
    )


def parse_status(data: bytes) -> Status:
    """Return swap in bytes and the context switches from a status file; raises ParseError and ValueError."""
    swapped = _find_number(data, b"\nVmSwap:")
    voluntary = _find_number(data, b"\nvoluntary_ctxt_switches:")
    nonvoluntary = _find_number(data, b"\nnonvoluntary_ctxt_switches:")
    if voluntary is None or nonvoluntary is None:
        raise ParseError("/proc/<pid>/status: no context switches")
    return Status((swapped or 0) * _KIB, voluntary, nonvoluntary)


def parse_io(data: bytes) -> tuple[int, int]:
    """Return the bytes that a process has read from and written to disks; raises ParseError and ValueError."""
    read, written = _find_number(data, b"\nread_bytes:"), _find_number(data, b"\nwrite_bytes:")
    if read is None or written is None:
        raise ParseError("/proc/<pid>/io: no read_bytes or no write_bytes")
    return read, written


def parse_open_files_limit(data: bytes) -> float:
    """Return the soft limit of open files from a limits file, infinity for none; raises ParseError."""
    match = _OPEN_FILES.search(data)
    if match is None:
        raise ParseError("/proc/<pid>/limits: no Max open files")
    return float("inf") if match[1] == b"unlimited" else float(match[1])


def parse_private_pages(data: bytes) -> int:
    """Return from a statm file the resident pages that are neither of a file nor shared; raises ParseError."""
    words = data.split(None, 3)
    if len(words) < 3:
        raise ParseError(f"/proc/<pid>/statm: {len(words)} fields")
    return max(0, int(words[1]) - int(words[2]))


def parse_rollup(data: bytes) -> tuple[int, int]:
    """Return the proportional memory and the proportional swap in bytes from smaps_rollup; raises ParseError."""
    resident, swapped = _find_number(data, b"\nPss:"), _find_number(data, b"\nSwapPss:")
    if resident is None:
        raise ParseError("/proc/<pid>/smaps_rollup: no Pss")
    return resident * _KIB, (swapped or 0) * _KIB


def parse_container_id(data: bytes) -> str:
    """Return the container's id in a cgroup file, the innermost one; empty for a process of the host."""
    for line in data.split(b"\n"):
        matches = list(_CONTAINER.finditer(line))
        if matches and not line[: matches[-1].start()].endswith(_MONITOR):
            return decode_text(matches[-1][1])
    return ""


def count_open_files(folder: int, pid: str, *, has_size: bool) -> int:
    """Return the number of a process's open files; raises OSError.

    Linux 6.2 and later has it as the size of the folder (`has_size`); earlier kernels have 0 there, and each is listed.
    """
    if has_size and (size := os.stat(f"{pid}/fd", dir_fd=folder).st_size):
        return size
    descriptor = os.open(f"{pid}/fd", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
    try:
        return len(os.listdir(descriptor))  # noqa: PTH208 - of a descriptor
    finally:
        os.close(descriptor)


def _find_number(data: bytes, heading: bytes) -> int | None:
    """Return the number behind a heading; None without the heading."""
    at = data.find(heading)
    if at < 0:
        return None
    at += len(heading)
    end = data.find(b"\n", at)
    words = data[at : end if end >= 0 else len(data)].split(None, 1)
    if not words:
        raise ParseError(f"/proc/<pid>: no value for {decode_text(heading.strip())}")
    return int(words[0])
