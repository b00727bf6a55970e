"""A dashboard with its queries resolved, as checks examine it and as it is drawn."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from deckwatch.core.json_types import as_text
from deckwatch.dashboards import panel_ids
from deckwatch.dashboards.grafana_model import MAX_UID
from deckwatch.dashboards.limit_text import describe_limits
from deckwatch.dashboards.read.adjust import Adjusted, NamedItem
from deckwatch.dashboards.read.sections import list_sections

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from deckwatch.core.yaml_file import Path as YamlPath
    from deckwatch.dashboards.panel_types import PanelType
    from deckwatch.dashboards.read.part_origin import PartOrigin
    from deckwatch.dashboards.read.sections import Section
    from deckwatch.dashboards.read.spec import Dashboard, PanelSpec, Row
    from deckwatch.dashboards.resolve.events import Event
    from deckwatch.dashboards.resolve.queries import Query
    from deckwatch.dashboards.resolve.variables import Variable


@dataclass(frozen=True, slots=True)
class ScreenVariant:
    """The screen for which a dashboard is laid out. A `second` variant beside the wide one has its own uid."""

    phone: bool = False
    large: bool = False
    second: bool = False

    def format_uid(self, uid: str) -> str:
        """Return the uid of this variant."""
        return f"{uid[: MAX_UID - len('-phone')]}-phone" if self.second else uid

    def format_title(self, title: str) -> str:
        """Return the title of this variant."""
        return f"{title} (phone)" if self.second else title


@dataclass(frozen=True)
class Built:
    """A dashboard with its queries resolved, by the path of their panel.

    `adjusted` keeps names that the project's changes would alter. `refresh` is the default interval. `panel_types`
    are all types by name. With `exemplars`, graphs of histograms show exemplars, which link to traces. `report_url` is
    the address of its report, with Grafana's variables for the range shown; '' for none.
    """

    dashboard: Dashboard
    queries: Mapping[YamlPath, Sequence[Query]]
    variables: Sequence[Variable] = ()
    events: Sequence[Event] = ()
    alerts: str = ""
    refresh: str = ""
    adjusted: Adjusted = field(default_factory=Adjusted)
    variants: Sequence[ScreenVariant] = (ScreenVariant(),)
    panel_types: Mapping[str, PanelType] = field(default_factory=dict)
    exemplars: bool = False
    report_url: str = ""

    def panel_name(self, panel: PanelSpec) -> str:
        """Return the name from which a panel's id is made: its `id`, or its keyword and title.

        A panel that the project changes keeps the name that it had.
        """
        if panel.path in self.adjusted.names:
            return self.adjusted.names[panel.path]
        if panel.id is not None:
            return panel.id
        label = panel_title(panel, self.queries[panel.path]) or panel.content
        return _qualify_name(f"{panel.keyword} {label}", panel.origin)

    def row_name(self, row: Row) -> str:
        """Return the name from which the id of a row with a title is made; two tabs may have rows of the same title."""
        tab = f"{row.tab.title}: " if row.tab is not None else ""
        return self.adjusted.names.get(row.path) or _qualify_name(f"row {tab}{row.title}", row.origin)

    def section_name(self, section: Section) -> str:
        """Return the name from which the id of a section's row in the classic form is made; '' without one."""
        if section.row is not None:
            return self.row_name(section.row)
        return f"tab {section.tab.title}" if section.tab is not None else ""

    def names(self) -> Iterator[tuple[str, YamlPath]]:
        """Yield the names of all rows and panels, in order, each with the path for messages about it."""
        for section in list_sections(self.dashboard):
            if name := self.section_name(section):
                yield name, (*section.row.path, "row") if section.row is not None else section.rows[0].path
            for panel in section.panels():
                yield self.panel_name(panel), panel.path

    def named_items(self) -> Iterator[NamedItem]:
        """Yield all rows with a title and all panels, for the changes that a project makes by name."""
        for row in self.dashboard.rows:
            if row.title:
                yield NamedItem(self.row_name(row), row.title, row.path, is_row=True)
            for panel in row.panels:
                yield NamedItem(self.panel_name(panel), panel_title(panel, self.queries[panel.path]), panel.path)

    def panels_for_check(self, check: str) -> Iterator[tuple[PanelSpec, Sequence[Query]]]:
        """Yield the panels with their queries, without those that disable this check by `allow:`."""
        for panel in self.dashboard.panels():
            if check not in panel.allow:
                yield panel, self.queries[panel.path]

    def ids_by_name(self) -> Mapping[str, int]:
        """Return the ids of rows and panels; disabled ones keep theirs. Raises ValueError for duplicate names."""
        return self._ids_by_name

    @functools.cached_property
    def _ids_by_name(self) -> dict[str, int]:
        return dict(zip(self._all_names, panel_ids.assign_ids(self._all_names), strict=True))

    def has_duplicate_names(self) -> bool:
        """Return whether two rows or panels have the same name, so that ids cannot be assigned."""
        return len(set(self._all_names)) < len(self._all_names)

    @functools.cached_property
    def _all_names(self) -> list[str]:
        return [*(name for name, _ in self.names()), *self.adjusted.hidden]

    def ids_by_title(self) -> dict[str, int]:
        """Return the ids of panels by their titles; the first of several with the same title.

        Titles that the project changed are included, and those of disabled panels, with the id 0.
        """
        ids = self.ids_by_name()
        result: dict[str, int] = {}
        for panel in self.dashboard.panels():
            result.setdefault(panel_title(panel, self.queries[panel.path]), ids[self.panel_name(panel)])
        return {title: ids.get(name, 0) for title, name in self.adjusted.titles.items()} | result


def panel_title(panel: PanelSpec, queries: Sequence[Query]) -> str:
    """Return a panel's title: its own, or that of its only query."""
    if panel.title is not None:
        return panel.title
    return queries[0].title if len(queries) == 1 else ""


def panel_description(panel: PanelSpec, queries: Sequence[Query]) -> str:
    """Return a panel's description: its own, or those of its signals, as a list if there are several.

    It states from which value the signals are bad.
    """
    names = [query.spec.title or (query.signal.title if query.signal else "") for query in queries]
    limits = dict(zip(names, (describe_limits(panel, query) for query in queries), strict=True))
    if panel.description is not None:
        distinct = {text for text in limits.values() if text}
        if len(distinct) < 2:
            return " ".join([panel.description, *distinct])
        listed = [f"- **{name}**: {text}" for name, text in limits.items() if text]
        return "\n".join([f"{panel.description}\n", *listed])
    descriptions = {
        name: f"{query.about} {limits[name]}".strip() if query.about else ""
        for name, query in zip(names, queries, strict=True)
    }
    if len(descriptions) == 1:
        return next(iter(descriptions.values()))
    return "\n".join(f"- **{name}**: {about}" for name, about in descriptions.items() if about)


def panel_kind(panel: PanelSpec) -> str:
    """Return the name of the panel file for a panel's type in Grafana, even if there is no such file."""
    return kind_of_type(as_text(panel.content)) if panel.type.name == "other" else panel.type.name


def kind_of_type(grafana_type: str) -> str:
    """Return the name of the panel file for a panel type of Grafana: `statetimeline` for `state-timeline`."""
    return grafana_type.replace("-", "").lower()


def _qualify_name(name: str, origin: PartOrigin) -> str:
    return f"{name} of {origin.use}" if origin.use else name
