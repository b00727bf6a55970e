"""A dashboard has no more panels than fit on a screen and a half: each open one queries at every refresh.

Panels of a collapsed row do not query until it is opened, and do not count. A warning:
`allow: {too_many_panels: REASON}` beside `dashboard:`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.dashboards.model import Built

MAX_PANELS = 40


def check(built: Sequence[Built], catalog: Catalog) -> Iterator[Problem]:
    """Yield dashboards with too many open panels."""
    del catalog
    for item in built:
        open_panels = [panel for row in item.dashboard.rows if not row.collapsed for panel in row.panels]
        querying = [panel for panel in open_panels if panel.type.queries]
        if len(querying) > MAX_PANELS and "too_many_panels" not in item.dashboard.allow:
            place = item.dashboard.document.place(item.dashboard.content_path, key=True)
            message = (
                f"{len(querying)} panels query at every refresh; "
                f"more than {MAX_PANELS} are slow to load and hard to read"
            )
            hint = "collapse rows, or split it into two dashboards that link to each other"
            yield Problem(place, message, hint, check="too_many_panels", severity="warning")
