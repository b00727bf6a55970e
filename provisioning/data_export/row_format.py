"""What a format of exported samples defines: the texts around times, values and labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class ValueTexts:
    """The texts of values that are not finite numbers, by Prometheus' own; `stale` marks the end of a series."""

    special: Mapping[str, str]
    stale: str


class RowFormat(Protocol):
    """A text format with one row per sample: `time_text(time) + value + row_end(labels)`.

    If `has_columns`, each label is a column and the header is known only at the end; otherwise the columns are ignored.
    `joint` is the number of bytes at the start of a row that separate it from the row before; `needs_file` tells that
    the rows are converted at the end.
    """

    has_columns: bool
    joint: int
    needs_file: bool
    values: ValueTexts

    def header(self, columns: Sequence[str]) -> str:
        """Return the text before the first row; `columns` are the names of labels."""

    def time_text(self, time: str) -> str:
        """Return the start of a row; `time` is in ISO 8601."""

    def row_end(self, labels: Mapping[str, str], columns: Sequence[str]) -> str:
        """Return the end of the rows of a series."""

    def footer(self) -> str:
        """Return the text after the last row."""

    def convert(self, rows: Path, target: Path, columns: Sequence[str]) -> bool:
        """Write a complete file of rows in the format's own form to `target`; False if the rows are that form."""


class FormatModule(Protocol):
    """A module of the package `formats`."""

    def create_format(self, zone: ZoneInfo) -> RowFormat:
        """Return the format for times in a zone; raises DeckwatchError where a package is not installed."""
