"""Sections of a dashboard: a tab's own panels, a row with a title, or panels outside of both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.dashboards.read.spec import Dashboard, PanelSpec, Row, Tab


@dataclass(frozen=True)
class Section:
    """A row of Grafana's classic form, and the rows of the file that it contains.

    `tab` is the tab in which it is. A section without a titled row is that of a tab's panels outside of rows or,
    without a tab, of panels that are in no row of Grafana.
    """

    rows: tuple[Row, ...]
    tab: Tab | None = None

    @property
    def row(self) -> Row | None:
        """Its row with a title; None for panels outside of rows."""
        return self.rows[0] if self.rows[0].title else None

    @property
    def title(self) -> str:
        """Title in the classic form, which has no tabs; '' for panels in no row of Grafana."""
        tab, row = self.tab, self.row
        return ": ".join(filter(None, (tab.title if tab is not None else "", row.title if row is not None else "")))

    def panels(self) -> Sequence[PanelSpec]:
        """Return its panels, in order."""
        return [panel for row in self.rows for panel in row.panels]


def list_sections(dashboard: Dashboard) -> Iterator[Section]:
    """Yield the sections, in order. Lines of panels outside of rows are one section only in a tab."""
    pending: list[Row] = []
    for row in dashboard.rows:
        if pending and (row.title or row.tab is not pending[0].tab):
            yield Section(tuple(pending), pending[0].tab)
            pending = []
        if row.title or row.tab is None:
            yield Section((row,), row.tab)
        else:
            pending.append(row)
    if pending:
        yield Section(tuple(pending), pending[0].tab)
