"""One container's control group: reading its files through descriptors kept open within a budget."""

from __future__ import annotations

import errno
import os
import threading
from typing import TYPE_CHECKING, Any

from deckwatch.exporter.sources.files import KeptFile, descriptor_limit, read_once
from deckwatch.exporter.world import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from deckwatch.exporter.world import World

File = tuple[str, ...]  # controller (empty for the tree of version 2), name, and names that older kernels give it
Files = dict[int, tuple[File, ...]]  # by version
Raw = tuple[Any, ...]  # the group's version, and each file's content or None

# The group or the process is gone, or the kernel keeps no such file.
VANISHED = (FileNotFoundError, NotADirectoryError, ProcessLookupError)
# ENODEV: the group went between opening and reading. EBADF: another thread gave the descriptor up meanwhile.
# EOPNOTSUPP: a pressure file with psi=0, or cgroup.procs of a threaded group.
_UNAVAILABLE = frozenset({errno.ENODEV, errno.EBADF, errno.EOPNOTSUPP})

OPTIONAL_CONTROLLERS = ("memory", "io", "pids")  # without the CPU controller, version 2 still has cpu.stat

# Version 1 builds these lists at opening, and returns the same list while it is read every second
# (kernel/cgroup/cgroup-v1.c). Opening takes ten times as long as reading an open file.
_SNAPSHOTS_AT_OPEN = frozenset(("cgroup.procs", "tasks"))
# What changes with them: a process that forks or ends uses CPU time, and one that is moved between groups is counted.
_CHANGE_SIGNS: tuple[File, ...] = (("cpuacct", "cpuacct.usage"), ("pids", "pids.current"))
_NEVER_USED = b"0"  # the usage of a group whose processes are in another group of that controller


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

        The content is None for each file that the group or its kernel does not have. The function returns the same
        tuple again while nothing has changed.
        """
        mine = files[self.version]
        if self.version == 1 and mine[0][1] in _SNAPSHOTS_AT_OPEN:
            return self._make_list_reader(mine[0])
        return self._make_kept_reader(mine)

    def _make_kept_reader(self, mine: tuple[File, ...]) -> Callable[[], Raw]:
        last: Raw = (self.version,)
        contents: list[bytes | None] = []
        opened: list[KeptFile] = []

        def read_raw() -> Raw:
            nonlocal last, contents, opened
            before = contents
            try:
                contents = [kept_file.read() for kept_file in opened] or self._read_each(mine)
            except OSError:
                opened, contents = [], self._read_each(mine)
            if not opened:
                there = [kept_file for file in mine if (kept_file := self._kept.get(file)) is not None]
                opened = there if len(there) == len(mine) else []
            if contents != before:
                if None in contents and not self._has_folders(mine):
                    contents = [None] * len(mine)  # ended between two files: a missing counter is not 0
                last = (self.version, *contents)
            return last

        return read_raw

    def _make_list_reader(self, file: File) -> Callable[[], Raw]:
        """Return a reader of a list that is built at opening: it is opened only where the group's tasks may differ."""
        read_signs = self._make_kept_reader(_CHANGE_SIGNS)
        last: Raw = (1, None)
        signs: Raw | None = None

        def read_raw() -> Raw:
            nonlocal last, signs
            current = read_signs()  # before the list: what happens in between shows at the next reading
            if current is signs and last[1] is not None:
                return last
            signs, earlier, last = None, last, (1, None)  # unless reading raises
            data = self._read_or_none(file)
            last = earlier if data == earlier[1] else (1, data)
            is_sign = None not in current and current[1].strip() != _NEVER_USED
            signs = current if is_sign else None
            return last

        return read_raw

    def _has_folders(self, files: Iterable[File]) -> bool:
        folders = (self._folders.get(controller) for controller, *_ in files)
        return all(folder is None or os.path.isdir(folder) for folder in folders)  # noqa: PTH112 - texts throughout

    def _read_each(self, files: Iterable[File]) -> list[bytes | None]:
        return [self._read_or_none(file) for file in files]

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

    def missing_controller(self, files: Files) -> str:
        """Return the controller of the first of these files if the group lacks it; '' if not, or if the group is gone.

        Version 2 names it in the file's name, and gives every group cgroup.procs.
        """
        controller, name, *_ = files[self.version][0]
        if self.version == 1:
            return "" if controller in self._folders else controller
        folder = self._folders[""]
        if os.path.exists(f"{folder}/{name}") or not os.path.exists(f"{folder}/cgroup.procs"):  # noqa: PTH110
            return ""
        controller = name.partition(".")[0]
        return (
            controller if controller in OPTIONAL_CONTROLLERS else ""
        )  # cpu.pressure is missing where the kernel has no PSI

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
        if self.version == 1 and names[0] in _SNAPSHOTS_AT_OPEN:
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
