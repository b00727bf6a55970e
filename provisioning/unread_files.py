"""Files in a project that look like input but are not read: in a misspelt folder, of another type, not included."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from deckwatch.core.own_command import format_command
from deckwatch.core.problems import Place, Problem, nearest_word
from deckwatch.core.project import FILE
from deckwatch.provisioning.documents import FIRST_KEYS, FOLDERS, INSIGHTS, PARTS
from deckwatch.provisioning.plan import MANIFEST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.core.project import Project
    from deckwatch.provisioning.documents import Documents

_PANELS = "panels"
_INPUT_FOLDERS = (*FOLDERS, PARTS, INSIGHTS, _PANELS)
_YAML = (".yaml", ".yml")
_INPUT_SUFFIXES = {_PANELS: (".libsonnet",)} | dict.fromkeys((*FOLDERS, PARTS, INSIGHTS), _YAML)
_SKIPPED = frozenset(("__pycache__", "node_modules"))
_MAX_ENTRIES = 3000  # of the project's folder, which may be a whole repository
_MAX_BYTES = 1 << 20
_OUR_KEY = re.compile(rf"^(?:{'|'.join((*FIRST_KEYS, 'part', 'insight'))}):", re.MULTILINE)


def find_problems(project: Project, documents: Documents) -> Iterator[Problem]:
    """Yield a warning for each file that looks like input and is not read; none without a project file."""
    if project.is_shipped:
        return
    mixins = [
        Path(entry if isinstance(entry, str) else entry["path"])
        for entry in project.data.get("build", {}).get("mixins", ())
    ]
    for path in _iter_files(project.folder):
        if str(path) in documents.own or any(path.is_relative_to(mixin) for mixin in mixins):
            continue
        if (hint := _explain_file(project, path)) is not None:
            place = Place(str(project.folder / path))
            yield Problem(place, "nothing reads this file", hint, check="unread", severity="warning")


def _iter_files(root: Path) -> Iterator[Path]:
    """Yield the project's files by relative path, without hidden ones, helpers (`_name`) and foreign folders."""
    left = _MAX_ENTRIES
    for base, folders, files in os.walk(root):
        if MANIFEST in files or (FILE in files and Path(base) != root):  # generated, or a project of its own
            folders.clear()
            continue
        folders[:] = sorted(name for name in folders if name[0] not in "._" and name not in _SKIPPED)
        left -= len(folders) + len(files)
        if left < 0:
            return
        yield from (Path(base, name).relative_to(root) for name in sorted(files) if name[0] not in "._")


def _explain_file(project: Project, path: Path) -> str | None:
    """Return why a file is not read and what to do; None if it does not look like input."""
    first = path.parts[0] if len(path.parts) > 1 else ""
    if first in _INPUT_FOLDERS:
        return _explain_in_folder(project, first, path)
    if str(path) == str(Path(FILE).with_suffix(".yml")):
        return f"only {FILE} is"
    if path.suffix not in _YAML or str(path) == FILE or not _has_our_keys(project.folder / path):
        return None
    near = nearest_word(first, _INPUT_FOLDERS) if first else None
    if near is not None and near.startswith(first[:3].lower()):
        return f"did you mean {near}/?"
    return f"files are read from {', '.join(f'{name}/' for name in _INPUT_FOLDERS)} and the folders of build: include:"


def _explain_in_folder(project: Project, folder: str, path: Path) -> str | None:
    suffixes = _INPUT_SUFFIXES[folder]
    if path.suffix == ".json" and folder == "dashboards":
        return f"`{format_command('grafana', 'import', project.folder / path)}` converts a dashboard of Grafana"
    if path.suffix in (*_YAML, ".libsonnet", ".jsonnet") and path.suffix not in suffixes:
        return f"in {folder}/ only {' and '.join(suffixes)} files are read"
    if folder in FOLDERS and path.suffix in _YAML:
        return f"add {folder}/ to build: include:"
    return None


def _has_our_keys(path: Path) -> bool:
    """Return whether a YAML file has a key of ours at the top."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            return False
        return _OUR_KEY.search(path.read_text(encoding="utf-8", errors="replace")) is not None
    except OSError:
        return False
