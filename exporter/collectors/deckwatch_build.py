"""Versions of Deckwatch and of Python, from the running program."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

from deckwatch import __version__
from deckwatch.exporter.collector import collector
from deckwatch.exporter.metric import Metric, Sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.world import World

INFO = Metric("deckwatch_build_info", "gauge", "Versions of Deckwatch and of Python; always 1.", ("version", "python"))


@collector(INFO)
def collect(_world: World) -> Iterator[Sample]:
    """Versions of Deckwatch and of Python."""
    yield INFO(1, __version__, platform.python_version())
