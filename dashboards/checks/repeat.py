"""`for each:` names a variable of the dashboard: Grafana repeats by nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core.json_types import as_text
from deckwatch.core.problems import Problem, did_you_mean
from deckwatch.dashboards.grafana_model import list_variables
from deckwatch.dashboards.resolve.variables import is_visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.dashboards.model import Built


def check(built: Sequence[Built], catalog: Catalog) -> Iterator[Problem]:
    """Yield panels and rows that are repeated by a label without a variable."""
    del catalog
    for item in built:
        dashboard = item.dashboard
        raw = [as_text(variable.get("name")) for variable in list_variables(dashboard.raw)]
        for row in dashboard.rows:
            in_row = [variable.name for variable in item.variables if is_visible(variable.sections, row.path)] + raw
            # A row is repeated from outside: its own variables do not exist there.
            parent = row.path[:-2]
            outside = [variable.name for variable in item.variables if is_visible(variable.sections, parent)] + raw
            repeats = [(row.repeat, row.path, outside)]
            repeats += [(panel.repeat, panel.path, in_row) for panel in row.panels if "repeat" not in panel.allow]
            for label, path, known in repeats:
                if label and label not in known:
                    place = dashboard.document.place((*path, "for each"))
                    hint = did_you_mean(label, known) or f"add it to choose: [{label}]"
                    yield Problem(place, f"the dashboard has no variable {label}", hint, check="repeat")
