"""The form a query result must have, beyond being non-empty, for a panel to show what it promises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class ExpectedResult:
    """Requirements on the result of one query.

    A `table` has one row per value of its `labels`, a `heatmap` has buckets. `labels` are named by the rows, the legend
    or an alert: at least one series must carry each. `agrees_with` is an independent expression for the same value, ''
    if none is given, and `max_series` the number of series that can still be read, 0 for no limit.
    """

    shape: Literal["", "table", "heatmap"] = ""
    labels: tuple[str, ...] = ()
    agrees_with: str = ""
    max_series: int = 0


NO_EXPECTATION = ExpectedResult()
