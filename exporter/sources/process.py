"""One process: /proc/<pid>/stat and limits (fs/proc/array.c, fs/proc/base.c; proc(5))."""

from __future__ import annotations

from typing import NamedTuple

from deckwatch.exporter.sources.procfs import ParseError, decode_text


class Usage(NamedTuple):
    """CPU time in ticks (USER_HZ a second), its start in ticks since boot, memory in bytes and in pages."""

    cpu_ticks: int
    start_ticks: int
    virtual_bytes: int
    resident_pages: int


class Limits(NamedTuple):
    """Soft limits; infinity where there is none."""

    open_files: float
    address_space_bytes: float


def parse_stat(data: bytes) -> Usage:
    """Return fields 14 and 15 (utime and stime, together), 22, 23 and 24 of a stat file."""
    # The name in field 2 is in brackets and may contain spaces and brackets.
    words = data.rpartition(b")")[2].split()
    if len(words) < 22:
        raise ParseError(f"/proc/<pid>/stat: {len(words)} fields behind the name")
    return Usage(int(words[11]) + int(words[12]), int(words[19]), int(words[20]), int(words[21]))


class Condition(NamedTuple):
    """The letter of a task's state (R running, S sleeping, D waiting for a disk, Z ended, …), and its threads."""

    state: str
    threads: int


def parse_condition(data: bytes) -> Condition:
    """Return fields 3 and 20 of a stat file."""
    words = data.rpartition(b")")[2].split(None, 18)
    if len(words) < 18:
        raise ParseError(f"/proc/<pid>/stat: {len(words)} fields behind the name")
    return Condition(decode_text(words[0]), int(words[17]))


def parse_limits(data: bytes) -> Limits:
    """Return the soft limits of open files and of address space from a limits file."""
    soft: dict[bytes, float] = {}
    for name in (b"Max open files", b"Max address space"):
        _, separator, rest = data.partition(name)
        words = rest.split(None, 1)
        if not separator or not words:
            raise ParseError(f"/proc/<pid>/limits: no {name.decode()}")
        soft[name] = float("inf") if words[0] == b"unlimited" else float(words[0])
    return Limits(*soft.values())
