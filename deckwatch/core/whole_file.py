"""Files that are replaced as a whole: at any moment, a reader finds the former content or the new one."""

from __future__ import annotations

import contextlib
import os
import stat
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def replace_file(path: Path, data: bytes, *, mode: int | None = None, is_synced: bool = True) -> None:
    """Replace a file, or create it; raises OSError, after which the former content is still there.

    A device or a pipe, such as /dev/stdout, is written to instead: root would replace /dev/null for the whole machine.

    `mode` is independent of the umask; without it, new files have the umask's. `is_synced` waits for the disk: without
    it, a power failure may undo the write, and some file systems do not report that they are full.
    """
    if _is_stream(path):
        _write_stream(path, data)
        return
    fresh = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.new")
    try:
        # In a folder that others may write to, the name could be a link to another file: it is created or nothing.
        with open(_create_file(fresh, 0o666 if mode is None else mode), "wb") as file:
            if mode is not None:
                os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            if is_synced:
                os.fsync(file.fileno())
        fresh.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            fresh.unlink()
        raise


def _create_file(path: Path, mode: int) -> int:
    """Create a file and return its descriptor, after removing what a killed process with this id has left."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        return os.open(path, flags, mode)
    except FileExistsError:
        path.unlink()
        return os.open(path, flags, mode)


def _is_stream(path: Path) -> bool:
    """Whether a device or a pipe has this name, also at the end of links."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return stat.S_ISCHR(mode) or stat.S_ISBLK(mode) or stat.S_ISFIFO(mode)


def _write_stream(path: Path, data: bytes) -> None:
    """Write to a device or a pipe; raises OSError, also for a pipe that nothing reads, where opening it would wait."""
    descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    os.set_blocking(descriptor, True)
    with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor
        file.write(data)
