"""What the commands about views share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import click

from deckwatch.core.subprocess_call import call_in_child

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from deckwatch.core.project import Project
    from deckwatch.provisioning.examination import Vocabulary
    from deckwatch.provisioning.views.model import View
    from deckwatch.reports.build import ProjectFacts


class ServedProject(NamedTuple):
    """What `views serve` needs of a project: views by name, its scrape interval if stated, and that of reports."""

    views: dict[str, View]
    interval: float | None
    facts: ProjectFacts


def add_prometheus_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--prometheus`."""
    return click.option(
        "--prometheus", metavar="URL", default="http://127.0.0.1:9090", show_default=True, help="Address of Prometheus."
    )(command)


def load_views(folder: Path) -> tuple[dict[str, View], float | None]:
    """Return the views of a project by name, and its scrape interval in seconds if it states one; raises InvalidInput.

    They are read in a child process: a long-lived one should not keep the memory of all signals and schemas.
    """
    return call_in_child(lambda: _read_views(*_load_vocabulary(folder)))


def load_served_project(folder: Path) -> ServedProject:
    """Return views, scrape interval and what reports need, read in a child process as well; raises InvalidInput."""
    return call_in_child(lambda: _read_served_project(folder))


def _read_served_project(folder: Path) -> ServedProject:
    from deckwatch.reports import project_facts

    loaded, vocabulary = _load_vocabulary(folder)
    views, interval = _read_views(loaded, vocabulary)
    return ServedProject(views, interval, project_facts.read_facts(loaded, vocabulary.signals))


def _load_vocabulary(folder: Path) -> tuple[Project, Vocabulary]:
    from deckwatch.cli import _project
    from deckwatch.provisioning import named_query

    loaded = _project.load_project(folder, keep_invalid=True)
    return loaded, named_query.load_vocabulary(loaded)


def _read_views(loaded: Project, vocabulary: Vocabulary) -> tuple[dict[str, View], float | None]:
    from deckwatch.core.problems import InvalidInput
    from deckwatch.provisioning import scrape_interval
    from deckwatch.provisioning.views import read

    problems = [*loaded.problems, *read.find_problems(loaded.document, vocabulary.signals, vocabulary.catalog)]
    if problems:
        raise InvalidInput(problems)
    return read.load_views(loaded, vocabulary.signals), scrape_interval.read_project_interval(loaded)
