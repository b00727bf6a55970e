"""The size of what a job wrote."""

from __future__ import annotations

import glob
import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_MAX_FILES = 100_000
_CLOCK_SECONDS = 2.0  # resolution of modification times on the coarsest file system (FAT)


def measure_output(patterns: Iterable[str], since: float) -> int:
    """Return the bytes of the files changed since a Unix time, of paths, folders with all below, and `*` patterns."""
    sizes: dict[tuple[int, int], int] = {}  # by file, so that two patterns or links do not count it twice
    for about in _list_files(patterns):
        if about.st_mtime >= since - _CLOCK_SECONDS:
            sizes[about.st_dev, about.st_ino] = about.st_size
        if len(sizes) >= _MAX_FILES:
            break
    return sum(sizes.values())


def _list_files(patterns: Iterable[str]) -> Iterator[os.stat_result]:
    for pattern in patterns:
        # A path that exists is that path, even if it contains `[`.
        paths = [pattern] if os.path.lexists(pattern) else glob.iglob(pattern, recursive=True)  # noqa: PTH207
        for path in paths:
            about = _stat_path(path)
            if about is not None and stat.S_ISDIR(about.st_mode):
                for folder, _, names in os.walk(path):
                    for name in names:
                        below = _stat_path(f"{folder}/{name}")
                        if below is not None and stat.S_ISREG(below.st_mode):
                            yield below
            elif about is not None and stat.S_ISREG(about.st_mode):
                yield about


def _stat_path(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)  # noqa: PTH116 - a text of a listing
    except OSError:
        return None
