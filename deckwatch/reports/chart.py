"""A graph as SVG: an image with a title and a description, which follows the light or dark colours of its page."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from deckwatch.provisioning.kpi_format import format_value
from deckwatch.reports.numbers import find_low, find_peak, mean_of
from deckwatch.reports.texts import format_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from zoneinfo import ZoneInfo

    from deckwatch.reports.model import Graph

# Narrow, so that text is as large on a phone as on paper.
_WIDTH, _HEIGHT = 440, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 10, 10, 24
_TICKS_Y = 4
_TICKS_X = 7
_MARGIN_X = 14
_SMALLEST = 1e-30  # below which a value is drawn as 0
_DAY = 86400
_HOURS = (1, 2, 3, 6, 12)
_BINARY_UNITS = ("bytes", "binBps")


@dataclass(frozen=True)
class _Scale:
    """From times and values to coordinates."""

    start: float
    end: float
    top: float

    def x(self, at: float) -> float:
        return _LEFT + (at - self.start) / max(self.end - self.start, 1) * (_WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        return _HEIGHT - _BOTTOM - value / self.top * (_HEIGHT - _TOP - _BOTTOM)


def draw_graph(graph: Graph, name: str, zone: ZoneInfo) -> str:
    """Return the SVG of a graph; `name` is unique in the page."""
    step = graph.times[1] - graph.times[0] if len(graph.times) > 1 else 60.0
    peak = max((value for line in graph.lines for value in line.values if value is not None), default=0.0)
    ticks = list_ticks(peak, graph.unit)
    scale = _Scale(graph.times[0], graph.times[-1], ticks[-1])
    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-labelledby="{name}-title {name}-about">',
        f'<title id="{name}-title">{html.escape(graph.title)}</title>',
        f'<desc id="{name}-about">{html.escape(describe_graph(graph, zone))}</desc>',
        *_draw_bands(graph, scale, step),
        *_draw_values(ticks, graph.unit, scale),
        *_draw_times(scale, zone),
    ]
    for number, line in enumerate(graph.lines):
        parts += _draw_line(graph.times, line.values, number, scale)
    return "".join([*parts, "</svg>"])


def describe_graph(graph: Graph, zone: ZoneInfo) -> str:
    """Return the graph's text alternative: average, peak and low of each line."""
    texts = []
    for line in graph.lines:
        peak, low, mean = find_peak(line.values, graph.times), find_low(line.values, graph.times), mean_of(line.values)
        if peak is None or low is None or mean is None:
            texts.append(f"{line.name}: no data.")
            continue
        texts.append(
            f"{line.name}: {format_value(mean, graph.unit)} on average, "
            f"maximum {format_value(peak[0], graph.unit)} ({format_time(peak[1], zone)}), "
            f"minimum {format_value(low[0], graph.unit)} ({format_time(low[1], zone)})."
        )
    return " ".join(texts)


def list_ticks(peak: float, unit: str) -> list[float]:
    """Return round values from 0 to at least the peak, at most five."""
    if peak <= _SMALLEST:
        return [0.0, 1.0]
    rough = max(peak / _TICKS_Y, 1.0 if unit == "none" else 0.0)  # what is counted has whole numbers
    if unit in _BINARY_UNITS and rough >= 1:
        step = 2.0 ** math.ceil(math.log2(rough) - 1e-6)  # 512 MiB, 1 GiB, 1.5 GiB
    else:
        power = 10.0 ** math.floor(math.log10(rough))
        steps = (1, 2, 2.5, 5, 10) if power < 1 or unit not in ("short", "none") else (1, 2, 5, 10)
        step = next(size * power for size in steps if size * power >= rough * 0.999999)
    count = math.ceil(peak / step - 1e-9)
    return [round(step * number, 12) for number in range(count + 1)]


def _draw_values(ticks: Sequence[float], unit: str, scale: _Scale) -> Iterator[str]:
    for value in ticks:
        y = scale.y(value)
        yield f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        text = html.escape(format_value(value, unit))
        yield f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{text}</text>'


def _draw_times(scale: _Scale, zone: ZoneInfo) -> Iterator[str]:
    for at, text in list_time_ticks(scale.start, scale.end, zone):
        x = scale.x(at)
        yield f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}"/>'
        if _LEFT + _MARGIN_X < x < _WIDTH - _RIGHT - _MARGIN_X:  # a text at the edge would meet its neighbour
            yield f'<text x="{x:.1f}" y="{_HEIGHT - 7}" text-anchor="middle">{text}</text>'


def list_time_ticks(start: float, end: float, zone: ZoneInfo) -> list[tuple[float, str]]:
    """Return at most eight local times with their texts: midnights, or full hours of a short range."""
    first = datetime.fromtimestamp(start, zone)
    midnight = first.replace(hour=0, minute=0, second=0, microsecond=0)
    seconds = end - start
    if seconds > 2 * _DAY:
        days = math.ceil(seconds / _DAY / _TICKS_X)
        pattern = "%a %-d" if days == 1 else "%-d %b"
        moments = [midnight + timedelta(days=days * number) for number in range(_TICKS_X + 2)]
    else:
        hours = next((hours for hours in _HOURS if seconds / 3600 / hours <= _TICKS_X), 12)
        pattern = "%H:%M" if seconds <= _DAY else "%a %H:%M"
        moments = [midnight + timedelta(hours=hours * number) for number in range(72 // hours)]
    return [(moment.timestamp(), moment.strftime(pattern)) for moment in moments if start <= moment.timestamp() <= end]


def _draw_bands(graph: Graph, scale: _Scale, step: float) -> Iterator[str]:
    for band in graph.bands:
        start, end = max(band.start, scale.start), min(max(band.end, band.start + step / 2), scale.end)
        if end > start:
            x, width = scale.x(start), max(scale.x(end) - scale.x(start), 2)
            yield f'<rect class="band" x="{x:.1f}" y="{_TOP}" width="{width:.1f}" height="{_HEIGHT - _TOP - _BOTTOM}"/>'


def _draw_line(times: Sequence[float], values: Sequence[float | None], number: int, scale: _Scale) -> Iterator[str]:
    """Yield a path with a stroke for each stretch without gaps, and a dot for a single value."""
    path, dots, stretch = "", [], 0
    for position, (at, value) in enumerate(zip(times, values, strict=True)):
        if value is None:
            stretch = 0
            continue
        x, y = scale.x(at), scale.y(max(value, 0.0))
        path += f"{'L' if stretch else 'M'}{x:.1f} {y:.1f}"
        stretch += 1
        follower = values[position + 1] if position + 1 < len(values) else None
        if stretch == 1 and follower is None:
            dots.append(f'<circle class="dot s{number}" cx="{x:.1f}" cy="{y:.1f}" r="2"/>')
    if path:
        yield f'<path class="line s{number}" d="{path}"/>'
    yield from dots
