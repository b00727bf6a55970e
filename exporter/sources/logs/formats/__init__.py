"""The formats of logs, one file each: what a line of an access log or an application log means.

A file defines `FORMAT`, and its docstring's first line says which programs write it.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

from deckwatch.core import plugins

if TYPE_CHECKING:
    from deckwatch.exporter.sources.logs.format import Format


def format_names() -> list[str]:
    """Return the names of the formats."""
    return plugins.module_names(sys.modules[__name__])


def load_format(name: str) -> Format:
    """Return a format by its name. Raises ModuleNotFoundError for an unknown one."""
    found: Format = importlib.import_module(f"{__name__}.{name}").FORMAT
    return found
