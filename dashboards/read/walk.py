"""The only traversal of a dashboard document's tabs, rows and panels; it accepts any structure below them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from deckwatch.core.copy_with_places import copy_with_places
from deckwatch.core.json_types import as_list, as_object
from deckwatch.core.yaml_file import Document

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from deckwatch.core.json_types import JsonValue, StrictObject
    from deckwatch.core.yaml_file import Path


@dataclass(frozen=True, slots=True)
class RowNode:
    """One item of `rows:`. `panels_path` leads to its list of panels; `panels` is None if it has none.

    `tab` is the path of the tab that contains it, () if none does.
    """

    path: Path
    data: JsonValue
    panels_path: Path
    panels: list[JsonValue] | None
    tab: Path = ()

    @property
    def is_mapping(self) -> bool:
        """Whether it has keys, such as a title; otherwise it is a plain list of panels."""
        return isinstance(self.data, dict)


@dataclass(frozen=True, slots=True)
class PanelNode:
    """One item of a row's panels."""

    path: Path
    data: JsonValue
    row: RowNode


def walk_tabs(document: Document) -> Iterator[tuple[Path, JsonValue]]:
    """Yield the tabs of a document, in order, each with its path."""
    for i, data in enumerate(as_list(as_object(document.data).get("tabs"))):
        yield ("tabs", i), data


def strip_tab(path: Path) -> Path:
    """Return a path relative to the tab that contains it, or unchanged."""
    return path[2:] if path[:1] == ("tabs",) else path


def walk_rows(document: Document) -> Iterator[RowNode]:
    """Yield the rows of a document, in order, those in tabs last."""
    yield from _walk_rows_of(as_object(document.data), ())
    for path, data in walk_tabs(document):
        yield from _walk_rows_of(as_object(data), path)


def _walk_rows_of(parent: StrictObject, tab: Path) -> Iterator[RowNode]:
    for i, data in enumerate(as_list(parent.get("rows"))):
        path: Path = (*tab, "rows", i)
        panels = data.get("panels") if isinstance(data, dict) else data
        panels_path: Path = (*path, "panels") if isinstance(data, dict) else path
        yield RowNode(path, data, panels_path, panels if isinstance(panels, list) else None, tab)


def walk_row_panels(row: RowNode) -> Iterator[PanelNode]:
    """Yield the panels of a row, in order."""
    for i, data in enumerate(row.panels or []):
        yield PanelNode((*row.panels_path, i), data, row)


def walk_panels(document: Document) -> Iterator[PanelNode]:
    """Yield the panels of all rows, in order."""
    for row in walk_rows(document):
        yield from walk_row_panels(row)


class DocumentWriter:
    """Writes a changed copy of a dashboard document, in which each value keeps its original position.

    Subclasses override `write_row` and `write_panel`, which write the copy of a row and of a panel.
    """

    def __init__(self, source: Document) -> None:
        self.source = source
        self.result = Document(source.file, source.text, {})

    def write(self) -> Document:
        """Return the copy."""
        result = self.result
        result.values[()] = self.source.place()
        data = self.write_top()
        if "rows" in self.source.data or "tabs" not in self.source.data:
            data["rows"] = self._write_rows((), ())
        if "tabs" in self.source.data:
            data["tabs"] = self._write_tabs()
        result.data = data
        return result

    def write_top(self) -> StrictObject:
        """Return the copy of the top-level keys other than `rows` and `tabs`."""
        return self.copy_keys((), (), without=("rows", "tabs"))

    def _write_rows(self, tab: Path, at: Path) -> list[JsonValue]:
        """Return the copies of the rows of a tab, or of those in none, as the key `rows` of the mapping at `at`."""
        if (*tab, "rows") in self.source.keys:
            self.result.keys[*at, "rows"] = self.source.keys[*tab, "rows"]
        self.result.values[*at, "rows"] = self.source.place((*tab, "rows"))
        rows: list[JsonValue] = []
        for row in walk_rows(self.source):
            if row.tab == tab and (written := self.write_row(row, (*at, "rows", len(rows)))) is not None:
                rows.append(written)
        return rows

    def _write_tabs(self) -> JsonValue:
        """Return the copies of the tabs without those that have no rows left."""
        if not isinstance(self.source.data["tabs"], list):
            return self.copy_key((), self.source, (), "tabs")
        self.result.keys["tabs",] = self.source.place(("tabs",), key=True)
        self.result.values["tabs",] = self.source.place(("tabs",))
        tabs: list[JsonValue] = []
        for path, data in walk_tabs(self.source):
            at: Path = ("tabs", len(tabs))
            if not isinstance(as_object(data).get("rows"), list):
                tabs.append(self.copy_value(at, self.source, path))
                continue
            self.result.values[at] = self.source.place(path)
            written = self.copy_keys(at, path, without=("rows",))
            written["rows"] = self._write_rows(path, at)
            if written["rows"]:
                tabs.append(written)
        return tabs

    def write_row(self, row: RowNode, at: Path) -> JsonValue:
        """Return the copy of a row as the item at `at`; None leaves it out."""
        if row.panels is None:
            return self.copy_value(at, self.source, row.path)
        self.result.values[at] = self.source.place(row.path)
        if not row.is_mapping:
            return self.write_panels(row, at)
        written = self.write_row_keys(row, at)
        self.result.keys[*at, "panels"] = self.source.place(row.panels_path, key=True)
        written["panels"] = self.write_panels(row, (*at, "panels"))
        return written

    def write_row_keys(self, row: RowNode, at: Path) -> StrictObject:
        """Return the copy of a row's keys other than `panels`."""
        return self.copy_keys(at, row.path, without=("panels",))

    def write_panels(self, row: RowNode, at: Path) -> list[JsonValue]:
        """Return the copies of a row's panels as the list at `at`."""
        self.result.values[at] = self.source.place(row.panels_path)
        panels: list[JsonValue] = []
        for panel in walk_row_panels(row):
            panels += self.write_panel(panel, at, len(panels))
        return panels

    def write_panel(self, panel: PanelNode, at: Path, index: int) -> list[JsonValue]:
        """Return the panels that replace one, from `index` on in the list at `at`."""
        return [self.copy_value((*at, index), self.source, panel.path)]

    def copy_keys(self, at: Path, path: Path, *, without: Collection[str] = ()) -> StrictObject:
        """Return a copy of the keys of the mapping at `path` but some."""
        copied: StrictObject = {}
        for key in self.source.value_at(path):
            if key not in without:
                copied[key] = self.copy_key(at, self.source, path, key)
        return copied

    def copy_key(self, at: Path, source: Document, path: Path, key: str) -> JsonValue:
        """Return a copy of the value of a key of the mapping at `path` in `source`."""
        self.result.keys[*at, key] = source.place((*path, key), key=True)
        return self.copy_value((*at, key), source, (*path, key))

    def copy_value(self, at: Path, source: Document, path: Path) -> JsonValue:
        """Return a copy of the value at `path` in `source`."""
        value: JsonValue = copy_with_places(self.result, at, source, path)
        return value
