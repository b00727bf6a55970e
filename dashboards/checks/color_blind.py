"""The colours of a panel are distinguishable for readers with red-green colour blindness, one man in twelve.

Reported are two colours that are closer than any two of the palette of Okabe and Ito (CIEDE2000, with simulated
protanopia and deuteranopia; sources in `dashboards/draw/colors.py`). A warning: `allow: {color_blind: REASON}`.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from deckwatch.core.json_types import as_text
from deckwatch.core.problems import Problem
from deckwatch.dashboards.draw import colors

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.core.problems import Place
    from deckwatch.dashboards.model import Built
    from deckwatch.dashboards.read.spec import PanelSpec
    from deckwatch.dashboards.resolve.queries import Query

MIN_DISTANCE = 8.0  # of CIEDE2000; the nearest two of Okabe and Ito's palette have 11.6


def check(built: Sequence[Built], catalog: Catalog) -> Iterator[Problem]:
    """Yield colours that look like another one of the same panel to some readers."""
    del catalog
    for item in built:
        for panel, queries in item.panels_for_check("color_blind"):
            for (_, first), (place, second) in itertools.combinations(_list_colors(panel, queries), 2):
                distance, vision = colors.find_min_distance(first, second)
                if first != second and distance < MIN_DISTANCE:
                    message = f"{second} looks like {first} with {vision} (they are {distance:.1f} apart)"
                    hint = f"at least {MIN_DISTANCE:g}: blue and orange, or a dark and a light one"
                    yield Problem(place, message, hint, check="color_blind", severity="warning")


def _list_colors(panel: PanelSpec, queries: Sequence[Query]) -> list[tuple[Place, str]]:
    """Return the colours written in a panel, each with its position."""
    paths = [((*panel.path, "colors", name), color) for name, color in panel.colors.items()]
    paths += [
        ((*panel.path, "series", name, "color"), as_text(looks["color"]))
        for name, looks in panel.series.items()
        if "color" in looks
    ]
    paths += [((*query.spec.options_path, "color"), query.spec.color) for query in queries if query.spec.color]
    return [(panel.document.place(path), color) for path, color in paths]
