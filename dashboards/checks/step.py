"""`min_interval: $NAME` names a choice whose options are durations: Grafana ignores any other step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core import units
from deckwatch.core.json_types import as_text
from deckwatch.core.problems import Problem, did_you_mean
from deckwatch.dashboards.grafana_model import list_variables

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.dashboards.model import Built


def check(built: Sequence[Built], catalog: Catalog) -> Iterator[Problem]:
    """Yield panels whose minimum interval is a variable that does not exist, or has an option that is no duration."""
    del catalog
    for item in built:
        inputs = {spec.name: spec for spec in item.dashboard.all_inputs()}
        raw = [as_text(variable.get("name")) for variable in list_variables(item.dashboard.raw)]
        for panel, _ in item.panels_for_check("step"):
            name = as_text(panel.library_options.get("min_interval"))
            if not name.startswith("$") or name[1:] in raw:
                continue
            place = panel.document.place((*panel.path, "min_interval"))
            spec = inputs.get(name[1:])
            if spec is None:
                hint = did_you_mean(name[1:], [*inputs, *raw])
                hint = hint or f"add it to choose: [{{pick: {name[1:]}, of: [1m, 1h]}}]"
                yield Problem(place, f"the dashboard has no choice {name[1:]}", hint, check="step")
                continue
            for value in (spec.options or {"": spec.default or ""}).values():
                if not _is_duration(value):
                    message = f"{value or 'an empty text'} is no duration, but an option of {name[1:]}"
                    yield Problem(place, message, "such as 1s, 1m or 1h", check="step")


def _is_duration(text: str) -> bool:
    try:
        units.parse_duration(text)
    except ValueError:
        return False
    return True
