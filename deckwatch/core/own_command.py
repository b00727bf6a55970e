"""Commands of ours in messages, as they work when pasted into the user's shell."""

from __future__ import annotations

import functools
import shlex
import shutil
import sys
from pathlib import Path

_NAME = "deckwatch"
_projects: list[Path] = []


def use_project(folder: Path) -> None:
    """Make later messages name this project; the command line calls it once it knows the project."""
    _projects[:] = [folder]


def format_command(*words: str | Path, project: Path | None = None) -> str:
    """Return a command line of ours, such as `.venv/bin/deckwatch check --project shop`, quoted for a shell.

    `project` is by default that of the running command; the working directory needs no option.
    """
    folder = project or (_projects[0] if _projects else Path())
    option = [] if folder == Path() else ["--project", str(folder)]
    return shlex.join([*_find_program(), *map(str, words), *option])


@functools.cache
def _find_program() -> tuple[str, ...]:
    """Return how this shell finds us: by name on PATH, otherwise by path, otherwise as a module of this Python."""
    script, found = Path(sys.executable).with_name(_NAME), shutil.which(_NAME)
    if not script.is_file():
        return (_NAME,) if found else (sys.executable, "-m", _NAME)
    if found and script.samefile(found):
        return (_NAME,)
    return (str(script.relative_to(Path.cwd()) if script.is_relative_to(Path.cwd()) else script),)
