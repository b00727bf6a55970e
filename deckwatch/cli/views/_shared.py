"""What the commands about views share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from deckwatch.core.subprocess_call import call_in_child

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from deckwatch.provisioning.views.model import View


def add_prometheus_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--prometheus`."""
    return click.option(
        "--prometheus", metavar="URL", default="http://127.0.0.1:9090", show_default=True, help="Address of Prometheus."
    )(command)


def load_views(folder: Path) -> tuple[dict[str, View], float | None]:
    """Return the views of a project by name, and its scrape interval in seconds if it states one; raises InvalidInput.

    They are read in a child process: a long-lived one should not keep the memory of all signals and schemas.
    """
    return call_in_child(lambda: _read_views(folder))


def _read_views(folder: Path) -> tuple[dict[str, View], float | None]:
    from deckwatch.cli import _project
    from deckwatch.core.problems import InvalidInput
    from deckwatch.provisioning import named_query, scrape_interval
    from deckwatch.provisioning.views import read

    loaded = _project.load_project(folder, keep_invalid=True)
    vocabulary = named_query.load_vocabulary(loaded)
    problems = [*loaded.problems, *read.find_problems(loaded.document, vocabulary.signals, vocabulary.catalog)]
    if problems:
        raise InvalidInput(problems)
    return read.load_views(loaded, vocabulary.signals), scrape_interval.read_project_interval(loaded)
