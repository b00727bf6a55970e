"""The project a command works on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deckwatch.cli.main import deckwatch
from deckwatch.core import plugins, project

if TYPE_CHECKING:
    from pathlib import Path

    import click

    from deckwatch.core.project import Project


def load_project(folder: Path, *, lean: bool = False, keep_invalid: bool = False) -> Project:
    """Read the project in a folder; raises InvalidInput. `lean` is for a process that lives long.

    With `faulty` the project tells of its problems itself, so that `stack.build` can add those of its other files.
    """
    return project.load_project(folder, plugins.schema_fragments(), lean=lean, keep_invalid=keep_invalid)


def shipped_set_note(found: Project) -> str:
    """Return what to add to a success where the folder has no project: the wrong folder looks like a right one."""
    return f" (the shipped set: there is no {project.FILE} in {found.folder.resolve()})" if found.is_shipped else ""


def option_defaults(folder: Path, *, lean: bool = False) -> dict[str, Any]:
    """Return what `deckwatch.yaml` says of commands' options: a section with the command's name.

    Two sections with a command's name say something else: `scrape:` lists pages of applications, `metrics:` their
    metrics. `deckwatch scrape` reads this machine as `serve:` says. Paths are relative to the file.
    """
    # What is wrong with the file is told by the command, with all else that is wrong.
    data = load_project(folder, lean=lean, keep_invalid=True).data
    found = {
        name: {
            option.replace("-", "_").replace(".", "_"): str(folder / value) if _is_path(option) else value
            for option, value in data[name].items()
        }
        for name in deckwatch.list_commands(_NO_CONTEXT)
        if name not in ("scrape", "metrics") and isinstance(data.get(name), dict)
    }
    where = {name: value for name, value in found.get("serve", {}).items() if name.startswith(("path_", "docker_"))}
    return {**found, "scrape": where}


def _is_path(option: str) -> bool:
    return option.startswith("path.") or option in ("out", "state-dir", "web.config.file", "junit", "markdown")


_NO_CONTEXT: click.Context = None  # type: ignore[assignment]  # the list of commands needs none
