"""Changes that a project makes to dashboards by name: `set` changes panels, rows and dashboards, `disable` removes.

A panel's name is its title, `overview/Firing`; with its keyword if several have that title, `overview/stat Firing`.
Ids stay the same, so links to other panels, and to panels with a new title, keep working.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from deckwatch.core.copy_with_places import copy_with_places
from deckwatch.core.json_types import as_object
from deckwatch.core.problems import Problem, did_you_mean
from deckwatch.core.yaml_file import Document
from deckwatch.dashboards.read.walk import DocumentWriter, walk_rows

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from deckwatch.core.json_types import JsonValue, StrictMapping, StrictObject
    from deckwatch.core.yaml_file import Path
    from deckwatch.dashboards.panel_types import PanelType
    from deckwatch.dashboards.read.files import Source
    from deckwatch.dashboards.read.walk import PanelNode, RowNode

_NOT_SETTABLE = ("rows", "tabs", "signals")  # keys of a dashboard


@dataclass(frozen=True)
class Changes:
    """The names that a project sets and disables, each with its path in the project's file."""

    document: Document = field(default_factory=lambda: Document("", "", {}))
    set: Mapping[str, Path] = field(default_factory=dict)
    disable: Mapping[str, Path] = field(default_factory=dict)

    def for_dashboard(self, uid: str) -> Changes:
        """Return the changes of one dashboard; the name of the dashboard itself is ''."""
        selected: list[dict[str, Path]] = [
            {name.partition("/")[2]: path for name, path in names.items() if name.partition("/")[0] == uid}
            for names in (self.set, self.disable)
        ]
        return Changes(self.document, *selected)

    def find_problems(self, known: Collection[str]) -> Iterator[Problem]:
        """Yield names of unknown dashboards, and whole dashboards that are disabled."""
        for names, key in ((self.set, True), (self.disable, False)):
            for name, path in names.items():
                uid, slash, _ = name.partition("/")
                place = self.document.place(path, key=key)
                if uid not in known:
                    yield Problem(place, f"no dashboard is called {uid}", did_you_mean(uid, known), "names")
                elif not slash and not key:
                    hint = f"{uid}/TITLE is a panel or row; include: chooses the sets"
                    yield Problem(place, f"{uid} is a whole dashboard", hint, "names")


@dataclass(frozen=True)
class Adjusted:
    """Names before the changes: of changed panels and rows by path, of disabled ones, and by their former titles."""

    names: Mapping[Path, str] = field(default_factory=dict)
    hidden: Sequence[str] = ()
    titles: Mapping[str, str] = field(default_factory=dict)  # '' for disabled ones


@dataclass(frozen=True)
class NamedItem:
    """A panel, or a row with a title."""

    name: str
    title: str
    path: Path
    is_row: bool = False


def describe_settable_keys(dashboard: StrictMapping) -> tuple[StrictObject, StrictObject]:
    """Return the keys that can be set of a panel or row, and of a dashboard, each with its description, for editors."""
    definitions = as_object(dashboard["$defs"])
    panels: StrictObject = {}
    for name, definition in definitions.items():
        if name.startswith("panel_") or name == "titled_row":
            panels |= as_object(as_object(definition)["properties"])
    own = {key: value for key, value in as_object(dashboard["properties"]).items() if key not in _NOT_SETTABLE}
    return _describe_keys(panels, definitions), _describe_keys(own, definitions)


def _describe_keys(properties: StrictMapping, definitions: StrictMapping) -> StrictObject:
    result: StrictObject = {}
    for key, value in properties.items():
        schema = as_object(value)
        definition = as_object(definitions[str(schema["$ref"]).rpartition("/")[2]]) if "$ref" in schema else {}
        result[key] = {"description": schema.get("description") or definition.get("description", "")}
    return result


def apply_changes(
    source: Source, items: Sequence[NamedItem], changes: Changes, types: Mapping[str, PanelType]
) -> tuple[Source, Adjusted, list[Problem]]:
    """Return a dashboard's source with its changes applied, and what is wrong with their names.

    `items` are the panels and rows of the dashboard, `types` the panel types by keyword.
    """
    finder = _ItemFinder(source.uid, items, changes.document)
    hidden = finder.find_items(changes.disable)
    changed = finder.find_items(changes.set)
    problems = finder.problems
    for item, path in changed:
        if item.is_row:
            problems += _find_misplaced(changes.document, path, ("panels",))
    whole = changes.set.get("")
    if whole is not None:
        problems += _find_misplaced(changes.document, whole, _NOT_SETTABLE)
    if problems:
        return source, Adjusted(), problems
    writer = _ChangeWriter(
        source.document,
        changes.document,
        changed={item.path: path for item, path in changed},
        hidden={item.path for item, _ in hidden},
        whole=whole,
        types=types,
    )
    document = writer.write()
    if not any(walk_rows(document)):
        place = changes.document.place(next(iter(changes.disable.values())))
        return source, Adjusted(), [Problem(place, f"nothing is left of {source.uid}", "keep a panel", "names")]
    inside = [item for item in items for row, _ in hidden if item.path[: len(row.path)] == row.path and item is not row]
    removed = [*(item for item, _ in hidden), *inside]
    names = {writer.moved[item.path]: item.name for item, _ in changed if item.path in writer.moved}
    titles = {item.title: item.name for item, _ in changed} | {item.title: "" for item in removed}
    adjusted = Adjusted(names, [item.name for item in dict.fromkeys(removed)], titles)
    origins = {writer.moved[path]: origin for path, origin in source.origins.items() if path in writer.moved}
    return replace(source, document=document, origins=origins), adjusted, []


class _ItemFinder:
    """Finds panels and rows of one dashboard by name; what is wrong with the names is added to `problems`."""

    def __init__(self, uid: str, items: Sequence[NamedItem], document: Document) -> None:
        self.uid = uid
        self.items = items
        self.document = document
        self.problems: list[Problem] = []

    def find_items(self, names: Mapping[str, Path]) -> list[tuple[NamedItem, Path]]:
        """Return the items with these names, each with the path of its name; '' is the dashboard itself."""
        found = []
        for name, path in names.items():
            if not name:
                continue
            matches = [item for item in self.items if item.name == name]
            matches = matches or [item for item in self.items if item.title == name]
            if len(matches) == 1:
                found.append((matches[0], path))
            else:
                self._report(name, path, matches)
        return found

    def _report(self, name: str, path: Path, matches: Sequence[NamedItem]) -> None:
        place = self.document.place(path, key=path[1] == "set")
        if matches:
            hint = f"one of {', '.join(f'{self.uid}/{item.name}' for item in matches)}"
            message = f"{name} is ambiguous on the dashboard {self.uid}"
            self.problems.append(Problem(place, message, hint, "names"))
            return
        known = [*(item.title for item in self.items if item.title), *(item.name for item in self.items)]
        message = f"the dashboard {self.uid} has no panel or row {name}"
        self.problems.append(Problem(place, message, did_you_mean(name, known), "names"))


def _find_misplaced(document: Document, path: Path, keys: Collection[str]) -> Iterator[Problem]:
    for key in keys:
        if key in document.value_at(path):
            yield document.problem((*path, key), f"{key} is not allowed here", key=True)


class _ChangeWriter(DocumentWriter):
    """Writes a changed dashboard. `moved` are the new paths of its panels and rows by their former ones."""

    def __init__(
        self,
        source: Document,
        changes: Document,
        *,
        changed: Mapping[Path, Path],
        hidden: Collection[Path],
        whole: Path | None,
        types: Mapping[str, PanelType],
    ) -> None:
        super().__init__(source)
        self.changes = changes
        self.changed = changed
        self.hidden = hidden
        self.whole = whole
        self.types = types
        self.moved: dict[Path, Path] = {}

    def write_top(self) -> StrictObject:
        """Return the top-level keys with the changes of the dashboard itself."""
        return self._write_changed((), (), self.whole, without=("rows", "tabs"))

    def write_row(self, row: RowNode, at: Path) -> JsonValue:
        """Return a row; None if it is disabled or has no panels left."""
        if row.path in self.hidden:
            return None
        self.moved[row.path] = at
        written = super().write_row(row, at)
        panels = written["panels"] if isinstance(written, dict) else written
        return written if panels else None

    def write_row_keys(self, row: RowNode, at: Path) -> StrictObject:
        """Return a row's keys with its changes."""
        return self._write_changed(at, row.path, self.changed.get(row.path), without=("panels",))

    def write_panel(self, panel: PanelNode, at: Path, index: int) -> list[JsonValue]:
        """Return a panel with its changes; nothing if it is disabled."""
        if panel.path in self.hidden:
            return []
        here = (*at, index)
        self.moved[panel.path] = here
        self.result.values[here] = self.source.place(panel.path)
        return [self._write_changed(here, panel.path, self.changed.get(panel.path))]

    def _write_changed(
        self, at: Path, path: Path, change: Path | None, *, without: Collection[str] = ()
    ) -> StrictObject:
        """Return a mapping with the keys of a change; null (~) removes a key."""
        if change is None:
            return self.copy_keys(at, path, without=without)
        values = as_object(self.changes.value_at(change))
        removed = {*without, *values, *self._keys_of_former_type(self.source.value_at(path), values)}
        written = self.copy_keys(at, path, without=removed)
        for key, value in values.items():
            if value is not None:
                self.result.keys[*at, key] = self.changes.place((*change, key), key=True)
                written[key] = copy_with_places(self.result, (*at, key), self.changes, (*change, key))
        return written

    def _keys_of_former_type(self, before: StrictMapping, values: StrictMapping) -> set[str]:
        """Return the keys that a panel loses if a change gives it another keyword."""
        new = next((self.types[key] for key in values if key in self.types), None)
        if new is None:
            return set()
        old = [key for key in before if key in self.types]
        return {*old, *(option for key in old for option in self.types[key].options if option not in new.options)}
