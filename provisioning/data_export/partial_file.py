"""A file that is written over a long time: complete under its name or absent, and continued after an interruption.

Rows are appended to `NAME.partial`; `NAME.partial.json` says which export they belong to and how far it has come. A
process holds a lock on the rows. Both files are removed with the end of the export, or if the disk is full.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Self

import orjson

from deckwatch.core.problems import DeckwatchError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

_VERSION = 1
_SAVE_SECONDS = 1.0
_MAX_SAVE_SHARE = 20  # saving takes at most this part of the time


@dataclass
class Progress:
    """How far an export has come: the next index of its grid, and the bytes and rows written before.

    `columns` are the labels with a column; `growth` lists the offsets at which columns were added, with their number
    before. `open_series` are the labels of series with a sample at the last time.
    """

    next_index: int = 0
    offset: int = 0
    samples: int = 0
    histograms: int = 0
    columns: list[str] = field(default_factory=list)
    growth: list[tuple[int, int]] = field(default_factory=list)
    open_series: list[dict[str, str]] = field(default_factory=list)


class PartialFile:
    """The rows of an export to `path`. `settings` identify it; `resolved` are its times, which stay when it continues.

    Raises DeckwatchError if `path` exists, unless `replace`, or if the files beside it are of something else.
    """

    def __init__(
        self, path: Path, settings: Mapping[str, Any], resolved: Sequence[int], *, replace: bool = False
    ) -> None:
        self.path = path
        self.rows_path = path.with_name(f"{path.name}.partial")
        self._state_path = path.with_name(f"{path.name}.partial.json")
        self._replace = replace
        self._settings = dict(settings)
        self._saved = time.monotonic()
        self._pause = _SAVE_SECONDS
        self._check_target()
        self.progress = Progress()
        self.resolved = list(resolved)
        self.is_continued = self._read_state()
        self._file = self.rows_path.open("r+b" if self.rows_path.exists() else "x+b")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._check_rows()
        except BlockingIOError:
            self._file.close()
            raise DeckwatchError(f"{self.rows_path} is being written by another process") from None
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):  # what is still buffered does not count
            self._file.close()

    def append(self, text: bytes) -> None:
        """Append rows, which count once they are committed."""
        self._file.write(text)

    def commit(self, progress: Progress) -> None:
        """Make `progress` the one that belongs to the rows appended so far, and save it if it is time to."""
        progress.offset = self._file.tell()
        self.progress = progress
        if time.monotonic() - self._saved >= self._pause:
            self.save()

    def save(self) -> None:
        """Write all rows to the disk, then the progress, so that the rows that it counts exist."""
        start = time.monotonic()
        self._file.flush()
        os.fdatasync(self._file.fileno())
        state = {
            "version": _VERSION,
            "settings": self._settings,
            "resolved": self.resolved,
            "progress": asdict(self.progress),
        }
        staged = self._state_path.with_name(f"{self._state_path.name}.new")
        staged.write_bytes(orjson.dumps(state))
        staged.replace(self._state_path)
        self._saved = time.monotonic()
        self._pause = max(_SAVE_SECONDS, (self._saved - start) * _MAX_SAVE_SHARE)

    def complete(self, convert: Callable[[Path, Path], bool]) -> None:
        """Give the file its name, after `convert(rows, target)` where that returns True; raises DeckwatchError."""
        self._file.flush()
        converted = self.path.with_name(f"{self.path.name}.partial.new")
        try:
            finished = converted if convert(self.rows_path, converted) else self.rows_path
            with finished.open("rb") as file:
                os.fsync(file.fileno())
            self._publish_file(finished)
        finally:
            converted.unlink(missing_ok=True)
        self.discard()

    def discard(self) -> None:
        """Remove the rows and the progress."""
        for path in (self._state_path, self._state_path.with_name(f"{self._state_path.name}.new"), self.rows_path):
            with contextlib.suppress(FileNotFoundError):
                path.unlink()

    def _publish_file(self, finished: Path) -> None:
        if self._replace:
            finished.replace(self.path)
            return
        try:
            os.link(finished, self.path)  # unlike a rename, it never replaces a file that has appeared meanwhile
        except FileExistsError:
            raise DeckwatchError(f"{self.path} has been created meanwhile; the rows are in {self.rows_path}") from None
        except OSError:  # a file system without links
            self._check_target()
            finished.rename(self.path)

    def _check_target(self) -> None:
        if self.path.is_dir():
            raise DeckwatchError(f"{self.path} is a folder: name a file in it")
        if self.path.exists() and not self.path.is_file():
            raise DeckwatchError(f"{self.path} is not a regular file: write to standard output without --out")
        if not self._replace and (self.path.exists() or self.path.is_symlink()):
            raise DeckwatchError(f"{self.path} exists: choose another name, or replace it with --overwrite")
        if not self.path.parent.is_dir():
            raise DeckwatchError(f"{self.path.parent} is not a folder")

    def _read_state(self) -> bool:
        """Read the progress of an interrupted export; return whether there is one. Raises DeckwatchError."""
        if not self.rows_path.exists():
            return False
        foreign = f"{self.rows_path} is not that of an export: remove it or choose another name"
        try:
            state = orjson.loads(self._state_path.read_bytes())
            settings, resolved, progress = state["settings"], state["resolved"], Progress(**state["progress"])
        except FileNotFoundError:
            if self.rows_path.stat().st_size == 0:  # interrupted before the first rows
                return False
            raise DeckwatchError(foreign) from None
        except (OSError, ValueError, KeyError, TypeError):
            raise DeckwatchError(foreign) from None
        if state.get("version") != _VERSION or self.rows_path.stat().st_size < progress.offset:
            raise DeckwatchError(foreign)
        if settings != self._settings:
            changed = ", ".join(name for name, value in self._settings.items() if settings.get(name) != value)
            raise DeckwatchError(
                f"{self.rows_path} is that of another export (its {changed} differs): remove it or choose another name"
            )
        self.progress, self.resolved = progress, resolved
        return True

    def _check_rows(self) -> None:
        """Drop the rows after the saved progress, and write its first state."""
        self._file.truncate(self.progress.offset)
        self._file.seek(self.progress.offset)
        if not self.is_continued:
            self.save()
