"""Grafana's second dashboard schema: conversions between it, its two drafts of Grafana 12, and the classic model.

`convert_to_v2` and `convert_to_classic` are pure functions of a model and list what they lose. Facts about the schema
are from the types of @grafana/schema and from what Grafana's own conversion writes.
"""

from deckwatch.dashboards.schema_v2.envelope import FoundDashboard, NotADashboardError, find_dashboards, parse_document
from deckwatch.dashboards.schema_v2.loss import Converted, Loss
from deckwatch.dashboards.schema_v2.normalize import complete_spec
from deckwatch.dashboards.schema_v2.resource import build_resource
from deckwatch.dashboards.schema_v2.to_classic import convert_to_classic
from deckwatch.dashboards.schema_v2.to_v2 import convert_to_v2

__all__ = [
    "Converted",
    "FoundDashboard",
    "Loss",
    "NotADashboardError",
    "build_resource",
    "complete_spec",
    "convert_to_classic",
    "convert_to_v2",
    "find_dashboards",
    "parse_document",
]
