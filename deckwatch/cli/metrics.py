"""`deckwatch metrics`: which metrics exist."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from deckwatch.cli import _show

if TYPE_CHECKING:
    from pathlib import Path

    from deckwatch.core.catalog import MetricInfo
    from exporter.collector import Collector


@click.command()
@click.argument("words", metavar="[WORD]...", nargs=-1)
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.pass_obj
def command(project: Path, /, *, words: tuple[str, ...], form: str) -> None:
    """Show the metric catalogue, against which every expression is checked.

    It holds what the collectors and `deckwatch.instrument` expose, what Prometheus, Alertmanager and Grafana do, and
    the `metrics:` of the project. With WORDs only metrics whose name or source holds one of them.
    """
    from deckwatch.cli import _project
    from exporter import collector
    from provisioning import catalogue

    collectors = collector.load()
    found = [
        metric
        for metric in catalogue.load(_project.load(project))
        if not words or any(word in metric.name or word in metric.source for word in words)
    ]
    if form == "json":
        _print_json(found, collectors)
    else:
        _print_table(found, collectors)


def _print_json(found: list[MetricInfo], collectors: dict[str, Collector]) -> None:
    import orjson

    rows: list[dict[str, Any]] = [
        {
            "name": metric.name,
            "kind": metric.kind,
            "unit": metric.unit,
            "labels": metric.labels,
            "help": metric.help,
            "source": metric.source,
            "collector": metric.source if metric.source in collectors else None,
            "default": collectors[metric.source].default if metric.source in collectors else None,
        }
        for metric in found
    ]
    click.echo(orjson.dumps(rows, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE), nl=False)


def _print_table(found: list[MetricInfo], collectors: dict[str, Collector]) -> None:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), caption_justify="left")
    table.add_column("Metric", style="bold", overflow="fold", ratio=4)
    table.add_column("Kind", no_wrap=True)
    table.add_column("Labels", overflow="fold", ratio=2)
    table.add_column("From", overflow="fold", ratio=2)
    table.add_column("Meaning", ratio=5)
    for metric in found:
        one = collectors.get(metric.source)
        source = metric.source if one is None or one.default else f"{metric.source} (off)"
        table.add_row(metric.name, metric.kind, ", ".join(metric.labels), source, escape(metric.help))
    table.caption = f"{len(found)} metrics; (off): the collector is off by default, see watch: collectors:"
    _show.console().print(table)
