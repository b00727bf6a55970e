"""Small files of the kernel that are read at every scrape, through descriptors that stay open.

A kept descriptor with pread reads a small file of /proc, /sys or a control group in 1-2 µs; open, read and close
take 6-9 µs. The kernel generates such a file anew for every read from its start.

Every content is compared with the last one. If it is unchanged, as in most files of idle containers, the same bytes
object is returned again, so that its readers compare by identity. A read asks for a little more than the last content
had: that is cheaper than to ask for 16 KiB, and than preadv into a buffer (1.6, 1.7 and 2.1 µs for a small file).

Never keep `/proc/<pid>/net/*`: such a descriptor keeps a dead container's network namespace alive and keeps returning
old numbers without an error. Nor files on a disk, which are replaced by renaming. `read_once` is for both.
"""

from __future__ import annotations

import errno
import os
import resource
import threading
from typing import TYPE_CHECKING, ClassVar

from deckwatch.exporter.world import Source

if TYPE_CHECKING:
    from deckwatch.exporter.world import World

_CHUNK = 16_384  # most files fit into one read; sysfs never returns more than a page
_SLACK = 64  # bytes by which a file may grow and still be read at once
# Of a page (fs/seq_file.c) the kernel leaves out only a line that no longer fits. Where half a page is free there was
# none: no file that is kept open has a line that long.
_SAFE_SHORT_READ = 2048
_GONE = frozenset({errno.ENODEV, errno.ESRCH, errno.EBADF})  # a device, group or process; a descriptor given up


class KeptFiles(Source):
    """Descriptors by path; the oldest are closed first and reopened when needed.

    There are at most `most` of them, and at most a quarter of the descriptor limit.
    """

    max_open: ClassVar[int] = 4096

    def __init__(self, _world: World) -> None:
        self._max_open = min(self.max_open, descriptor_limit() // 4)
        self._kept: dict[str, KeptFile] = {}
        self._lock = threading.Lock()

    def read(self, path: str) -> bytes:
        """Return the file's content as it is now; raises OSError.

        A path whose device was removed, and perhaps made anew under the same name, is opened again.
        """
        kept = self._kept.get(path)
        if kept is not None:
            try:
                return kept.read()
            except OSError as error:
                if error.errno not in _GONE:
                    raise
            self._discard(path, kept)
        fresh = KeptFile(path)
        try:
            data = fresh.read()
        except OSError:
            fresh.close()
            raise
        self._keep_open(path, fresh)
        return data

    def close(self) -> None:
        """Close all descriptors."""
        with self._lock:
            while self._kept:
                self._kept.popitem()[1].close()

    def _keep_open(self, path: str, fresh: KeptFile) -> None:
        with self._lock:
            spare = self._kept.pop(path, None)  # another thread was faster
            if spare is None and len(self._kept) >= self._max_open:
                spare = self._kept.pop(next(iter(self._kept)))
            self._kept[path] = fresh
        if spare is not None:
            spare.close()

    def _discard(self, path: str, kept: KeptFile) -> None:
        with self._lock:
            if self._kept.get(path) is kept:
                del self._kept[path]
        kept.close()


class KeptFile:
    """An open kernel file. The lock keeps two readers from getting parts of each other's content."""

    __slots__ = ("_descriptor", "_last", "_lock", "_room")

    def __init__(self, path: str) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._last = b""
        self._room = _CHUNK  # bytes to ask for: a little more than the last content has
        self._lock = threading.Lock()

    def read(self) -> bytes:
        """Return its content as it is now, the same object if unchanged; raises OSError, with EBADF after `close`."""
        with self._lock:
            data = os.pread(self._descriptor, self._room, 0)
            length = len(data)
            if length >= _SAFE_SHORT_READ or length == self._room:
                data = _read_on(self._descriptor, data, self._room)
            if data != self._last:
                self._last, self._room = data, _expected_room(data)
            return self._last

    def close(self) -> None:
        """Close it; once is enough."""
        with self._lock:
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1


def _expected_room(last: bytes) -> int:
    return min(len(last) + _SLACK, _CHUNK)


def _read_on(descriptor: int, data: bytes, room: int) -> bytes:
    """Return the content of a file that begins with `data`, which is what a read of `room` bytes returned.

    A short read is not the end: the kernel hands out a table by whole lines, a page or less at a time. What has
    outgrown the room is read again from its start, so that a value is not made of an old and a new half.
    """
    if len(data) == room < _CHUNK:
        data = os.pread(descriptor, _CHUNK, 0)
    chunk = data
    while len(chunk) == _CHUNK or (chunk and len(data) >= _SAFE_SHORT_READ):
        chunk = os.pread(descriptor, _CHUNK, len(data))
        data += chunk
    return data


def descriptor_limit() -> int:
    """Return the limit of open files of this process; a very large number if there is none."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1 << 30 if soft == resource.RLIM_INFINITY else soft


def read_once(path: str, folder: int | None = None, last: bytes = b"") -> bytes:
    """Return a file's content by open, read and close; raises OSError.

    `folder` is a descriptor that path begins at. `last` is the content at the last reading, which is returned itself
    if it is unchanged.
    """
    room = _expected_room(last) if last else _CHUNK
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder)
    try:
        data = _read_on(descriptor, os.pread(descriptor, room, 0), room)
    finally:
        os.close(descriptor)
    return last if data == last else data


def read_start(path: str, max_bytes: int) -> bytes:
    """Return the first bytes of a file, none of a pipe without a writer; raises OSError."""
    with open(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:  # noqa: PTH123 - a descriptor
        return file.read(max_bytes) or b""
