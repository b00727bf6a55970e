"""`deckwatch views list`: list views."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from deckwatch.cli import _options
from deckwatch.cli.views import _shared

if TYPE_CHECKING:
    from pathlib import Path


@click.command("list")
@_options.add_format_option
@click.pass_obj
def command(project: Path, /, *, output: str) -> None:
    """List views with their paths and parameters."""
    from deckwatch.cli import _show
    from deckwatch.provisioning.views.server import describe_view

    views, _ = _shared.load_views(project)
    described = [describe_view(view) for view in views.values()]
    if output == "json":
        _options.print_json(described)
        return
    rows = [
        (each["name"], ", ".join(each["parameters"]), "\n".join(each["paths"]), each["about"]) for each in described
    ]
    _show.print_texts(("View", "Parameters", "Paths", ""), rows)
