"""What an answer of Prometheus must look like, besides being there, for a panel to show what it says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class ExpectedResult:
    """What is wanted of the answer to one query.

    A `table` has one line for each value of its `labels`, a `heatmap` has buckets. `labels` are those that its lines,
    its legend or an alert name: some series must carry each. `agrees` is an independent expression for the same value,
    '' where none is given, and `most` the number of series that can still be read, 0 for any.
    """

    shape: Literal["", "table", "heatmap"] = ""
    labels: tuple[str, ...] = ()
    agrees_with: str = ""
    max_series: int = 0


NO_EXPECTATION = ExpectedResult()
