"""CSV (RFC 4180) for spreadsheets and programs: time, value, and one column for each label."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from deckwatch.provisioning.data_export.row_format import ValueTexts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from zoneinfo import ZoneInfo

OWN_COLUMNS = ("time", "value")

_QUOTED = re.compile(r'[",\r\n]|^\s|\s$')
# What spreadsheets take for a formula at the start of a cell: https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n]")


class CsvFormat:
    """Rows of CSV. With `neutral`, a label that a spreadsheet would take for a formula begins with an apostrophe."""

    has_columns = True
    joint = 0
    needs_file = False
    values = ValueTexts({}, "")

    def __init__(self, *, neutral: bool = True) -> None:
        self._neutral = neutral

    def header(self, columns: Sequence[str]) -> str:
        """Return the line of column names."""
        return ",".join(map(self._cell_text, column_names(columns))) + "\n"

    def time_text(self, time: str) -> str:
        """Return the first cell."""
        return f"{time},"

    def row_end(self, labels: Mapping[str, str], columns: Sequence[str]) -> str:
        """Return the cells of the labels; a label that the series does not have is empty."""
        return "".join([f",{self._cell_text(labels.get(column, ''))}" for column in columns]) + "\n"

    def footer(self) -> str:
        """Return nothing."""
        return ""

    def convert(self, rows: Path, target: Path, columns: Sequence[str]) -> bool:
        """Return False: the rows are the file."""
        del rows, target, columns
        return False

    def _cell_text(self, text: str) -> str:
        if self._neutral and _FORMULA.match(text):
            text = f"'{text}"
        return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text


def column_names(labels: Sequence[str]) -> list[str]:
    """Return the names of all columns: a label that is called like one of our own gets the prefix `label_`."""
    names = list(OWN_COLUMNS)
    for label in labels:
        name = label
        while name in OWN_COLUMNS or (name != label and name in labels):
            name = f"label_{name}"
        names.append(name)
    return names


def create_format(zone: ZoneInfo) -> CsvFormat:
    """Return the format; the zone is in the texts of times."""
    del zone
    return CsvFormat()
