"""Layout and figure size of a dashboard for a wide screen, a phone, or both."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from deckwatch.core.problems import Problem
from deckwatch.dashboards.draw import layout
from deckwatch.dashboards.model import ScreenVariant

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.core.json_types import StrictMapping
    from deckwatch.dashboards.draw.layout import Box, Spot
    from deckwatch.dashboards.model import Built
    from deckwatch.dashboards.panel_types import PanelType
    from deckwatch.dashboards.read.spec import Dashboard

Layout = Literal["wide", "phone", "both"]
Figures = Literal["normal", "large"]
_PHONE_TILES_PER_ROW = 3
_TWO_BY_TWO = 4  # this number of tiles is drawn as a square
_PHONE_TILE_HEIGHT = 3


def place_panels(
    variant: ScreenVariant, boxes: Sequence[Box], top: int, per_row: int | None = None
) -> tuple[list[Spot], int]:
    """Return the positions of the panels of a row, and the first free step below them.

    With `per_row`, that many panels of equal width are in a line.
    """
    if variant.phone:
        return layout.place_column(boxes, top)
    return layout.place_grid(boxes, top, per_row) if per_row else layout.place_row(boxes, top)


def enlarge_box(variant: ScreenVariant, box: Box, panel_type: PanelType, tiles: int = 1) -> Box:
    """Return the box of a panel, enlarged if it is a large figure; `tiles` is the number of its queries.

    On a phone, Grafana puts two or three tiles of a panel side by side, but never two panels.
    """
    if not variant.large or not panel_type.grafana.figure:
        return box
    if variant.phone:
        per_row = 2 if tiles == _TWO_BY_TWO else _PHONE_TILES_PER_ROW
        return replace(box, height=max(box.height, 1 + _PHONE_TILE_HEIGHT * -(-tiles // per_row)))
    return replace(box, height=box.height + 1, min_width=min(box.min_width * 2, layout.COLUMNS))


def adapt_options(variant: ScreenVariant, options: StrictMapping) -> StrictMapping:
    """Return a panel's options: a phone has no room for a legend at the side of a graph."""
    if variant.phone and options.get("legend_at") != "hidden":
        return {**options, "legend_at": "bottom"}
    return options


def list_variants(dashboard: Dashboard, default: Layout, figures: Figures) -> list[ScreenVariant]:
    """Return the variants of a dashboard, by its file or by the project's default; a phone has large figures."""
    chosen = dashboard.layout or default
    wide = ScreenVariant(large=(dashboard.text_size or figures) == "large")
    phone = ScreenVariant(phone=True, large=True)
    return {"wide": [wide], "phone": [phone], "both": [wide, replace(phone, second=True)]}[chosen]


def find_uid_conflicts(built: Sequence[Built]) -> Iterator[Problem]:
    """Yield dashboards whose uid the phone variant of another one needs."""
    places = {item.dashboard.uid: item.dashboard.document.place(("dashboard",)) for item in built}
    for item in built:
        uid = item.dashboard.uid
        for variant in item.variants:
            variant_uid = variant.format_uid(uid)
            if variant.second and variant_uid in places:
                message = f"the phone variant of {uid} has the address {variant_uid} too"
                yield Problem(places[variant_uid], message, "rename a file", check="address")
