"""How the rows of a query fill the metrics that are declared for it: each row a series, or each row counted once."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from deckwatch.exporter.collectors import _measured
from deckwatch.exporter.sources.series_table import Histogram, SeriesTable, to_label, to_number
from deckwatch.exporter.sources.source_failures import NotANumber, TooManySeries, UnknownColumn
from deckwatch.exporter.sources.watermark import Columns, Counted, pack_counted, select_new_rows, unpack_counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from deckwatch.exporter.sources.state_file import StateFile
    from deckwatch.exporter.sources.watermark import Totals

Labels = tuple[str, ...]
Row = dict[str, Any]

DEFAULT_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_VALUE = "value"


class SqlMetric:
    """A metric of a query: the columns of its labels and values, and the labels that all series have."""

    def __init__(
        self, name: str, entry: Mapping[str, Any], static_labels: Mapping[str, str], query: str, *, counts: bool
    ) -> None:
        self.key_labels: Labels = tuple(entry.get("key_labels", ()))
        # A counter of a query with a watermark counts rows, unless a column says how much to add.
        self.values = (
            () if counts and entry.get("kind") == "counter" and "values" not in entry else value_columns(entry)
        )
        self._has_word = "value_label" in entry
        self._fixed = tuple({**static_labels, **entry.get("static_labels", {})}.values())
        self._bounds = tuple(map(float, entry.get("buckets", DEFAULT_BUCKETS)))
        self.metric = _measured.build_metric(name, entry, label_names(entry, static_labels), f"the query {query}")

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it needs."""
        return (*self.key_labels, *self.values)

    @property
    def shape(self) -> str:
        """A text that changes whenever totals lose their meaning."""
        bounds = self._bounds if self.metric.kind == "histogram" else ()
        return json.dumps([self.metric.kind, self.metric.labels, self._fixed, bounds])

    def add_row(self, table: SeriesTable, row: Row) -> None:
        """Add the series of a row; raises SourceFailure."""
        for labels, value in self._read_values(row):
            table.set_value(self.metric, labels, value)

    def begin_totals(self, totals: Totals) -> None:
        """Let series whose labels are known begin at zero, so that the first row is an increase."""
        if not self.key_labels and self.metric.kind != "gauge":
            for word in self.values or ("",):
                series = (self.metric.name, (*((word,) if self._has_word else ()), *self._fixed))
                totals.setdefault(series, self._create_zero())

    def count_row(self, totals: Totals, row: Row) -> None:
        """Add a row to the totals: the sum, the buckets, or for a gauge the newest value; raises SourceFailure."""
        for labels, value in self._read_values(row):
            series = (self.metric.name, labels)
            before = totals.get(series)
            if self.metric.kind == "gauge":
                totals[series] = value
            elif self.metric.kind == "counter":
                if value < 0:
                    raise NotANumber(f"{self.metric.name}: {value} would be added to a counter, which cannot fall")
                totals[series] = (before if isinstance(before, int | float) else 0) + value
            else:
                histogram = before if isinstance(before, Histogram) else Histogram(self._bounds)
                histogram.observe(value)
                totals[series] = histogram

    def show_totals(self, table: SeriesTable, totals: Totals) -> None:
        """Add its totals to a table; raises TooManySeries."""
        for (name, labels), value in totals.items():
            if name != self.metric.name:
                continue
            if isinstance(value, Histogram):
                table.set_histogram(self.metric, labels, value)
            else:
                table.set_value(self.metric, labels, value)

    def _create_zero(self) -> float | Histogram:
        return Histogram(self._bounds) if self.metric.kind == "histogram" else 0

    def _read_values(self, row: Row) -> Iterator[tuple[Labels, float]]:
        keys = tuple(to_label(row[column], f"column {column}") for column in self.key_labels)
        for column in self.values:
            value = to_number(row[column], f"column {column}")
            yield (*keys, *((column,) if self._has_word else ()), *self._fixed), value
        if not self.values:
            yield (*keys, *self._fixed), 1


class RowCounter:
    """Counts each row of a query once; the totals and the watermark are in one file."""

    def __init__(
        self, state: StateFile, columns: Columns, start: object, metrics: Sequence[SqlMetric], max_series: int
    ) -> None:
        self._state = state
        self.columns = columns
        self._start = start
        self._metrics = metrics
        self._max_series = max_series
        self._known: Counted | None = None

    def count_rows(self, read: Callable[[object], tuple[list[Row], bool]], ends: float) -> tuple[Totals, int]:
        """Count the new rows, and return the totals and the number of these rows once both are stored.

        `read` returns rows for a watermark, and whether there are more; these are counted too, up to the time `ends` of
        the monotonic clock. Raises SourceFailure, and has then counted nothing.
        """
        counted = self._load_counted().copy()
        count = 0
        while True:
            rows, is_cut = read(counted.watermark)
            new_rows = select_new_rows(counted, rows, self.columns, is_cut=is_cut)
            for row in new_rows:
                for metric in self._metrics:
                    metric.count_row(counted.totals, row)
            if len(counted.totals) > self._max_series:
                raise TooManySeries(f"more than {self._max_series} series since the first row; raise max_series")
            count += len(new_rows)
            if not is_cut or time.monotonic() > ends:
                break
        if count:
            self._state.write(pack_counted(counted, self.columns, self._list_shapes()))
            self._known = counted
        return counted.totals, count

    def _load_counted(self) -> Counted:
        if self._known is None:
            stored = self._state.read()
            counted = Counted(self._start)
            if stored is not None:
                counted = unpack_counted(stored, self.columns, self._list_shapes(), str(self._state.path))
            for metric in self._metrics:
                metric.begin_totals(counted.totals)
            self._known = counted
        return self._known

    def _list_shapes(self) -> dict[str, str]:
        return {metric.metric.name: metric.shape for metric in self._metrics}


def find_columns(names: Sequence[str], needed: Sequence[str]) -> dict[str, int]:
    """Return the positions of the needed columns in a result; raises UnknownColumn."""
    for column in needed:
        if names.count(column) != 1:
            found = "twice" if column in names else "not"
            raise UnknownColumn(f"column {column} is {found} in the result, which has {', '.join(names)}")
    return {column: names.index(column) for column in needed}


def label_names(entry: Mapping[str, Any], static_labels: Mapping[str, str]) -> Labels:
    """Return the names of a metric's labels: of its columns, of its values, and the fixed ones."""
    word = (entry["value_label"],) if "value_label" in entry else ()
    return (*entry.get("key_labels", ()), *word, *{**static_labels, **entry.get("static_labels", {})})


def value_columns(entry: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the columns of a metric's values."""
    values = entry.get("values", _VALUE)
    return (values,) if isinstance(values, str) else tuple(values)
