"""Selection of names by the `include` and `exclude` patterns of a project."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class NameFilter:
    """Names that match `include`, if given, and do not match `exclude`; both are searched for, not anchored.

    Without either, the names that match `default` are excluded.
    """

    def __init__(self, block: Mapping[str, str] | None, default: str) -> None:
        block = block or {}
        self._include = re.compile(block["include"]) if "include" in block else None
        exclude = block.get("exclude", "" if self._include else default)
        self._exclude = re.compile(exclude) if exclude else None

    def is_shown(self, name: str) -> bool:
        """Return whether this name is exported."""
        if self._include is not None and not self._include.search(name):
            return False
        return self._exclude is None or not self._exclude.search(name)
