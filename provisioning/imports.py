"""Dashboards brought into a project: files of ours beside deckwatch.yaml, all of them or none."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deckwatch.core.problems import DeckwatchError
from deckwatch.dashboards import panel_types
from deckwatch.dashboards.importing import Imported, Importer
from deckwatch.provisioning import catalogue

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from deckwatch.core.project import Project

_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*\Z")
HEADER = "Imported from Grafana by `deckwatch grafana import`; this file is yours now."


@dataclass(frozen=True)
class Brought:
    """One dashboard, and the file that it becomes."""

    path: Path
    found: Imported


def read(path: Path) -> Any:
    """Return the JSON of a file; raises DeckwatchError where it cannot be read or is none."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DeckwatchError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise DeckwatchError(f"{path} is not JSON: {error}") from None


def bring(
    project: Project, models: Mapping[str, Any], folder: Path, done: Callable[[], None] = lambda: None
) -> list[Brought]:
    """Return dashboards in our words; nothing is written. `models` are they by what people call each: a file, a uid."""
    own = project.folder / "panels"
    catalog = catalogue.load(project)
    found: list[Brought] = []
    taken: dict[str, str] = {}
    with panel_types.start_renderer(own if own.is_dir() else None) as child:
        importer = Importer(catalog, child)
        for called, model in models.items():
            name = name_of(model)
            if name in taken:
                raise DeckwatchError(f"{called} and {taken[name]} would both be {folder / name}.yaml")
            taken[name] = called
            try:
                found.append(Brought(folder / f"{name}.yaml", importer.read(model, name)))
            except DeckwatchError as error:
                raise DeckwatchError(f"{called}: {error}") from None
            done()
    return found


def write(found: Sequence[Brought], *, force: bool = False) -> None:
    """Write all files; raises DeckwatchError, before the first, where one is there already and `force` is not given."""
    there = [str(one.path) for one in found if one.path.exists()]
    if there and not force:
        raise DeckwatchError(f"{', '.join(there)} is there already; --force replaces it")
    for one in found:
        one.path.parent.mkdir(parents=True, exist_ok=True)
        whole = one.path.with_name(f".{one.path.name}.new")
        whole.write_text(f"# {HEADER}\n{one.found.text}", encoding="utf-8")
        whole.replace(one.path)


def name_of(model: Any) -> str:
    """Return the name of the file for a dashboard: its address where that can be one, else its title."""
    inner = model.get("dashboard", model) if isinstance(model, dict) else {}
    inner = inner if isinstance(inner, dict) else {}
    uid = str(inner.get("uid") or "")
    if _SLUG.match(uid) and not re.search(r"\d{3}", uid):
        return uid
    return re.sub(r"[^a-z0-9]+", "-", str(inner.get("title") or "").lower()).strip("-") or "dashboard"
