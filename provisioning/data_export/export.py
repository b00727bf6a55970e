"""Export the samples of a PromQL expression: chunk by chunk, to a file or to a stream."""

from __future__ import annotations

import contextlib
import errno
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, BinaryIO

from deckwatch.core.problems import DeckwatchError
from deckwatch.provisioning.data_export.column_growth import write_padded
from deckwatch.provisioning.data_export.partial_file import Progress
from deckwatch.provisioning.data_export.range_reader import Grid, RangeReader
from deckwatch.provisioning.data_export.rows import NewColumns, RowBuilder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from zoneinfo import ZoneInfo

    from deckwatch.core.http import Client
    from deckwatch.provisioning.data_export.partial_file import PartialFile
    from deckwatch.provisioning.data_export.range_reader import Chunk
    from deckwatch.provisioning.data_export.row_format import RowFormat

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_COARSE_TIMES = 240  # at which the labels are looked up before a stream begins


@dataclass(frozen=True, slots=True)
class Export:
    """What to export: an expression at the times of a grid, in a format, with times in a zone."""

    expr: str
    grid: Grid
    row_format: RowFormat
    zone: ZoneInfo

    def make_builder(self, progress: Progress) -> RowBuilder:
        """Return a builder of the rows that follow."""
        builder = RowBuilder(self.row_format, self.grid, self.format_time)
        builder.columns, builder.open_series = progress.columns, progress.open_series
        builder.samples, builder.histograms = progress.samples, progress.histograms
        return builder

    def format_time(self, milliseconds: int) -> str:
        """Return a time in ISO 8601 with the offset of the zone, with milliseconds only where there are any."""
        when = datetime.fromtimestamp(milliseconds // 1000, UTC).replace(microsecond=milliseconds % 1000 * 1000)
        return when.astimezone(self.zone).isoformat(timespec="milliseconds" if milliseconds % 1000 else "seconds")


def export_to_file(export: Export, client: Client, partial: PartialFile, advance: Callable[[int], None]) -> Progress:
    """Export to a file, or continue to; `advance` is called with numbers of times. Return the totals.

    Raises Unreachable, after which the export can be continued, and DeckwatchError without leaving anything behind if
    the disk is full.
    """
    try:
        _append_rows(export, client, partial, advance)
        partial.complete(lambda rows, target: _finish_file(export, partial.progress, rows, target))
    except OSError as error:
        if error.errno not in _FULL:
            raise
        partial.discard()
        raise DeckwatchError(f"{partial.path}: the disk is full; what had been written was removed") from None
    return partial.progress


def _append_rows(export: Export, client: Client, partial: PartialFile, advance: Callable[[int], None]) -> None:
    builder = export.make_builder(partial.progress)
    growth = list(partial.progress.growth)
    advance(partial.progress.next_index)
    try:
        for chunk in _read_chunks(export, client, partial.progress.next_index):
            try:
                rows = builder.build_rows(chunk)
            except NewColumns as error:
                if partial.progress.offset:
                    growth.append((partial.progress.offset, len(builder.columns)))
                builder.columns = error.names
                rows = builder.build_rows(chunk)
            for text in _with_header(export, builder, rows, is_first=not partial.progress.offset):
                partial.append(text.encode())
            partial.commit(_current_progress(builder, chunk, growth))
            advance(chunk.count)
    except BaseException as error:
        if not isinstance(error, OSError) or error.errno not in _FULL:
            partial.save()
        raise
    if not partial.progress.offset:
        partial.append(export.row_format.header(builder.columns).encode())
    partial.append(export.row_format.footer().encode())


def _current_progress(builder: RowBuilder, chunk: Chunk, growth: list[tuple[int, int]]) -> Progress:
    return Progress(
        chunk.first + chunk.count,
        samples=builder.samples,
        histograms=builder.histograms,
        columns=builder.columns,
        growth=list(growth),
        open_series=builder.open_series,
    )


def _with_header(export: Export, builder: RowBuilder, rows: Iterator[str], *, is_first: bool) -> Iterator[str]:
    """Yield the rows that are not empty, the first ones of the file after its header and without their joint."""
    texts = (text for text in rows if text)
    if is_first and (first := next(texts, None)) is not None:
        yield export.row_format.header(builder.columns)
        yield first[export.row_format.joint :]
    yield from texts


def _finish_file(export: Export, progress: Progress, rows: Path, target: Path) -> bool:
    """Write the file of an export from its rows; return False if they are the file already."""
    row_format, columns = export.row_format, progress.columns
    if not progress.growth:
        return row_format.convert(rows, target, columns)
    padded = target.with_name(f"{target.name}.padded")
    try:
        write_padded(rows, padded, row_format.header(columns).encode(), progress.growth, len(columns))
        if not row_format.convert(padded, target, columns):
            padded.replace(target)
    finally:
        padded.unlink(missing_ok=True)
    return True


def export_to_stream(export: Export, client: Client, stream: BinaryIO, advance: Callable[[int], None]) -> Progress:
    """Export to a stream, such as standard output; return what was exported.

    Raises Unreachable, and DeckwatchError if a label appears for which the header has no column.
    """
    builder = export.make_builder(Progress())
    if export.row_format.has_columns:
        builder.columns = _find_label_names(export, client)
    is_first = True
    for chunk in _read_chunks(export, client, 0):
        try:
            rows = builder.build_rows(chunk)
        except NewColumns as error:
            if not is_first:
                raise _column_too_late(export, chunk, set(error.names).difference(builder.columns)) from None
            builder.columns = error.names
            rows = builder.build_rows(chunk)
        for text in _with_header(export, builder, rows, is_first=is_first):
            stream.write(text.encode())
            is_first = False
        advance(chunk.count)
    if is_first:
        stream.write(export.row_format.header(builder.columns).encode())
    stream.write(export.row_format.footer().encode())
    stream.flush()
    return Progress(export.grid.count, samples=builder.samples, histograms=builder.histograms)


def _find_label_names(export: Export, client: Client) -> list[str]:
    """Return the names of the labels of series at a few times of the whole range."""
    stride = max(1, export.grid.count // _COARSE_TIMES)
    coarse = Grid(export.grid.start, export.grid.step * stride, (export.grid.count - 1) // stride + 1)
    names: set[str] = set()
    for chunk in _read_chunks(Export(export.expr, coarse, export.row_format, export.zone), client, 0):
        for series in chunk.iter_series():
            names.update(series["metric"])
    return sorted(names)


def _column_too_late(export: Export, chunk: Chunk, names: set[str]) -> DeckwatchError:
    after = export.format_time(export.grid.time_at(chunk.first))
    return DeckwatchError(
        f"series after {after} have the label {', '.join(sorted(names))}, which the header already written lacks: "
        "write to a file with --out, whose header is written last"
    )


def _read_chunks(export: Export, client: Client, first: int) -> Iterator[Chunk]:
    """Yield the chunks from an index of the grid; the next one is read while the last one is processed."""
    reader = RangeReader(client, export.expr, export.grid)
    if first >= export.grid.count:
        return
    future = _start_thread(reader, first)
    while True:
        chunk = future.result()
        following = chunk.first + chunk.count
        if following < export.grid.count:
            future = _start_thread(reader, following)
        with contextlib.closing(chunk.body):
            try:
                yield chunk
            except GeneratorExit:
                future.add_done_callback(_close_body)
                raise
        if following >= export.grid.count:
            return


def _close_body(future: Future[Chunk]) -> None:
    """Close the file of a chunk that nobody needs any more."""
    if future.exception() is None:
        future.result().body.close()


def _start_thread(reader: RangeReader, first: int) -> Future[Chunk]:
    """Read a chunk on a daemon thread, since Ctrl-C must not wait for a query."""
    future: Future[Chunk] = Future()

    def run() -> None:
        try:
            future.set_result(reader.read_chunk(first))
        except BaseException as error:  # noqa: BLE001 - raised where the result is needed
            future.set_exception(error)

    threading.Thread(target=run, name="read-chunk", daemon=True).start()
    return future
