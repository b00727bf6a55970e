"""Where imported panels stand, in widths and heights; our lines say the same where Grafana's are lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deckwatch.dashboards.draw import layout

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deckwatch.dashboards.panel_types import PanelType

_WORDS = {columns: word for word, columns in layout.WIDTHS.items()}


def sizes(panels: Sequence[tuple[Mapping[str, Any], PanelType]]) -> list[dict[str, Any]]:
    """Return width and height of each panel of a row, without what our lines give by themselves."""
    grids = [_grid(panel, one) for panel, one in panels]
    plain = [layout.Box(None, h, one.width) for (_, h), (_, one) in zip(grids, panels, strict=True)]
    even, _ = layout.place_row(plain, 0)
    shared = [spot.w for spot in even] == [w for w, _ in grids]
    found = []
    for (w, h), (_, one) in zip(grids, panels, strict=True):
        wide = {} if shared else {"width": _WORDS.get(w, w)}
        found.append(wide | ({} if h == one.height else {"height": h}))
    return found


def _grid(panel: Mapping[str, Any], one: PanelType) -> tuple[int, int]:
    grid = panel.get("gridPos") or {}
    return min(max(int(grid.get("w", 12)), 1), layout.COLUMNS), min(max(int(grid.get("h", one.height)), 1), 40)
