"""`deckwatch stats show`: every series of every key figure."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import click

from deckwatch.cli import _options
from deckwatch.cli.alerts._shared import printable_text
from deckwatch.cli.stats import _shared

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from deckwatch.provisioning.kpis import Reading, System


@click.command()
@click.argument("names", nargs=-1, metavar="[DASHBOARD]...")
@_shared.add_query_options
@_shared.add_watch_options
@_options.add_format_option
@click.pass_obj
def command(
    project: Path,
    /,
    names: tuple[str, ...],
    *,
    prometheus: str,
    span: str,
    watch: bool,
    interval: float,
    output: str,
) -> None:
    """Show every series of the key figures, of all dashboards or of those named by title or uid.

    A sparkline shows the time of --range, from its lowest to its highest value; a space is a gap.
    """
    figures = _shared.Figures(project, prometheus, span, names)
    if output == "json":
        _options.print_json([fields for system in figures.read_systems() for fields in _list_fields(system)])
        figures.close()
        return
    lines = functools.partial(_format_systems, with_empty=bool(names))
    _shared.show_figures(figures, lines, watch=watch, interval=interval)


def _format_systems(systems: Sequence[System], *, with_empty: bool) -> Iterator[str]:
    shown = [system for system in systems if with_empty or system.readings or system.fault]
    for number, system in enumerate(shown):
        yield from [""] if number else []
        yield printable_text(system.title)
        if system.fault:
            yield f"  {printable_text(system.fault)}"
        if not system.readings:
            yield "  no data"
        series: dict[int, list[Reading]] = {}
        for reading in system.readings:
            series.setdefault(id(reading.kpi), []).append(reading)
        readings = [reading for found in series.values() for reading in found[: _shared.MAX_SERIES]]
        yield from _shared.format_readings(readings)
        if len(readings) < len(system.readings):
            yield f"  and {len(system.readings) - len(readings)} more series: --format json has all"
    if not shown:
        yield "no key figure has data"


def _list_fields(system: System) -> Iterator[dict[str, object]]:
    for reading in system.readings:
        yield {
            "dashboard": system.title,
            "uid": system.uid,
            "panel": reading.kpi.panel,
            "name": reading.name,
            "value": reading.value,
            "unit": reading.kpi.unit,
            "level": reading.level,
            "past": reading.past,
        }
