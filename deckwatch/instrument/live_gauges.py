"""Gauges of processes that have ended, in prometheus-client's multi-process mode.

Each process has a file for its gauges, named after its number. The number of a process that ended without a
`child_exit` hook may be given to another one: the kernel tells which process has a file open (proc(5): /proc/PID/fd),
and prometheus-client keeps its files open from their creation on.
"""

from __future__ import annotations

import contextlib
import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_LIVE_GAUGES = re.compile(r"gauge_live[a-z]+_(\d+)\.db")


class OrphanRemover:
    """Removes the files of processes that have ended, before each page."""

    def __init__(self) -> None:
        self._holders: dict[str, bytes] = {}  # by file, the start of the process that is known to have it open

    def remove_orphans(self) -> None:
        """Remove the files that no process of their number has open; none if they are numbered otherwise."""
        folder = os.environ.get(_FOLDER, "")
        orphans = [path for path, process in _list_files(folder) if not self._is_held(path, process)]
        if orphans and not _is_other_identity(folder):
            for path in orphans:
                # Another worker may remove the same file; the next page removes what is left.
                with contextlib.suppress(OSError):
                    os.unlink(path)  # noqa: PTH108 - names of a listing, not paths to keep

    def _is_held(self, path: str, process: int) -> bool:
        start = _start_of(process)
        if start is None:
            return _is_running(process)
        if start and self._holders.get(path) != start and _has_open(process, path):
            self._holders[path] = start
        return bool(start) and self._holders.get(path) == start


def remove_own_orphans() -> None:
    """Remove the files of a former process of our number; call it before this process declares its first gauge."""
    if _FOLDER in os.environ:
        for path, process in _list_files(os.environ[_FOLDER]):
            if process == os.getpid() and _start_of(process) and not _has_open(process, path):
                with contextlib.suppress(OSError):
                    os.unlink(path)  # noqa: PTH108


def _list_files(folder: str) -> Iterator[tuple[str, int]]:
    """Yield path and process number of each file of gauges of live processes."""
    with contextlib.suppress(OSError):  # the collector reports a folder that cannot be read
        for name in os.listdir(folder):  # noqa: PTH208
            if match := _LIVE_GAUGES.fullmatch(name):
                yield f"{folder}/{name}", int(match[1])


def _start_of(process: int) -> bytes | None:
    """Return a process's start, which with its number identifies it; b"" if it has ended, None if /proc lacks it."""
    try:
        with open(f"/proc/{process}/stat", "rb") as file:  # noqa: PTH123
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    return b"" if fields[0] in (b"Z", b"X") else fields[19]


def _has_open(process: int, path: str) -> bool:
    """Return whether a process has a file open; if that cannot be read, whether its user may have made the file."""
    folder = f"/proc/{process}/fd"
    try:
        ours = os.stat(path)  # noqa: PTH116
    except OSError:  # removed meanwhile
        return False
    try:
        names = os.listdir(folder)  # noqa: PTH208
    except PermissionError:
        return ours.st_uid != os.geteuid() or ours.st_uid in _users_of(process)
    except OSError:
        return False
    for name in names:
        with contextlib.suppress(OSError):
            other = os.stat(f"{folder}/{name}")  # noqa: PTH116
            if (other.st_dev, other.st_ino) == (ours.st_dev, ours.st_ino):
                return True
    return False


def _users_of(process: int) -> set[int]:
    """Return the real, effective, saved and file system user of a process; ours if they cannot be read."""
    with contextlib.suppress(OSError), open(f"/proc/{process}/status", encoding="utf-8", errors="replace") as file:  # noqa: PTH123
        for line in file:
            if line.startswith("Uid:"):
                return set(map(int, line.split()[1:]))
    return {os.geteuid()}


def _is_other_identity(folder: str) -> bool:
    """Return whether this process names its files by another number than its own, as prometheus-client allows."""
    number = re.compile(r".*_(\d+)\.db")
    own = set()
    for name in os.listdir("/proc/self/fd") if os.path.exists("/proc/self/fd") else ():  # noqa: PTH110, PTH208
        with contextlib.suppress(OSError):
            target = os.readlink(f"/proc/self/fd/{name}")  # noqa: PTH115
            if os.path.dirname(target) == os.path.realpath(folder) and (match := number.fullmatch(target)):  # noqa: PTH120
                own.add(int(match[1]))
    return bool(own) and os.getpid() not in own


def _is_running(process: int) -> bool:
    """Return whether a process exists, also where /proc is absent or hides it."""
    if os.name != "posix":  # where signal 0 would end the process
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


if _FOLDER in os.environ and hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=remove_own_orphans)
