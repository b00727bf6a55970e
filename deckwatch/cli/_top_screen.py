"""The screen of `deckwatch top` as lines of text, and the board as JSON."""

from __future__ import annotations

import dataclasses
import json
import math
import re
import shutil
import time
import unicodedata
from typing import TYPE_CHECKING, Any

import click

from deckwatch.exporter.durations import format_age
from deckwatch.exporter.live.order import sort_containers
from deckwatch.exporter.live.text import (
    MEASURING,
    UNKNOWN,
    format_bytes,
    format_compared,
    format_number,
    format_seconds,
    format_share,
    format_traffic,
)
from deckwatch.exporter.live.tiles import list_tiles

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from deckwatch.exporter.live.board import Board, Container, Database, Probe, Problem
    from deckwatch.exporter.live.rules import Rules

_COLORS = {"good": "green", "late": "yellow", "bad": "red"}
_MIN_NAME, _MAX_NAME = 12, 40
_PLAIN_WIDTH = 80

Cell = tuple[str, str]  # text and level


def screen_width() -> int:
    """Return the width of the terminal; 80 where there is none."""
    return max(shutil.get_terminal_size((_PLAIN_WIDTH, 24)).columns, 40)


def filter_board(board: Board, words: str) -> Board:
    """Return the board with only the rows whose name contains a text, in any case."""
    if not words:
        return board
    wanted = words.casefold()

    def keep(rows: Iterable[Any], name: str = "name") -> list[Any]:
        return [row for row in rows if wanted in getattr(row, name).casefold()]

    return dataclasses.replace(
        board,
        problems=keep(board.problems, "subject"),
        filesystems=keep(board.filesystems, "mountpoint"),
        disks=keep(board.disks, "device"),
        containers=keep(board.containers),
        databases=keep(board.databases),
        probes=keep(board.probes),
    )


def render_json(board: Board) -> str:
    """Return the board as JSON: exact values in base units, null where a value is not known."""
    data = dataclasses.asdict(board)
    tone, text = data.pop("verdict")
    return json.dumps(_without_infinity({**data, "state": tone, "verdict": text}), indent=2, ensure_ascii=False)


def _without_infinity(value: Any) -> Any:
    """Return a value that JSON can hold."""
    if isinstance(value, dict):
        return {name: _without_infinity(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_without_infinity(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def render_lines(board: Board, rules: Rules, order: str, width: int, *, has_color: bool) -> list[str]:
    """Return the lines of the screen, none wider than `width`, with levels by these rules."""
    painter = _Painter(width, has_color=has_color)
    when = time.strftime("%H:%M:%S", time.gmtime(board.time))
    uptime = f", up {format_age(board.host.uptime)}" if board.host.uptime is not None else ""
    painter.add_line((f"{board.name}{uptime}, {when} UTC: ", "title"), (board.verdict[1], board.verdict[0]))
    for problem in board.problems:
        painter.add_line(*_problem_cells(problem))
    painter.add_line()
    for tile in list_tiles(board, rules):
        painter.add_line((f"{tile.title:<13}", ""), (f"{tile.figure:>11}", tile.level), (f"  {tile.detail}", "soft"))
    rows = [_container_cells(row, rules) for row in sort_containers(board.containers, order)]
    painter.add_table(("CONTAINER", "STATE", "CPU", "MEMORY", "RECEIVED", "SENT", "RESTARTS", "UP"), rows)
    heads = ("DATABASE", "STATE", "CONNECTIONS", "TRANSACTIONS", "QUERY")
    painter.add_table(heads, [_database_cells(row, rules) for row in board.databases])
    painter.add_table(("PROBE", "STATE", "TAKES", "CERTIFICATE"), [_probe_cells(row, rules) for row in board.probes])
    for note in board.notes:
        painter.add_line()
        painter.add_line((note, "soft"))
    return painter.lines


def _problem_cells(problem: Problem) -> tuple[Cell, ...]:
    level = "late" if problem.pending or problem.severity in ("warning", "info") else "bad"
    word = {">": "above", "<": "below"}.get(problem.operator)
    value, threshold = format_compared(problem.value, problem.limit, problem.unit)
    limit = f" {value}, {word} {threshold}"
    state = "pending" if problem.pending else problem.severity
    subject = f"{problem.subject}: " if problem.subject else ""
    return (f"{state:<9}", level), (f"{subject}{problem.summary}{limit if word else ''}", "")


def _container_cells(row: Container, rules: Rules) -> tuple[Cell, ...]:
    missing = MEASURING if row.state == "running" else UNKNOWN
    level = rules.level
    state = row.health if row.health and row.state == "running" and row.health != "healthy" else row.state
    traffic = [format_traffic(value, UNKNOWN) for value in (row.received, row.sent)]
    return (
        (row.name, "title"),
        (f"{state} {row.exit_code}" if row.state == "exited" and row.exit_code else state, row.tone),
        (format_share(row.cpu, missing), level("containers.cpu_of_limit", row.cpu_of_limit)),
        (format_bytes(row.memory), level("containers.memory_of_limit", row.memory_of_limit)),
        (traffic[0], ""),
        (traffic[1], ""),
        (format_number(row.restarts), "late" if row.restarts else ""),
        (UNKNOWN if row.uptime is None else format_age(row.uptime), ""),
    )


def _database_cells(row: Database, rules: Rules) -> tuple[Cell, ...]:
    level = rules.level
    allowed = f"/{format_number(row.connections_allowed)}" if row.connections_allowed else ""
    done = UNKNOWN if row.connections is None else MEASURING
    return (
        (row.name, "title"),
        (row.status, row.tone),
        (format_number(row.connections) + allowed, level("postgres.connections_used", row.connections_used)),
        (done if row.transactions is None else f"{format_number(row.transactions)}/s", ""),
        (format_seconds(row.longest_query), level("postgres.longest_query", row.longest_query)),
    )


def _probe_cells(row: Probe, rules: Rules) -> tuple[Cell, ...]:
    left = UNKNOWN if row.certificate is None else format_age(row.certificate) if row.certificate > 0 else "expired"
    level = rules.level("application.certificate", row.certificate)
    return (row.name, "title"), (row.status, row.tone), (format_seconds(row.duration), ""), (left, level)


class _Painter:
    """Collects lines of at most `width` columns, with colors if wanted."""

    def __init__(self, width: int, *, has_color: bool) -> None:
        self.lines: list[str] = []
        self._width = width
        self._has_color = has_color

    def add_line(self, *cells: Cell) -> None:
        """Add a line, cut at the width."""
        left, parts = self._width, []
        for text, level in cells:
            shown = cut_text(_strip_controls(text), left)
            left -= text_width(shown)
            parts.append(self._paint_text(shown, level))
        self.lines.append("".join(parts).rstrip())

    def add_table(self, heads: Sequence[str], rows: Sequence[tuple[Cell, ...]]) -> None:
        """Add a table after an empty line, with the first two columns to the left; omit it without rows."""
        if not rows:
            return
        widths = [
            max(text_width(_strip_controls(row[column][0])) for row in [*rows, *[_build_heading(heads)]])
            for column in range(len(heads))
        ]
        spare = self._width - sum(widths[1:]) - 2 * (len(widths) - 1)
        while spare < _MIN_NAME and len(widths) > 3:  # a narrow terminal has room for fewer columns
            spare += widths.pop() + 2
        widths[0] = min(widths[0], max(spare, _MIN_NAME), _MAX_NAME)
        self.add_line()
        for row in (_build_heading(heads), *rows):
            self.add_line(*_align_cells(row, widths))

    def _paint_text(self, text: str, level: str) -> str:
        if not self._has_color or not text:
            return text
        match level:
            case "title":
                return click.style(text, bold=True)
            case "soft":
                return click.style(text, dim=True)
            case _:
                return click.style(text, fg=_COLORS[level]) if level in _COLORS else text


def _build_heading(heads: Sequence[str]) -> tuple[Cell, ...]:
    return tuple((head, "soft") for head in heads)


def _align_cells(row: Sequence[Cell], widths: Sequence[int]) -> Iterator[Cell]:
    for column, ((text, level), width) in enumerate(zip(row, widths, strict=False)):
        shown = cut_text(_strip_controls(text), width)
        padding = " " * (width - text_width(shown))
        if column:
            yield "  ", ""
        yield (f"{shown}{padding}", level) if column < 2 else (f"{padding}{shown}", level)


def _strip_controls(text: str) -> str:
    """Return a text without control characters, which could change the terminal, and without lone surrogates."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", "?", text)


def text_width(text: str) -> int:
    """Return how many columns a text takes: East Asian wide characters take two, combining ones none."""
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text
    )


def cut_text(text: str, width: int) -> str:
    """Return a text of at most this many columns; one that is cut ends with an ellipsis."""
    if text_width(text) <= width:
        return text
    while text and text_width(text) > width - 1:
        text = text[:-1]
    return f"{text}…" if width > 0 else ""
