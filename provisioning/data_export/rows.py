"""Turn the series of a chunk into rows, ordered by time and then by series, so that chunks leave no trace in a file.

A range query has no samples of a series that has ended: a row without a value marks the first time without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from deckwatch.provisioning.data_export.range_reader import Chunk, Grid
    from deckwatch.provisioning.data_export.row_format import RowFormat

Labels = dict[str, str]
Point = tuple[float, str]  # Unix time in seconds and the text of the value, a list in JSON


class NewColumns(Exception):
    """Series have labels without a column; `names` are all columns, in the order of their appearance."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(*names)
        self.names = list(names)


class _ChunkRows:
    """The rows of one chunk by the index of their time, without their times; `ends` have the series' keys."""

    def __init__(self, count: int) -> None:
        self.values: list[list[str]] = [[] for _ in range(count)]
        self.ends: list[list[tuple[bytes, str]]] = [[] for _ in range(count)]


class RowBuilder:
    """Builds the rows of consecutive chunks.

    `columns` are the labels with a column, `open_series` the series with a sample at the last time. `samples` counts
    rows with a value, and `histograms` native histograms, which have none.
    """

    def __init__(self, row_format: RowFormat, grid: Grid, format_time: Callable[[int], str]) -> None:
        self._format = row_format
        self._grid = grid
        self._format_time = format_time
        self.columns: list[str] = []
        self.open_series: list[Labels] = []
        self.samples = 0
        self.histograms = 0

    def build_rows(self, chunk: Chunk) -> Iterator[str]:
        """Return the rows of each time of a chunk as one text, '' without rows; raises NewColumns."""
        rows = _ChunkRows(chunk.count)
        columns = dict.fromkeys(self.columns)
        unseen = {_series_key(labels): labels for labels in self.open_series}
        open_series: list[Labels] = []
        samples = histograms = 0
        for series in chunk.iter_series():
            labels: Labels = series["metric"]
            points: list[Point] = series.get("values", [])
            histograms += len(series.get("histograms", ()))
            samples += len(points)
            if self._format.has_columns and points:
                columns.update(dict.fromkeys(labels))
            key = _series_key(labels)
            was_open = unseen.pop(key, None) is not None
            if self._add_series(rows, chunk, points, (key, labels), was_open=was_open):
                open_series.append(labels)
        if len(columns) > len(self.columns):
            raise NewColumns([*self.columns, *sorted(set(columns).difference(self.columns))])
        for key, labels in unseen.items():
            rows.ends[0].append((key, self._format.row_end(labels, self.columns)))
        self.samples, self.histograms, self.open_series = (
            self.samples + samples,
            self.histograms + histograms,
            open_series,
        )
        return self._join_rows(rows, chunk)

    def _add_series(
        self, rows: _ChunkRows, chunk: Chunk, points: list[Point], series: tuple[bytes, Labels], *, was_open: bool
    ) -> bool:
        """Add the rows of one series; return whether it has a sample at the chunk's last time."""
        key, labels = series
        end = self._format.row_end(labels, self.columns)
        texts = [value for _, value in points]
        if special := self._format.values.special:
            texts = [special.get(value, value) for value in texts]
        if len(points) == chunk.count:
            for row, text in zip(rows.values, texts, strict=True):
                row.append(text + end)
            return True
        start, step = self._grid.time_at(chunk.first), self._grid.step
        last = -1 if was_open else -2  # the index of the sample before, of which -1 is that of the chunk before
        for (seconds, _), text in zip(points, texts, strict=True):
            index = round((seconds * 1000 - start) / step)
            rows.values[index].append(text + end)
            if last >= -1 and index > last + 1:
                rows.ends[last + 1].append((key, end))
            last = index
        if last == chunk.count - 1:
            return True
        if last >= -1:
            rows.ends[last + 1].append((key, end))
        return False

    def _join_rows(self, rows: _ChunkRows, chunk: Chunk) -> Iterator[str]:
        stale = self._format.values.stale
        for index, (texts, ends) in enumerate(zip(rows.values, rows.ends, strict=True)):
            if ends:
                texts += [stale + end for _, end in sorted(ends)]
            if not texts:
                yield ""
                continue
            head = self._format.time_text(self._format_time(self._grid.time_at(chunk.first + index)))
            yield head + head.join(texts)


def _series_key(labels: dict[str, Any]) -> bytes:
    """Return a text that identifies a series, whatever the order of its labels."""
    return orjson.dumps(labels, option=orjson.OPT_SORT_KEYS)
