"""JSON for programs: a list with one object for each sample, each on a line of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from deckwatch.provisioning.data_export.row_format import ValueTexts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from zoneinfo import ZoneInfo


class JsonFormat:
    """Objects of `time`, `value` and `labels`. JSON has no NaN: such values are strings, as in Prometheus' API."""

    has_columns = False
    joint = 1  # the comma after the row before
    needs_file = False
    values = ValueTexts({text: f'"{text}"' for text in ("NaN", "+Inf", "-Inf")}, "null")

    def header(self, columns: Sequence[str]) -> str:
        """Return the start of the list."""
        del columns
        return "["

    def time_text(self, time: str) -> str:
        """Return the start of an object."""
        return f',\n{{"time":"{time}","value":'

    def row_end(self, labels: Mapping[str, str], columns: Sequence[str]) -> str:
        """Return the end of an object."""
        del columns
        return f',"labels":{orjson.dumps(labels).decode()}}}'

    def footer(self) -> str:
        """Return the end of the list."""
        return "\n]\n"

    def convert(self, rows: Path, target: Path, columns: Sequence[str]) -> bool:
        """Return False: the rows are the file."""
        del rows, target, columns
        return False


def create_format(zone: ZoneInfo) -> JsonFormat:
    """Return the format; the zone is in the texts of times."""
    del zone
    return JsonFormat()
