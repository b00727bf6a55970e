"""The engines in `engines/`, found by listing that folder."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from deckwatch.core import engines, plugins

if TYPE_CHECKING:
    from deckwatch.core.engine import Engine


@functools.cache
def load_engines() -> dict[str, Engine]:
    """Return the engines by name, which is that of their file with - for _."""
    return {name.replace("_", "-"): module.ENGINE for name, module in plugins.import_modules(engines)}
