"""The key figures as one HTML file without scripts and external addresses, for a browser, a phone or a printer."""

from __future__ import annotations

import html
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from deckwatch.core import own_file
from deckwatch.core.whole_file import replace_file
from deckwatch.provisioning.kpi_format import SMALLEST, format_reading, format_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.provisioning.kpis import Reading, System

_MARK = '<meta name="generator" content="deckwatch">'
_WIDTH, _HEIGHT = 120, 24
_WORDS = {"good": "ok", "warning": "warning", "bad": "critical", "none": ""}
_STYLE = Path(__file__).with_name("kpi_page.css")


def render_page(systems: Sequence[System], span: str, now: float) -> str:
    """Return the page; `span` is the time that the graphs show, `now` a Unix time."""
    when = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %H:%M UTC")
    body = "\n".join(line for system in systems for line in _render_system(system))
    return f"""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
{_MARK}
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Key figures, {when}</title>
<style>
{_STYLE.read_text(encoding="utf-8")}</style>
</head>
<body>
<main>
<h1>Key figures</h1>
<p>{when}; graphs show the last {html.escape(span)}</p>
{body}
</main>
</body>
</html>
"""


def check_replaceable(path: Path, *, force: bool) -> None:
    """Raise DeckwatchError if there is a file that `write_page` has not written, unless it may be replaced."""
    own_file.check_replaceable(path, _MARK.encode(), force=force)


def write_page(path: Path, text: str) -> None:
    """Write the file as a whole or, for example on a full disk, not at all; raises OSError."""
    replace_file(path, text.encode(errors="replace"))


def _render_system(system: System) -> Iterator[str]:
    yield f"<section>\n<h2>{html.escape(system.title)}</h2>"
    if system.fault:
        yield f"<p>{html.escape(system.fault)}</p>"
    if system.readings:
        yield '<table>\n<thead><tr><th scope="col">Figure</th><th scope="col" class="value">Now</th>'
        yield '<th scope="col">State</th><th scope="col">Past</th></tr></thead>\n<tbody>'
        yield from map(_render_reading, system.readings)
        yield "</tbody>\n</table>"
    elif not system.fault:
        yield "<p>no data</p>"
    yield "</section>"


def _render_reading(reading: Reading) -> str:
    name, value = html.escape(reading.name), html.escape(format_reading(reading))
    state = f'<td class="{reading.level}">{_WORDS[reading.level]}</td>'
    return f'<tr><th scope="row">{name}</th><td class="value">{value}</td>{state}<td>{_draw_graph(reading)}</td></tr>'


def _draw_graph(reading: Reading) -> str:
    """Return the past as SVG with a line for each stretch without gaps, and its range as text."""
    known = [value for value in reading.past if value is not None]
    if not known:
        return ""
    low, high = min(known), max(known)
    step, scale = _WIDTH / (len(reading.past) - 1), (_HEIGHT - 4) / (high - low) if high - low > SMALLEST else 0.0
    lines: list[list[str]] = [[]]
    for number, value in enumerate(reading.past):
        if value is None:
            lines.append([])
        else:
            lines[-1].append(f"{number * step:.1f},{_HEIGHT - 2 - (value - low) * scale:.1f}")
    drawn = "".join(f'<polyline points="{" ".join(points)}"/>' for points in lines if len(points) > 1)
    unit = reading.kpi.unit
    text = html.escape(f"between {format_value(low, unit)} and {format_value(high, unit)}")
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{text}"><title>{text}</title>{drawn}</svg>'
