"""Graphs of the series of a query."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from deckwatch.reports.model import Band, Graph, Line
from deckwatch.reports.numbers import mean_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deckwatch.reports.context import Context
    from deckwatch.reports.queries import Row

MAX_LINES = 5
_BANDS_TITLE = "critical alert"


class Plot(NamedTuple):
    """What a graph shows; its lines are named by `labels`, or `otherwise` where series lack them."""

    key: str
    title: str
    unit: str
    labels: str = ""
    otherwise: str = ""

    def name_line(self, labels: Mapping[str, str]) -> str:
        """Return the name of the line of a series."""
        return " ".join(labels[name] for name in self.labels.split() if labels.get(name)) or self.otherwise


def draw_rows(context: Context, rows: Sequence[Row], plot: Plot) -> list[Graph]:
    """Return a graph of the range with the lines of the highest mean, or none where there is nothing to draw."""
    lines = [Line(plot.name_line(row.labels), context.take_period(row.values)) for row in rows]
    means = [(mean_of(line.values), line) for line in lines]
    known = [(mean, line) for mean, line in means if mean is not None]
    if not known:
        return []
    known.sort(key=lambda pair: (-pair[0], pair[1].name))
    shown = [line for _, line in known[:MAX_LINES]]
    bands = list_critical_times(context)
    return [
        Graph(
            plot.key,
            plot.title,
            plot.unit,
            context.period_times,
            shown,
            bands=bands,
            bands_title=_BANDS_TITLE if bands else "",
            omitted=len(known) - len(shown),
        )
    ]


def list_critical_times(context: Context) -> list[Band]:
    """Return the times during which at least one critical alert fired, in ascending order."""
    spans = sorted(
        (max(firing.start, context.start), firing.end)
        for firing in context.history.firings
        if firing.labels.get("severity") == "critical"
    )
    return [Band(start, end) for start, end in merge_spans(spans)]


def merge_spans(spans: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return sorted spans without overlaps."""
    merged: list[tuple[float, float]] = []
    for start, end in spans:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged
