"""The formats of exported samples, one module each: its name is the word for `--format`.

A module has `create_format(zone)`, which returns a `RowFormat` (row_format.py).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from deckwatch.provisioning.data_export.row_format import FormatModule, RowFormat


def create_format(name: str, zone: ZoneInfo) -> RowFormat:
    """Return a format by its name; raises DeckwatchError where a package is not installed."""
    module: FormatModule = importlib.import_module(f"{__name__}.{name}")
    return module.create_format(zone)
