"""What `use:` stands for: the rows and panels of parts, put in its place before a dashboard is read."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from deckwatch.core.copy_with_places import copy_with_places
from deckwatch.core.problems import did_you_mean
from deckwatch.core.yaml_file import Document
from deckwatch.dashboards.read import parts
from deckwatch.dashboards.read.part_origin import Lent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.core.problems import Problem
    from deckwatch.core.yaml_file import Path
    from deckwatch.dashboards.read.files import Source
    from deckwatch.dashboards.read.parts import Part, Parts

_WORDS = ("use", "with")


def written(source: Source, known: Parts) -> tuple[Source, list[Problem]]:
    """Return a dashboard with its parts in place of each `use:`, and what is wrong with these.

    A use that is faulty stays as it is, for the schema to accept and for the reader to pass over.
    """
    rows = source.document.data.get("rows")
    if not isinstance(rows, list) or not any(_uses(row) for row in rows):
        return source, []
    writer = _Writer(source.document, known, shipped=source.shipped)
    data = source.document.data
    for key in data:
        writer.made.keys[(key,)] = source.document.keys[(key,)]
        if key != "rows":
            writer.made.data[key] = copy_with_places(writer.made, (key,), source.document, (key,))
    writer.made.values[()] = source.document.values[()]
    writer.made.values[("rows",)] = source.document.values[("rows",)]
    writer.made.data["rows"] = writer.rows(rows)
    return replace(source, document=writer.made, lent=writer.lent), writer.problems


def _uses(row: Any) -> bool:
    if isinstance(row, dict):
        return "use" in row or _uses(row.get("panels"))
    return isinstance(row, list) and any(isinstance(panel, dict) and "use" in panel for panel in row)


@dataclass
class _Writer:
    """Copies rows into a new document. `lent` are the panels and rows that come from a part, by their path."""

    document: Document
    parts: Parts
    shipped: bool
    lent: dict[Path, Lent] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.made = Document(self.document.file, self.document.text, {})

    def rows(self, rows: list[Any]) -> list[Any]:
        """Return the rows with their parts; the place of each stays that in its file."""
        made: list[Any] = []
        for i, row in enumerate(rows):
            path: Path = ("rows", i)
            at: Path = ("rows", len(made))
            if isinstance(row, dict) and "use" in row:
                made.append(self._row(path, at))
            elif isinstance(row, dict) and isinstance(row.get("panels"), list):
                kept = self._kept(at, path, leave="panels")
                self.made.keys[*at, "panels"] = self.document.keys[*path, "panels"]
                kept["panels"] = self._panels(row["panels"], (*path, "panels"), (*at, "panels"))
                made.append(kept)
            elif isinstance(row, list):
                made.append(self._panels(row, path, at))
            else:
                made.append(copy_with_places(self.made, at, self.document, path))
        return made

    def _row(self, path: Path, at: Path) -> Any:
        part = self._part(path, parts.ROW)
        if part is None:
            return copy_with_places(self.made, at, self.document, path)
        said, row = self.document.value_at(path), part.row()
        via = str(self.document.place((*path, "use"), key=True))
        values = parts.Values(part, self.document, path)
        made: dict[str, Any] = {}
        self.made.values[at] = self.document.place(path)
        for key in parts.ROW:
            if key in said:
                self.made.keys[*at, key] = self.document.keys[*path, key]
                made[key] = copy_with_places(self.made, (*at, key), self.document, (*path, key))
            elif key in row:
                self.made.keys[*at, key] = replace(part.document.keys[key,], via=via)
                made[key] = copy_with_places(self.made, (*at, key), part.document, (key,), via=via, fill=values)
        if "row" not in made:
            return self._lend(part, path, at, list(_told(part)))
        self.lent[at] = self._from(part, path)
        self.made.values[*at, "panels"] = self.made.keys[*at, "panels"] = self.document.place((*path, "use"), key=True)
        made["panels"] = self._lend(part, path, (*at, "panels"), [])
        return made

    def _panels(self, panels: list[Any], path: Path, at: Path) -> list[Any]:
        self.made.values[at] = self.document.values[path]
        made: list[Any] = []
        for i, panel in enumerate(panels):
            here = (*path, i)
            part = self._part(here, ()) if isinstance(panel, dict) and "use" in panel else None
            if part is None:
                made.append(copy_with_places(self.made, (*at, len(made)), self.document, here))
            else:
                made += self._lend(part, here, at, list(_told(part)), first=len(made))
        return made

    def _lend(self, part: Part, path: Path, at: Path, said: list[str], *, first: int = 0) -> list[Any]:
        """Return a part's panels as the items of the list at `at`; `said` of its row is said of each."""
        use = self.document.place((*path, "use"), key=True)
        self.made.values.setdefault(at, use)
        values = parts.Values(part, self.document, path)
        made = []
        for i in range(len(part.document.data["panels"])):
            here = (*at, first + i)
            panel = copy_with_places(self.made, here, part.document, ("panels", i), via=str(use), fill=values)
            for key in said:
                if key not in panel:
                    self.made.keys[*here, key] = replace(part.document.keys[key,], via=str(use))
                    panel[key] = copy_with_places(
                        self.made, (*here, key), part.document, (key,), via=str(use), fill=values
                    )
            if "use" in panel:
                self.problems.append(self.made.problem((*here, "use"), "a part uses no other part", key=True))
            self.lent[here] = self._from(part, path)
            made.append(panel)
        return made

    def _from(self, part: Part, path: Path) -> Lent:
        given = self.document.value_at(path).get("with", {})
        said = [part.name, *(f"{name}={value}" for name, value in sorted(given.items()))]
        return Lent(part.subjects, "" if self.shipped else " ".join(said))

    def _kept(self, at: Path, path: Path, *, leave: str) -> dict[str, Any]:
        row = self.document.value_at(path)
        self.made.values[at] = self.document.values[path]
        kept = {}
        for key in row:
            if key != leave:
                self.made.keys[*at, key] = self.document.keys[*path, key]
                kept[key] = copy_with_places(self.made, (*at, key), self.document, (*path, key))
        return kept

    def _part(self, path: Path, more: tuple[str, ...]) -> Part | None:
        """Return the part that a use names, and tell what is wrong with the use; None where it cannot be used."""
        said = self.document.value_at(path)
        name = said["use"]
        if set(said) - {*_WORDS, *more} or not isinstance(name, str) or not isinstance(said.get("with", {}), dict):
            return None  # the schema tells
        if name not in self.parts.files:
            hint = did_you_mean(name, self.parts.files) or _in_folder(name, self.parts)
            self.problems.append(self.document.problem((*path, "use"), f"no part is called {name}", hint))
            return None
        part = self.parts.find(name)
        if part is None:
            return None  # its faults are told at their places
        wrong = parts.find_use_problems(part, self.document, path)
        self.problems += wrong
        return None if wrong else part


def _told(part: Part) -> Iterator[str]:
    """Yield what a part says of its row that must be said of each panel where there is no such row."""
    yield from (key for key in ("height", "needs") if key in part.document.data)


def _in_folder(name: str, known: Parts) -> str:
    """Return the hint for a name without its folder, or with a wrong one."""
    last = name.rpartition("/")[2]
    near = [one for one in known.files if one.rpartition("/")[2] == last]
    return f"did you mean {near[0]}?" if near else "`deckwatch list parts` shows them"
