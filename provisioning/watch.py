"""Waits for a change of a project's files.

Files are looked at ten times a second. A look at a hundred files takes about a millisecond, and it sees what
inotify does not: changes on file systems of other machines, of a container's host, and files that an editor replaces.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

POLL_SECONDS = 0.1
_SETTLE_SECONDS = 0.02  # an editor that empties a file before it fills it

State = dict[str, tuple[int, int, int]]


def snapshot_files(folder: Path, out: Path) -> State:
    """Return size, time of change and number of each file below a folder, by its path from there, without hidden ones.

    What lies in `out`, and what Python makes of its files, is passed over.
    """
    return dict(_scan_folder(str(folder), str(folder), str(out.resolve())))


def _scan_folder(folder: str, root: str, out: str) -> Iterator[tuple[str, tuple[int, int, int]]]:
    try:
        with os.scandir(folder) as found:
            entries = list(found)
    except OSError:
        return  # it is gone meanwhile
    for one in entries:
        if one.name.startswith(".") or one.name == "__pycache__":
            continue
        try:
            if one.is_dir():
                if os.path.realpath(one.path) != out:
                    yield from _scan_folder(one.path, root, out)
                continue
            at = one.stat()
        except OSError:
            continue
        yield os.path.relpath(one.path, root), (at.st_size, at.st_mtime_ns, at.st_ino)


def wait_for_change(folder: Path, out: Path, before: State) -> tuple[State, list[str]]:
    """Wait until the files differ from what they were, and return what they are and the paths that differ."""
    while True:
        now = snapshot_files(folder, out)
        if now != before:
            time.sleep(_SETTLE_SECONDS)
            now = snapshot_files(folder, out)
            paths = sorted(path for path in {*before, *now} if before.get(path) != now.get(path))
            if paths:
                return now, paths
        time.sleep(POLL_SECONDS)
