"""Writes the `metrics:` block that declares the metrics of an application's page to the checks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from prometheus_client.parser import text_string_to_metric_families

from deckwatch.core import yaml_write
from deckwatch.core.http import Client
from deckwatch.core.masking import mask_secrets
from deckwatch.core.problems import DeckwatchError

if TYPE_CHECKING:
    from deckwatch.core.catalog import Catalog

_FROM_PROMETHEUS = frozenset(("job", "instance", "service"))
_SERIES_LABELS = frozenset(("le", "quantile"))
_KINDS = {"counter", "gauge", "histogram", "summary"}


def declare_metrics(url: str, known: Catalog) -> str:
    """Return the block for the unknown metrics of a page; raises DeckwatchError if it is not a metrics page."""
    with Client(url) as client:
        text = client.get("")
    try:
        families = list(text_string_to_metric_families(str(text)))
    except ValueError:
        families = []
    if not families:
        hint = "" if urlsplit(url).path.strip("/") else "; most are at /metrics"
        raise DeckwatchError(f"{mask_secrets(url)} answers, but not in the Prometheus text format{hint}")
    block: dict[str, Any] = {}
    for family in families:
        name = f"{family.name}_total" if family.type == "counter" else family.name
        if name in known or name.endswith("_created"):
            continue
        labels = {label for sample in family.samples for label in sample.labels} - _FROM_PROMETHEUS - _SERIES_LABELS
        declared: dict[str, Any] = {"kind": family.type if family.type in _KINDS else "untyped"}
        if family.documentation:
            declared["help"] = family.documentation
        if labels:
            declared["labels"] = sorted(labels)
        block[name] = declared
    return yaml_write.dump_yaml({"metrics": block})
