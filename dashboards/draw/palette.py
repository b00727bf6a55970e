"""The colours of series where it is known which there are: Okabe's and Ito's, told apart by everybody.

Masataka Okabe and Kei Ito, "Color Universal Design" (2008); its black is left out, for it cannot be seen on a dark
screen. Those that stand out from dark and from white come first. Where a query returns any number of series the choice
is Grafana's: of its colours there are enough.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deckwatch.dashboards.read.spec import Panel
    from deckwatch.dashboards.resolve.queries import Query

BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
SKY, ORANGE, YELLOW = "#56B4E9", "#E69F00", "#F0E442"
SERIES = (BLUE, VERMILLION, GREEN, PURPLE, SKY, ORANGE, YELLOW)
_TYPES = frozenset(("timeseries", "barchart"))


def assign_colors(panel: Panel, queries: Sequence[Query]) -> Mapping[str, str]:
    """Return the colours of queries by their letters, where each of several returns one series and none has its own."""
    if panel.type.name not in _TYPES or not 1 < len(queries) <= len(SERIES):
        return {}
    if "colors" in panel.said or any(query.shown != () or "color" in query.said for query in queries):
        return {}
    return {query.ref: color for query, color in zip(queries, SERIES, strict=False)}
