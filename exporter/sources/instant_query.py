"""The points in an answer to an instant query of Prometheus' API.

https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from deckwatch.exporter.sources.source_failures import MalformedDocument

if TYPE_CHECKING:
    from collections.abc import Iterator


def list_points(answer: Any, where: str) -> Iterator[tuple[dict[str, str], float]]:
    """Yield labels and value of each series, without those whose value is NaN: 0/0 is no value.

    Raises MalformedDocument for an answer of another form, such as a range vector; `where` names the expression.
    """
    if (unsuitable := _find_other_kind(answer)) is not None:
        raise MalformedDocument(f"{where}: the expression has a {unsuitable}; expected an instant vector or a scalar")
    try:
        kind, result = answer["data"]["resultType"], answer["data"]["result"]
        points = [({}, result)] if kind == "scalar" else [(each["metric"], each["value"]) for each in result]
        for labels, (_, text) in points:
            value = float(text)
            if not math.isnan(value):
                yield labels, value
    except (KeyError, TypeError, ValueError):
        raise MalformedDocument(f"{where}: the answer is not that of Prometheus' API") from None


def _find_other_kind(answer: Any) -> str | None:
    """Return the kind of result of an answer if it has one that has no values to show."""
    data = answer.get("data") if isinstance(answer, dict) else None
    kind = data.get("resultType") if isinstance(data, dict) else None
    return kind if isinstance(kind, str) and kind not in ("vector", "scalar") else None
