"""The entries of `watch: logs:`: their files, their formats, and what is wrong with them.

Imported only where logs are configured: nobody else pays for it.
"""

from __future__ import annotations

import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deckwatch.core.problems import did_you_mean
from deckwatch.exporter.sources import rootfs
from deckwatch.exporter.sources.docker import Engine
from deckwatch.exporter.sources.logs import formats, patterns
from deckwatch.exporter.sources.logs.container_lines import ContainerLines
from deckwatch.exporter.sources.logs.files import Listing, LogFiles
from deckwatch.exporter.sources.logs.service import LogSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deckwatch.core.problems import Problem
    from deckwatch.core.project import Project
    from deckwatch.exporter.sources.logs.format import Format
    from deckwatch.exporter.world import World

_ONE_OF_SOURCES = ("file", "container")
_ONE_OF_FORMATS = ("format", "log_format", "pattern")


def read_settings(world: World, entry: Mapping[str, Any]) -> LogSettings:
    """Return the files and the format of an entry that has been checked."""
    found, from_start, is_optional = read_format(entry), entry.get("begin") == "start", entry.get("optional", False)
    key = f"{name_source(entry)} {next((entry[key] for key in _ONE_OF_FORMATS if key in entry), 'combined')}"
    if "container" in entry:
        containers = _ContainerFiles(world, entry["container"])
        return LogSettings(key, found, containers.list_files, ContainerLines(), from_start, is_optional)
    files = LogFiles(world, _as_list(entry["file"]), entry.get("links_to") or ())
    return LogSettings(key, found, files.list_files, None, from_start, is_optional)


def read_format(entry: Mapping[str, Any]) -> Format:
    """Return the format of an entry that has been checked."""
    if "pattern" in entry:
        return patterns.compile_pattern(entry["pattern"])
    if "log_format" in entry:
        return patterns.compile_log_format(entry["log_format"])
    return formats.load_format(entry["format"])


class _ContainerFiles:
    """The log files of containers whose names match a pattern."""

    def __init__(self, world: World, name: str) -> None:
        self._world = world
        self._name = name

    def list_files(self) -> Listing:
        """Return the files as they are now; a fault where the engine does not say where they are."""
        snapshot = self._world.source(Engine).latest_snapshot()
        if snapshot is None:
            return Listing(faults={f"container {self._name}": "no Docker engine"}, is_complete=False)
        if not snapshot.reachable and not snapshot.version:
            return Listing(is_complete=False)  # it has not answered yet
        matching = [each for each in snapshot.containers if fnmatch.fnmatchcase(each.name, self._name)]
        paths = [each.log_path for each in matching if each.log_path]
        if not matching:
            return Listing(missing=[f"container {self._name}"])
        if not paths:
            return Listing(faults={f"container {self._name}": "its log is not in a file that the engine reports"})
        listing = LogFiles(self._world, paths).list_files()
        missing = [path for path in paths if not Path(rootfs.host_path(self._world, path)).exists()]
        if missing and not listing.files and not listing.faults:
            listing.faults[f"container {self._name}"] = "its log file is not visible"
        return listing


def name_source(entry: Mapping[str, Any]) -> str:
    """Return the display name of an entry's source: its files, or its container."""
    return f"container {entry['container']}" if "container" in entry else ", ".join(_as_list(entry["file"]))


def _as_list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def find_problems(project: Project) -> Iterator[Problem]:
    """Yield the problems of `watch: logs:` that its schema does not cover."""
    folders: dict[str, str] = {}
    for index, entry in enumerate((project.data.get("watch") or {}).get("logs") or []):
        path = ("watch", "logs", index)
        folder = entry.get("state", "")
        if folder and folders.setdefault(entry["service"], folder) != folder:
            message = f"the service {entry['service']!r} has its state in {folders[entry['service']]}"
            yield project.document.problem((*path, "state"), message, "its logs are counted together")
        for choices in (_ONE_OF_SOURCES, _ONE_OF_FORMATS):
            given = [choice for choice in choices if choice in entry]
            if len(given) != 1:
                actual = f"not {' and '.join(given)}" if given else "found none"
                yield project.document.problem(path, f"expected one of {', '.join(choices)}; {actual}")
        names = formats.format_names()
        if "format" in entry and entry["format"] not in names:
            hint = did_you_mean(entry["format"], names) or f"one of {', '.join(names)}"
            yield project.document.problem((*path, "format"), f"unknown format {entry['format']!r}", hint)
        for key, compile_text in (("pattern", patterns.compile_pattern), ("log_format", patterns.compile_log_format)):
            if key in entry:
                try:
                    compile_text(entry[key])
                except ValueError as fault:
                    yield project.document.problem((*path, key), str(fault))
