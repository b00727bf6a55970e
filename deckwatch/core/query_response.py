"""The series in a response of Prometheus' query API, which may come from another program or through a proxy."""

from __future__ import annotations

from typing import Any

from deckwatch.core.masking import mask_address
from deckwatch.core.problems import Unreachable


def read_series(response: Any, base: str) -> list[dict[str, Any]]:
    """Return the series of a response to `/api/v1/query` or `/api/v1/query_range`; a scalar is a series without labels.

    Each has `metric` and one or more of `value`, `values`, `histogram`, `histograms`, as in the HTTP API of Prometheus.
    `base` is the address of the server. Raises Unreachable for everything else.
    """
    try:
        data = response["data"]
        kind, result = data["resultType"], data["result"]
        series = [{"metric": {}, "value": result}] if kind == "scalar" else list(result)
    except (KeyError, TypeError):
        kind, series = "", [None]
    if kind == "string":
        raise Unreachable("the expression is a string, not a number")
    if not all(map(is_series, series)):
        raise Unreachable(f"{mask_address(base)} answers, but is not Prometheus")
    return series


def is_series(series: Any) -> bool:
    """Return whether this is a series; of its points only the first is looked at, since there may be millions."""
    try:
        points = [series["value"]] if "value" in series else series.get("values", [])[:1]
        has_histogram = "histogram" in series or "histograms" in series
        return isinstance(series["metric"], dict) and bool(points or has_histogram) and all(map(_is_point, points))
    except (KeyError, TypeError, ValueError, AttributeError):
        return False


def _is_point(point: Any) -> bool:
    at, text = point
    float(text)
    return isinstance(at, int | float) and isinstance(text, str)
