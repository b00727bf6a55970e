"""A link leads to a dashboard that exists. One that leads to a shipped set that is left out here is left out too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core.problems import Problem, did_you_mean
from deckwatch.dashboards.read import files

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.core.yaml_file import Path
    from deckwatch.dashboards.build import Built
    from deckwatch.dashboards.read.spec import Panel


def check(built: Sequence[Built], catalog: Catalog) -> Iterator[Problem]:
    """Yield links to addresses that no dashboard has, shipped or of the user's own."""
    del catalog
    known = [one.dashboard.uid for one in built] + files.list_uids()
    for one in built:
        for panel, _ in one.examined("link"):
            for path, target in _targets(panel):
                if target not in known:
                    place = panel.document.place(path)
                    yield Problem(place, f"no dashboard has the address {target}", did_you_mean(target, known), "link")


def _targets(panel: Panel) -> Iterator[tuple[Path, str]]:
    """Yield the addresses of all dashboards that clicks on a panel open, each with its path."""
    said = panel.said
    if "link" in said:
        yield (*panel.path, "link"), said["link"]
    for label, target in said.get("label_links", {}).items():
        yield (*panel.path, "label_links", label), target
    for i, one in enumerate(said.get("links", [])):
        if "dashboard" in one:
            yield (*panel.path, "links", i, "dashboard"), one["dashboard"]
    for asked in panel.asked():
        if "link" in asked.said:
            yield (*asked.path[:-1], "link"), asked.said["link"]
