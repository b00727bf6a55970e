"""A dashboard as its file says it: users' words, not Grafana's, with the place of each."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from deckwatch.core.problems import list_words
from deckwatch.dashboards.read.part_origin import NOTHING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from deckwatch.core.problems import Place, Problem
    from deckwatch.core.yaml_file import Document, Path
    from deckwatch.dashboards.panel_types import PanelType
    from deckwatch.dashboards.read.files import Source
    from deckwatch.dashboards.read.part_origin import Lent

# The languages of other data sources than Prometheus, with the kind that speaks each.
LANGUAGES = {"sql": "postgres", "logql": "loki"}


@dataclass(frozen=True)
class Asked:
    """One query as it was written: the text, and what is said beside it. `path` leads to the text."""

    text: str
    path: Path
    said: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Panel:
    """One panel: its word, what stands behind the word, and its keys (`said`).

    `lent` is what it brings along from a part.
    """

    word: str
    type: PanelType
    said: Mapping[str, Any]
    document: Document
    path: Path
    needs: tuple[str, ...]
    lent: Lent = NOTHING

    @property
    def place(self) -> Place:
        """Where the panel begins."""
        return self.document.place((*self.path, self.word), key=True)

    @property
    def content(self) -> Any:
        """What stands behind the word."""
        return self.said[self.word]

    @property
    def options(self) -> dict[str, Any]:
        """The keys that only this type of panel has."""
        return {key: value for key, value in self.said.items() if key in self.type.options}

    def asked(self) -> list[Asked]:
        """Return its queries of Prometheus as they are written."""
        return [] if self._foreign else self._written

    def foreign(self) -> list[tuple[str, Mapping[str, Any]]]:
        """Return its queries of other data sources: the word for the language of each, and what is said."""
        return self._foreign

    @cached_property
    def _foreign(self) -> list[tuple[str, Mapping[str, Any]]]:
        said = [one.said for one in self._written]
        return [(word, one) for one in said for word in LANGUAGES if word in one]

    @property
    def source(self) -> str:
        """The kind of data source that it asks, '' where it asks none."""
        if foreign := self.foreign():
            return LANGUAGES[foreign[0][0]]
        return self.type.source or ("prometheus" if self.type.queries else "")

    @cached_property  # every check asks for it
    def _written(self) -> list[Asked]:
        if not self.type.queries:
            return []
        path = (*self.path, self.word)
        if isinstance(self.content, list):
            return [_asked(one, (*path, i)) for i, one in enumerate(self.content)]
        found = [_asked(self.content, path)]
        if self.type.queries == "graph" and "nodes" in self.said:
            found.append(_asked(self.said["nodes"], (*self.path, "nodes")))
        return found


@dataclass(frozen=True)
class Row:
    """Panels that stand side by side; with a title it is one of Grafana's rows."""

    panels: tuple[Panel, ...]
    path: Path
    title: str = ""
    collapsed: bool = False
    height: int | None = None
    repeat: str = ""
    lent: Lent = NOTHING


@dataclass(frozen=True)
class Dashboard:
    """One dashboard file. `uid` is its address in Grafana, `subjects` those whose signals go by short names here."""

    uid: str
    subjects: tuple[str, ...]
    document: Document
    rows: tuple[Row, ...]

    @property
    def title(self) -> str:
        """The title."""
        return str(self.document.data.get("dashboard", ""))

    def said(self, key: str, default: Any = None) -> Any:
        """Return what the file says under a top-level key."""
        return self.document.data.get(key, default)

    def panels(self) -> Iterator[Panel]:
        """Yield all panels, in order."""
        for row in self.rows:
            yield from row.panels


def read(
    source: Source, words: Mapping[str, PanelType], unusable: Collection[Path] = ()
) -> tuple[Dashboard, list[Problem]]:
    """Return the dashboard of a file whose structure the schema has checked, and what the schema cannot tell.

    What stands at the paths in `unusable` (panels, rows, top-level keys) is passed over.
    """
    problems: list[Problem] = []
    usable = {key: value for key, value in source.document.data.items() if (key,) not in unusable}
    document = replace(source.document, data=usable)

    def panels(data: list[Any], path: Path, needs: tuple[str, ...]) -> tuple[Panel, ...]:
        found = []
        for i, said in enumerate(data):
            if (*path, i) in unusable or "use" in said:
                continue
            word = next((key for key in said if key in words), None)
            if word is None:
                message = "this panel has no word that says what it is"
                problems.append(document.problem((*path, i), message, list_words(sorted(words))))
            else:
                problems.extend(_mixed(document, word, said, (*path, i)))
                lent = source.origins.get((*path, i), NOTHING)
                found.append(Panel(word, words[word], said, document, (*path, i), needs + _needs(said), lent))
        return tuple(found)

    rows = []
    everywhere = _needs(document.data)
    for i, data in enumerate(document.data["rows"]):
        path: Path = ("rows", i)
        if path in unusable or "use" in data:
            continue
        if isinstance(data, list):
            rows.append(Row(panels(data, path, everywhere), path))
        else:
            inner = panels(data["panels"], (*path, "panels"), everywhere + _needs(data))
            closed, each = data.get("collapsed", False), data.get("for each", "")
            lent = source.origins.get(path, NOTHING)
            rows.append(Row(inner, path, data["row"], closed, data.get("height"), each, lent))
    return Dashboard(source.uid, source.subjects, document, tuple(rows)), problems


def _mixed(document: Document, word: str, said: Mapping[str, Any], path: Path) -> Iterator[Problem]:
    """Yield a problem for a panel that asks two data sources: Grafana gives it one."""
    for i, each in enumerate(written := said[word] if isinstance(said[word], list) else []):
        kind, first = _language(each), _language(written[0])
        if kind != first:
            message = f"{first} and {kind} ask two data sources"
            yield document.problem((*path, word, i), message, "a panel asks one", check="source")
            return


def _language(data: Any) -> str:
    return next((one for one in LANGUAGES if one in data), "show") if isinstance(data, dict) else "show"


def _needs(data: Mapping[str, Any]) -> tuple[str, ...]:
    return (data["needs"],) if "needs" in data else ()


def _asked(data: Any, path: Path) -> Asked:
    if isinstance(data, dict):
        word = _language(data)
        return Asked(data[word], (*path, word), data)
    return Asked(data, path)
