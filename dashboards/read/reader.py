"""Reads dashboard files: parts are expanded, the schema is checked, and what is usable becomes dashboards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core import build_cache
from deckwatch.core.schema import Schema
from deckwatch.dashboards import panel_types
from deckwatch.dashboards.read import schema
from deckwatch.dashboards.read.expand_parts import expand_parts
from deckwatch.dashboards.read.invalid_panels import read_invalid_panels
from deckwatch.dashboards.read.spec_reader import read_dashboard

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deckwatch.core.problems import Problem
    from deckwatch.dashboards.panel_types import PanelType
    from deckwatch.dashboards.read.files import Source
    from deckwatch.dashboards.read.parts import Parts
    from deckwatch.dashboards.read.spec import Dashboard


_compiled: list[tuple[Mapping[str, PanelType], Schema]] = []  # of the last panel types


def _compile_schema(types: Mapping[str, PanelType]) -> Schema:
    """Return the schema of dashboards, compiled again only for other panel types than the last."""
    if not _compiled or _compiled[0][0] != types:
        _compiled[:] = [(types, Schema(schema.assemble_schema(types)))]
    return _compiled[0][1]


class Reader:
    """Reads dashboards by one schema.

    `invalid` are dashboards of the panels that failed it; `problems` those of the files read by `read_all`.
    """

    def __init__(self, types: Mapping[str, PanelType], known: Parts) -> None:
        self.types = panel_types.types_by_keyword(types)
        self.parts = known
        self.invalid: list[Dashboard] = []
        self.problems: list[Problem] = []
        self._schema = _compile_schema(types)

    def read_all(self, sources: Sequence[Source]) -> list[tuple[Source, Dashboard]]:
        """Return the dashboards by uid, with parts expanded; a user's file replaces a shipped one."""
        own = {source.uid for source in sources if source.is_dashboard and not source.shipped}
        dashboards = []
        for source in sources:
            if not source.is_dashboard or (source.shipped and source.uid in own):
                continue
            expanded, problems = expand_parts(source, self.parts)
            self.problems += problems
            dashboard, problems = self._read_cached(expanded)
            self.problems += problems
            if dashboard is not None:
                dashboards.append((expanded, dashboard))
        self.problems += self.parts.problems
        return sorted(dashboards, key=lambda item: item[1].uid)

    def _read_cached(self, source: Source) -> tuple[Dashboard | None, list[Problem]]:
        return build_cache.get_or_build("read", source, lambda: self.read(source), lambda result: not result[1])

    def read(self, source: Source) -> tuple[Dashboard | None, list[Problem]]:
        """Return the dashboard of a source without its invalid panels; None if nothing is usable."""
        problems = schema.find_problems(self._schema, source.document, self.types)
        unusable = schema.find_unusable(source.document, problems)
        if () in unusable:
            return None, problems
        if unusable:
            self.invalid.append(read_invalid_panels(source, problems, unusable, self.types))
        dashboard, further = read_dashboard(source, self.types, unusable)
        return dashboard, problems + further
