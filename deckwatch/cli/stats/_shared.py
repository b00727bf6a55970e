"""Shared by the stats commands: their options, reading the systems, and their lines."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import time
from typing import TYPE_CHECKING, Any, TypeVar

import click

from deckwatch.cli.alerts._shared import parse_duration, printable_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from deckwatch.provisioning.kpis import Kpi, Reading, System
    from deckwatch.provisioning.prometheus import Prometheus

Decorated = TypeVar("Decorated", bound="Callable[..., Any]")

MAX_SERIES = 12  # of a key figure that are shown
_MIN_NAME_WIDTH, _PIPED_WIDTH = 12, 80  # fits a mail
_COLORS = {"good": "green", "warning": "yellow", "bad": "red"}
_MARKS = {"good": "ok", "warning": "warning", "bad": "critical", "none": ""}


def add_query_options(command: Decorated) -> Decorated:
    """Add the options for Prometheus' address and the time that the figures look back."""
    span = click.option(
        "--range",
        "span",
        metavar="DURATION",
        default="1h",
        show_default=True,
        help="Time that sparklines show, such as 6h or 7d.",
    )
    prometheus = click.option(
        "--prometheus", metavar="URL", default="http://127.0.0.1:9090", show_default=True, help="Address of Prometheus."
    )
    return prometheus(span(command))


def add_watch_options(command: Decorated) -> Decorated:
    """Add the options for repeating the output."""
    watch = click.option("--watch", is_flag=True, help="Repeat until interrupted with Ctrl-C.")
    interval = click.option(
        "--interval",
        type=click.FloatRange(min=1),
        default=5.0,
        show_default=True,
        metavar="SECONDS",
        help="Time between two outputs of --watch.",
    )
    return watch(interval(command))


class Figures:
    """The key figures of a project on a live Prometheus; raises InvalidInput, Unreachable, DeckwatchError."""

    def __init__(self, project: Path, prometheus: str, span: str, names: Sequence[str] = ()) -> None:
        from deckwatch.cli import _project, _show
        from deckwatch.provisioning import kpis, stack
        from deckwatch.provisioning.prometheus import Prometheus

        self.span = span
        self._seconds = parse_duration(span).total_seconds()
        with _show.show_spinner("generating"):
            built = stack.build(_project.load_project(project, keep_invalid=True))
        self._kpis = _choose_kpis(kpis.list_kpis(built), names)
        self._prometheus: Prometheus = Prometheus(prometheus)

    def close(self) -> None:
        """Close the connections."""
        self._prometheus.close()

    def read_systems(self) -> list[System]:
        """Return the present readings of all chosen systems."""
        from deckwatch.provisioning import kpis

        return kpis.read_systems(self._prometheus, self._kpis, time.time(), self._seconds)


def show_figures(
    figures: Figures, format_lines: Callable[[Sequence[System]], Iterator[str]], *, watch: bool, interval: float
) -> None:
    """Print the lines once, or again and again on a cleared screen; Prometheus may be away for a while meanwhile."""
    from deckwatch.core.problems import Unreachable

    is_terminal = sys.stdout.isatty()
    with contextlib.closing(figures), contextlib.suppress(*([KeyboardInterrupt] if watch else [])):
        while True:
            try:
                lines = list(format_lines(figures.read_systems()))
            except Unreachable as error:
                if not watch:
                    raise
                lines = [str(error)]
            if watch:
                height = shutil.get_terminal_size().lines - 2 if is_terminal else len(lines)
                title = f"every {interval:g} s, {time.strftime('%H:%M:%S')}"
                lines = [title, "", *lines[: max(height - 1, 1)]]
            click.echo(("\x1b[H\x1b[2J" if watch and is_terminal else "") + "\n".join(lines))
            if not watch:
                return
            time.sleep(interval)


def format_readings(readings: Sequence[Reading]) -> Iterator[str]:
    """Yield one line for each reading: name, value, mark and sparkline, no wider than the terminal."""
    from deckwatch.provisioning.kpi_format import draw_sparkline, format_reading

    columns, plain = _terminal_columns(), not _can_print("▁█")
    values = [printable_text(format_reading(reading)) for reading in readings]
    names = [printable_text(reading.name) for reading in readings]
    marks = [_MARKS[reading.level] for reading in readings]
    value_width, mark_width = max(map(len, values), default=0), max(map(len, marks), default=0)
    room = columns - 2 - value_width - mark_width - 4
    points = max((len(reading.past) for reading in readings), default=0)
    # Half of the past where names would not fit beside all of it.
    step = 1 if max(map(len, names), default=0) + points <= room else 2
    width = max(_MIN_NAME_WIDTH, room - len(range(0, points, step)))
    for reading, name, value, mark in zip(readings, names, values, marks, strict=True):
        line = draw_sparkline(reading.past[::-step][::-1], plain=plain)
        shown = f"{_shorten_text(name, width):<{width}}", f"{value:>{value_width}} {mark:<{mark_width}}"
        text = f"  {shown[0]} {_paint_text(shown[1], reading.level)} {line}".rstrip()
        yield text.encode("ascii", "replace").decode() if plain else text


def _terminal_columns() -> int:
    """Return the width of the terminal; a fixed one where output is piped and COLUMNS is not set."""
    if not sys.stdout.isatty() and "COLUMNS" not in os.environ:
        return _PIPED_WIDTH
    return max(shutil.get_terminal_size().columns, 40)


def _choose_kpis(kpis: Sequence[Kpi], names: Sequence[str]) -> list[Kpi]:
    """Return the figures of the systems with these titles or uids, of all without names; raises DeckwatchError."""
    from deckwatch.core.problems import DeckwatchError, add_hint, did_you_mean

    known = {name.lower(): kpi.uid for kpi in kpis for name in (kpi.uid, kpi.system)}
    for name in names:
        if name.lower() not in known:
            hint = did_you_mean(name, [*{kpi.uid: None for kpi in kpis}])
            raise DeckwatchError(add_hint(f"no dashboard with key figures is called {printable_text(name)}", hint))
    chosen = {known[name.lower()] for name in names}
    return [kpi for kpi in kpis if not names or kpi.uid in chosen]


def _paint_text(text: str, level: str) -> str:
    if os.environ.get("NO_COLOR") or level not in _COLORS:
        return text
    return click.style(text, fg=_COLORS[level])  # click removes it where output is no terminal


def _shorten_text(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + ("…" if _can_print("…") else "~")


def _can_print(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
