"""The live page, `/`: the machine, its containers, databases and probes with their values, and what is wrong now.

One file. It is complete without its script, which fetches the page again, replaces what has changed, and shows the box
that filters rows by name and the bell. All external text is escaped, and everything on it is on the metrics page too.
"""

from __future__ import annotations

import base64
import hashlib
import time
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from deckwatch.exporter import page
from deckwatch.exporter.durations import format_age
from deckwatch.exporter.live import bell
from deckwatch.exporter.live.page_tables import render_tables, value_tag
from deckwatch.exporter.live.sparkline import render_sparkline
from deckwatch.exporter.live.text import format_compared
from deckwatch.exporter.live.tiles import list_tiles

if TYPE_CHECKING:
    from deckwatch.exporter.live.board import Board, Problem
    from deckwatch.exporter.live.reader import LiveReader
    from deckwatch.exporter.live.rules import Rules
    from deckwatch.exporter.live.tiles import Tile

HTML = page.HTML
_FOLDER = Path(__file__).parent
_STYLE = _FOLDER.joinpath("page.css").read_text(encoding="utf-8") + bell.STYLE
_SCRIPT = bell.SCRIPT + _FOLDER.joinpath("page.js").read_text(encoding="utf-8")
_RELOAD_SECONDS = 10  # without the script
# Outside the parts that the script replaces, and hidden until it runs.
_FILTER = (
    '<form class="filter" role="search" hidden><label for="filter">Filter by name</label> '
    '<input id="filter" type="search" autocomplete="off" spellcheck="false"> <output for="filter"></output></form>\n'
)


def _hash_source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


_SOURCES = f"style-src {_hash_source(page.STYLE + _STYLE)}; script-src {_hash_source(_SCRIPT)}; connect-src 'self'"
HEADERS = (
    (
        "content-security-policy",
        f"default-src 'none'; {_SOURCES}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("referrer-policy", "no-referrer"),
)


def render_live(reader: LiveReader, order: str = "") -> str:
    """Return the live page; `order` is a column by which containers are sorted."""
    board = reader.build_board()
    now = reader.scraper.world.age_clock()
    tone, verdict = board.verdict
    uptime = f" · up {format_age(board.host.uptime)}" if board.host.uptime is not None else ""
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(board.time))
    tiles = "".join(
        _render_tile(tile, reader.history.points(tile.key, now)) for tile in list_tiles(board, reader.rules)
    )
    body = (
        f"{bell.BELL}<header{bell.describe_board(board)}><h1>{escape(board.name)}</h1>"
        f'<p class="soft">{escape(board.about)}{uptime}</p>'
        f'<p class="verdict {tone}" role="status">{escape(verdict)}</p>'
        f"{_render_problems(board, reader.rules)}</header>\n"
        f"{_FILTER}<main>"
        f'<section class="tiles" aria-label="This machine">{tiles}</section>\n'
        f"{render_tables(reader, board, now, order)}</main>\n"
        f'<footer><span id="when">As of {when} UTC</span>{_describe_history(reader)} · '
        '<a href="/collectors">State of each collector</a></footer>'
    )
    return page.render_document(
        f"{board.name} · Deckwatch",
        body,
        style=_STYLE,
        head=f'<noscript><meta http-equiv="refresh" content="{_RELOAD_SECONDS}"></noscript>',
        script=_SCRIPT,
    )


def _describe_history(reader: LiveReader) -> str:
    if not reader.has_history:
        return " · no history: started with --no-page-history"
    if reader.history.is_full:
        return " · lines show the last hour; there are too many series to keep all of them"
    return " · lines show the last hour"


def _render_problems(board: Board, rules: Rules) -> str:
    if not board.problems:
        return ""
    sources = {rule.name: rule.source for rule in rules.alerts}
    items = (_render_problem(each, board, sources[each.alert]) for each in board.problems)
    return f'<ul class="problems">{"".join(items)}</ul>'


def _render_problem(problem: Problem, board: Board, source: str) -> str:
    tone = "late" if problem.pending or problem.severity in ("warning", "info") else "bad"
    subject = f"<b>{escape(problem.subject)}</b> " if problem.subject else ""
    state = (
        f"for {format_age(problem.seconds)}; {problem.alert} fires after {format_age(problem.hold)}"
        if problem.pending
        else f"{problem.alert}, {problem.severity}, for {format_age(problem.seconds)}"
    )
    value = _describe_limit(problem)
    attributes = bell.describe_problem(problem, board, source, value)
    return (
        f'<li class="{tone}{" pending" if problem.pending else ""}"{attributes}>'
        f"<p>{subject}{escape(problem.summary)}</p>"
        f'<p class="soft">{escape(" · ".join(filter(None, [value, state])))}</p></li>'
    )


def _describe_limit(problem: Problem) -> str:
    """Return value and threshold; empty where the value is only a yes or no."""
    word = {">": "above", "<": "below"}.get(problem.operator)
    if word is None:
        return ""
    value, limit = format_compared(problem.value, problem.limit, problem.unit)
    return f"{value}, {word} {limit}"


def _render_tile(tile: Tile, points: list[float | None]) -> str:
    line = render_sparkline(tile.title, points, tile.format_point, least_top=tile.least_top)
    return (
        f'<div class="tile {tile.level}"><h2 class="label">{tile.title}</h2>'
        f'<p class="figure">{value_tag(tile.value, tile.figure)}</p>'
        f'<p class="soft">{escape(tile.detail)}</p>{line}</div>'
    )
