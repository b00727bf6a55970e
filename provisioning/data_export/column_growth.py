"""Complete the rows of CSV that were written before their last columns were known."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


def write_padded(rows: Path, target: Path, header: bytes, growth: Sequence[tuple[int, int]], columns: int) -> None:
    """Copy rows below another header, with empty cells where columns are missing.

    `growth` has the offsets at which columns were added, with their number before; `columns` is their number at last.
    """
    steps = [*growth, (rows.stat().st_size, columns)]
    with rows.open("rb") as source, target.open("wb") as copy:
        copy.write(header)
        position = sum(len(line) for line in _read_record(source))
        for end, count in steps:
            missing = b"," * (columns - count) + b"\n"
            while position < end:
                record = b"".join(_read_record(source))
                position += len(record)
                copy.write(record if count == columns else record[:-1] + missing)


def _read_record(source: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of one record: it goes on while a quotation mark is open."""
    quotes = 0
    for line in source:
        yield line
        quotes += line.count(b'"')
        if quotes % 2 == 0:
            return
