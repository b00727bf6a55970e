"""The formats of reports: one file each, whose name is the value of `--format`.

A format has `SUFFIX`, of its files' names; `MIME_TYPE`; `MARK`, bytes near the start of its files by which they are
recognised; and `render(report)`, which returns the file. One that needs another program also has `prepare()`, which
raises DeckwatchError where that is missing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Protocol, cast

from deckwatch.core import plugins

if TYPE_CHECKING:
    from deckwatch.reports.model import Report


class FormatModule(Protocol):
    """A file of this folder."""

    SUFFIX: str
    MIME_TYPE: str
    MARK: bytes

    def render(self, report: Report) -> bytes:
        """Return the file."""


def list_formats() -> list[str]:
    """Return the names of the formats."""
    from deckwatch.reports import formats  # noqa: PLC0415 - this package

    return plugins.module_names(formats)


def load_format(name: str) -> FormatModule:
    """Return a format by its name; raises DeckwatchError where a program that it needs is missing."""
    module = importlib.import_module(f"deckwatch.reports.formats.{name}")
    if hasattr(module, "prepare"):
        module.prepare()
    return cast("FormatModule", module)
