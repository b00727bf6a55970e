"""The kinds of data sources that panels query, and Grafana's identifiers of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deckwatch.dashboards.read.spec import Dashboard

# Grafana's plugin id and display name of each kind.
TYPES = {"prometheus": "prometheus", "loki": "loki", "jaeger": "jaeger", "postgres": "grafana-postgresql-datasource"}
NAMES = {"prometheus": "Prometheus", "loki": "Loki", "jaeger": "Jaeger", "postgres": "PostgreSQL"}


def variable_names(dashboard: Dashboard) -> dict[str, str]:
    """Return the name of the data source variable for each kind that a dashboard queries, Prometheus first."""
    used = {panel.source for panel in dashboard.panels()}
    kinds = [kind for kind in TYPES if kind in used or kind == "prometheus"]
    return {kind: f"{kind}_datasource" if len(kinds) > 1 else "datasource" for kind in kinds}


def provisioned_uid(kind: str) -> str:
    """Return the uid of the provisioned data source of a kind."""
    return f"deckwatch-{kind}"
