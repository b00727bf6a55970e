"""What is drawn once for each value is a choice of the dashboard: Grafana repeats by nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deckwatch.core.problems import Problem, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.dashboards.build import Built


def check(built: Sequence[Built], catalog: Catalog) -> Iterator[Problem]:
    """Yield panels and rows that would be repeated by what cannot be chosen at the top."""
    del catalog
    for one in built:
        dashboard = one.dashboard
        known = [variable.name for variable in one.variables] + _raw(dashboard.said("raw", {}))
        said = [(row.repeat, row.path) for row in dashboard.rows]
        said += [(panel.said.get("for each", ""), panel.path) for panel, _ in one.examined("repeat")]
        for label, path in said:
            if label and label not in known:
                place = dashboard.document.place((*path, "for each"))
                hint = did_you_mean(label, known) or f"add it to choose: [{label}]"
                yield Problem(place, f"{label} cannot be chosen at the top", hint, check="repeat")


def _raw(said: Mapping[str, Any]) -> list[str]:
    """Return the choices that a dashboard has beside its words."""
    listed = said.get("templating", {}).get("list", [])
    return [str(one["name"]) for one in listed if isinstance(one, dict) and "name" in one]
