"""The names of the commands: the modules of a package."""

from __future__ import annotations

import importlib

from deckwatch.core import plugins

_NO_COMMAND = ("main",)


def command_names(package: str) -> list[str]:
    """Return the names of a package's commands, with `-` for `_`."""
    names = plugins.module_names(importlib.import_module(package))
    return [name.replace("_", "-") for name in names if name not in _NO_COMMAND]
