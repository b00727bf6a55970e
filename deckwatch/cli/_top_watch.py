"""The terminal of `deckwatch top`: redraws the screen until q is pressed."""

from __future__ import annotations

import contextlib
import select
import shutil
import sys
import time
from typing import TYPE_CHECKING

from deckwatch.cli import _top_screen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.live.reader import LiveReader

_KEYS = {"c": "cpu", "m": "memory", "n": "network", "r": "restarts", "u": "uptime", "a": "name", "s": "state"}
_QUIT = ("q", "\x03", "\x04")
_ENTER, _LEAVE = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"  # alternate screen, hidden cursor
_HOME, _CLEAR_LINE, _CLEAR_BELOW = "\x1b[H", "\x1b[K", "\x1b[J"
_WAIT_SECONDS = 1.5


def watch_board(reader: LiveReader, order: str, words: str, interval: float, *, has_color: bool) -> None:
    """Show the board every `interval` seconds until a key or Ctrl-C ends it."""
    with _full_screen():
        while True:
            started = time.monotonic()
            reader.refresh(_WAIT_SECONDS, max_age=min(interval / 2, 2.0))
            while True:
                board = _top_screen.filter_board(reader.build_board(), words)
                size = shutil.get_terminal_size()
                lines = _top_screen.render_lines(board, reader.rules, order, size.columns, has_color=has_color)
                _draw_lines(lines, size.lines)
                key = _read_key(started + interval - time.monotonic())
                if key in _QUIT:
                    return
                if not key:
                    break
                order = _KEYS.get(key, order)


def _draw_lines(lines: list[str], height: int) -> None:
    if len(lines) > height:
        lines = [*lines[: height - 1], f"{len(lines) - height + 1} more lines: --filter TEXT, or a larger window"]
    sys.stdout.write(_HOME + "\n".join(f"{line}{_CLEAR_LINE}" for line in lines) + _CLEAR_BELOW)
    sys.stdout.flush()


def _read_key(seconds: float) -> str:
    """Return the key that is pressed within some seconds; empty if none is."""
    if not sys.stdin.isatty():
        time.sleep(max(seconds, 0))
        return ""
    ready, _, _ = select.select([sys.stdin], [], [], max(seconds, 0))
    return (sys.stdin.read(1) or "q") if ready else ""


@contextlib.contextmanager
def _full_screen() -> Iterator[None]:
    """Switch to the terminal's other screen and read single keys; restore both afterwards."""
    import termios
    import tty

    saved = None
    if sys.stdin.isatty():
        saved = termios.tcgetattr(sys.stdin)
        tty.setcbreak(sys.stdin)
    sys.stdout.write(_ENTER)
    try:
        yield
    finally:
        sys.stdout.write(_LEAVE)
        sys.stdout.flush()
        if saved is not None:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, saved)
