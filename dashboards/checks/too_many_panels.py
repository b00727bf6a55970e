"""A dashboard asks for what one screen and a half can show: each open panel is a query at every refresh.

Panels of a collapsed row ask nothing until somebody opens it, and do not count. A warning:
`allow: {too_many_panels: REASON}` beside `dashboard:`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.dashboards.build import Built

MAX_PANELS = 40


def check(built: Sequence[Built], catalog: Catalog) -> Iterator[Problem]:
    """Yield dashboards with more open panels than that."""
    del catalog
    for one in built:
        open_panels = [panel for row in one.dashboard.rows if not row.collapsed for panel in row.panels]
        asking = [panel for panel in open_panels if panel.type.queries]
        if len(asking) > MAX_PANELS and "too_many_panels" not in one.dashboard.said("allow", {}):
            place = one.dashboard.document.place(("rows",), key=True)
            message = f"{len(asking)} panels ask at every refresh; more than {MAX_PANELS} are slow to load and to read"
            hint = "collapse rows, or make two dashboards that link to each other"
            yield Problem(place, message, hint, check="too_many_panels", severity="warning")
