"""`deckwatch views show`: print the answer to a view."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import click

from deckwatch.cli.views import _shared

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@click.argument("name", metavar="VIEW")
@click.option("--metric", metavar="WORD", help="One of the choices of the view.")
@click.option("--range", "span", metavar="DURATION", help="Period to look back, for views with series.")
@_shared.add_prometheus_option
@click.pass_obj
def command(project: Path, /, *, name: str, metric: str | None, span: str | None, prometheus: str) -> None:
    """Print the answer to a view as JSON, as `deckwatch views serve` would give it."""
    from deckwatch.core import units
    from deckwatch.core.problems import DeckwatchError, add_hint, did_you_mean
    from deckwatch.provisioning.views.answer import Answerer, read_parameters

    views, interval = _shared.load_views(project)
    if name not in views:
        raise DeckwatchError(add_hint(f"no view is called {name}", did_you_mean(name, views)))
    given = {"metric": metric, "range": span}
    fields = {word: [value] for word, value in given.items() if value is not None}
    with contextlib.closing(Answerer(prometheus, interval)) as answerer:
        answer = answerer.answer_view(views[name], read_parameters(views[name], fields, units.parse_duration))
    click.echo(answer.body, nl=False)
