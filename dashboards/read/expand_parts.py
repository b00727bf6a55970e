"""Replaces each `use:` by the rows and panels of its part, before a dashboard is read."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from deckwatch.core.copy_with_places import copy_with_places
from deckwatch.core.json_types import as_object
from deckwatch.core.own_command import format_command
from deckwatch.core.problems import did_you_mean
from deckwatch.dashboards.read import parts
from deckwatch.dashboards.read.part_origin import PartOrigin
from deckwatch.dashboards.read.walk import DocumentWriter, walk_row_panels, walk_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deckwatch.core.json_types import JsonValue, StrictObject
    from deckwatch.core.problems import Problem
    from deckwatch.core.yaml_file import Path
    from deckwatch.dashboards.read.files import Source
    from deckwatch.dashboards.read.parts import Part, Parts
    from deckwatch.dashboards.read.walk import PanelNode, RowNode

_KEYWORDS = ("use", "with")


def expand_parts(source: Source, known: Parts) -> tuple[Source, list[Problem]]:
    """Return a dashboard with its parts expanded, and what is wrong with their uses.

    A faulty use stays as it is: the schema accepts it and the reader ignores it.
    """
    if not any(_has_use(row) for row in walk_rows(source.document)):
        return source, []
    writer = _PartWriter(source, known)
    document = writer.write()
    return replace(source, document=document, origins=writer.origins), writer.problems


def _has_use(row: RowNode) -> bool:
    return "use" in as_object(row.data) or any("use" in as_object(panel.data) for panel in walk_row_panels(row))


class _PartWriter(DocumentWriter):
    """Writes rows with their parts expanded. `origins` are the panels and rows that come from a part, by their path."""

    def __init__(self, source: Source, known: Parts) -> None:
        super().__init__(source.document)
        self.parts = known
        self.shipped = source.shipped
        self.origins: dict[Path, PartOrigin] = {}
        self.problems: list[Problem] = []

    def write_row(self, row: RowNode, at: Path) -> JsonValue:
        """Return a row, which may be a use of a part."""
        part = self._find_part(row.path, parts.ROW) if "use" in as_object(row.data) else None
        if part is None:
            return super().write_row(row, at)
        use = row.path
        via = str(self.source.place((*use, "use"), key=True))
        values = parts.Values(part, self.source, use)
        written: StrictObject = {}
        self.result.values[at] = self.source.place(use)
        for key in parts.ROW:
            if key in as_object(row.data):
                written[key] = self.copy_key(at, self.source, use, key)
            elif key in part.row_options():
                self.result.keys[*at, key] = part.document.keys[key,]._replace(via=via)
                written[key] = copy_with_places(self.result, (*at, key), part.document, (key,), via=via, fill=values)
        if "row" not in written:
            return self._write_part_panels(part, use, at, 0, _row_keys_for_panels(part))
        self.origins[at] = self._describe_origin(part, use)
        place = self.source.place((*use, "use"), key=True)
        self.result.values[*at, "panels"] = self.result.keys[*at, "panels"] = place
        written["panels"] = self._write_part_panels(part, use, (*at, "panels"), 0, ())
        return written

    def write_panel(self, panel: PanelNode, at: Path, index: int) -> list[JsonValue]:
        """Return the panels that replace one, which may be a use of a part."""
        part = self._find_part(panel.path, ()) if "use" in as_object(panel.data) else None
        if part is None:
            return super().write_panel(panel, at, index)
        return self._write_part_panels(part, panel.path, at, index, _row_keys_for_panels(part))

    def _write_part_panels(
        self, part: Part, use: Path, at: Path, first: int, row_keys: Sequence[str]
    ) -> list[JsonValue]:
        """Return a part's panels as items of the list at `at`; `row_keys` of its row are copied into each."""
        place = self.source.place((*use, "use"), key=True)
        self.result.values.setdefault(at, place)
        values = parts.Values(part, self.source, use)
        panels: list[JsonValue] = []
        for i in range(len(part.document.data["panels"])):
            here = (*at, first + i)
            copied = copy_with_places(self.result, here, part.document, ("panels", i), via=str(place), fill=values)
            panel = as_object(copied)
            for key in row_keys:
                if key not in panel:
                    self.result.keys[*here, key] = part.document.keys[key,]._replace(via=str(place))
                    panel[key] = copy_with_places(
                        self.result, (*here, key), part.document, (key,), via=str(place), fill=values
                    )
            if "use" in panel:
                self.problems.append(self.result.problem((*here, "use"), "a part cannot use another part", key=True))
            self.origins[here] = self._describe_origin(part, use)
            panels.append(copied)
        return panels

    def _describe_origin(self, part: Part, use: Path) -> PartOrigin:
        arguments = self.source.value_at(use).get("with", {})
        names = [part.name, *(f"{name}={value}" for name, value in sorted(arguments.items()))]
        return PartOrigin(part.subjects, "" if self.shipped else " ".join(names))

    def _find_part(self, path: Path, more: Sequence[str]) -> Part | None:
        """Return the part that a use names, and report what is wrong with the use; None if it cannot be used."""
        use = self.source.value_at(path)
        name = use["use"]
        if set(use) - {*_KEYWORDS, *more} or not isinstance(name, str) or not isinstance(use.get("with", {}), dict):
            return None  # a problem for the schema
        if name not in self.parts.files:
            hint = did_you_mean(name, self.parts.files) or _suggest_folder(name, self.parts)
            self.problems.append(self.source.problem((*path, "use"), f"no part is called {name}", hint))
            return None
        part = self.parts.find_part(name)
        if part is None:
            return None  # its problems are reported at their positions
        problems = parts.find_use_problems(part, self.source, path)
        self.problems += problems
        return None if problems else part


def _row_keys_for_panels(part: Part) -> list[str]:
    """Return the keys of a part's row that each panel gets if there is no such row."""
    return [key for key in ("height", "needs") if key in part.document.data]


def _suggest_folder(name: str, known: Parts) -> str:
    """Return the hint for a name without its folder, or with a wrong one."""
    last = name.rpartition("/")[2]
    near = [path for path in known.files if path.rpartition("/")[2] == last]
    return f"did you mean {near[0]}?" if near else f"`{format_command('list', 'parts')}` lists them"
