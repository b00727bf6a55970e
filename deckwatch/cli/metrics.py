"""`deckwatch metrics`: show the metric catalogue."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import click

from deckwatch.cli import _options, _show

if TYPE_CHECKING:
    from pathlib import Path

    from deckwatch.core.catalog import MetricInfo
    from deckwatch.exporter.collector import Collector


@click.command()
@click.argument("words", metavar="[WORD]...", nargs=-1)
@_options.add_format_option
@click.option(
    "--learn",
    metavar="URL",
    help="Print the `metrics:` block for the unknown metrics of an endpoint, and its dialect if it has one.",
)
@click.pass_obj
def command(project: Path, /, *, words: tuple[str, ...], output: str, learn: str | None) -> None:
    """Show the metric catalogue that expressions are checked against.

    It contains the metrics of the collectors, of `deckwatch.instrument`, of Prometheus, Alertmanager and Grafana, and
    the `metrics:` of the project. With WORDs, show only metrics whose name or source contains one of them.
    """
    from deckwatch.cli import _project
    from deckwatch.exporter import collector
    from deckwatch.provisioning import metric_catalog

    loaded = _project.load_project(project)
    known = metric_catalog.load_catalog(loaded)
    if learn:
        from deckwatch.provisioning.dialect_guess import suggest_dialects
        from deckwatch.provisioning.learn import declare_metrics, fetch_metrics, find_remarks

        metrics = fetch_metrics(learn)
        click.echo(declare_metrics(metrics, known), nl=False)
        for remark in (*suggest_dialects(loaded, metrics), *find_remarks(metrics, known)):
            click.secho(remark, fg="yellow", err=True)
        return
    collectors = collector.load_collectors()
    selected = [
        metric for metric in known if not words or any(word in metric.name or word in metric.source for word in words)
    ]
    if output == "json":
        _print_json(selected, collectors)
    else:
        _print_table(selected, collectors)


def _print_json(metrics: list[MetricInfo], collectors: dict[str, Collector]) -> None:
    rows: list[dict[str, Any]] = [
        {
            "name": metric.name,
            "kind": metric.kind,
            "unit": metric.unit,
            "labels": metric.labels,
            "help": metric.help,
            "source": metric.source,
            "collector": metric.source if metric.source in collectors else None,
            "reads": collectors[metric.source].reads_from if metric.source in collectors else None,
            "default": collectors[metric.source].default if metric.source in collectors else None,
        }
        for metric in metrics
    ]
    _options.print_json(rows)


def _print_table(listed: list[MetricInfo], collectors: dict[str, Collector]) -> None:
    """Print each source with the labels common to all its metrics, then its metrics."""
    from rich.markup import escape
    from rich.table import Table

    console = _show.create_console()
    longest = max((len(metric.name) for metric in listed), default=0)
    by_source = sorted(listed, key=lambda metric: metric.source)
    for source, group in itertools.groupby(by_source, key=lambda metric: metric.source):
        metrics = list(group)
        common = [label for label in metrics[0].labels if all(label in metric.labels for metric in metrics)]
        declared = collectors.get(source)
        reads = f"from {escape(declared.reads_from)}" if declared and declared.reads_from else ""
        off = "off by default" if declared and not declared.default else ""
        console.print(f"[bold]{escape(source)}[/bold] [dim]{', '.join(filter(None, (reads, off)))}[/dim]")
        if common:
            console.print(f"  [dim]{_in_braces(common)}[/dim]")
        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1))
        table.add_column(width=min(longest, console.width // 2) + 2, overflow="fold")
        table.add_column(width=9, style="dim")
        table.add_column(style="dim")
        table.add_column()
        for metric in metrics:
            rest = _in_braces([label for label in metric.labels if label not in common])
            table.add_row(f"  {metric.name}", metric.kind, metric.unit, f"{escape(metric.help)} [dim]{rest}[/dim]")
        console.print(table)
    console.print(f"{len(listed)} metrics", style="dim")


def _in_braces(labels: list[str]) -> str:
    return f"{{{', '.join(labels)}}}" if labels else ""
