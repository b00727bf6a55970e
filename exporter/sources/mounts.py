"""The host's mounts and their free space, queried so that a dead file server delays nothing else."""

from __future__ import annotations

import functools
import queue
import re
import time
from typing import TYPE_CHECKING, NamedTuple

from deckwatch.exporter.sources.procfs import ParseError, decode_text
from deckwatch.exporter.sources.rootfs import host_path
from deckwatch.exporter.worker_pool import WorkerPool
from deckwatch.exporter.world import Source

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    from deckwatch.exporter.world import World

_PATIENCE_SECONDS = 2.0  # for all mounts together; whatever has not answered by then is stuck
_STANDSTILL_SECONDS = 0.05  # a mount that takes longer is left to its thread, and another thread continues


class Mount(NamedTuple):
    """One mounted file system; `point` is the path on the host."""

    device: str
    point: str
    fstype: str
    major: str
    minor: str
    readonly: bool


def parse_mountinfo(data: bytes) -> list[Mount]:
    """Parse mountinfo (proc_pid_mountinfo(5)); of several mounts on a path only the last one, which is visible.

    A file system is read-only if its mount is, if the file system itself is, or if it gave up writing after an error.
    A path may hold any byte but the four that the kernel escapes; invalid UTF-8 is kept as by os.fsdecode.
    """
    mounts = {}
    for line in filter(None, data.split(b"\n")):
        before, separator, after = line.decode("utf-8", "surrogateescape").partition(" - ")
        mount, file_system = before.split(" "), after.split(" ")
        if not separator or len(mount) < 6 or len(file_system) < 3:
            raise ParseError(f"mountinfo: {decode_text(line)!r}")
        major, colon, minor = mount[2].partition(":")
        if not colon:
            raise ParseError(f"mountinfo: no device numbers in {decode_text(line)!r}")
        point, options = _unescape(mount[4]), mount[5].split(",")
        fstype, device, super_options = (
            _unescape(file_system[0]),
            _unescape(file_system[1]),
            file_system[2].split(","),
        )
        readonly = "ro" in options or "ro" in super_options or "emergency_ro" in super_options
        mounts[point] = Mount(device, point, fstype, major, minor, readonly)
    return list(mounts.values())


def _unescape(name: str) -> str:
    """Return a path as it is: the kernel writes space, tab, newline and backslash as a backslash and octal digits."""
    return re.sub(r"\\([0-3][0-7]{2})", lambda match: chr(int(match[1], 8)), name) if "\\" in name else name


class SpaceQueries(Source):
    """Asks statvfs(2) of many mounts.

    The call has no time limit: with an unreachable file server it blocks forever. Each one therefore runs on a thread
    that can be abandoned, and a mount is not queried again before its last call has returned.
    """

    patience = _PATIENCE_SECONDS

    def __init__(self, world: World) -> None:
        self._world = world
        self._pool = WorkerPool("statvfs")
        self._pending: set[str] = set()  # calls under way
        self._data = b""
        self._mounts: list[Mount] = []

    def parse_if_changed(self, data: bytes) -> list[Mount]:
        """Return the mounts of mountinfo, parsed only if it has changed."""
        if data != self._data:
            self._mounts, self._data = parse_mountinfo(data), data
        return self._mounts

    def query_space(self, points: Iterable[str]) -> dict[str, os.statvfs_result | OSError]:
        """Return the space of each mount point, or the error; TimeoutError if the call is stuck."""
        answers: dict[str, os.statvfs_result | OSError] = {}
        replies: queue.SimpleQueue[tuple[str, os.statvfs_result | OSError]] = queue.SimpleQueue()
        waiting = 0
        for point in points:
            answers[point] = TimeoutError()
            if point not in self._pending:
                self._pending.add(point)
                self._pool.submit(functools.partial(self._query_mount, point, replies))
                waiting += 1
        deadline = time.monotonic() + self.patience
        while waiting and (left := deadline - time.monotonic()) > 0:
            try:
                point, answer = replies.get(timeout=min(left, _STANDSTILL_SECONDS))
            except queue.Empty:
                self._pool.grow()
                continue
            answers[point] = answer
            waiting -= 1
        return answers

    def _query_mount(self, point: str, replies: queue.SimpleQueue[tuple[str, os.statvfs_result | OSError]]) -> None:
        answer: os.statvfs_result | OSError
        try:
            answer = self._world.statvfs(host_path(self._world, point))
        except OSError as error:
            answer = error
        self._pending.discard(point)
        replies.put((point, answer))

    def close(self) -> None:
        """Let the threads end."""
        self._pool.close()
