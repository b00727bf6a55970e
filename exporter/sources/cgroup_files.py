"""One container's control group: reading its files through descriptors kept open within a budget."""

from __future__ import annotations

import errno
import threading
from typing import TYPE_CHECKING, Any

from deckwatch.exporter.sources.files import KeptFile, descriptor_limit, read_once
from deckwatch.exporter.world import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from deckwatch.exporter.world import World

File = tuple[str, ...]  # controller (empty for the tree of version 2), name, and names that older kernels give it
Files = dict[int, tuple[File, ...]]  # by version
Raw = tuple[Any, ...]  # the group's version, and each file's content or None

# The group or the process is gone, or the kernel keeps no such file.
VANISHED = (FileNotFoundError, NotADirectoryError, ProcessLookupError)
# ENODEV: the group went between opening and reading. EBADF: another thread gave the descriptor up meanwhile.
# EOPNOTSUPP: a pressure file with psi=0, or cgroup.procs of a threaded group.
_UNAVAILABLE = frozenset({errno.ENODEV, errno.EBADF, errno.EOPNOTSUPP})

# Version 1 builds this list at opening, and returns the same list while it is read every second
# (kernel/cgroup/cgroup-v1.c).
_SNAPSHOT_AT_OPEN = "cgroup.procs"


class DescriptorBudget(Source):
    """The number of descriptors of groups' files that may be kept: half the limit. Other files are opened per reading.

    Evicting the oldest would not help, since all files are read in turn.
    """

    def __init__(self, _world: World) -> None:
        self.remaining = descriptor_limit() // 2
        self._lock = threading.Lock()

    def take_slot(self) -> bool:
        """Take a slot; return False if none is left."""
        with self._lock:
            there = self.remaining > 0
            self.remaining -= there
            return there

    def release_slot(self, number: int) -> None:
        """Return slots of closed descriptors."""
        with self._lock:
            self.remaining += number


class Cgroup:
    """One container's control group. `path` is its path as the host sees it; `version` is 1 or 2."""

    __slots__ = ("_budget", "_closed", "_folders", "_kept", "path", "version")

    def __init__(self, path: str, folders: Mapping[str, str], budget: DescriptorBudget) -> None:
        self.path = path
        self.version = 1 if "memory" in folders or "cpuacct" in folders else 2
        self._folders = folders
        self._budget = budget
        self._kept: dict[File, KeptFile] = {}
        self._closed = False

    def make_reader(self, files: Files) -> Callable[[], Raw]:
        """Return a function that reads the version and the current content of these files.

        The content is None for each file that the group or its kernel does not have.
        """
        mine, version, kept = files[self.version], self.version, self._kept

        def read_raw() -> Raw:
            try:
                return (version, *[kept[file].read() for file in mine])
            except (KeyError, OSError):
                return (version, *[self._read_or_none(file) for file in mine])

        return read_raw

    def _read_or_none(self, file: File) -> bytes | None:
        kept_file = self._kept.get(file)
        if kept_file is not None:
            try:
                return kept_file.read()
            except OSError:
                self._close_file(file)  # a restarted container has a new group at the same path
        try:
            return self._read_file(file)
        except VANISHED:
            return None
        except OSError as error:
            if error.errno not in _UNAVAILABLE:
                raise
            return None

    def close(self) -> None:
        """Close the descriptors."""
        self._closed = True
        for file in list(self._kept):
            self._close_file(file)

    def _close_file(self, file: File) -> None:
        kept_file = self._kept.pop(file, None)
        if kept_file is not None:
            kept_file.close()
            self._budget.release_slot(1)

    def _read_file(self, file: File) -> bytes | None:
        controller, *names = file
        folder = self._folders.get(controller)
        if folder is None:
            return None
        if self.version == 1 and names[0] == _SNAPSHOT_AT_OPEN:
            return read_once(f"{folder}/{names[0]}")
        for older in names[1:]:
            try:
                return self._open_and_read(file, f"{folder}/{names[0]}")
            except VANISHED:
                names = [older]
        return self._open_and_read(file, f"{folder}/{names[0]}")

    def _open_and_read(self, file: File, path: str) -> bytes:
        if self._closed or not self._budget.take_slot():
            return read_once(path)
        try:
            kept_file = KeptFile(path)
        except BaseException:
            self._budget.release_slot(1)
            raise
        spare = self._kept.setdefault(file, kept_file)
        if spare is not kept_file:  # another thread was faster
            kept_file.close()
            self._budget.release_slot(1)
        try:
            return spare.read()
        except OSError:
            self._close_file(file)
            raise
