"""Which series a Prometheus writes to another server: all, recorded ones, or the totals of its site."""

from __future__ import annotations

from typing import Any

from deckwatch.alerting import sites

RECORDED = ".+:.+|ALERTS(_FOR_STATE)?"  # names of recorded series, and of alerts


def keep_series(kind: str) -> list[dict[str, Any]]:
    """Return the steps of write_relabel_configs that keep only series of a kind, `recorded` or `site`; [] for `all`."""
    if kind == "all":
        return []
    regex = RECORDED if kind == "recorded" else "|".join(sites.list_totals())
    return [{"source_labels": ["__name__"], "regex": regex, "action": "keep"}]
