"""A line of the last hour as SVG. Positions are attributes, since the page's policy allows no inline styles."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

WIDTH, HEIGHT = 240, 40
_MAX_GAP = 21  # slots of the history, five minutes; a line is not drawn across a longer one
_LEAST_POINTS = 40  # a line of fewer leaves room
_HEADROOM = 1.1


def render_sparkline(
    title: str,
    points: Sequence[float | None],
    format_point: Callable[[float], str],
    *,
    least_top: float = 0.0,
    count: int = WIDTH,
) -> str:
    """Return a line of `count` points with its range as text; empty if fewer than two are known.

    The scale begins at 0 and ends above the highest value, at least at `least_top`.
    """
    known = [point for point in points if point is not None]
    if len(known) < 2:
        return ""
    lowest, highest = min(known), max(known)
    top = max(highest * _HEADROOM, least_top) or 1.0
    shown = _trim_start(points)
    step = max(len(shown) // count, 1)
    thinned = _thin_points(shown, step)
    lines = [_render_path(line, len(thinned), top) for line in _split_lines(thinned, _MAX_GAP / step)]
    area = "".join(f"{path}V{HEIGHT}H{first}z" for path, first in lines)
    label = escape(f"{title} in the last hour: {format_point(lowest)} to {format_point(highest)}")
    return (
        f'<svg class="spark" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" role="img" aria-label="{label}">'
        f'<path class="area" d="{area}"/><path class="line" d="{"".join(path for path, _ in lines)}"/></svg>'
    )


def _trim_start(points: Sequence[float | None]) -> Sequence[float | None]:
    """Return the points from the first known one on, so that the first minutes are not a speck at the end of a line."""
    first = next(position for position, point in enumerate(points) if point is not None)
    return points[max(min(first, len(points) - _LEAST_POINTS), 0) :]


def _thin_points(points: Sequence[float | None], step: int) -> list[float | None]:
    """Return the highest of every `step` points, so that no peak is lost."""
    return [
        max((point for point in points[start : start + step] if point is not None), default=None)
        for start in range(0, len(points), step)
    ]


def _split_lines(points: Sequence[float | None], max_gap: float) -> Iterator[list[tuple[int, float]]]:
    """Yield the runs of known points with their positions; at most `max_gap` apart."""
    line: list[tuple[int, float]] = []
    for position, point in enumerate(points):
        if point is None:
            continue
        if line and position - line[-1][0] > max_gap:
            yield line
            line = []
        line.append((position, point))
    if line:
        yield line


def _render_path(line: list[tuple[int, float]], count: int, top: float) -> tuple[str, str]:
    """Return the commands of a line, and the horizontal position of its beginning."""
    scale = WIDTH / max(count - 1, 1)
    places = [f"{position * scale:.4g} {HEIGHT * (1 - point / top):.3g}" for position, point in line]
    if len(places) == 1:
        places.append(f"{line[0][0] * scale + 1:.4g} {HEIGHT * (1 - line[0][1] / top):.3g}")
    return f"M{'L'.join(places)}", f"{line[0][0] * scale:.4g}"
