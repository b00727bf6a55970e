"""Rows of Grafana 4 and older, where panels span twelve columns, on the grid of all later versions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from deckwatch.core.json_types import as_objects

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.core.json_types import JsonMapping, JsonObject

_COLUMNS = 24
_ROW_HEIGHT = 250  # pixels; the default
_CELL = 38  # pixels per grid step, gap included
_DEFAULT_SPAN = 4
_MIN_HEIGHT = 3


class OldRow(NamedTuple):
    """A row with its panels on the grid; `header` is the classic row, None where it is not shown."""

    row: JsonMapping
    header: JsonObject | None
    panels: list[JsonObject]


def iterate_old_rows(rows: object) -> Iterator[OldRow]:
    """Yield the rows of a dashboard with `rows`."""
    top = 0
    for row in as_objects(rows):
        height = _height_steps(row.get("height", _ROW_HEIGHT))
        has_header = bool(row.get("showTitle") or row.get("collapse") or row.get("repeat"))
        x, panels = 0, []
        for panel in as_objects(row.get("panels")):
            width = min(_COLUMNS, max(1, round(2 * _read_span(panel.get("span")))))
            panel_height = _height_steps(panel["height"]) if panel.get("height") else height
            if x + width > _COLUMNS:
                x, top = 0, top + height
            panels.append({**panel, "gridPos": {"x": x, "y": top, "w": width, "h": panel_height}})
            x += width
        top += height
        header: JsonObject | None = None
        if has_header:
            header = {"title": row.get("title") or "Row", "collapsed": bool(row.get("collapse"))}
            if row.get("repeat"):
                header["repeat"] = row["repeat"]
        yield OldRow(row, header, panels)


def _read_span(span: object) -> float:
    try:
        return min(float(span), _COLUMNS) if isinstance(span, (int, float, str)) and span else _DEFAULT_SPAN
    except ValueError:
        return _DEFAULT_SPAN


def _height_steps(height: object) -> int:
    """Return a height in pixels, such as `250px`, in grid steps."""
    match = re.match(r"\d{1,6}", str(height))
    return max(_MIN_HEIGHT, round(int(match[0]) / _CELL)) if match else round(_ROW_HEIGHT / _CELL)
