"""The host's mountinfo, read again only where it may have changed: with many containers it is the longest file.

The kernel reports to poll(2) that a mount was made, moved, removed or mounted again with other options
(proc_pid_mountinfo(5)). It does not report that a file system stopped writing after an error, that a folder above a
mount point was renamed, or that a device was replaced. So the file is read again too when a call of statvfs(2) says
something new, and at least once a minute.
"""

from __future__ import annotations

import os
import select
import threading
from typing import TYPE_CHECKING

from deckwatch.exporter.sources import mounts, procfs
from deckwatch.exporter.sources.files import read_once
from deckwatch.exporter.world import NoData, Source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deckwatch.exporter.world import World

_FLAGS = os.O_RDONLY | os.O_CLOEXEC
_MAX_AGE_SECONDS = 60.0  # of content about which neither poll nor statvfs has reported a change


class MountTable(Source):
    """The content of mountinfo of process 1, or of our own where that is hidden (see `procfs.read_init`)."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._lock = threading.Lock()
        self._data = b""
        self._read_at: float | None = None
        self._states: Mapping[str, object] = {}
        self._descriptor: int | None = None
        self._changes = select.poll()

    def read(self, *, afresh: bool = False) -> bytes:
        """Return the current content: the same object if it is unchanged; raises as `procfs.read_init` does."""
        with self._lock:
            now = self._world.age_clock()
            is_known = self._read_at is not None and 0 <= now - self._read_at < _MAX_AGE_SECONDS
            if not self._may_have_changed() and is_known and not afresh:
                return self._data
            self._read_at = None  # as long as reading may raise
            self._data = procfs.read_init_or_self(
                self._world, "mountinfo", lambda path: read_once(path, last=self._data)
            )
            self._read_at = now
            return self._data

    def is_doubtful(self, answers: Mapping[str, os.statvfs_result | OSError]) -> bool:
        """Return whether statvfs says something else of a mount than at the last call, except for its space.

        A call that has not returned says nothing.
        """
        states = {
            point: (type(answer), answer.errno) if isinstance(answer, OSError) else answer.f_flag
            for point, answer in answers.items()
            if not isinstance(answer, TimeoutError)
        }
        before, self._states = self._states, states
        return any(before.get(point, state) != state for point, state in states.items())

    def close(self) -> None:
        """Close the descriptor."""
        with self._lock:
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None

    def _may_have_changed(self) -> bool:
        """Return whether the kernel reports a change since the last call, or cannot report any."""
        if self._descriptor is None and self._read_at is None:
            self._descriptor = self._open_polled()
            return True
        return self._descriptor is None or bool(self._changes.poll(0))

    def _open_polled(self) -> int | None:
        """Return a descriptor of mountinfo for `_changes`; None if it is no file of procfs (a captured machine's)."""
        try:
            descriptor = procfs.read_init_or_self(self._world, "mountinfo", lambda path: os.open(path, _FLAGS))
        except (OSError, NoData):
            return None  # `read` reports it
        try:
            is_proc = mounts.own_mount_type(descriptor) == "proc"
        except OSError:
            is_proc = False
        if not is_proc:
            os.close(descriptor)
            return None
        self._changes.register(descriptor, select.POLLPRI)  # and POLLERR, which is always reported
        return descriptor
