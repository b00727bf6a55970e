"""The tables of the live page: containers, databases, probes, file systems."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from deckwatch.exporter.durations import format_age
from deckwatch.exporter.live.measures import Key
from deckwatch.exporter.live.order import ORDERS, sort_containers
from deckwatch.exporter.live.sparkline import render_sparkline
from deckwatch.exporter.live.text import (
    MEASURING,
    UNKNOWN,
    format_bytes,
    format_number,
    format_seconds,
    format_share,
    format_traffic,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deckwatch.exporter.live.board import Board, Container, Database, FileSystem, Probe
    from deckwatch.exporter.live.reader import LiveReader
    from deckwatch.exporter.live.rules import Rules

_POINTS = 60  # of a line in a table


def value_tag(value: float | None, text: str) -> str:
    """Return a value as text, with the exact number for programs."""
    return f'<data value="{value!r}">{escape(text)}</data>' if value is not None else f"<span>{escape(text)}</span>"


def render_tables(reader: LiveReader, board: Board, now: float, order: str) -> str:
    """Return the tables, each only if it has rows; without containers the reason."""
    parts = [_render_containers(reader, board, now, order)]
    if board.databases:
        heads = ("Database server", "State", "Connections", "Transactions", "Longest query", "Longest transaction")
        parts.append(
            _render_table("Database servers", heads, (_render_database(row, reader.rules) for row in board.databases))
        )
    if board.probes:
        rows = (_render_probe(reader, row, now) for row in board.probes)
        parts.append(_render_table("Probes", ("Service", "State", "Duration", "Last hour", "Certificate"), rows))
    if board.filesystems:
        heads = ("Mounted at", "Used", "", "Left", "Size", "Inodes")
        parts.append(
            _render_table("File systems", heads, (_render_filesystem(row, reader.rules) for row in board.filesystems))
        )
    return "\n".join(filter(None, parts))


def _render_table(title: str, heads: Iterable[str], rows: Iterable[str]) -> str:
    head = "".join(f'<th scope="col">{text}</th>' for text in heads)
    return (
        f'<section class="group"><h2>{title}</h2><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></section>"
    )


def _render_containers(reader: LiveReader, board: Board, now: float, order: str) -> str:
    if not board.containers:
        return "".join(f'<p class="note soft">{escape(note)}</p>' for note in board.notes)
    running = sum(row.state == "running" for row in board.containers)
    title = f'Containers <span class="soft">{running} of {len(board.containers)} running</span>'
    heads = [
        f'<a class="{"on" if name == order else "off"}" href="/?sort={name}">{label}</a>'
        for name, label in ORDERS.items()
    ]
    rows = (_render_container(reader, row, now) for row in sort_containers(board.containers, order))
    return _render_table(title, heads, rows)


def _render_container(reader: LiveReader, row: Container, now: float) -> str:
    is_running = row.state == "running"
    missing = MEASURING if is_running else UNKNOWN
    level = reader.rules.level
    state = row.state if not row.health or not is_running else f"{row.state}, {row.health}"
    if not is_running and row.exit_code is not None and row.state in ("exited", "dead"):
        state = f"{state}, code {row.exit_code}"
    limit = f" of {format_bytes(row.memory_limit)}" if row.memory_limit else ""
    lines = {
        measure: render_sparkline(
            title, reader.history.points(Key("container", row.name, measure), now), text, count=_POINTS
        )
        for measure, title, text in (("cpu", "CPU", format_share), ("memory", "Memory", format_bytes))
    }
    cpu_level, memory_level = (
        level("containers.cpu_of_limit", row.cpu_of_limit),
        level("containers.memory_of_limit", row.memory_of_limit),
    )
    traffic = (
        f"↓ {format_traffic(row.received)} ↑ {format_traffic(row.sent)}"
        if row.received is not None and row.sent is not None
        else ""
    )
    cells = [
        _render_cell("CPU", value_tag(row.cpu, format_share(row.cpu, missing)), cpu_level, lines["cpu"]),
        _render_cell("Memory", value_tag(row.memory, format_bytes(row.memory) + limit), memory_level, lines["memory"]),
        _render_cell("Network", escape(traffic) or value_tag(None, UNKNOWN)),
        _render_cell("Restarts", value_tag(row.restarts, format_number(row.restarts)), "late" if row.restarts else ""),
        _render_cell("Uptime", value_tag(row.uptime, UNKNOWN if row.uptime is None else format_age(row.uptime))),
    ]
    return (
        f'<tr><th scope="row">{escape(row.name)}</th>'
        f'<td class="state"><span class="mark {row.tone}">{escape(state)}</span></td>{"".join(cells)}</tr>'
    )


def _render_database(row: Database, rules: Rules) -> str:
    level = rules.level
    allowed = f" of {format_number(row.connections_allowed)}" if row.connections_allowed else ""
    text = "" if row.transactions is None else f"{format_number(row.transactions)}/s"
    cells = [
        _render_cell(
            "Connections",
            value_tag(row.connections, format_number(row.connections) + allowed),
            level("postgres.connections_used", row.connections_used),
        ),
        _render_cell(
            "Transactions", value_tag(row.transactions, text or (MEASURING if row.connections is not None else UNKNOWN))
        ),
        _render_cell(
            "Longest query",
            value_tag(row.longest_query, format_seconds(row.longest_query)),
            level("postgres.longest_query", row.longest_query),
        ),
        _render_cell(
            "Longest transaction",
            value_tag(row.longest_transaction, format_seconds(row.longest_transaction)),
            level("postgres.longest_transaction", row.longest_transaction),
        ),
    ]
    return f"<tr>{_subject_cells(row)}{''.join(cells)}</tr>"


def _render_probe(reader: LiveReader, row: Probe, now: float) -> str:
    points = reader.history.points(Key("probe", row.name, "duration"), now)
    left = (
        "" if row.certificate is None else f"{format_age(row.certificate)} left" if row.certificate > 0 else "expired"
    )
    cells = [
        _render_cell("Duration", value_tag(row.duration, format_seconds(row.duration))),
        f"<td>{render_sparkline('Duration', points, format_seconds, count=_POINTS)}</td>",
        _render_cell(
            "Certificate",
            value_tag(row.certificate, left or UNKNOWN),
            reader.rules.level("application.certificate", row.certificate),
        ),
    ]
    return f"<tr>{_subject_cells(row)}{''.join(cells)}</tr>"


def _render_filesystem(row: FileSystem, rules: Rules) -> str:
    level = rules.level
    tone = level("host.filesystem", row.used)
    width = min(max((row.used or 0.0) * 100, 0.0), 100.0)
    bar = f'<svg class="bar {tone}" aria-hidden="true"><rect width="{width:.1f}%" height="100%"/></svg>'
    used = _render_cell("Used", value_tag(row.used, format_share(row.used)), tone)
    inodes = _render_cell("Inodes", value_tag(row.inodes, format_share(row.inodes)), level("host.inodes", row.inodes))
    return (
        f'<tr><th scope="row">{escape(row.mountpoint)}</th>{used}'
        f"<td>{bar}</td>{_render_cell('Left', value_tag(row.available, format_bytes(row.available)))}"
        f"{_render_cell('Size', value_tag(row.size, format_bytes(row.size)))}"
        f"{inodes}</tr>"
    )


def _subject_cells(row: Database | Probe) -> str:
    reason = f' <span class="soft">{escape(row.reason)}</span>' if row.reason else ""
    return (
        f'<th scope="row">{escape(row.name)}{reason}</th>'
        f'<td class="state"><span class="mark {row.tone}">{escape(row.status)}</span></td>'
    )


def _render_cell(label: str, content: str, tone: str = "", line: str = "") -> str:
    classes = f"n {tone}" if tone in ("late", "bad") else "n"
    return f'<td class="{classes}" data-is="{label}">{content}{line}</td>'
