"""The colours of series whose number is known: the palette of Okabe and Ito, safe for colour-blind readers.

Masataka Okabe and Kei Ito, "Color Universal Design" (2008); without its black, which is invisible on a dark
background. Those with most contrast to both dark and white come first. Where a query returns any number of series,
Grafana chooses: its palette has enough colours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deckwatch.dashboards.read.spec import PanelSpec
    from deckwatch.dashboards.resolve.queries import Query

BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
SKY, ORANGE, YELLOW = "#56B4E9", "#E69F00", "#F0E442"
SERIES = (BLUE, VERMILLION, GREEN, PURPLE, SKY, ORANGE, YELLOW)


def assign_colors(panel: PanelSpec, queries: Sequence[Query]) -> Mapping[str, str]:
    """Return the colours of queries by their ref, if several return one series each and none has its own colour."""
    if not panel.type.grafana.palette or not 1 < len(queries) <= len(SERIES):
        return {}
    if panel.colors or any(query.labels != () or query.spec.color for query in queries):
        return {}
    return {query.ref: color for query, color in zip(queries, SERIES, strict=False)}
