"""Imports Grafana dashboards into a project as YAML files; a rejected one does not affect the others."""

from __future__ import annotations

import itertools
import re
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from deckwatch.core.problems import DeckwatchError
from deckwatch.core.whole_file import replace_file
from deckwatch.dashboards import panel_types, schema_v2
from deckwatch.dashboards.grafana_model import MAX_UID, is_generated_uid, make_slug
from deckwatch.dashboards.importing import Imported, Importer
from deckwatch.dashboards.importing.variables import read_folder
from deckwatch.dashboards.schema_v2.resource import FOLDER
from deckwatch.provisioning import metric_catalog
from deckwatch.provisioning.taken_titles import TakenTitles

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Sequence

    from deckwatch.core.json_types import JsonObject
    from deckwatch.core.project import Project
    from deckwatch.dashboards.schema_v2 import FoundDashboard

HEADER = "Imported from Grafana by `deckwatch grafana import`; this file is yours to edit."


@dataclass(frozen=True)
class ImportedFile:
    """An imported dashboard, the file to write it to, and sentences about what the classic model cannot express."""

    path: Path
    imported: Imported
    notes: Sequence[str] = ()


@dataclass
class ImportRun:
    """The imported dashboards of one run, and for each rejected one a sentence with the reason."""

    files: list[ImportedFile] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)


def import_dashboards(
    project: Project, found: Sequence[FoundDashboard], folder: Path, done: Callable[[], None] = lambda: None
) -> ImportRun:
    """Return the files of imported dashboards without writing them."""
    own_panels = project.folder / "panels"
    catalog = metric_catalog.load_catalog(project)
    run = ImportRun()
    seen: dict[str, FoundDashboard] = {}
    titles = TakenTitles(project)
    with panel_types.start_renderer(own_panels if own_panels.is_dir() else None) as renderer:
        importer = Importer(catalog, renderer)
        for each in found:
            source, name = each.source, file_name(each)
            if name in seen and _is_same_dashboard(each, seen[name]):
                same = "is the same dashboard as" if each.spec == seen[name].spec else f"has the uid {each.name} of"
                run.rejected.append(f"{source} {same} {seen[name].source}")
                continue
            name = _make_unique(name, seen)
            seen[name] = each
            try:
                model, notes = _read_classic(each)
                notes += _number_title(model, name, titles, folder)
                run.files.append(ImportedFile(folder / f"{name}.yaml", importer.import_dashboard(model, name), notes))
            except DeckwatchError as error:
                del seen[name]  # another dashboard of this name may be valid
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
        replace_file(file.path, f"# {HEADER}\n{file.imported.text}".encode())
        written.files.append(file)
    return written


def file_name(found: FoundDashboard) -> str:
    """Return the name of a dashboard's file, which is its uid: the given uid if that is readable, else the title."""
    uid = found.name
    if is_generated_uid(uid) and make_slug(uid) == uid and not re.search(r"\d{3}", uid):
        return uid
    slug = make_slug(str(found.spec.get("title") or "")) or "dashboard"
    return _shorten_slug(slug if slug[0].isalpha() else f"dashboard-{slug}", MAX_UID)


def _read_classic(found: FoundDashboard) -> tuple[JsonObject, list[str]]:
    """Return the answer of Grafana's API that has this dashboard, and what its form cannot express."""
    model, notes = found.spec, found.list_notes()
    if found.form == "v2":
        converted = schema_v2.convert_to_classic(found.spec, keeps_sections=True)
        model, notes = converted.model, [*notes, *map(str, converted.losses)]
    title = found.folder_title
    if found.folder and not title:
        title = found.folder
        notes.append(f'metadata.annotations["{FOLDER}"]: the folder is known only by its uid, now its title')
    if found.name:
        model = {**model, "uid": found.name}
    return {"dashboard": model, "meta": {"folderTitle": title}}, notes


def _number_title(answer: JsonObject, uid: str, titles: TakenTitles, folder: Path) -> list[str]:
    """Change a title that another dashboard of the project's folder has; return a sentence about it, or nothing."""
    parent = read_folder(answer["meta"]["folderTitle"])
    wanted = str(answer["dashboard"].get("title") or "")
    title, other = titles.find_free_title(parent, wanted, uid)
    titles.add_title(parent, title, uid, str(folder / f"{uid}.yaml"))
    if not other:
        return []
    answer["dashboard"] = {**answer["dashboard"], "title": title}
    return [f"title: now {title!r}, because {other} is called {wanted!r}"]


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


def _is_same_dashboard(first: FoundDashboard, second: FoundDashboard) -> bool:
    return first.spec == second.spec or (bool(first.name) and first.name == second.name)
