"""The dashboards that `deckwatch grafana import` is given: in files, in folders, in a running Grafana."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from deckwatch.core.json_types import as_object, as_text
from deckwatch.core.problems import DeckwatchError
from deckwatch.dashboards.schema_v2 import FoundDashboard, NotADashboardError, find_dashboards
from deckwatch.provisioning import dashboard_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from deckwatch.core.json_types import Json

_FOLDER_FILE = "_folder.json"  # of a folder in a Git Sync repository


class Server(Protocol):
    """A running Grafana."""

    def read_dashboard(self, uid: str) -> FoundDashboard:
        """Return a dashboard in the form in which it is stored."""


@dataclass
class ReadDashboards:
    """Dashboards, for each unreadable one a sentence with the reason, and notes about files that are none."""

    found: list[FoundDashboard] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_sources(words: Iterable[str], connect: Callable[[], Server]) -> ReadDashboards:
    """Return the dashboards that words name: files, folders, `-` for standard input, otherwise uids on the server."""
    read = ReadDashboards()
    server: Server | None = None
    for word in dict.fromkeys(words):
        try:
            if Path(word).is_dir():
                _read_folder(Path(word), read)
            elif word == "-" or "/" in word or word.endswith(dashboard_file.SUFFIXES) or Path(word).is_file():
                read.found += dashboard_file.read_dashboards(Path(word), read.rejected)
            else:
                server = server or connect()
                read.found.append(server.read_dashboard(word))
        except DeckwatchError as error:
            if str(error) not in read.rejected:  # one sentence about a server for all its dashboards
                read.rejected.append(str(error))
    return read


def _read_folder(root: Path, read: ReadDashboards) -> None:
    """Read all dashboards below a folder; titles of Grafana's folders are those of the folder resources in it."""
    paths = [path for path in sorted(root.rglob("*")) if path.suffix in dashboard_file.SUFFIXES and path.is_file()]
    paths = [path for path in paths if not any(part.startswith(".") for part in path.relative_to(root).parts)]
    if not paths:
        raise DeckwatchError(f"{root} has no file *.json, *.yaml or *.yml")
    found: list[tuple[Path, FoundDashboard]] = []
    by_uid: dict[str, str] = {}
    by_directory: dict[Path, str] = {}
    for path in paths:
        try:
            folders, documents = [], dashboard_file.read_documents(path)
            for document in documents:
                if (folder := _read_folder_resource(document)) is not None:
                    folders.append(folder)
                else:
                    found += [(path, each) for each in find_dashboards(document, str(path), read.rejected)]
        except NotADashboardError as error:
            read.notes.append(f"skipped: {error}")
        except DeckwatchError as error:
            read.rejected.append(str(error))
        else:
            by_uid |= dict(folders)
            if path.name == _FOLDER_FILE and folders:
                by_directory[path.parent] = folders[0][1]
    for path, each in found:
        title = by_uid.get(each.folder) or _directory_title(path, root, each, by_directory)
        read.found.append(replace(each, folder_title=each.folder_title or title))


def _read_folder_resource(document: Json) -> tuple[str, str] | None:
    """Return uid and title of a folder resource; None for anything else."""
    resource = as_object(document)
    if resource.get("kind") != "Folder":
        return None
    uid = as_text(as_object(resource.get("metadata")).get("name"))
    return uid, as_text(as_object(resource.get("spec")).get("title")) or uid


def _directory_title(path: Path, root: Path, found: FoundDashboard, titles: Mapping[Path, str]) -> str:
    """Return the title of the folder that Git Sync makes of a resource's directory; '' at the root and for others."""
    if path.parent in titles:
        return titles[path.parent]
    is_placed = found.version != "" and not found.folder and path.parent != root
    return path.parent.name if is_placed else ""
