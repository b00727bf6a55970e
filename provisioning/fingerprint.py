"""Decides without generating whether a folder already holds the current bundle, by hashing all inputs.

A record in the project's `.deckwatch/` keeps the hash of everything that the last run read, of our code, the options
and the output. Reads are observed, not guessed: an audit hook (PEP 578) sees each file that Python opens and each
folder that Jsonnet is given, and files outside the project and our packages are hashed by name. A run that this cannot
cover leaves no record, and the next run generates.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from deckwatch.core import code_cache, plugins
from deckwatch.core.environment_values import list_variables
from deckwatch.core.problems import Place, Problem
from deckwatch.core.project import FILE
from deckwatch.core.whole_file import replace_file
from deckwatch.provisioning.plan import MANIFEST, hash_content, list_paths, read_manifest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

RECORD = ".deckwatch/generated.json"
_HOME = Path(__file__).parents[1]
_PACKAGES = tuple(_HOME / name for name in plugins.PACKAGES)
_MAX_FILES, _MAX_BYTES = 3000, 64 << 20  # of a project; hashing more takes longer than generating
_EVENTS = frozenset(("open", "os.listdir", "os.scandir", "deckwatch.jsonnet"))
_SKIPPED = frozenset(("__pycache__", "node_modules"))


class ReadTracker:
    """Records the files read while it is entered that belong neither to the project nor to us.

    `complete` is False after a read that cannot be hashed by name, such as a folder listing elsewhere.
    """

    def __init__(self, project: Path) -> None:
        paths = (project, _HOME, *_PACKAGES, sys.prefix, sys.base_prefix, *sysconfig.get_paths().values())
        self._known = tuple(os.path.realpath(str(path)) + os.sep for path in paths)
        self._folders: dict[str, str] = {}  # without symbolic links, by their given path
        self.files: set[str] = set()
        self.complete = True

    def __enter__(self) -> Self:
        _add_audit_hook()
        _active_trackers.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        _active_trackers.remove(self)

    def record_event(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Record the file or folder that an audit event reads."""
        path = arguments[0]
        if not isinstance(path, (str, bytes, os.PathLike)):
            return  # a file descriptor, whose opening was recorded
        name = self._resolve_path(os.fsdecode(path))
        if (name + os.sep).startswith(self._known) or name.startswith(("/dev/", "/proc/", "/sys/")):
            return
        if event == "open" and arguments[1] in ("r", "rb"):
            self.files.add(name)
        elif event != "open":
            self.complete = False

    def _resolve_path(self, path: str) -> str:
        """Return a path without symbolic links; those in a folder are resolved once, as most files are in a few."""
        folder, _, name = path.rpartition("/")
        if not folder.startswith("/") or name in ("", ".", ".."):
            return os.path.realpath(path)
        if folder not in self._folders:
            self._folders[folder] = os.path.realpath(folder)
        resolved = f"{self._folders[folder]}/{name}"
        return os.path.realpath(resolved) if os.path.islink(resolved) else resolved  # noqa: PTH114 - called for each file


_active_trackers: list[ReadTracker] = []


@functools.cache
def _add_audit_hook() -> None:
    """Add one audit hook for all trackers: Python cannot remove a hook, and calls each of them even for `id()`."""
    sys.addaudithook(_dispatch_event)


def _dispatch_event(event: str, arguments: tuple[Any, ...]) -> None:
    if event in _EVENTS:
        for tracker in _active_trackers:
            tracker.record_event(event, arguments)


def find_current_run(project: Path, out: Path, options: Sequence[str]) -> tuple[int, list[Problem]] | None:
    """Return the file count and warnings of the run that made the current output; None if it may be out of date."""
    try:
        record = json.loads((project / RECORD).read_bytes())
        if record["key"] != _hash_inputs(project, out, options, record["files"]) or record["out"] != _hash_output(out):
            return None
        warnings = [Problem(Place(*entry.pop("place")), **entry) for entry in record["warnings"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return record["count"], warnings


def save_run(
    project: Path, out: Path, options: Sequence[str], *, tracker: ReadTracker, count: int, warnings: Iterable[Problem]
) -> None:
    """Write the record of a run that has just made the folder; remove it where the inputs are not fully known."""
    path = project / RECORD
    try:
        path.unlink(missing_ok=True)
        files = sorted(tracker.files)
        key = _hash_inputs(project, out, options, files)
        if not tracker.complete or key is None:
            return
        output = hash_content((out / MANIFEST).read_bytes())  # whether the files are those, `find_current_run` sees
        entries = [
            {
                "place": [warning.place.file, warning.place.line, warning.place.column],
                "message": warning.message,
                "hint": warning.hint,
                "check": warning.check,
                "severity": warning.severity,
                "hidden": warning.hidden,
            }
            for warning in warnings
        ]
        text = json.dumps({"key": key, "out": output, "files": files, "count": count, "warnings": entries})
        path.parent.mkdir(exist_ok=True)
        replace_file(path, text.encode(), is_synced=False)
    except OSError:
        return  # a read-only project folder: every run generates


def _hash_inputs(project: Path, out: Path, options: Sequence[str], others: Iterable[str]) -> str | None:
    """Return the hash of everything that a run reads; None where that is too much or not known."""
    result = hashlib.sha256()
    words = [*options, str(project.resolve()), str(out.resolve()), str(Path.cwd()), sys.version]
    words += [f"{name}={value}" for name, value in sorted(os.environ.items()) if name.startswith("DECKWATCH_")]
    words += _list_variables(project)
    words.append(code_cache.hash_code())
    result.update(json.dumps(words).encode())
    own_files = list(_iter_files(project, out.resolve()))
    if len(own_files) > _MAX_FILES or sum(path.stat().st_size for path in own_files) > _MAX_BYTES:
        return None
    for path in (*sorted(own_files), *map(Path, sorted(others))):
        if path.is_symlink() and not path.is_file():
            return None  # a link to a folder, or a broken one
        result.update(f"{path}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\0".encode())
    return result.hexdigest()


def _list_variables(project: Path) -> list[str]:
    """Return the values of the environment variables that a project's file names."""
    file = project / FILE
    text = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
    return list(map(repr, list_variables(text, project)))


def _iter_files(folder: Path, out: Path) -> Iterator[Path]:
    """Yield the files below a folder, without the output, hidden folders and Python's caches."""
    for base, folders, files in os.walk(folder):
        parent = Path(base)
        yield from (parent / name for name in folders if (parent / name).is_symlink())
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".") and name not in _SKIPPED and (parent / name).resolve() != out
        ]
        yield from (parent / name for name in files if not name.endswith(".pyc"))


def _hash_output(out: Path) -> str | None:
    """Return the hash of a folder's manifest; None unless the folder holds exactly the files of the manifest."""
    hashes = read_manifest(out)
    if hashes is None or set(list_paths(out)) != {*hashes, MANIFEST}:
        return None
    if any(hash_content((out / path).read_bytes()) != value for path, value in hashes.items()):
        return None
    return hash_content((out / MANIFEST).read_bytes())
