"""Replaces several files together: a kill at any moment leaves all old, or new ones that the next run completes.

The new contents are first written to a folder beside the files, which a rename then commits. From there on the files
are replaced one by one; while the folder is there, no command reads the project (`core/project.py`).
"""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING

from deckwatch.core.problems import DeckwatchError
from deckwatch.core.project import COMMITTED_UPGRADE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_LIST = "files.json"


def replace_files(root: Path, contents: Mapping[Path, bytes]) -> None:
    """Replace files below a folder by path; raises DeckwatchError, with nothing changed, if one cannot be written."""
    committed = root / COMMITTED_UPGRADE
    staged = committed.with_name(f"{committed.name}.new")
    try:
        shutil.rmtree(staged, ignore_errors=True)
        staged.mkdir(parents=True)
        names = {str(number): str(path.relative_to(root)) for number, path in enumerate(contents)}
        for number, (path, data) in zip(names, contents.items(), strict=True):
            if not os.access(path, os.W_OK) or not os.access(path.parent, os.W_OK):
                raise DeckwatchError(f"{path} cannot be written; nothing was changed")
            _write_durably(staged / number, data)
            (staged / number).chmod(path.stat().st_mode & 0o7777)
        _write_durably(staged / _LIST, json.dumps(names).encode())
        staged.rename(committed)
    except OSError as error:
        raise DeckwatchError(
            f"{error.filename or root} cannot be written: {error.strerror}; nothing was changed"
        ) from None
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    finish_interrupted(root)


def finish_interrupted(root: Path) -> list[Path]:
    """Complete a committed replacement, and return its files; an empty list if there is none."""
    committed = root / COMMITTED_UPGRADE
    if not committed.is_dir():
        return []
    names = json.loads((committed / _LIST).read_bytes())
    paths = [root / name for name in names.values()]
    for number, path in zip(names, paths, strict=True):
        if (committed / number).exists():  # otherwise it was moved before the interruption
            (committed / number).replace(path)
    complete = committed.with_name(f"{committed.name}.done")
    shutil.rmtree(complete, ignore_errors=True)
    committed.rename(complete)
    shutil.rmtree(complete, ignore_errors=True)
    return paths


def _write_durably(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
