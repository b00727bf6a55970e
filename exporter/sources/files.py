"""Small files of the kernel that are read at every scrape, through descriptors that stay open.

A kept descriptor with pread reads a small file of /proc, /sys or a control group in 1-2 µs; open, read and close
take 6-9 µs. The kernel generates such a file anew for every read from its start.

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

    __slots__ = ("_descriptor", "_lock")

    def __init__(self, path: str) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._lock = threading.Lock()

    def read(self) -> bytes:
        """Return its content as it is now; raises OSError, with EBADF after `close`."""
        with self._lock:
            data = chunk = os.pread(self._descriptor, _CHUNK, 0)
            # A short read is not the end: the kernel hands out a table by whole lines, a page or less at a time.
            while len(chunk) == _CHUNK or (chunk and len(data) >= _SAFE_SHORT_READ):
                chunk = os.pread(self._descriptor, _CHUNK, len(data))
                data += chunk
            return data

    def close(self) -> None:
        """Close it; once is enough."""
        with self._lock:
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1


def descriptor_limit() -> int:
    """Return the limit of open files of this process; a very large number if there is none."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1 << 30 if soft == resource.RLIM_INFINITY else soft


def read_once(path: str, folder: int | None = None) -> bytes:
    """Return a file's content by open, read and close; raises OSError. `folder` is a descriptor that path begins at."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder)
    try:
        data = chunk = os.read(descriptor, _CHUNK)
        while len(chunk) == _CHUNK or (chunk and len(data) >= _SAFE_SHORT_READ):
            chunk = os.read(descriptor, _CHUNK)
            data += chunk
        return data
    finally:
        os.close(descriptor)
