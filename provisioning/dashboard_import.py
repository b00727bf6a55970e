"""Imports Grafana dashboards into a project as YAML files; a rejected one does not affect the others."""

from __future__ import annotations

import itertools
import json
import re
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deckwatch.core.problems import DeckwatchError
from deckwatch.dashboards import panel_types
from deckwatch.dashboards.grafana_model import MAX_UID, is_generated_uid, make_slug
from deckwatch.dashboards.importing import Imported, Importer
from deckwatch.provisioning import metric_catalog

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping

    from deckwatch.core.project import Project

HEADER = "Imported from Grafana by `deckwatch grafana import`; this file is yours to edit."


@dataclass(frozen=True)
class ImportedFile:
    """An imported dashboard and the file to write it to."""

    path: Path
    imported: Imported


@dataclass
class ImportRun:
    """The imported dashboards of one run, and for each rejected one a sentence with the reason."""

    files: list[ImportedFile] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)


def read_model(path: Path) -> Any:
    """Return the JSON of a file, with or without a byte order mark; DeckwatchError if it cannot be read as JSON."""
    try:
        return json.loads(path.read_bytes())  # finds UTF-8, UTF-16 and UTF-32 by itself
    except OSError as error:
        raise DeckwatchError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise DeckwatchError(f"{path} is not JSON: {error}") from None


def import_dashboards(
    project: Project, models: Mapping[str, Any], folder: Path, done: Callable[[], None] = lambda: None
) -> ImportRun:
    """Return the files of imported dashboards without writing them. `models` are by file name or uid, for messages."""
    own_panels = project.folder / "panels"
    catalog = metric_catalog.load_catalog(project)
    run = ImportRun()
    seen: dict[str, tuple[str, Any]] = {}
    with panel_types.start_renderer(own_panels if own_panels.is_dir() else None) as renderer:
        importer = Importer(catalog, renderer)
        for source, model in models.items():
            name = file_name(model)
            if name in seen and _is_same_dashboard(model, seen[name][1]):
                run.rejected.append(f"{source} is the same dashboard as {seen[name][0]}")
                continue
            name = _make_unique(name, seen)
            seen[name] = (source, model)
            try:
                run.files.append(ImportedFile(folder / f"{name}.yaml", importer.import_dashboard(model, name)))
            except DeckwatchError as error:
                run.rejected.append(f"{source}: {error}")
            except Exception as error:  # noqa: BLE001 - a bug of ours must not take the other dashboards with it
                run.rejected.append(
                    f"{source} cannot be imported because of a bug, please report it: {_locate_error(error)}"
                )
            done()
    return run


def _locate_error(error: Exception) -> str:
    """Return an unexpected exception with the line that raised it."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:200]} ({Path(frame.filename).name}:{frame.lineno})"


def write_files(run: ImportRun, *, force: bool = False) -> ImportRun:
    """Write each file, except existing ones unless `force`; return the run with these among the rejected."""
    written = ImportRun(rejected=list(run.rejected))
    for file in run.files:
        if file.path.exists() and not force:
            written.rejected.append(f"{file.path} already exists; --force overwrites")
            continue
        file.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = file.path.with_name(f".{file.path.name}.new")
        temporary.write_text(f"# {HEADER}\n{file.imported.text}", encoding="utf-8")
        temporary.replace(file.path)
        written.files.append(file)
    return written


def file_name(model: Any) -> str:
    """Return the name of a dashboard's file, which is its uid: the given uid if that is readable, else the title."""
    dashboard = _inner_model(model)
    uid = str(dashboard.get("uid") or "")
    if is_generated_uid(uid) and make_slug(uid) == uid and not re.search(r"\d{3}", uid):
        return uid
    slug = make_slug(str(dashboard.get("title") or "")) or "dashboard"
    return _shorten_slug(slug if slug[0].isalpha() else f"dashboard-{slug}", MAX_UID)


def _shorten_slug(slug: str, length: int) -> str:
    """Return a slug of at most `length` characters, cut between two words where one is near."""
    if len(slug) <= length:
        return slug
    cut = slug[: length + 1].rpartition("-")[0]
    return cut if len(cut) > length // 2 else slug[:length].rstrip("-")


def _make_unique(name: str, taken: Container[str]) -> str:
    """Return a name that no other dashboard has, by a number at its end."""
    if name not in taken:
        return name
    names = (f"{_shorten_slug(name, MAX_UID - len(str(n)) - 1)}-{n}" for n in itertools.count(2))
    return next(numbered for numbered in names if numbered not in taken)


def _is_same_dashboard(model: Any, other: Any) -> bool:
    first, second = _inner_model(model), _inner_model(other)
    return first == second or (bool(first.get("uid")) and first.get("uid") == second.get("uid"))


def _inner_model(model: Any) -> Mapping[str, Any]:
    inner = model.get("dashboard", model) if isinstance(model, dict) else {}
    return inner if isinstance(inner, dict) else {}
