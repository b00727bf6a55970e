"""Grafana's dashboards, of any age, in the words of ours."""

from deckwatch.dashboards.importing.importer import Imported, Importer

__all__ = ["Imported", "Importer"]
