"""The host's mounts and their free space, queried so that a dead file server delays nothing else."""

from __future__ import annotations

import collections
import functools
import os
import re
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

from deckwatch.exporter.sources.files import read_once
from deckwatch.exporter.sources.procfs import ParseError, decode_text
from deckwatch.exporter.sources.rootfs import host_path
from deckwatch.exporter.worker_pool import WorkerPool
from deckwatch.exporter.world import Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from deckwatch.exporter.world import World

_PATIENCE_SECONDS = 2.0  # for all mounts together; whatever has not answered by then is stuck
_STANDSTILL_SECONDS = 0.05  # a mount that takes longer is left to its thread, and another thread continues


class HiddenMountError(OSError):
    """Another file system is at the mount's path: a later mount covers it, or it is not in our mount namespace."""


class Mount(NamedTuple):
    """One mounted file system; `point` is the path on the host.

    `root` is the part of the file system that is mounted: / or, for bind mounts and subvolumes, a folder of it. `upper`
    is the folder that holds the changes of an overlay.
    """

    device: str
    point: str
    fstype: str
    major: str
    minor: str
    readonly: bool
    root: str = "/"
    upper: str = ""


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
        upper = next((text for text in super_options if text.startswith("upperdir=")), "").removeprefix("upperdir=")
        mounts[point] = Mount(device, point, fstype, major, minor, readonly, _unescape(mount[3]), _unescape(upper))
    return list(mounts.values())


def group_by_file_system(mounts: Iterable[Mount]) -> list[list[Mount]]:
    """Return the mounts of each file system that is mounted several times.

    Bind mounts and subvolumes of btrfs have the device numbers of their file system in mountinfo. An overlay belongs to
    the file system of its upper folder, whose space it shares.
    """
    mounts = list(mounts)
    by_point = {mount.point: mount for mount in mounts}
    groups: dict[tuple[str, str], list[Mount]] = {}
    for mount in mounts:
        holder = _find_holder(mount.upper, by_point) if mount.upper else None
        holder = holder or mount
        groups.setdefault((holder.major, holder.minor), []).append(mount)
    return [group for group in groups.values() if len(group) > 1]


def _find_holder(path: str, by_point: Mapping[str, Mount]) -> Mount | None:
    """Return the mount that a path is in."""
    while path and path not in by_point:
        path = path.rpartition("/")[0] or ("/" if path != "/" else "")
    return by_point.get(path)


def _unescape(name: str) -> str:
    """Return a path as it is: the kernel writes space, tab, newline and backslash as a backslash and octal digits."""
    return re.sub(r"\\([0-3][0-7]{2})", lambda match: chr(int(match[1], 8)), name) if "\\" in name else name


class _Batch:
    """The mount points of one query, which threads take in turn, and what they answered."""

    def __init__(self, points: Iterable[str], devices: Mapping[str, int]) -> None:
        self.waiting = collections.deque(points)
        self.devices = devices
        self.answers: dict[str, os.statvfs_result | OSError] = {}
        self.ended = threading.Event()
        self._count = len(self.waiting)
        if not self._count:
            self.ended.set()

    def take_point(self) -> str | None:
        """Return the next point; None if all are taken."""
        try:
            return self.waiting.popleft()
        except IndexError:
            return None

    def record_answer(self, point: str, answer: os.statvfs_result | OSError) -> None:
        """Keep the answer for a point; the last one ends the query."""
        self.answers[point] = answer
        if len(self.answers) == self._count:
            self.ended.set()

    def give_up(self) -> list[str]:
        """Return the points that no thread has taken, which none will take."""
        left = []
        while (point := self.take_point()) is not None:
            left.append(point)
        return left


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
        self._hidden: dict[tuple[str, int], bool] = {}  # by path and the device found there
        self._data = b""
        self._mounts: list[Mount] = []
        self.repeated: list[list[Mount]] = []  # the mounts of each file system that is mounted several times

    def parse_if_changed(self, data: bytes) -> list[Mount]:
        """Return the mounts of mountinfo, parsed only if it has changed."""
        if data is not self._data and data != self._data:
            self._mounts, self._data = parse_mountinfo(data), data
            self.repeated = group_by_file_system(self._mounts)
            self._hidden = {}
        return self._mounts

    def query_space(
        self, points: Iterable[str], devices: Mapping[str, int] | None = None
    ) -> dict[str, os.statvfs_result | OSError]:
        """Return the space of each mount point, or the error; TimeoutError if the call is stuck.

        `devices` are the mounts' device numbers, by point: another one at that path is a HiddenMountError.
        """
        points = list(points)
        batch = _Batch([point for point in points if point not in self._pending], devices or {})
        self._pending.update(batch.waiting)
        deadline = time.monotonic() + self.patience
        is_stalled = False
        while not batch.ended.is_set() and (left := deadline - time.monotonic()) > 0:
            answered = len(batch.answers)
            if batch.waiting and (is_stalled or not answered):
                self._pool.submit(functools.partial(self._query_batch, batch))
                if is_stalled:
                    self._pool.grow()
            batch.ended.wait(min(left, _STANDSTILL_SECONDS))
            is_stalled = len(batch.answers) == answered
        self._pending.difference_update(batch.give_up())
        answers = batch.answers
        return {point: answers[point] if point in answers else TimeoutError() for point in points}

    def _query_batch(self, batch: _Batch) -> None:
        while (point := batch.take_point()) is not None:
            answer = self._query_mount(point, batch.devices.get(point))
            self._pending.discard(point)
            batch.record_answer(point, answer)

    def _query_mount(self, point: str, device: int | None) -> os.statvfs_result | OSError:
        path = host_path(self._world, point)
        try:
            answer = self._world.statvfs(path)
            if device is not None and self._is_hidden(path, device):
                return HiddenMountError()
        except OSError as error:
            return error.with_traceback(None)  # a frame that has the batch would be in it
        return answer

    def _is_hidden(self, path: str, device: int) -> bool:
        """Return whether the file system at a path is not that of this device; raises OSError."""
        if self._world.device_of is None:
            return False
        at_path = self._world.device_of(path)
        if at_path == device:
            return False
        # Each subvolume of btrfs has a device number of its own, which mountinfo does not show.
        hidden = self._hidden.get((path, at_path))
        if hidden is None:
            hidden = self._hidden[path, at_path] = mounted_device(path) != device
        return hidden

    def close(self) -> None:
        """Let the threads end."""
        self._pool.close()


def mounted_device(path: str) -> int | None:
    """Return the device number that our own mountinfo has for the mount at a path; None where there is no such line.

    Raises OSError.
    """
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        words = _own_mount(descriptor)
    finally:
        os.close(descriptor)
    return device_number(*decode_text(words[2]).split(":")) if words else None


def own_mount_type(descriptor: int) -> str | None:
    """Return the file system type in our own mountinfo of the mount that a file is in; raises OSError."""
    words = _own_mount(descriptor)
    return decode_text(words[words.index(b"-") + 1]) if words else None


def _own_mount(descriptor: int) -> list[bytes]:
    """Return the words of our own mountinfo's line for the mount that a file is in; none where there is no line."""
    fields = dict(line.split(b":", 1) for line in read_once(f"/proc/self/fdinfo/{descriptor}").splitlines())
    mount_id = fields.get(b"mnt_id", b"").strip()  # proc_pid_fdinfo(5), since Linux 3.15
    lines = (line.split() for line in read_once("/proc/self/mountinfo").splitlines())
    return next((words for words in lines if words[0] == mount_id), [])


def device_number(major: str, minor: str) -> int | None:
    """Return the number of a device, None where mountinfo has none that the system could have."""
    try:
        return os.makedev(int(major), int(minor))
    except (ValueError, OverflowError):
        return None
