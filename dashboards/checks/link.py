"""Every link leads to an existing dashboard; links to a shipped set that is not included are left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core.problems import Problem, did_you_mean
from deckwatch.dashboards.read import files

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.core.yaml_file import Path
    from deckwatch.dashboards.model import Built
    from deckwatch.dashboards.read.spec import PanelSpec


ACROSS = True  # compares dashboards with each other


def check(built: Sequence[Built], catalog: Catalog) -> Iterator[Problem]:
    """Yield links to addresses that no shipped or own dashboard has."""
    del catalog
    own = [item.dashboard.uid for item in built]
    for item in built:
        for panel, _ in item.panels_for_check("link"):
            for path, target in _list_targets(panel):
                if target not in own and target not in (known := [*own, *files.list_uids()]):
                    place = panel.document.place(path)
                    yield Problem(place, f"no dashboard has the address {target}", did_you_mean(target, known), "link")


def _list_targets(panel: PanelSpec) -> Iterator[tuple[Path, str]]:
    """Yield the addresses of all dashboards that clicks on a panel open, each with its path."""
    if panel.link:
        yield (*panel.path, "link"), panel.link
    for label, target in panel.label_links.items():
        yield (*panel.path, "label_links", label), target
    for i, link in enumerate(panel.links):
        if link.dashboard:
            yield (*panel.path, "links", i, "dashboard"), link.dashboard
    for query in panel.queries:
        if query.link:
            yield (*query.options_path, "link"), query.link
