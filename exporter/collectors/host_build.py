"""node_exporter's build information, which dashboards use to list machines, from the running program."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.metric import Metric, Sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.world import World

INFO = Metric(
    "node_exporter_build_info",
    "gauge",
    "The operating system; node_exporter's own versions are empty. Always 1.",
    ("branch", "goarch", "goos", "goversion", "revision", "tags", "version"),
)


@collector(INFO, needs="")
def collect(world: World) -> Iterator[Sample]:
    """Build information under node_exporter's name, for dashboards that list machines by it."""
    yield INFO(1, "", "", world.uname().sysname.lower(), "", "", "", "")
