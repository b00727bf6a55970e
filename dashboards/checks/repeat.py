"""`for each:` names a variable of the dashboard: Grafana repeats by nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core.json_types import as_text
from deckwatch.core.problems import Problem, did_you_mean
from deckwatch.dashboards.grafana_model import list_variables

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.dashboards.model import Built


def check(built: Sequence[Built], catalog: Catalog) -> Iterator[Problem]:
    """Yield panels and rows that are repeated by a label without a variable."""
    del catalog
    for item in built:
        dashboard = item.dashboard
        known = [variable.name for variable in item.variables] + [
            as_text(variable.get("name")) for variable in list_variables(dashboard.raw)
        ]
        repeats = [(row.repeat, row.path) for row in dashboard.rows]
        repeats += [(panel.repeat, panel.path) for panel, _ in item.panels_for_check("repeat")]
        for label, path in repeats:
            if label and label not in known:
                place = dashboard.document.place((*path, "for each"))
                hint = did_you_mean(label, known) or f"add it to choose: [{label}]"
                yield Problem(place, f"the dashboard has no variable {label}", hint, check="repeat")
