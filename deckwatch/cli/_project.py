"""Load the project that a command works on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deckwatch.cli._command_names import command_names
from deckwatch.core import plugins, project

if TYPE_CHECKING:
    from pathlib import Path

    from deckwatch.core.project import Project


# The project whose options were read, which the command itself loads next, and what identifies its file.
_read_for_defaults: list[tuple[Project, tuple[int, ...]]] = []

_OTHER_SECTIONS = (
    "scrape",
    "metrics",
    "views",
    "insights",
    "hosts",
    "pki",
)  # named like a command, but not its options
_QUERYING_GROUPS = ("alerts", "stats", "views")


def load_project(folder: Path, *, lean: bool = False, keep_invalid: bool = False) -> Project:
    """Read the project in a folder; raises InvalidInput. Long-lived processes set `lean`.

    With `keep_invalid` the problems are kept on the project, so that `stack.build` can add those of its other files.
    """
    if _read_for_defaults:
        read, identity = _read_for_defaults.pop()
        is_same = read.folder == folder and identity == _identify_file(folder)
        if is_same and (keep_invalid or not read.problems):
            return read
    return project.load_project(folder, plugins.schema_fragments(), lean=lean, keep_invalid=keep_invalid)


def _identify_file(folder: Path) -> tuple[int, ...]:
    """Return the identity of a project's file, which changes with it; empty without a file."""
    try:
        status = (folder / project.FILE).stat()
    except OSError:
        return ()
    return (status.st_ino, status.st_size, status.st_mtime_ns)


def shipped_set_note(loaded: Project) -> str:
    """Return a note for folders without a project file, which may be the wrong folder; '' otherwise."""
    return f" (shipped set: no {project.FILE} in {loaded.folder.resolve()})" if loaded.is_shipped else ""


def option_defaults(folder: Path, *, lean: bool = False) -> dict[str, Any]:
    """Return option defaults from `deckwatch.yaml`: the section with the command's name.

    The sections of `_OTHER_SECTIONS` have another meaning: applications' endpoints, their metrics, named queries, which
    insights are off, the machines and their certificates. `deckwatch scrape` uses the sources of `serve:`. Paths
    are relative to the file.
    """
    # The command itself reports problems of the file, together with all others.
    _read_for_defaults.clear()
    identity = _identify_file(folder)
    loaded = load_project(folder, lean=lean, keep_invalid=True)
    _read_for_defaults.append((loaded, identity))
    data = loaded.data
    defaults = {
        name: {
            option.replace("-", "_").replace(".", "_"): str(folder / value) if _is_path(option) else value
            for option, value in data[name].items()
        }
        for name in command_names("deckwatch.cli")
        if name not in _OTHER_SECTIONS and isinstance(data.get(name), dict)
    }
    serve = defaults.get("serve", {})
    sources = {name: value for name, value in serve.items() if name.startswith(("path_", "docker_"))}
    return _with_addresses({**defaults, "scrape": sources}, data.get("addresses"))


def _with_addresses(defaults: dict[str, Any], addresses: Any) -> dict[str, Any]:
    """Add the servers of `addresses:` as defaults of the commands that query them; a command's section overrides."""
    known = addresses if isinstance(addresses, dict) else {}
    servers = {name: known[name] for name in ("prometheus", "alertmanager") if name in known}
    groups = {name: dict.fromkeys(command_names(f"deckwatch.cli.{name}"), servers) for name in _QUERYING_GROUPS}
    grafana = {name: {"url": known["grafana"]} for name in ("import", "diff", "push") if "grafana" in known}
    querying = {name: {**servers, **defaults.get(name, {})} for name in command_names("deckwatch.cli")}
    return {**querying, **groups, "grafana": grafana}


def _is_path(option: str) -> bool:
    return option.startswith("path.") or option in ("out", "state-dir", "web.config.file", "junit", "markdown")
