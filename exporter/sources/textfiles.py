"""Folders of `*.prom` files that scripts and cron jobs on the host write."""

from __future__ import annotations

import glob
import os
import stat
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from deckwatch.exporter.sources import rootfs, textformat
from deckwatch.exporter.world import Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from deckwatch.exporter.metric import Sample
    from deckwatch.exporter.world import World

_MAX_BYTES = 8 << 20


class TextFile(NamedTuple):
    """A file: its path on the host, modification time (seconds since 1970), and its samples or the error.

    `omissions` are the reasons for samples that were omitted.
    """

    path: str
    changed: float
    samples: list[Sample]
    error: str = ""
    omissions: Sequence[str] = ()


class TextFiles(Source):
    """The current files; an unchanged file is not read again."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._known: dict[str, tuple[tuple[int, ...], TextFile]] = {}

    def expand_folders(self, pattern: str) -> list[str]:
        """Return the host's folders that match a path with `*`; the path itself if none does."""
        if not glob.has_magic(pattern):
            return [pattern]
        root = rootfs.host_path(self._world, "").rstrip("/")
        paths = sorted(glob.glob(rootfs.host_path(self._world, pattern)))  # noqa: PTH207 - a text, as what comes in
        return [path.removeprefix(root) for path in paths] or [pattern]

    def read_folders(self, folders: Iterable[str]) -> Iterator[TextFile | OSError]:
        """Yield the files of folders of the host, by name; an error for each folder that cannot be listed."""
        known = {}
        for folder in folders:
            here = rootfs.host_path(self._world, folder)
            try:
                names = sorted(name for name in os.listdir(here) if name.endswith(".prom"))  # noqa: PTH208 - names, not paths
            except OSError as error:
                yield error
                continue
            for name in names:
                path = f"{folder.rstrip('/')}/{name}"
                known[path] = self._read_file(f"{here}/{name}", path)
                yield known[path][1]
        self._known = known

    def _read_file(self, here: str, path: str) -> tuple[tuple[int, ...], TextFile]:
        """Return a file with its version, which differs after a change."""
        version: tuple[int, ...] = ()
        changed = 0.0
        parsed = textformat.ParsedText([], [])
        error_text = ""
        try:
            # O_NONBLOCK, not to wait for a writer where somebody put a pipe.
            with open(os.open(here, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:  # noqa: PTH123 - a descriptor
                about = os.fstat(file.fileno())
                version = (about.st_ino, about.st_mtime_ns, about.st_size)
                changed = about.st_mtime
                before = self._known.get(path)
                if before and before[0] == version:
                    return before
                parsed = textformat.parse_text(_read_content(file, about), f"Read from {path}.")
        except OSError as error:
            error_text = os.strerror(error.errno or 0)
        except UnicodeDecodeError:
            error_text = "it is not UTF-8"
        except ValueError as error:
            error_text = str(error)
        return version, TextFile(path, changed, parsed.samples, error_text, parsed.omissions)


def _read_content(file: BinaryIO, about: os.stat_result) -> str:
    if not stat.S_ISREG(about.st_mode):
        raise ValueError("it is not a regular file")
    if about.st_size > _MAX_BYTES:
        raise ValueError(f"it has more than {_MAX_BYTES >> 20} MiB")
    return file.read(_MAX_BYTES).decode()
