"""Reads a dashboard document whose structure the schema has checked."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from deckwatch.core.json_types import as_object, as_text
from deckwatch.core.problems import list_words
from deckwatch.core.signals import title_of
from deckwatch.dashboards.read.options import Options
from deckwatch.dashboards.read.panel_reader import query_keyword, read_panel
from deckwatch.dashboards.read.part_origin import NO_PART
from deckwatch.dashboards.read.spec import (
    ChoiceSpec,
    Dashboard,
    EventSpec,
    InputSpec,
    PanelSpec,
    Row,
    SectionScope,
    Tab,
)
from deckwatch.dashboards.read.walk import walk_row_panels, walk_rows, walk_tabs

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from deckwatch.core.json_types import JsonValue, StrictMapping
    from deckwatch.core.problems import Problem
    from deckwatch.core.yaml_file import Document, Path
    from deckwatch.dashboards.panel_types import PanelType
    from deckwatch.dashboards.read.files import Source
    from deckwatch.dashboards.read.walk import RowNode


def read_dashboard(
    source: Source, types: Mapping[str, PanelType], unusable: Collection[Path] = ()
) -> tuple[Dashboard, list[Problem]]:
    """Return the dashboard of a file, and the problems that a schema cannot express.

    `types` are the panel types by keyword. Panels, rows and top-level keys at the paths in `unusable` are ignored.
    """
    usable = {key: value for key, value in source.document.data.items() if (key,) not in unusable}
    document = replace(source.document, data=usable)
    reader = _RowReader(source, document, types, unusable)
    options = Options(usable)
    needs = options.get_text("needs")
    rows = tuple(
        reader.read(row, (needs,) if needs else ())
        for row in walk_rows(document)
        if not {row.path, row.tab} & set(unusable) and not (isinstance(row.data, dict) and "use" in row.data)
    )
    choices, inputs = _read_choices(options, ())
    dashboard = Dashboard(
        source.uid,
        source.subjects,
        document,
        rows,
        title=options.get_text("dashboard"),
        folder=options.get_text("folder", "Deckwatch"),
        about=options.get_text("about"),
        tags=options.get_texts("tags"),
        range=options.get_text("range", "1h"),
        refresh=options.get_text("refresh"),
        needs=needs,
        unscoped="unscoped" in options,
        choices=choices,
        inputs=inputs,
        events=tuple(_read_events(options)),
        marks=options.get_object("marks"),
        marks_shown=options.get_flag("marks_shown", default=True),
        report=options.get_text("report"),
        layout=options.get_text("layout"),
        text_size=options.get_text("text_size"),
        allow=tuple(options.get_object("allow")),
        raw=options.get_object("raw"),
        needed_metrics=tuple(_find_needed_metrics(usable)),
    )
    return dashboard, reader.problems


class _RowReader:
    """Reads rows; what is wrong in them is added to `problems`."""

    def __init__(
        self, source: Source, document: Document, types: Mapping[str, PanelType], unusable: Collection[Path]
    ) -> None:
        self.origins = source.origins
        self.document = document
        self.types = types
        self.unusable = unusable
        self.problems: list[Problem] = []
        self.tabs = {path: self._read_tab(path, as_object(data)) for path, data in walk_tabs(document)}

    def _read_tab(self, path: Path, data: StrictMapping) -> Tab:
        options = Options({key: value for key, value in data.items() if (*path, key) not in self.unusable})
        return Tab(options.get_text("tab"), path, _read_scope(options, path))

    def read(self, row: RowNode, needs: tuple[str, ...]) -> Row:
        """Return a row; `needs` are metrics that the dashboard needs as a whole."""
        tab = self.tabs.get(row.tab)
        if tab is not None and tab.scope.needs:
            needs = (*needs, tab.scope.needs)
        if not row.is_mapping:
            return Row(tuple(self._read_panels(row, needs)), row.path, needs=needs, tab=tab)
        options = Options(as_object(row.data))
        scope = _read_scope(options, row.path)
        if scope.needs:
            needs = (*needs, scope.needs)
        return Row(
            tuple(self._read_panels(row, needs)),
            row.path,
            options.get_text("row"),
            options.get_flag("collapsed"),
            options.get_number("height"),
            options.get_text("for each"),
            self.origins.get(row.path, NO_PART),
            options.get_number("per_row"),
            needs,
            scope,
            tab,
        )

    def _read_panels(self, row: RowNode, needs: tuple[str, ...]) -> Iterator[PanelSpec]:
        for panel in walk_row_panels(row):
            data = as_object(panel.data)
            if panel.path in self.unusable or "use" in data:
                continue
            keyword = next((key for key in data if key in self.types), None)
            if keyword is None:
                message = "this panel has no keyword that gives its type"
                self.problems.append(self.document.problem(panel.path, message, list_words(sorted(self.types))))
                continue
            self.problems.extend(self._find_mixed_sources(data[keyword], (*panel.path, keyword)))
            origin = self.origins.get(panel.path, NO_PART)
            yield read_panel(self.types[keyword], keyword, data, self.document, panel.path, needs=needs, origin=origin)

    def _find_mixed_sources(self, content: JsonValue, path: Path) -> Iterator[Problem]:
        """Yield a problem if a panel queries two data sources: Grafana gives it one."""
        queries = content if isinstance(content, list) else []
        for i, query in enumerate(queries):
            keyword, first = query_keyword(query), query_keyword(queries[0])
            if keyword != first:
                message = f"{first} and {keyword} query two data sources"
                yield self.document.problem((*path, i), message, "a panel queries one", check="source")
                return


def _read_scope(options: Options, path: Path) -> SectionScope:
    """Return the variables and the condition of a tab or of a row at `path`."""
    return SectionScope(options.get_text("needs"), *_read_choices(options, path))


def _read_choices(options: Options, section: Path) -> tuple[tuple[ChoiceSpec, ...], tuple[InputSpec, ...]]:
    """Return the variables of a dashboard or section: labels, and inputs (text fields or fixed values)."""
    choices, inputs = [], []
    value = options.get_value("choose")
    for i, item in enumerate(value if isinstance(value, list) else []):
        path: Path = (*section, "choose", i)
        if isinstance(item, str):
            choices.append(ChoiceSpec(item, path))
        elif isinstance(item, dict) and "label" in item:
            choice = Options(item)
            choices.append(
                ChoiceSpec(
                    choice.get_text("label"),
                    path,
                    choice.get_text("title"),
                    choice.get_optional_text("from"),
                    choice.get_value("filters") is True,
                )
            )
        else:
            inputs.append(_read_input(as_object(item)))
    return tuple(choices), tuple(inputs)


def _read_input(data: StrictMapping) -> InputSpec:
    options = Options(data)
    name = options.get_text("text") or options.get_text("pick")
    title = options.get_text("title") or title_of(name)
    default = str(data["default"]) if "default" in data else None
    if "text" in data:
        return InputSpec(name, title, default)
    words = data.get("of")
    values = words.items() if isinstance(words, dict) else [(word, word) for word in words or ()]  # type: ignore[union-attr]
    return InputSpec(name, title, default, {str(text): str(value) for text, value in values})


def _read_events(options: Options) -> Iterator[EventSpec]:
    for i, data in enumerate(options.get_objects("events")):
        event = Options(data)
        yield EventSpec(
            event.get_text("title"),
            ("events", i),
            event.get_text("changes").strip(),
            event.get_texts("tags"),
            event.get_optional_text("text"),
            event.get_text("color", "purple"),
            event.get_flag("shown", default=True),
            event.get_text("empty"),
        )


def _find_needed_metrics(data: JsonValue, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Yield the metrics under `needs:` anywhere in a file, each with its path."""
    if isinstance(data, dict):
        for key, value in data.items():
            if key == "needs":
                yield (*path, key), as_text(value)
            elif key != "raw":
                yield from _find_needed_metrics(value, (*path, key))
    elif isinstance(data, list):
        for i, value in enumerate(data):
            yield from _find_needed_metrics(value, (*path, i))
