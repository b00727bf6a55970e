"""node_exporter's build information, by which dashboards list the machines they know, from the running program."""

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
    "1, with the system; node_exporter's own versions are empty, since it is not here.",
    ("branch", "goarch", "goos", "goversion", "revision", "tags", "version"),
)


@collector(INFO)
def collect(world: World) -> Iterator[Sample]:
    """That this page stands for node_exporter's."""
    yield INFO(1, "", "", world.uname().sysname.lower(), "", "", "", "")
