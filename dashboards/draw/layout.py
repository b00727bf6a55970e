"""Layout: converts rows of panels to positions on Grafana's grid of 24 columns.

Property tests guarantee that panels neither overlap nor leave the grid, that their order is kept, and that a line of
panels without widths fills all columns.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

COLUMNS = 24
WIDTHS = {
    "full": 24,
    "three quarters": 18,
    "two thirds": 16,
    "half": 12,
    "third": 8,
    "quarter": 6,
    "sixth": 4,
    "eighth": 3,
}


@dataclass(frozen=True, slots=True)
class Box:
    """The requested size of a panel: its width in columns or None, its height, and the minimum readable width."""

    width: int | None
    height: int
    min_width: int


@dataclass(frozen=True, slots=True)
class Spot:
    """The position of a panel, in columns and steps from the top left."""

    x: int
    y: int
    w: int
    h: int


def parse_width(width: int | str | None) -> int | None:
    """Return a width in columns from a word or number in YAML."""
    return WIDTHS[width] if isinstance(width, str) else width


def place_row(boxes: Sequence[Box], top: int) -> tuple[list[Spot], int]:
    """Return the positions of the panels of one row, starting at the step `top`, and the first free step below."""
    spots: list[Spot] = []
    for line in _split_lines(boxes):
        height = max(box.height for box in line)
        x = 0
        for width in _share_width(line):
            spots.append(Spot(x, top, width, height))
            x += width
        top += height
    return spots, top


def place_grid(boxes: Sequence[Box], top: int, per_row: int) -> tuple[list[Spot], int]:
    """Return the same for panels of equal width and height, this many in a line; given widths are ignored."""
    height = max((box.height for box in boxes), default=0)
    widths = _share_width([Box(None, height, 1)] * per_row)
    starts = list(itertools.accumulate(widths, initial=0))
    spots = [
        Spot(starts[i % per_row], top + i // per_row * height, widths[i % per_row], height) for i in range(len(boxes))
    ]
    return spots, top + -(-len(boxes) // per_row) * height


def place_column(boxes: Sequence[Box], top: int) -> tuple[list[Spot], int]:
    """Return the same for a phone: panels with the full width, stacked."""
    spots = []
    for box in boxes:
        spots.append(Spot(0, top, COLUMNS, box.height))
        top += box.height
    return spots, top


def _split_lines(boxes: Sequence[Box]) -> list[list[Box]]:
    """Split a row into lines that fit; rows without any given width are split evenly: 10 tiles are 5 and 5."""
    lines: list[list[Box]] = []
    used = COLUMNS + 1
    for box in boxes:
        width = min(box.width or box.min_width, COLUMNS)
        if used + width > COLUMNS:
            lines.append([])
            used = 0
        lines[-1].append(box)
        used += width
    if len(lines) > 1 and all(box.width is None for box in boxes):
        each, more = divmod(len(boxes), len(lines))
        ends = [each * i + min(i, more) for i in range(len(lines) + 1)]
        even = [list(boxes[start:end]) for start, end in itertools.pairwise(ends)]
        if all(sum(box.min_width for box in line) <= COLUMNS for line in even):
            return even
    return lines


def _share_width(line: Sequence[Box]) -> list[int]:
    """Return the widths of one line: the given ones; the others share the remaining columns evenly."""
    free = COLUMNS - sum(box.width for box in line if box.width)
    open_boxes = [i for i, box in enumerate(line) if not box.width]
    widths = [min(box.width or 0, COLUMNS) for box in line]
    for position, i in enumerate(open_boxes):
        # The first ones get the remainder: five tiles are 5, 5, 5, 5, 4.
        widths[i] = free // len(open_boxes) + (position < free % len(open_boxes))
    return widths
