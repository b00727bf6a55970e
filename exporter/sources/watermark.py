"""Rows counted exactly once: those above a watermark, the value of one column of the newest row that was counted.

The watermark and the totals are stored together, so that neither a restart nor the end of the process at any moment
counts a row twice or not at all.
"""

from __future__ import annotations

import datetime as dt
import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from deckwatch.exporter.sources.series_table import Histogram, to_label
from deckwatch.exporter.sources.source_failures import StateFault, WatermarkFault

if TYPE_CHECKING:
    from collections.abc import Sequence

Totals = dict[tuple[str, tuple[str, ...]], "float | Histogram"]  # by metric and label values
_Row = dict[str, Any]

_MALFORMED = (KeyError, TypeError, ValueError, AttributeError, ArithmeticError)


class Columns(NamedTuple):
    """The column that orders the rows, and the column that identifies a row where several share a watermark."""

    watermark: str
    key: str = ""


@dataclass
class Counted:
    """What has been counted: `watermark` is a value of its column, or of the configuration before the first row.

    `keys` are those of the counted rows with that very watermark.
    """

    watermark: object
    keys: frozenset[str] = frozenset()
    totals: Totals = field(default_factory=dict)

    def copy(self) -> Counted:
        """Return a copy that can be counted on without changing this one."""
        totals = {
            series: Histogram(value.bounds, value.counts, value.total) if isinstance(value, Histogram) else value
            for series, value in self.totals.items()
        }
        return Counted(self.watermark, self.keys, totals)


def select_new_rows(counted: Counted, rows: Sequence[_Row], columns: Columns, *, is_cut: bool) -> list[_Row]:
    """Return the rows that have not been counted, and advance the watermark of `counted` past them.

    Of rows that are cut off at the limit, those that share the last watermark are left for the next reading, unless
    there is a key. Raises WatermarkFault.
    """
    if not rows:
        return []
    values = [row[columns.watermark] for row in rows]
    _check_values(values, columns, is_cut=is_cut)
    before = counted.watermark if _same_type(counted.watermark, values[0]) else None
    pairs = zip(rows, values, strict=True)
    fresh = [(row, value) for row, value in pairs if _is_new(row, value, before, counted, columns)]
    if is_cut and not columns.key:
        fresh = [(row, value) for row, value in fresh if value != values[-1]]
    if is_cut and not fresh:
        raise WatermarkFault(
            f"more rows than max_rows have the same {columns.watermark}, so none of them can be counted"
        )
    if not fresh:
        return []
    newest = max(value for _, value in fresh)
    keys = counted.keys if newest == before else frozenset()
    if columns.key:
        keys |= {to_label(row[columns.key], columns.key) for row, value in fresh if value == newest}
    counted.keys = keys
    counted.watermark = newest
    return [row for row, _ in fresh]


def _check_values(values: Sequence[Any], columns: Columns, *, is_cut: bool) -> None:
    """Raise WatermarkFault for values that have no order, or are not in it."""
    if any(value is None for value in values):
        raise WatermarkFault(f"column {columns.watermark} is NULL in a row")
    if not all(_same_type(value, values[0]) for value in values):
        raise WatermarkFault(f"column {columns.watermark} has values of several types")
    if is_cut and any(later < earlier for earlier, later in itertools.pairwise(values)):
        raise WatermarkFault(
            f"more rows than max_rows, and not in order: end the query with ORDER BY {columns.watermark}"
        )


def _is_new(row: _Row, value: Any, before: Any, counted: Counted, columns: Columns) -> bool:
    """Return whether a row has not been counted, whatever the query selects."""
    if before is None or value > before:
        return True
    return bool(columns.key and value == before and to_label(row[columns.key], columns.key) not in counted.keys)


def _same_type(one: object, other: object) -> bool:
    import decimal  # noqa: PLC0415 - only where a watermark is configured

    numbers = (int, float, decimal.Decimal)
    return type(one) is type(other) or (isinstance(one, numbers) and isinstance(other, numbers))


def pack_counted(counted: Counted, columns: Columns, shapes: dict[str, str]) -> dict[str, Any]:
    """Return a JSON value. `shapes` are texts by metric that change whenever its totals lose their meaning."""
    totals = [
        [name, list(labels), [list(value.bounds), value.counts, value.total] if isinstance(value, Histogram) else value]
        for (name, labels), value in counted.totals.items()
    ]
    watermark = _pack_value(counted.watermark)
    keys = sorted(counted.keys)
    return {"columns": list(columns), "watermark": watermark, "keys": keys, "shapes": shapes, "totals": totals}


def unpack_counted(state: dict[str, Any], columns: Columns, shapes: dict[str, str], file: str) -> Counted:
    """Return the counts that `pack_counted` stored, without totals of metrics that have changed; raises StateFault."""
    try:
        if state["columns"] != list(columns):
            raise StateFault(
                f"{file} counts by {' and '.join(filter(None, state['columns']))}, the query by "
                f"{' and '.join(filter(None, columns))}: delete the file to count from `start` again"
            )
        totals: Totals = {}
        for name, labels, value in state["totals"]:
            if shapes.get(name) == state["shapes"].get(name):
                totals[name, tuple(labels)] = Histogram(*value) if isinstance(value, list) else value
        return Counted(_unpack_value(*state["watermark"]), frozenset(state["keys"]), totals)
    except _MALFORMED as fault:
        raise StateFault(f"{file} is malformed; delete it to count from `start` again") from fault


def _pack_value(value: object) -> list[Any]:
    if isinstance(value, dt.datetime):
        return ["time", value.isoformat()]
    if isinstance(value, dt.date):
        return ["date", value.isoformat()]
    import decimal  # noqa: PLC0415 - only where a watermark is configured

    if isinstance(value, decimal.Decimal):
        return ["decimal", str(value)]
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise WatermarkFault(f"a watermark is a number, a time or text, not of type {type(value).__name__}")
    return ["plain", value]


def _unpack_value(kind: str, value: Any) -> object:
    match kind:
        case "time":
            return dt.datetime.fromisoformat(value)
        case "date":
            return dt.date.fromisoformat(value)
        case "decimal":
            import decimal  # noqa: PLC0415 - only where a watermark is configured

            return decimal.Decimal(value)
        case "plain" if isinstance(value, int | float | str):
            return value
    raise ValueError(kind)
