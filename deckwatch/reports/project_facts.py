"""What a report needs besides Prometheus: the project's signals, components and insights, Alertmanager's silences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.alerting import health
from deckwatch.alerting.alertmanager import Alertmanager
from deckwatch.provisioning import named_query
from deckwatch.provisioning.insights import read
from deckwatch.reports.build import ProjectFacts

if TYPE_CHECKING:
    from deckwatch.alerting.alertmanager import Silence
    from deckwatch.core.project import Project
    from deckwatch.core.signal_lookup import Signals

_ALERTMANAGER_SECONDS = 5.0


def read_facts(project: Project, signals: Signals | None = None) -> ProjectFacts:
    """Return the facts of a project for a report, without silences; `signals` are its own if they are read already."""
    known = named_query.load_vocabulary(project).signals if signals is None else signals
    rules = list(read.load_rules(project).rules.values())
    return ProjectFacts(known, sorted(health.find_components(project)), rules)


def read_silences(alertmanager: str) -> list[Silence]:
    """Return all silences of an Alertmanager, expired ones included; raises DeckwatchError if it does not answer."""
    with Alertmanager(alertmanager, seconds=_ALERTMANAGER_SECONDS) as manager:
        return manager.list_silences(with_expired=True)
