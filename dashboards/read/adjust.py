"""What a project changes of dashboards by name: `set` changes panels, rows and the dashboard, `disable` leaves out.

A panel goes by what stands above it, `overview/Firing`; where several do so, by its word too, `overview/stat Firing`.
Numbers stay as they were, so links to what is left and to what got another title hold.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from deckwatch.core.copy_with_places import copy_with_places
from deckwatch.core.problems import Problem, did_you_mean
from deckwatch.core.yaml_file import Document
from deckwatch.dashboards.draw import render

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from deckwatch.core.yaml_file import Path
    from deckwatch.dashboards.build import Built
    from deckwatch.dashboards.panel_types import PanelType
    from deckwatch.dashboards.read.files import Source

_NOT_OF_A_DASHBOARD = ("rows", "signals")


@dataclass(frozen=True)
class Changes:
    """The names that a project sets and disables, each with the path in its file where it does."""

    document: Document = field(default_factory=lambda: Document("", "", {}))
    set: Mapping[str, Path] = field(default_factory=dict)
    disable: Mapping[str, Path] = field(default_factory=dict)

    def of(self, uid: str) -> Changes:
        """Return what is said of one dashboard; the dashboard itself goes by ''."""
        wanted: list[dict[str, Path]] = [
            {name.partition("/")[2]: path for name, path in said.items() if name.partition("/")[0] == uid}
            for said in (self.set, self.disable)
        ]
        return Changes(self.document, *wanted)

    def problems(self, known: Collection[str]) -> Iterator[Problem]:
        """Yield names that lead to no dashboard, and dashboards that are left out by name."""
        for names, key in ((self.set, True), (self.disable, False)):
            for name, path in names.items():
                uid, slash, _ = name.partition("/")
                place = self.document.place(path, key=key)
                if uid not in known:
                    yield Problem(place, f"no dashboard is called {uid}", did_you_mean(uid, known), "names")
                elif not slash and not key:
                    hint = f"{uid}/TITLE is one of its panels or rows; include: says which sets are built"
                    yield Problem(place, f"{uid} is a whole dashboard", hint, "names")


@dataclass(frozen=True)
class Adjusted:
    """What stays of names: those of changed panels and rows by path, those of what is left out, and former titles."""

    names: Mapping[Path, str] = field(default_factory=dict)
    hidden: Sequence[str] = ()
    titles: Mapping[str, str] = field(default_factory=dict)  # to names; '' of what is left out


@dataclass(frozen=True)
class _Thing:
    """A panel, or a row with a title: its name, what stands above it, and its path."""

    name: str
    title: str
    path: Path
    row: bool = False


def describe_settable_keys(dashboard: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what can be said of a panel or a row, and of a dashboard, for editors: each word with its description."""
    definitions = dashboard["$defs"]
    panels: dict[str, Any] = {}
    for name, one in definitions.items():
        if name.startswith("panel_") or name == "titled_row":
            panels |= one["properties"]
    whole = {key: said for key, said in dashboard["properties"].items() if key not in _NOT_OF_A_DASHBOARD}
    return _described(panels, definitions), _described(whole, definitions)


def _described(properties: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for key, said in properties.items():
        meant = definitions[said["$ref"].rpartition("/")[2]] if "$ref" in said else {}
        found[key] = {"description": said.get("description") or meant.get("description", "")}
    return found


def apply(
    one: Built, source: Source, said: Changes, words: Mapping[str, PanelType]
) -> tuple[Source, Adjusted, list[Problem]]:
    """Return a dashboard's source with what is said of it done, and what is wrong with the names."""
    things = list(_things(one))
    problems: list[Problem] = []
    hidden = _found({name: path for name, path in said.disable.items() if name}, things, said.document, problems, one)
    changed = _found({name: path for name, path in said.set.items() if name}, things, said.document, problems, one)
    for thing, path in changed:
        if thing.row:
            problems += _misplaced(said.document, path, ("panels",))
    whole = said.set.get("")
    if whole is not None:
        problems += _misplaced(said.document, whole, _NOT_OF_A_DASHBOARD)
    if problems:
        return source, Adjusted(), problems
    writer = _Writer(source, said.document, {thing.path: path for thing, path in changed}, words)
    data = writer.dashboard(whole, {thing.path for thing, _ in hidden})
    if not data["rows"]:
        place = said.document.place(next(iter(said.disable.values())))
        return source, Adjusted(), [Problem(place, f"nothing is left of {source.uid}", "keep a panel", "names")]
    writer.made.data = data
    inside = [
        thing for thing in things for row, _ in hidden if thing.path[: len(row.path)] == row.path and thing is not row
    ]
    gone = [*(thing for thing, _ in hidden), *inside]
    names = {writer.moved[thing.path]: thing.name for thing, _ in changed if thing.path in writer.moved}
    titles = {thing.title: thing.name for thing, _ in changed} | {thing.title: "" for thing in gone}
    kept = Adjusted(names, [thing.name for thing in dict.fromkeys(gone)], titles)
    lent = {writer.moved[path]: subjects for path, subjects in source.origins.items() if path in writer.moved}
    return replace(source, document=writer.made, lent=lent), kept, []


def _things(one: Built) -> Iterator[_Thing]:
    for row in one.dashboard.rows:
        if row.title:
            yield _Thing(one.row_key(row), row.title, row.path, row=True)
        for panel in row.panels:
            yield _Thing(one.key(panel), render.title(panel, one.queries[panel.path]), panel.path)


def _found(
    names: Mapping[str, Path], things: Sequence[_Thing], document: Document, problems: list[Problem], one: Built
) -> list[tuple[_Thing, Path]]:
    """Return what these names mean, with the path that says it."""
    found = []
    for name, path in names.items():
        exact = [thing for thing in things if thing.name == name]
        meant = exact or [thing for thing in things if thing.title == name]
        if len(meant) == 1:
            found.append((meant[0], path))
            continue
        place = document.place(path, key=path[1] == "set")
        if meant:
            hint = f"one of {', '.join(f'{one.dashboard.uid}/{thing.name}' for thing in meant)}"
            problems.append(Problem(place, f"{name} is several on the dashboard {one.dashboard.uid}", hint, "names"))
        else:
            known = [*(thing.title for thing in things if thing.title), *(thing.name for thing in things)]
            message = f"the dashboard {one.dashboard.uid} has no panel and no row {name}"
            problems.append(Problem(place, message, did_you_mean(name, known), "names"))
    return found


def _misplaced(document: Document, path: Path, words: Collection[str]) -> Iterator[Problem]:
    for word in words:
        if word in document.value_at(path):
            yield document.problem((*path, word), f"{word} is not allowed here", key=True)


class _Writer:
    """Writes a dashboard anew. `moved` are the new paths of its panels and rows by those that they had."""

    def __init__(
        self, source: Source, said: Document, changed: Mapping[Path, Path], words: Mapping[str, PanelType]
    ) -> None:
        self.source = source.document
        self.made = Document(source.document.file, source.document.text)
        self.said = said
        self.changed = changed
        self.words = words
        self.moved: dict[Path, Path] = {}

    def dashboard(self, whole: Path | None, hidden: Collection[Path]) -> dict[str, Any]:
        """Return the content of the dashboard's file, changed."""
        self.made.values[()] = self.source.place()
        rows = self._rows(hidden)
        data = self._mapping((), (), leave="rows", change=whole)
        self.made.keys["rows",] = self.source.place(("rows",), key=True)
        self.made.values["rows",] = self.source.place(("rows",))
        return data | {"rows": rows}

    def _rows(self, hidden: Collection[Path]) -> list[Any]:
        made: list[Any] = []
        for i, row in enumerate(self.source.data["rows"]):
            path: Path = ("rows", i)
            if path in hidden:
                continue
            at: Path = ("rows", len(made))
            self.moved[path] = at
            if isinstance(row, list):
                panels = self._panels(row, path, at, hidden)
                kept: Any = panels
            else:
                panels = self._panels(row["panels"], (*path, "panels"), (*at, "panels"), hidden)
                kept = self._mapping(path, at, leave="panels", change=self.changed.get(path)) | {"panels": panels}
                self.made.keys[*at, "panels"] = self.source.place((*path, "panels"), key=True)
            self.made.values[at] = self.source.place(path)
            if panels:
                made.append(kept)
        return made

    def _panels(self, panels: list[Any], path: Path, at: Path, hidden: Collection[Path]) -> list[Any]:
        self.made.values[at] = self.source.place(path)
        made: list[Any] = []
        for i in range(len(panels)):
            here = (*path, i)
            if here in hidden:
                continue
            there = (*at, len(made))
            self.moved[here] = there
            self.made.values[there] = self.source.place(here)
            made.append(self._mapping(here, there, change=self.changed.get(here)))
        return made

    def _mapping(self, path: Path, at: Path, *, leave: str = "", change: Path | None = None) -> dict[str, Any]:
        """Return a mapping of the dashboard with the keys that a change says; nothing (~) takes a key away."""
        said = self.said.value_at(change) if change is not None else {}
        gone = {leave, *said, *self._of_the_word(self.source.value_at(path), said)}
        made: dict[str, Any] = {}
        for key in self.source.value_at(path):
            if key not in gone:
                self.made.keys[*at, key] = self.source.place((*path, key), key=True)
                made[key] = copy_with_places(self.made, (*at, key), self.source, (*path, key))
        for key, value in said.items():
            if value is not None and change is not None:
                self.made.keys[*at, key] = self.said.place((*change, key), key=True)
                made[key] = copy_with_places(self.made, (*at, key), self.said, (*change, key))
        return made

    def _of_the_word(self, before: Mapping[str, Any], said: Mapping[str, Any]) -> set[str]:
        """Return the keys that go with a panel's word where a change says another one."""
        new = next((self.words[key] for key in said if key in self.words), None)
        if new is None:
            return set()
        old = [key for key in before if key in self.words]
        return {*old, *(option for word in old for option in self.words[word].options if option not in new.options)}
