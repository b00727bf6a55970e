"""Which names are shown, by the patterns that a project gives."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class NameFilter:
    """Names that are shown: those that `include` is found in, where it is given, less those that `exclude` is found in.

    Without both, the names that `default` is found in are left out.
    """

    def __init__(self, block: Mapping[str, str] | None, default: str) -> None:
        block = block or {}
        self._include = re.compile(block["include"]) if "include" in block else None
        exclude = block.get("exclude", "" if self._include else default)
        self._exclude = re.compile(exclude) if exclude else None

    def is_shown(self, name: str) -> bool:
        """Return whether something of this name has series."""
        if self._include is not None and not self._include.search(name):
            return False
        return self._exclude is None or not self._exclude.search(name)
