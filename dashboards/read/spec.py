"""A dashboard as its file describes it, in our keywords rather than Grafana's, with positions."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from deckwatch.dashboards.read.part_origin import NO_PART

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from deckwatch.core.json_types import JsonValue, StrictMapping
    from deckwatch.core.problems import Place
    from deckwatch.core.yaml_file import Document, Path
    from deckwatch.dashboards.panel_types import PanelType
    from deckwatch.dashboards.read.options import Quantity
    from deckwatch.dashboards.read.part_origin import PartOrigin

# Keywords of queries in other languages than PromQL, by the kind of data source.
LANGUAGES = {"sql": "postgres", "logql": "loki"}
THRESHOLDS = ("low", "high", "critical")
PER_ROW = 4  # panels side by side when one is repeated


@dataclass(frozen=True, slots=True)
class QuerySpec:
    """A query as written: its text and options.

    `path` leads to the text, `options_path` to the mapping with the options or, without one, to the text. `keyword`
    is `show`, or the language of another data source. `drawing` are options passed to the Jsonnet library unchanged.
    """

    text: str
    path: Path
    options_path: Path
    keyword: str = "show"
    title: str | None = None
    legend: str | None = None
    unit: str = ""
    by: tuple[str, ...] | None = None
    where: StrictMapping = field(default_factory=dict)
    quantities: Mapping[str, Quantity] = field(default_factory=dict)
    bad: str = ""
    values: StrictMapping = field(default_factory=dict)
    link: str = ""
    color: str = ""
    empty: str = ""
    agrees_with: str = ""
    unscoped: bool = False
    drawing: StrictMapping = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LinkSpec:
    """An additional link of a panel, to a dashboard or a URL."""

    title: str
    dashboard: str
    url: str
    new_tab: bool


@dataclass(frozen=True)
class PanelSpec:
    """A panel: its keyword, the value of the keyword, and its options.

    `options` are specific to its type; `library_options` are common ones passed to the Jsonnet library unchanged.
    `origin` is the part that it comes from.
    """

    keyword: str
    type: PanelType
    content: JsonValue
    document: Document
    path: Path
    queries: tuple[QuerySpec, ...] = ()
    foreign_queries: tuple[QuerySpec, ...] = ()
    options: StrictMapping = field(default_factory=dict)
    library_options: StrictMapping = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    origin: PartOrigin = NO_PART
    id: str | None = None
    title: str | None = None
    description: str | None = None
    width: int | str | None = None
    height: int | None = None
    unit: str = ""
    quantities: Mapping[str, Quantity] = field(default_factory=dict)
    bad: str = ""
    values: StrictMapping = field(default_factory=dict)
    legend: str | None = None
    by: tuple[str, ...] | None = None
    where: StrictMapping = field(default_factory=dict)
    top: int | None = None
    lowest: int | None = None
    colors: Mapping[str, str] = field(default_factory=dict)
    series: Mapping[str, StrictMapping] = field(default_factory=dict)
    transformations: tuple[StrictMapping, ...] = ()
    repeat: str = ""
    per_row: int = PER_ROW
    link: str = ""
    label_links: Mapping[str, str] = field(default_factory=dict)
    links: tuple[LinkSpec, ...] = ()
    empty: str = ""
    agrees_with: str = ""
    unscoped: bool = False
    allow: tuple[str, ...] = ()
    raw: StrictMapping = field(default_factory=dict)

    @property
    def place(self) -> Place:
        """Position of its keyword."""
        return self.document.place((*self.path, self.keyword), key=True)

    @property
    def source(self) -> str:
        """Kind of the data source that it queries; '' if none."""
        if self.foreign_queries:
            return LANGUAGES[self.foreign_queries[0].keyword]
        return self.type.source or ("prometheus" if self.type.queries else "")


@dataclass(frozen=True, slots=True)
class ChoiceSpec:
    """A variable for a label, chosen at the top of the dashboard; its values come from `metric` if given.

    With `filters`, queries of an unscoped dashboard are filtered by it too.
    """

    label: str
    path: Path
    title: str = ""
    metric: str | None = None
    filters: bool = False


@dataclass(frozen=True, slots=True)
class InputSpec:
    """A text field or, with `options` (values by displayed text), a choice from fixed values."""

    name: str
    title: str
    default: str | None
    options: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class SectionScope:
    """The variables of a tab or row itself, and the metric that it needs to be shown; '' for none."""

    needs: str = ""
    choices: tuple[ChoiceSpec, ...] = ()
    inputs: tuple[InputSpec, ...] = ()


@dataclass(frozen=True)
class Tab:
    """A tab, which contains rows; a row in Grafana's classic form."""

    title: str
    path: Path
    scope: SectionScope = SectionScope()


@dataclass(frozen=True)
class Row:
    """Panels side by side; with a title, a Grafana row.

    With `per_row` they are equally wide, this many in a line. `needs` are the metrics that all its panels need.
    """

    panels: tuple[PanelSpec, ...]
    path: Path
    title: str = ""
    collapsed: bool = False
    height: int | None = None
    repeat: str = ""
    origin: PartOrigin = NO_PART
    per_row: int | None = None
    needs: tuple[str, ...] = ()
    scope: SectionScope = SectionScope()
    tab: Tab | None = None

    def sections(self) -> Iterator[tuple[Path, SectionScope]]:
        """Yield its tab and itself, each by its path, as far as they have variables of their own."""
        tab = ((self.tab.path, self.tab.scope),) if self.tab is not None else ()
        for path, scope in (*tab, (self.path, self.scope)):
            if scope.choices or scope.inputs:
                yield path, scope


@dataclass(frozen=True, slots=True)
class EventSpec:
    """Events drawn in graphs: changes of the value of an expression, or Grafana annotations with certain tags."""

    title: str
    path: Path
    changes: str
    tags: tuple[str, ...]
    text: str | None
    color: str
    shown: bool
    empty: str


@dataclass(frozen=True)
class Dashboard:
    """A dashboard file. `uid` is its id in Grafana's URLs; signals of `subjects` have short names in it.

    `rows` are all rows, also those in tabs; `choices` and `inputs` are the variables of the whole dashboard. `report`
    is the audience of the report that it links to.
    """

    uid: str
    subjects: tuple[str, ...]
    document: Document
    rows: tuple[Row, ...]
    title: str = ""
    folder: str = "Deckwatch"
    about: str = ""
    tags: tuple[str, ...] = ()
    range: str = "1h"
    refresh: str = ""
    needs: str = ""
    unscoped: bool = False
    choices: tuple[ChoiceSpec, ...] = ()
    inputs: tuple[InputSpec, ...] = ()
    events: tuple[EventSpec, ...] = ()
    marks: StrictMapping = field(default_factory=dict)
    marks_shown: bool = True
    report: str = ""
    layout: str = ""
    text_size: str = ""
    allow: tuple[str, ...] = ()
    raw: StrictMapping = field(default_factory=dict)
    needed_metrics: tuple[tuple[Path, str], ...] = ()  # anywhere in the file, each with its path

    @property
    def content_path(self) -> Path:
        """Path of the keyword for its content, for messages about all of it."""
        return ("tabs",) if any(row.tab is not None for row in self.rows) else ("rows",)

    def panels(self) -> Sequence[PanelSpec]:
        """Return all panels, in order."""
        return self._panels

    def sections(self) -> dict[Path, SectionScope]:
        """Return the tabs and rows that have variables of their own, by path, in order."""
        return {path: scope for row in self.rows for path, scope in row.sections()}

    def all_inputs(self) -> list[InputSpec]:
        """Return the text fields and choices from fixed values of the dashboard and of its sections."""
        inputs = [*self.inputs, *(spec for scope in self.sections().values() for spec in scope.inputs)]
        return list({spec.name: spec for spec in reversed(inputs)}.values())[::-1]

    @functools.cached_property
    def _panels(self) -> tuple[PanelSpec, ...]:
        return tuple(panel for row in self.rows for panel in row.panels)
