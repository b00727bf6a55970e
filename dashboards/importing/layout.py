"""Width and height of imported panels, left out where the generated layout is the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.dashboards.draw import layout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deckwatch.core.json_types import JsonMapping, JsonObject
    from deckwatch.dashboards.panel_types import PanelType

_WIDTH_WORDS = {columns: word for word, columns in layout.WIDTHS.items()}


def find_sizes(panels: Sequence[tuple[JsonMapping, PanelType]]) -> list[JsonObject]:
    """Return the `width` and `height` options of each panel of a row, without defaults."""
    grids = [_grid_size(panel, panel_type) for panel, panel_type in panels]
    boxes = [layout.Box(None, h, panel_type.width) for (_, h), (_, panel_type) in zip(grids, panels, strict=True)]
    default_spots, _ = layout.place_row(boxes, 0)
    is_default = [spot.w for spot in default_spots] == [w for w, _ in grids]
    sizes = []
    for (w, h), (_, panel_type) in zip(grids, panels, strict=True):
        width = {} if is_default else {"width": _WIDTH_WORDS.get(w, w)}
        sizes.append(width | ({} if h == panel_type.height else {"height": h}))
    return sizes


def _grid_size(panel: JsonMapping, panel_type: PanelType) -> tuple[int, int]:
    grid = panel.get("gridPos") or {}
    width = min(max(int(grid.get("w") or 12), 1), layout.COLUMNS)
    return width, min(max(int(grid.get("h") or panel_type.height), 1), 40)
