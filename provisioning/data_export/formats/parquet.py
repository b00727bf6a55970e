"""Parquet for data frames and databases: typed columns, compressed, with times in milliseconds in the zone.

The rows are collected as CSV, and converted at the end, when all columns are known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, cast

from deckwatch.core import extras
from deckwatch.provisioning.data_export.formats.csv import OWN_COLUMNS, CsvFormat, column_names

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from zoneinfo import ZoneInfo

_BATCH_ROWS = 4096
_GROUP_ROWS = 65_536  # a row group is kept in memory until it is complete


class ParquetFormat(CsvFormat):
    """A file of Parquet; labels are exact, since no spreadsheet reads it."""

    needs_file = True

    def __init__(self, zone: ZoneInfo) -> None:
        super().__init__(neutral=False)
        self._zone = zone.key

    def convert(self, rows: Path, target: Path, columns: Sequence[str]) -> bool:
        """Write the rows as Parquet; a label that a series does not have is null, as is the end of a series."""
        from arro3 import io  # noqa: PLC0415 - of an extra of its own
        from arro3.core import DataType, Field, Schema  # noqa: PLC0415

        types = (DataType.timestamp("ms", tz=self._zone), DataType.float64())
        fields = [Field(name, kind) for name, kind in zip(OWN_COLUMNS, types, strict=True)]
        names = column_names(columns)[len(OWN_COLUMNS) :]
        fields += [Field(name, DataType.string()) for name in names]
        reader = io.read_csv(rows, Schema(fields), has_header=True, batch_size=_BATCH_ROWS)
        with target.open("wb") as file:
            patient = _PatientFile(file)
            io.write_parquet(reader, cast("BinaryIO", patient), compression="zstd(3)", max_row_group_size=_GROUP_ROWS)
            if patient.error is not None:
                raise patient.error
        return True


class _PatientFile:
    """A file whose first error is kept for the end: arro3 0.9 aborts with a Rust backtrace on a full disk."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.error: OSError | None = None

    def write(self, data: bytes) -> int:
        """Write, or drop what follows an error."""
        if self.error is None:
            try:
                self._file.write(data)
            except OSError as error:
                self.error = error
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move to a position, for which arro3 asks but which it does not use."""
        return self._file.seek(offset, whence)

    def flush(self) -> None:
        """Write what is buffered."""
        if self.error is None:
            try:
                self._file.flush()
            except OSError as error:
                self.error = error


def create_format(zone: ZoneInfo) -> ParquetFormat:
    """Return the format; raises DeckwatchError where its package is not installed."""
    for module in ("arro3.io", "arro3.core"):
        extras.require_module(module, "Parquet needs an extra package")
    return ParquetFormat(zone)
