"""Whether a folder already holds what would be generated, told without generating: by the hashes of all that goes in.

A note in the project's `.deckwatch/` keeps the hash of everything that the last run read, of our own code, of the
options and of the output. What is read is not guessed: while a bundle is made, each file that Python opens and each
folder that Jsonnet is given is heard of (PEP 578), and one that is neither in the project nor ours is hashed by name.
Whatever does not fit into that makes no note, and the next run generates.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import json
import os
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from deckwatch.core import plugins
from deckwatch.core.problems import Place, Problem
from deckwatch.provisioning.plan import MANIFEST, digest, listed, present

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

NOTE = ".deckwatch/generated.json"
_HOME = Path(__file__).parents[1]
_PACKAGES = tuple(_HOME / name for name in plugins.PACKAGES)
_ENGINES = ("rjsonnet", "jsonnet", "orjson", "pyyaml", "promql-parser", "jsonschema-rs")
_MOST_FILES, _MOST_BYTES = 3000, 64 << 20  # of a project; reading more takes longer than the run would
_EVENTS = frozenset(("open", "os.listdir", "os.scandir", "deckwatch.jsonnet"))
_SKIPPED = frozenset(("__pycache__", "node_modules"))


class Heard:
    """Hears what is read while it is entered: files and folders that belong neither to the project nor to us."""

    def __init__(self, project: Path) -> None:
        paths = (project, _HOME, *_PACKAGES, sys.prefix, sys.base_prefix, *sysconfig.get_paths().values())
        self._known = tuple(os.path.realpath(str(path)) + os.sep for path in paths)
        self.files: set[str] = set()
        self.whole = True  # whether all of it could be told apart

    def __enter__(self) -> Self:
        _add_audit_hook()
        _active_trackers.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        _active_trackers.remove(self)

    def track(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Record what an audit event of a file or folder reads."""
        path = arguments[0]
        if not isinstance(path, (str, bytes, os.PathLike)):
            return  # a descriptor, whose opening was heard
        name = os.path.realpath(os.fsdecode(path))
        if (name + os.sep).startswith(self._known) or name.startswith(("/dev/", "/proc/", "/sys/")):
            return
        if event == "open" and arguments[1] in ("r", "rb"):
            self.files.add(name)
        elif event != "open":
            self.whole = False


_active_trackers: list[Heard] = []


@functools.cache
def _add_audit_hook() -> None:
    """Add one audit hook for all trackers: Python cannot remove a hook, and calls each of them even for `id()`."""
    sys.addaudithook(_dispatch_event)


def _dispatch_event(event: str, arguments: tuple[Any, ...]) -> None:
    if event in _EVENTS:
        for tracker in _active_trackers:
            tracker.track(event, arguments)


def told(project: Path, out: Path, words: Sequence[str]) -> tuple[int, list[Problem]] | None:
    """Return how many files there are, and the warnings of the run that made them; None where that is not known."""
    try:
        note = json.loads((project / NOTE).read_bytes())
        if note["key"] != _key(project, out, words, note["files"]) or note["out"] != _output(out):
            return None
        warnings = [Problem(Place(*one.pop("place")), **one) for one in note["warnings"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return note["count"], warnings


def keep(
    project: Path, out: Path, words: Sequence[str], *, heard: Heard, count: int, warnings: Iterable[Problem]
) -> None:
    """Write the note of a run that has just made the folder; where that cannot be known whole, none is left."""
    path = project / NOTE
    try:
        path.unlink(missing_ok=True)
        files = sorted(heard.files)
        key, made = _key(project, out, words, files), _output(out)
        if not heard.whole or key is None or made is None:
            return
        shown = [
            {
                "place": [one.place.file, one.place.line, one.place.column],
                "message": one.message,
                "hint": one.hint,
                "check": one.check,
                "severity": one.severity,
                "hidden": one.hidden,
            }
            for one in warnings
        ]
        text = json.dumps({"key": key, "out": made, "files": files, "count": count, "warnings": shown})
        path.parent.mkdir(exist_ok=True)
        new = path.with_suffix(".new")
        new.write_text(text, encoding="utf-8")
        new.replace(path)
    except OSError:
        return  # a folder that may only be read is generated from each time


def _key(project: Path, out: Path, words: Sequence[str], others: Iterable[str]) -> str | None:
    """Return the hash of all that goes in; None where it cannot be told."""
    found = hashlib.sha256()
    said = [*words, str(project.resolve()), str(out.resolve()), str(Path.cwd()), sys.version]
    said += [f"{name}={value}" for name, value in sorted(os.environ.items()) if name.startswith("DECKWATCH_")]
    said += [f"{name} {importlib.metadata.version(name)}" for name in _ENGINES]
    found.update(json.dumps(said).encode())
    mine = list(_tree(project, out.resolve()))
    if len(mine) > _MOST_FILES or sum(path.stat().st_size for path in mine) > _MOST_BYTES:
        return None
    out_of_ours = (_HOME / "provisioning" / "out").resolve()
    ours = [path for folder in (_HOME, *_PACKAGES) for path in _tree(folder, out_of_ours) if path not in _PACKAGES]
    for path in (*sorted(mine), *sorted(ours), *map(Path, sorted(others))):
        if path.is_symlink() and not path.is_file():
            return None  # a folder elsewhere, or nothing
        found.update(f"{path}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\0".encode())
    return found.hexdigest()


def _tree(folder: Path, out: Path) -> Iterator[Path]:
    """Yield the files below a folder but for the output, hidden folders and what Python makes of its files."""
    for base, folders, files in os.walk(folder):
        here = Path(base)
        yield from (here / name for name in folders if (here / name).is_symlink())
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".") and name not in _SKIPPED and (here / name).resolve() != out
        ]
        yield from (here / name for name in files if not name.endswith(".pyc"))


def _output(out: Path) -> str | None:
    """Return the hash of a manifest whose files are all there as it says; None for any other folder."""
    known = listed(out)
    if known is None or set(present(out)) != {*known, MANIFEST}:
        return None
    if any(digest((out / path).read_bytes()) != value for path, value in known.items()):
        return None
    return digest((out / MANIFEST).read_bytes())
