"""Open files of processes: /proc/<pid>/fd and /proc/<pid>/limits (fs/proc/fd.c, fs/proc/base.c)."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, NamedTuple

from deckwatch.exporter.sources.procfs import ParseError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_ENDED = (FileNotFoundError, ProcessLookupError)


class OpenFiles(NamedTuple):
    """How many files are open, and how many of them are sockets."""

    files: int
    sockets: int


def count_open_files(procfs: Path, pids: Iterable[int]) -> OpenFiles | None:
    """Return the open files of these processes; None if all have ended or may not be read."""
    files = sockets = seen = 0
    for pid in pids:
        folder = f"{procfs}/{pid}/fd"
        try:
            names = os.listdir(folder)  # noqa: PTH208 - texts throughout
            seen += 1
            for name in names:
                with contextlib.suppress(*_ENDED):  # closed meanwhile
                    sockets += os.readlink(f"{folder}/{name}").startswith("socket:")  # noqa: PTH115
                    files += 1
        except _ENDED:
            continue
        except PermissionError:
            return None
    return OpenFiles(files, sockets) if seen else None


def parse_open_files(data: bytes) -> int:
    """Return the soft limit of open files from /proc/<pid>/limits, -1 for none; raises ParseError or ValueError."""
    for line in data.splitlines():
        if line.startswith(b"Max open files"):
            soft = line.removeprefix(b"Max open files").split()[:1]
            if soft:
                return -1 if soft[0] == b"unlimited" else int(soft[0])
    raise ParseError("limits: no line of open files")
