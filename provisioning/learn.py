"""Write the `metrics:` block that declares the metrics of an application's page to the checks."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from prometheus_client.parser import text_string_to_metric_families

from deckwatch.core import yaml_write
from deckwatch.core.http import Client
from deckwatch.core.masking import mask_secrets
from deckwatch.core.problems import DeckwatchError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client import Metric

    from deckwatch.core.catalog import Catalog

_TARGET_LABELS = frozenset(("job", "instance", "service"))  # added when scraping
_SERIES_LABELS = frozenset(("le", "quantile"))  # of histograms and summaries
_KINDS = frozenset(("counter", "gauge", "histogram", "summary"))


def declare_metrics(url: str, known: Catalog) -> str:
    """Return the block for the unknown metrics of a page; raises DeckwatchError if it is not a metrics page."""
    named = ((_metric_name(family), family) for family in _fetch_families(url))
    block = {name: _declaration(family) for name, family in named if name not in known}
    return yaml_write.dump_yaml({"metrics": block})


def _fetch_families(url: str) -> Iterable[Metric]:
    """Return the metric families of a page, without the creation times that client libraries add."""
    with Client(url) as client:
        text = client.get("")
    try:
        families = list(text_string_to_metric_families(str(text)))
    except ValueError:
        families = []
    if not families:
        hint = "" if urlsplit(url).path.strip("/") else "; most are at /metrics"
        raise DeckwatchError(f"{mask_secrets(url)} answers, but not in the Prometheus text format{hint}")
    return [family for family in families if not family.name.endswith("_created")]


def _metric_name(family: Metric) -> str:
    """Return the name as exposed: the parser removes `_total` from counters."""
    return f"{family.name}_total" if family.type == "counter" else family.name


def _declaration(family: Metric) -> dict[str, object]:
    labels = {label for sample in family.samples for label in sample.labels} - _TARGET_LABELS - _SERIES_LABELS
    return {
        "kind": family.type if family.type in _KINDS else "untyped",
        **({"help": family.documentation} if family.documentation else {}),
        **({"labels": sorted(labels)} if labels else {}),
    }
