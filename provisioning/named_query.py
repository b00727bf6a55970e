"""The PromQL of what a user names on the command line or in a view: a signal, as in panels, or PromQL itself."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from deckwatch.core import promql, signals
from deckwatch.core.problems import DeckwatchError, add_hint
from deckwatch.core.subprocess_call import call_in_child
from deckwatch.provisioning.scrape_interval import (
    NoConfiguration,
    choose_interval,
    fetch_interval,
    read_project_interval,
)

if TYPE_CHECKING:
    from deckwatch.core.http import Client
    from deckwatch.core.project import Project
    from deckwatch.provisioning.examination import Vocabulary

_SCRAPES_OF_RATE = 4  # of Grafana's $__rate_interval


def resolve_expression(project: Project, client: Client, text: str, step_seconds: float) -> str:
    """Return the PromQL of a signal's name or of PromQL, for points that are `step_seconds` apart.

    Rates have the window that Grafana would use, by the scrape interval of the project and of the Prometheus that
    `client` queries. Signals are read in a child process, whose memory is released. Raises DeckwatchError for a name
    that nothing has, and Unreachable.
    """
    text = text.strip()
    expr: str = call_in_child(lambda: _find_signal(project, text)) if signals.is_name(text) else text
    if promql.with_window(expr, "") == expr:
        return expr  # no window to choose
    try:
        running: float | None = fetch_interval(client)
    except NoConfiguration:
        running = None
    return promql.with_window(expr, rate_window(choose_interval(read_project_interval(project), running), step_seconds))


def rate_window(interval: float, step_seconds: float) -> str:
    """Return the window of rates for points that are `step_seconds` apart, as a duration: Grafana's formula.

    It is a step and a scrape interval, at least four of them.
    """
    return f"{math.ceil(max(step_seconds + interval, _SCRAPES_OF_RATE * interval))}s"


def load_vocabulary(project: Project) -> Vocabulary:
    """Return the metrics and signals of a project and the shipped ones."""
    from deckwatch.provisioning import examination  # noqa: PLC0415 - only for names, and only in a child process
    from deckwatch.provisioning.build_settings import Options, read_settings  # noqa: PLC0415
    from deckwatch.provisioning.documents import load_documents  # noqa: PLC0415

    return examination.load_vocabulary(project, read_settings(project, Options()), load_documents(project))


def _find_signal(project: Project, name: str) -> str:
    """Return the expression of a signal, or a name that may be a metric's; raises DeckwatchError for any other."""
    from deckwatch.core.signal_lookup import UnknownSignal  # noqa: PLC0415

    try:
        return load_vocabulary(project).signals.find_reference(name).build_expression()
    except promql.PromqlError as error:
        raise DeckwatchError(f"the expression of the signal {name} is not valid: {error}") from None
    except UnknownSignal as error:
        if error.is_misused or "." in name:  # no metric has a name with a dot
            raise DeckwatchError(add_hint(error.message, error.hint)) from None
        return name
