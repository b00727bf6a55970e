"""`deckwatch export-data`: write the samples of an expression or a signal to a file."""

from __future__ import annotations

import contextlib
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from deckwatch.cli._options import OutputPath
from deckwatch.core.problems import Unreachable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from zoneinfo import ZoneInfo

    from deckwatch.provisioning.data_export.export import Export
    from deckwatch.provisioning.data_export.partial_file import PartialFile, Progress
    from deckwatch.provisioning.data_export.range_reader import Grid

_QUERY_SECONDS = 130.0  # Prometheus itself gives up after two minutes


def _list_formats() -> list[str]:
    from deckwatch.core import plugins
    from deckwatch.provisioning.data_export import formats

    return plugins.module_names(formats)


class _Format(click.ParamType[str]):
    """The name of a module in the package of formats, listed when it is needed."""

    name = "format"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        del param, ctx
        return f"[{'|'.join(_list_formats())}]"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return click.Choice(_list_formats()).convert(value, param, ctx)


@click.command()
@click.argument("query", metavar="PROMQL|SIGNAL")
@click.option("--start", metavar="TIME", required=True, help="First time, such as 2026-10-25, 2026-10-25T14:30 or -7d.")
@click.option("--end", metavar="TIME", default="now", show_default=True, help="Last time.")
@click.option("--step", metavar="DURATION", default="1m", show_default=True, help="Time between two samples.")
@click.option(
    "--zone",
    metavar="ZONE",
    default="UTC",
    show_default=True,
    help="Time zone of times without an offset and of times in the file, such as Europe/Berlin.",
)
@click.option("--format", "output", type=_Format(), default="csv", show_default=True, help="Format of the file.")
@click.option("--out", type=OutputPath(), metavar="FILE", show_default="standard output", help="File to write.")
@click.option("--overwrite", is_flag=True, help="Replace FILE if it exists.")
@click.option(
    "--prometheus", metavar="URL", default="http://127.0.0.1:9090", show_default=True, help="Address of Prometheus."
)
@click.pass_obj
def command(
    project: Path,
    /,
    *,
    query: str,
    start: str,
    end: str,
    step: str,
    zone: str,
    output: str,
    out: Path | None,
    overwrite: bool,
    prometheus: str,
) -> None:
    """Write the samples of a PromQL expression or a signal, such as host.cpu, over any length of time.

    Rows are ordered by time; a row without a value marks the end of a series. FILE appears when it is complete; after
    an interruption, the same command continues. In CSV, labels that a spreadsheet would take for formulas begin with an
    apostrophe.
    """
    from deckwatch.cli import _project, _show
    from deckwatch.core import time_points
    from deckwatch.core.http import Client
    from deckwatch.provisioning import named_query
    from deckwatch.provisioning.data_export import export, formats
    from deckwatch.provisioning.data_export.range_reader import Grid

    texts = {"query": query, "start": start, "end": end, "step": step, "zone": zone, "format": output}
    time_zone = time_points.load_zone(zone)
    row_format = formats.create_format(output, time_zone)
    if out is None and row_format.needs_file:
        raise click.UsageError(f"{output} cannot be streamed: name a file with --out")
    grid = _read_grid(start, end, step, time_zone)
    loaded = _project.load_project(project, keep_invalid=True)
    with contextlib.ExitStack() as stack:
        client = stack.enter_context(Client(prometheus, seconds=_QUERY_SECONDS))
        expr = named_query.resolve_expression(loaded, client, query, grid.step / 1000)
        partial = None
        if out is not None:
            partial = stack.enter_context(_open_partial(out, {**texts, "expression": expr}, grid, replace=overwrite))
            grid = Grid(*partial.resolved)
        wanted = export.Export(expr, grid, row_format, time_zone)
        advance = stack.enter_context(_show.show_progress("exporting", grid.count))
        if partial is None:
            progress = export.export_to_stream(wanted, client, sys.stdout.buffer, advance)
        else:
            with _explain_interruption(partial):
                progress = export.export_to_file(wanted, client, partial, advance)
    _print_summary(progress, wanted, out)


def _read_grid(start: str, end: str, step: str, zone: ZoneInfo) -> Grid:
    """Return the times to export; raises DeckwatchError for a malformed or an empty range."""
    from deckwatch.core import time_points, units
    from deckwatch.core.problems import DeckwatchError
    from deckwatch.provisioning.data_export.range_reader import Grid

    now = datetime.now(UTC)
    first, last = (round(time_points.parse_time_point(text, zone, now).timestamp() * 1000) for text in (start, end))
    try:
        stride = round(units.parse_duration(step) * 1000)
    except ValueError as error:
        raise DeckwatchError(f"--step: {error}") from None
    if stride < 1:
        raise DeckwatchError("--step: expected at least 1ms")
    if last < first:
        raise DeckwatchError(f"the range ends ({end}) before it starts ({start})")
    return Grid(first, stride, (last - first) // stride + 1)


def _open_partial(out: Path, settings: Mapping[str, str], grid: Grid, *, replace: bool) -> PartialFile:
    """Return the file to write; the times of an interrupted export stay, also those relative to now."""
    from deckwatch.provisioning.data_export.partial_file import PartialFile

    partial = PartialFile(out, settings, [grid.start, grid.step, grid.count], replace=replace)
    if partial.is_continued:
        click.echo(f"continuing {partial.rows_path} after {partial.progress.samples:,} samples", err=True)
    return partial


@contextlib.contextmanager
def _explain_interruption(partial: PartialFile) -> Iterator[None]:
    """Say that the same command continues, where it does."""
    try:
        yield
    except (KeyboardInterrupt, Unreachable):
        if partial.rows_path.exists():
            click.echo(
                f"interrupted after {partial.progress.samples:,} samples: the same command continues, or remove "
                f"{partial.rows_path}",
                err=True,
            )
        raise


def _print_summary(progress: Progress, wanted: Export, out: Path | None) -> None:
    grid = wanted.grid
    first, last = (wanted.format_time(grid.time_at(index)) for index in (0, grid.count - 1))
    click.echo(f"{progress.samples:,} samples from {first} to {last}" + (f" in {out}" if out else ""), err=True)
    if progress.histograms:
        click.echo(
            f"{progress.histograms:,} native histograms were left out: export histogram_quantile() or "
            "histogram_count() of them",
            err=True,
        )
