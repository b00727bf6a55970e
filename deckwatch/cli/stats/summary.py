"""`deckwatch stats summary`: one line for each key figure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from deckwatch.cli.alerts._shared import printable_text
from deckwatch.cli.stats import _shared

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from deckwatch.provisioning.kpis import System


@click.command()
@_shared.add_query_options
@_shared.add_watch_options
@click.pass_obj
def command(project: Path, /, *, prometheus: str, span: str, watch: bool, interval: float) -> None:
    """Show one line for each key figure: the series with the most serious colour, and of those the highest."""
    figures = _shared.Figures(project, prometheus, span)
    _shared.show_figures(figures, _format_systems, watch=watch, interval=interval)


def _format_systems(systems: Sequence[System]) -> Iterator[str]:
    for number, system in enumerate(systems):
        yield from [""] if number else []
        if not system.readings:
            yield printable_text(f"{system.title}: {system.fault or 'no data'}")
            continue
        yield printable_text(system.title)
        yield from _shared.format_readings(list(system.worst_readings()))
