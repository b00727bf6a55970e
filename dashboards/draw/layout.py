"""Where panels stand: rows of panels become positions on Grafana's grid of 24 columns.

Guarantees, held by property tests: no panel overlaps another, none leaves the grid, order is kept, and a line whose
panels name no width is full to the last column.
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
    """What a panel wants: a width in columns or None, its height, and the least width that reads well."""

    width: int | None
    height: int
    min_width: int


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a panel stands, in columns and steps from the top left."""

    x: int
    y: int
    w: int
    h: int


def parse_width(width: int | str | None) -> int | None:
    """Return a width in columns: a word or a number, as YAML has it."""
    return WIDTHS[width] if isinstance(width, str) else width


def place_row(boxes: Sequence[Box], top: int) -> tuple[list[Spot], int]:
    """Return where the panels of one row stand, from the step `top` on, and the first free step below them."""
    spots: list[Spot] = []
    for line in _split_lines(boxes):
        height = max(box.height for box in line)
        x = 0
        for width in _share_width(line):
            spots.append(Spot(x, top, width, height))
            x += width
        top += height
    return spots, top


def place_column(boxes: Sequence[Box], top: int) -> tuple[list[Spot], int]:
    """Return the same for a phone: each panel has the whole width, one below the other."""
    spots = []
    for box in boxes:
        spots.append(Spot(0, top, COLUMNS, box.height))
        top += box.height
    return spots, top


def _split_lines(boxes: Sequence[Box]) -> list[list[Box]]:
    """Cut a row into lines that fit; lines without explicit widths have equally many panels: 10 tiles are 5 and 5."""
    lines: list[list[Box]] = []
    used = COLUMNS + 1
    for box in boxes:
        wanted = min(box.width or box.min_width, COLUMNS)
        if used + wanted > COLUMNS:
            lines.append([])
            used = 0
        lines[-1].append(box)
        used += wanted
    if len(lines) > 1 and all(box.width is None for box in boxes):
        each, more = divmod(len(boxes), len(lines))
        ends = [each * i + min(i, more) for i in range(len(lines) + 1)]
        even = [list(boxes[start:end]) for start, end in itertools.pairwise(ends)]
        if all(sum(box.min_width for box in line) <= COLUMNS for line in even):
            return even
    return lines


def _share_width(line: Sequence[Box]) -> list[int]:
    """Return the widths of a line: explicit widths, and an even share of the rest for the others."""
    free = COLUMNS - sum(box.width for box in line if box.width)
    open_boxes = [i for i, box in enumerate(line) if not box.width]
    widths = [min(box.width or 0, COLUMNS) for box in line]
    for position, i in enumerate(open_boxes):
        # The remainder goes to the first ones: five tiles are 5, 5, 5, 5, 4.
        widths[i] = free // len(open_boxes) + (position < free % len(open_boxes))
    return widths
