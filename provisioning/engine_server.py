"""An engine for long-term storage, as `verify` queries it: it has Prometheus' API for queries, but does not scrape."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core.known_engines import load_engines
from deckwatch.core.problems import DeckwatchError, did_you_mean
from deckwatch.provisioning.prometheus import Prometheus
from deckwatch.provisioning.scrape_interval import choose_interval, read_project_interval
from deckwatch.provisioning.storage import read_storage

if TYPE_CHECKING:
    from deckwatch.core.engine import Engine
    from deckwatch.core.project import Project


class EngineServer(Prometheus):
    """An engine at the address that answers queries, without its path; the tenant is that of the project's storage.

    It knows neither the scrape interval nor the targets: the interval is the project's, and a target is a series `up`.
    """

    def __init__(self, url: str, engine: Engine, project: Project) -> None:
        storage = read_storage(project)
        mine = storage if storage is not None and storage.engine is engine else None
        tenant = (mine.tenant if mine else "") or engine.default_tenant
        base = url.rstrip("/") + engine.query_path.format(tenant=tenant)
        self._stated = read_project_interval(project)
        super().__init__(base, headers=mine.headers if mine else {})

    def find_interval(self) -> float:
        """Return the project's scrape interval in seconds."""
        return choose_interval(self._stated, None)

    def target_states(self) -> dict[str, bool]:
        """Return the targets that a series `up` names; each was scraped."""
        series = [item["metric"] for item in self.run_query("up", ranged=False)]
        return {f"{labels.get('job', '')} {labels.get('instance', '')}": True for labels in series}


def find_engine(name: str) -> Engine:
    """Return an engine by its name; raises DeckwatchError with the nearest one."""
    engines = load_engines()
    if name not in engines:
        hint = did_you_mean(name, engines) or f"expected one of {', '.join(engines)}"
        raise DeckwatchError(f"no engine is called {name}; {hint}")
    return engines[name]
