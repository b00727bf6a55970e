"""The files of a log: those that its patterns name, and the rotated ones beside them.

A rotated file has the name of the log followed by a dot or a hyphen, as logrotate, Docker and most programs name it:
access.log.1, access.log-20260101, access.log.2.gz. Only regular files are returned: a pipe would block its reader, and
a device never ends. A symbolic link is followed where it leads to a file in the folder of the pattern, or in a folder
that the configuration allows; links are resolved below `--path.rootfs`, not below our own root.
"""

from __future__ import annotations

import glob
import os
import re
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from deckwatch.exporter.sources import rootfs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from deckwatch.exporter.world import World

MAX_FILES = 500  # of one log, with rotated ones: the newest
_MAX_LINKS = 40  # as the kernel allows
_ROTATED = re.compile(r"[.-]")
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class LogFile(NamedTuple):
    """A regular file: its path here, whether it is being written to (else rotated), and what identifies it."""

    path: str
    is_live: bool
    device: int
    inode: int
    size: int
    changed: int  # nanoseconds since 1970

    @property
    def is_compressed(self) -> bool:
        """Whether its content is compressed by gzip."""
        return self.path.endswith(".gz")


@dataclass
class Listing:
    """The files of a log, the oldest first, and the reasons why some cannot be read, by their paths on the host.

    `missing` are the patterns, or the container, of which there is nothing. `is_complete` is false where it is not
    known yet which files there are.
    """

    files: list[LogFile] = field(default_factory=list)
    faults: dict[str, str] = field(default_factory=dict)
    is_complete: bool = True
    missing: list[str] = field(default_factory=list)


class LogFiles:
    """Lists the files of one log. `patterns` are absolute paths on the host, where `*`, `?` and `[…]` match names.

    `linked` are further folders on the host that symbolic links may lead to.
    """

    def __init__(self, world: World, patterns: Sequence[str], linked: Iterable[str] = ()) -> None:
        self._root = rootfs.host_path(world, "").rstrip("/")
        self._patterns = patterns
        self._linked = tuple(linked)

    def list_files(self) -> Listing:
        """Return the files as they are now."""
        listing = Listing()
        found: dict[tuple[int, int], LogFile] = {}
        for pattern in self._patterns:
            matches = self._matching_paths(pattern)
            by_folder: dict[str, set[str]] = {}
            for path in matches:
                folder, _, name = path.rpartition("/")
                by_folder.setdefault(folder, set()).add(name)
            is_missing = True
            for folder, names in by_folder.items():
                rotated = set(_rotated_names(folder, names))
                for name in names | rotated:
                    is_live = name not in rotated and not name.endswith(".gz")
                    exists = self._add_file(found, listing, f"{folder}/{name}", pattern, is_live=is_live)
                    is_missing = is_missing and not (exists and is_live)
            if is_missing:
                listing.missing.append(pattern)
        oldest_first = sorted(found.values(), key=lambda file: (file.is_live, file.changed, file.path))
        if len(oldest_first) > MAX_FILES:
            listing.faults[self._patterns[0]] = f"more than {MAX_FILES} files; only the newest are read"
        listing.files = oldest_first[-MAX_FILES:]
        listing.is_complete = bool(listing.files) or not listing.faults
        return listing

    def _matching_paths(self, pattern: str) -> list[str]:
        path = self._root + pattern
        if not glob.has_magic(pattern):
            return [path]  # also where there is none: rotated files of it may be left
        return glob.glob(glob.escape(self._root) + pattern)  # noqa: PTH207 - texts, as everything that comes in

    def _add_file(
        self, found: dict[tuple[int, int], LogFile], listing: Listing, path: str, pattern: str, *, is_live: bool
    ) -> bool:
        """Add a file, or a fault if it cannot be read; return whether it exists."""
        shown = path[len(self._root) :]
        try:
            about = os.lstat(path)
            if stat.S_ISLNK(about.st_mode):
                target = self._resolve_link(shown)
                if not self._is_allowed(target, pattern):
                    listing.faults[shown] = f"a link to {target}, which is outside the folders that are allowed"
                    return True
                path = self._root + target
                about = os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as fault:
            listing.faults[shown] = os.strerror(fault.errno or 0).lower()
            return True
        if not stat.S_ISREG(about.st_mode):
            kind = next((words for test, words in _KINDS if test(about.st_mode)), "not a regular file")
            listing.faults[shown] = f"{kind}, not a file"
            return True
        known = found.get((about.st_dev, about.st_ino))
        if known is None or (is_live and not known.is_live):
            found[about.st_dev, about.st_ino] = LogFile(
                path, is_live, about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns
            )
        return True

    def _resolve_link(self, path: str) -> str:
        """Return the path on the host that a path with links leads to. Raises OSError."""
        pending, resolved, links = [part for part in path.split("/") if part], "", 0
        while pending:
            part = pending.pop(0)
            if part == ".":
                continue
            if part == "..":
                resolved = resolved.rpartition("/")[0]
                continue
            here = f"{resolved}/{part}"
            if not stat.S_ISLNK(os.lstat(self._root + here).st_mode):
                resolved = here
                continue
            links += 1
            if links > _MAX_LINKS:
                raise OSError(40, "too many links", here)
            target = os.readlink(self._root + here)  # noqa: PTH115 - may be relative to the host's root
            pending = [*(step for step in target.split("/") if step), *pending]
            resolved = "" if target.startswith("/") else resolved
        return resolved or "/"

    def _is_allowed(self, target: str, pattern: str) -> bool:
        folders = (glob_folder(pattern), *self._linked)
        return any(target.startswith(f"{self._resolved_folder(folder)}/") for folder in folders)

    def _resolved_folder(self, folder: str) -> str:
        try:
            return self._resolve_link(folder).rstrip("/")
        except OSError:
            return folder.rstrip("/")


def glob_folder(pattern: str) -> str:
    """Return the folder of a pattern, up to the first part that matches several names."""
    parts = pattern.split("/")[:-1]
    fixed = next((index for index, part in enumerate(parts) if glob.has_magic(part)), len(parts))
    return "/".join(parts[:fixed]) or "/"


def _rotated_names(folder: str, names: set[str]) -> Iterator[str]:
    """Yield the names in a folder that continue one of these names."""
    try:
        with os.scandir(folder) as entries:
            present = [entry.name for entry in entries]
    except OSError:
        return  # the logs themselves are reported
    for name in present:
        if any(name[: mark.start()] in names for mark in _ROTATED.finditer(name)):
            yield name
