"""`deckwatch top`: the machine, its containers, databases and probes with live values, in a terminal."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from deckwatch.cli import _exporter

if TYPE_CHECKING:
    from pathlib import Path

    from deckwatch.exporter.live.board import Board
    from deckwatch.exporter.live.reader import LiveReader

_ORDERS = ("state", "cpu", "memory", "network", "restarts", "uptime", "name")
_FIRST_SECONDS = 3.2  # until the second reading, without which there are no rates
_READ_SECONDS = 9.0


@click.command()
@click.option(
    "--sort", "order", type=click.Choice(_ORDERS), default="state", show_default=True, help="Order of the containers."
)
@click.option("--filter", "words", metavar="TEXT", default="", help="Show only rows whose name contains this text.")
@click.option(
    "--watch",
    "interval",
    metavar="SECONDS",
    type=click.FloatRange(min=1, max=3600),
    default=3.0,
    show_default=True,
    help="Time between two readings.",
)
@click.option("--once", is_flag=True, help="Print one screen and exit, as always when the output is not a terminal.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="json prints one object with exact values, and exits.",
)
@_exporter.add_source_options
@click.pass_obj
def command(
    project: Path, /, *, order: str, words: str, interval: float, once: bool, form: str, **sources: Any
) -> None:
    """Show this machine, its containers, databases and probes with live values, and what is wrong now.

    Reads this machine itself, so it needs no running exporter. Rates are over the last seconds. In a terminal, a key
    changes the order: c CPU, m memory, n network, r restarts, u uptime, a name, s state; q quits.
    """
    from deckwatch.cli import _top_screen, _top_watch

    _exporter.log_to_stderr("error")
    reader = _create_reader(project, sources)
    try:
        is_terminal = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        if form == "json" or once or not is_terminal:
            _read_twice(reader)
            board = _top_screen.filter_board(reader.build_board(), words)
            click.echo(
                _top_screen.render_json(board) if form == "json" else _render_once(reader, board, order, is_terminal)
            )
            return
        _top_watch.watch_board(reader, order, words, interval, has_color=_has_color())
    finally:
        reader.scraper.close()


def _render_once(reader: LiveReader, board: Board, order: str, is_terminal: bool) -> str:
    from deckwatch.cli import _top_screen

    has_color = is_terminal and _has_color()
    return "\n".join(
        _top_screen.render_lines(board, reader.rules, order, _top_screen.screen_width(), has_color=has_color)
    )


def _has_color() -> bool:
    """Return whether colors are wanted: https://no-color.org/."""
    return not os.environ.get("NO_COLOR")


def _create_reader(project: Path, sources: dict[str, Any]) -> LiveReader:
    """Return a reader that runs only the collectors that it needs."""
    from deckwatch.exporter.live.measures import METRICS
    from deckwatch.exporter.live.reader import LiveReader
    from deckwatch.exporter.scrape import Scraper

    app = _exporter.create_app(project, **sources)
    scraper = app.scraper
    needed = {
        name: collector
        for name, collector in scraper.collectors.items()
        if any(metric.name in METRICS for metric in collector.metrics)
    }
    scraper.close()
    return LiveReader(Scraper(scraper.world, needed), app.live.load_rules())


def _read_twice(reader: LiveReader) -> None:
    """Take two readings, so that there are rates."""
    import time

    reader.refresh(_READ_SECONDS)
    time.sleep(_FIRST_SECONDS)
    reader.refresh(_READ_SECONDS)
