"""Load the project that a command works on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deckwatch.cli._commands import command_names
from deckwatch.core import plugins, project

if TYPE_CHECKING:
    from pathlib import Path

    from deckwatch.core.project import Project


def load_project(folder: Path, *, lean: bool = False, keep_invalid: bool = False) -> Project:
    """Read the project in a folder; raises InvalidInput. Long-lived processes set `lean`.

    With `faulty` the problems are kept on the project, so that `stack.build` can add those of its other files.
    """
    return project.load_project(folder, plugins.schema_fragments(), lean=lean, keep_invalid=keep_invalid)


def shipped_set_note(loaded: Project) -> str:
    """Return a note for folders without a project file, which may be the wrong folder; '' otherwise."""
    return f" (shipped set: no {project.FILE} in {loaded.folder.resolve()})" if loaded.is_shipped else ""


def option_defaults(folder: Path, *, lean: bool = False) -> dict[str, Any]:
    """Return option defaults from `deckwatch.yaml`: the section with the command's name.

    The sections `scrape:` and `metrics:` have another meaning: applications' endpoints and their metrics. `deckwatch
    scrape` uses the sources of `serve:`. Paths are relative to the file.
    """
    # The command itself reports problems of the file, together with all others.
    data = load_project(folder, lean=lean, keep_invalid=True).data
    defaults = {
        name: {
            option.replace("-", "_").replace(".", "_"): str(folder / value) if _is_path(option) else value
            for option, value in data[name].items()
        }
        for name in command_names("deckwatch.cli")
        if name not in ("scrape", "metrics") and isinstance(data.get(name), dict)
    }
    serve = defaults.get("serve", {})
    sources = {name: value for name, value in serve.items() if name.startswith(("path_", "docker_"))}
    return {**defaults, "scrape": sources}


def _is_path(option: str) -> bool:
    return option.startswith("path.") or option in ("out", "state-dir", "web.config.file", "junit", "markdown")
