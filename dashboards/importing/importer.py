"""Imports Grafana dashboards with one renderer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core import plugins
from deckwatch.dashboards import checks, panel_types
from deckwatch.dashboards.build import Settings
from deckwatch.dashboards.importing import learn_effects, upgrade
from deckwatch.dashboards.importing.conversion import Imported, convert_dashboard
from deckwatch.dashboards.importing.dashboard_draft import Tools

if TYPE_CHECKING:
    from deckwatch.core.catalog import Catalog
    from deckwatch.core.json_types import Json
    from deckwatch.core.jsonnet import Renderer

__all__ = ["Imported", "Importer"]


class Importer:
    """Imports dashboards; the effects of all words are learned once."""

    def __init__(self, catalog: Catalog, child: Renderer) -> None:
        types = panel_types.load_types(child)
        names = frozenset((*plugins.module_names(checks), "promql_syntax", "promql_metric", "promql_label"))
        words = learn_effects.learn_words(types, catalog, child)
        self._tools = Tools(Settings(), catalog, child, types, words, names)

    def import_dashboard(self, data: Json, name: str) -> Imported:
        """Return a dashboard as a dashboard file. `name` is the file's name, which determines the uid.

        Raises DeckwatchError if `data` is not a dashboard or cannot be generated again.
        """
        return convert_dashboard(self._tools, upgrade.read_dashboard(data, name), name)
