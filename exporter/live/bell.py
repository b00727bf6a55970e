"""The bell of the live page: problems until somebody dismisses each, and notifications. It needs the script.

The script reads the problems from attributes of the page, which contain nothing that the page does not show.
"""

from __future__ import annotations

import hashlib
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deckwatch.exporter.live.board import Board, Problem

_FOLDER = Path(__file__).parent
STYLE = _FOLDER.joinpath("bell.css").read_text(encoding="utf-8")
SCRIPT = _FOLDER.joinpath("bell.js").read_text(encoding="utf-8")
# Outside the parts that the page's script replaces, and hidden until it runs.
BELL = (
    '<aside class="bell" id="bell" aria-label="Bell" hidden><details><summary>'
    '<svg viewBox="0 0 24 24" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="1.8" '
    'stroke-linecap="round" stroke-linejoin="round"><path d="M6 17v-6a6 6 0 0 1 12 0v6l1.5 2h-15z"/>'
    '<path d="M10 21.5h4M12 3v2"/></svg><span></span></summary>'
    '<div class="choice"><label><input type="checkbox" autocomplete="off"> Notify me</label> '
    '<span class="reason soft" role="status"></span><button type="button" hidden>Dismiss all</button></div>'
    '<ul></ul><p class="more"></p></details></aside>\n'
)


def describe_board(board: Board) -> str:
    """Return attributes with the board's Unix time, and whether rates are not known yet."""
    return f' data-time="{board.time:.3f}"{" data-measuring" if board.measuring else ""}'


def describe_problem(problem: Problem, board: Board, source: str, value: str) -> str:
    """Return attributes with a problem's key, severity, beginning as a Unix time, and value as text.

    Alerts of one `source`, a signal or an expression, have one key for each subject: the one continues the other.
    """
    key = hashlib.blake2s(f"{source}\n{problem.subject}".encode("utf-8", "replace"), digest_size=8).hexdigest()
    return (
        f' data-key="{key}" data-severity="{problem.severity}" data-since="{board.time - problem.seconds:.0f}"'
        f' data-value="{escape(value)}"'
    )
