"""Rewrites a project of an older version: each former name of a key that a check reports is replaced by the new one.

The checks of `deckwatch check` find the keys, so that a name is replaced only where it is unknown: `below` is the
former name of `negative_y` in a panel, and a threshold in an alert. One check may hide others, so they are repeated.
"""

from __future__ import annotations

import codecs
from collections import defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from deckwatch import __version__
from deckwatch.core import edited_texts, plugins, yaml_edit, yaml_file
from deckwatch.core.problems import DeckwatchError, InvalidInput, Problem
from deckwatch.core.project import FILE, load_project
from deckwatch.provisioning.check_project import check_project
from deckwatch.provisioning.plan import Change

if TYPE_CHECKING:
    from collections.abc import Sequence

_MAX_ROUNDS = 100  # each edits at least one key


@dataclass
class Upgrade:
    """The files that were read, as bytes and as text, by resolved path; the keys left for the user; other errors.

    The texts have the edits. They are without a byte order mark, and without the line breaks of Windows if all are.
    """

    before: dict[Path, bytes] = field(default_factory=dict)
    texts: dict[Path, str] = field(default_factory=dict)
    left: dict[tuple[str, int, int], Problem] = field(default_factory=dict)
    other_errors: list[Problem] = field(default_factory=list)

    @property
    def after(self) -> dict[Path, bytes]:
        """The new contents of the files that change."""
        encoded = {path: _encode_text(text, self.before[path]) for path, text in self.texts.items()}
        return {path: data for path, data in encoded.items() if data != self.before[path]}

    def list_changes(self, folder: Path) -> list[Change]:
        """Return the changes by path, relative to the project's folder."""
        root = folder.resolve()
        return [
            Change(str(path.relative_to(root)), "changed", self.before[path].decode(), data.decode())
            for path, data in sorted(self.after.items())
        ]


def plan_upgrade(folder: Path) -> Upgrade:
    """Return the changes of an upgrade; raises DeckwatchError without a project, InvalidInput if it is newer."""
    if not (folder / FILE).is_file():
        raise DeckwatchError(f"there is no {FILE} in {folder.resolve()}")
    upgrade = Upgrade()
    for _ in range(_MAX_ROUNDS):
        problems = _find_errors(folder, upgrade)
        renamed = [problem for problem in problems if problem.new_name and _position(problem) not in upgrade.left]
        if not renamed:
            upgrade.other_errors = [problem for problem in problems if not problem.new_name]
            break
        by_file: dict[Path, list[Problem]] = defaultdict(list)
        for problem in renamed:
            by_file[Path(problem.place.file).resolve()].append(problem)
        for path, found in by_file.items():
            _edit_file(upgrade, folder, path, found)
    _set_version(upgrade, folder)
    return upgrade


def _find_errors(folder: Path, upgrade: Upgrade) -> list[Problem]:
    """Return the errors of the project with the edits made so far."""
    try:
        with edited_texts.use_texts(upgrade.texts):
            check_project(load_project(folder, plugins.schema_fragments(), keep_invalid=True))
    except InvalidInput as error:
        if any(problem.check == "version" for problem in error.problems):
            raise
        return [problem for problem in error.problems if problem.severity == "error"]
    return []


def _position(problem: Problem) -> tuple[str, int, int]:
    return problem.place.file, problem.place.line, problem.place.column


def _edit_file(upgrade: Upgrade, folder: Path, path: Path, problems: Sequence[Problem]) -> None:
    """Rename the keys of a file from its end; or, without any, move the first entry, which shifts all others."""
    if not path.is_relative_to(folder.resolve()):
        for problem in problems:
            _leave(upgrade, problem, "the file is not in the project's folder")
        return
    _read_file(upgrade, path)
    moves = [problem for problem in problems if "." in problem.new_name]
    renames = [problem for problem in problems if "." not in problem.new_name]
    chosen = sorted(renames, key=lambda problem: problem.place, reverse=True) or moves[:1]
    for problem in chosen:
        line, column = problem.place.line, problem.place.column
        old, new = problem.message.rpartition(" ")[2], problem.new_name
        text = upgrade.texts[path]
        try:
            if "." in new:
                target, _, name = new.partition(".")
                text = yaml_edit.move_entry(text, line, column, target, name)
            else:
                text = yaml_edit.rename_key(text, line, column, old, new)
            yaml_file.parse_text(text.replace("\r\n", "\n"), problem.place.file)
        except yaml_edit.CannotEditError as reason:
            _leave(upgrade, problem, str(reason))
        except InvalidInput:  # a duplicate key
            _leave(upgrade, problem, f"{new} is there already")
        else:
            upgrade.texts[path] = text


def _read_file(upgrade: Upgrade, path: Path) -> None:
    if path not in upgrade.before:
        upgrade.before[path] = path.read_bytes()
        text = upgrade.before[path].removeprefix(codecs.BOM_UTF8).decode()
        upgrade.texts[path] = text.replace("\r\n", "\n") if _has_windows_breaks(upgrade.before[path]) else text


def _has_windows_breaks(data: bytes) -> bool:
    return data.count(b"\r\n") == data.count(b"\n")


def _encode_text(text: str, before: bytes) -> bytes:
    """Return a text as bytes, with the byte order mark and the line breaks that the file had."""
    mark = codecs.BOM_UTF8 if before.startswith(codecs.BOM_UTF8) else b""
    return mark + (text.replace("\n", "\r\n") if _has_windows_breaks(before) else text).encode()


def _leave(upgrade: Upgrade, problem: Problem, reason: str) -> None:
    hint = f"{problem.hint}; change it by hand: {reason}"
    upgrade.left[_position(problem)] = replace(problem, hint=hint)


def _set_version(upgrade: Upgrade, folder: Path) -> None:
    """Write the present version where the project names one that is older."""
    path = (folder / FILE).resolve()
    _read_file(upgrade, path)
    text = upgrade.texts[path]
    document = yaml_file.parse_yaml(text, FILE)
    version = document.data.get("version") if isinstance(document.data, dict) else None
    if not isinstance(version, str) or version == __version__ or path not in upgrade.after:
        return
    place = document.place(("version",))
    lines = text.split("\n")
    column, line = place.column - 1, lines[place.line - 1]
    lines[place.line - 1] = line[:column] + line[column:].replace(version, __version__, 1)
    upgrade.texts[path] = "\n".join(lines)
