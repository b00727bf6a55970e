"""Imports Grafana dashboards into a project as YAML files, all of them or none."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deckwatch.core.problems import DeckwatchError
from deckwatch.dashboards import panel_types
from deckwatch.dashboards.importing import Imported, Importer
from deckwatch.provisioning import metric_catalog

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from deckwatch.core.project import Project

_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*\Z")
HEADER = "Imported from Grafana by `deckwatch grafana import`; this file is yours to edit."


@dataclass(frozen=True)
class ImportedFile:
    """An imported dashboard and the file to write it to."""

    path: Path
    imported: Imported


def read_model(path: Path) -> Any:
    """Return the JSON of a file; raises DeckwatchError if it cannot be read or is not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DeckwatchError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise DeckwatchError(f"{path} is not JSON: {error}") from None


def import_dashboards(
    project: Project, models: Mapping[str, Any], folder: Path, done: Callable[[], None] = lambda: None
) -> list[ImportedFile]:
    """Return the files of imported dashboards without writing them. `models` are by file name or uid, for messages."""
    own_panels = project.folder / "panels"
    catalog = metric_catalog.load_catalog(project)
    files: list[ImportedFile] = []
    sources: dict[str, str] = {}
    with panel_types.start_renderer(own_panels if own_panels.is_dir() else None) as renderer:
        importer = Importer(catalog, renderer)
        for source, model in models.items():
            name = file_name(model)
            if name in sources:
                raise DeckwatchError(f"{source} and {sources[name]} would both be written to {folder / name}.yaml")
            sources[name] = source
            try:
                files.append(ImportedFile(folder / f"{name}.yaml", importer.import_dashboard(model, name)))
            except DeckwatchError as error:
                raise DeckwatchError(f"{source}: {error}") from None
            done()
    return files


def write_files(files: Sequence[ImportedFile], *, force: bool = False) -> None:
    """Write all files; raises DeckwatchError before the first if one exists, unless `force`."""
    existing = [str(file.path) for file in files if file.path.exists()]
    if existing and not force:
        verb = "exist" if len(existing) > 1 else "exists"
        raise DeckwatchError(f"{', '.join(existing)} already {verb}; --force overwrites")
    for file in files:
        file.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = file.path.with_name(f".{file.path.name}.new")
        temporary.write_text(f"# {HEADER}\n{file.imported.text}", encoding="utf-8")
        temporary.replace(file.path)


def file_name(model: Any) -> str:
    """Return the name of a dashboard's file: its uid where that is readable, else its title."""
    dashboard = model.get("dashboard", model) if isinstance(model, dict) else {}
    dashboard = dashboard if isinstance(dashboard, dict) else {}
    uid = str(dashboard.get("uid") or "")
    if _SLUG.match(uid) and not re.search(r"\d{3}", uid):
        return uid
    return re.sub(r"[^a-z0-9]+", "-", str(dashboard.get("title") or "").lower()).strip("-") or "dashboard"
