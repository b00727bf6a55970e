"""Colours of one panel can be told apart also without red or green: one man in twelve sees them as one.

Two colours are seen as nearer than any two of Okabe's and Ito's palette for everybody are (CIEDE2000 after protanopia
and deuteranopia are simulated; sources in `dashboards/draw/colors.py`). A warning: `allow: {color_blind: REASON}`.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from deckwatch.core.problems import Problem
from deckwatch.dashboards.draw import colors

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.core.problems import Place
    from deckwatch.dashboards.build import Built
    from deckwatch.dashboards.read.spec import Panel
    from deckwatch.dashboards.resolve.queries import Query

MIN_DISTANCE = 8.0  # of CIEDE2000; the nearest two of Okabe and Ito's palette have 11.6


def check(built: Sequence[Built], catalog: Catalog) -> Iterator[Problem]:
    """Yield colours that some people cannot tell from another one of the same panel."""
    del catalog
    for one in built:
        for panel, queries in one.examined("color_blind"):
            for (_, first), (place, second) in itertools.combinations(_chosen(panel, queries), 2):
                distance, vision = colors.least_distance(first, second)
                if first != second and distance < MIN_DISTANCE:
                    message = f"{second} looks like {first} with {vision} (they are {distance:.1f} apart)"
                    hint = f"at least {MIN_DISTANCE:g}: blue and orange, or a dark and a light one"
                    yield Problem(place, message, hint, check="color_blind", severity="warning")


def _chosen(panel: Panel, queries: Sequence[Query]) -> list[tuple[Place, str]]:
    """Return the colours that are said in a panel, each with its place."""
    paths = [((*panel.path, "colors", name), color) for name, color in panel.said.get("colors", {}).items()]
    paths += [
        ((*panel.path, "series", name, "color"), looks["color"])
        for name, looks in panel.said.get("series", {}).items()
        if "color" in looks
    ]
    paths += [((*query.path, "color"), query.said["color"]) for query in queries if "color" in query.said]
    return [(panel.document.place(path), color) for path, color in paths]
