"""Files that a command writes as a whole, and replaces only if it has written them itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core.problems import DeckwatchError

if TYPE_CHECKING:
    from pathlib import Path

_HEAD_BYTES = 1000  # in which the mark is found


def check_replaceable(path: Path, mark: bytes, *, force: bool | None, option: str = "--out") -> None:
    """Raise DeckwatchError if there is a file without our mark near its start, unless it may be replaced.

    Also raised where a file of this name cannot be written, so that a command says so before its work. `option` is what
    named the file; `force` is None where the command has no option to replace it.
    """
    if path.is_dir() or (path.exists() and not path.is_file()):
        raise DeckwatchError(f"{path} is not a regular file: choose another {option}")
    if not path.parent.is_dir():
        raise DeckwatchError(f"{path.parent} is not a folder: choose another {option}")
    try:
        with path.open("rb") as file:
            is_ours = mark in file.read(_HEAD_BYTES)
    except FileNotFoundError:
        return
    if not is_ours and not force:
        hint = "" if force is None else ", or add --force"
        raise DeckwatchError(f"{path} was not written by this command: choose another {option}{hint}")
