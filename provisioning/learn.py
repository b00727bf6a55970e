"""Write the `metrics:` block that declares the metrics of an application's page to the checks."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from prometheus_client.parser import text_string_to_metric_families

from deckwatch.core import yaml_write
from deckwatch.core.http import Client
from deckwatch.core.masking import mask_address
from deckwatch.core.problems import DeckwatchError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prometheus_client import Metric

    from deckwatch.core.catalog import Catalog

_TARGET_LABELS = ("job", "instance", "service")  # added when scraping; Prometheus renames a page's own
_SERIES_LABELS = frozenset(("le", "quantile"))  # of histograms and summaries
_APPLICATION_SOURCES = ("project", "deckwatch.instrument")  # of metrics that an application exposes itself
# Labels by metric, and what is missing without them.
REQUIRED_LABELS = {"http_requests_total": {"code": "the share of requests that fail is unknown"}}
_KINDS = frozenset(("counter", "gauge", "histogram", "summary"))
_UNTYPED = "untyped"
_SAMPLE_NAME = re.compile(r"^[ \t]*([a-zA-Z_:][a-zA-Z0-9_:]*)", re.MULTILINE)


@dataclass
class PageMetric:
    """A metric of a page, from all families of its name.

    `labels` are those of any series, `common_labels` those of all series; None where there is no series yet.
    """

    kind: str = _UNTYPED
    help: str = ""
    labels: set[str] = field(default_factory=set)
    common_labels: set[str] | None = None

    def add_family(self, family: Metric) -> None:
        """Add what a family says about the metric."""
        if family.type in _KINDS:
            self.kind = family.type
        self.help = self.help or family.documentation
        for sample in family.samples:
            names = {f"exported_{label}" if label in _TARGET_LABELS else label for label in sample.labels}
            self.labels |= names
            self.common_labels = names if self.common_labels is None else self.common_labels & names


def fetch_metrics(url: str) -> dict[str, PageMetric]:
    """Return the metrics of a page by name, as exposed, without the creation times that client libraries add.

    Raises DeckwatchError if it is not a metrics page.
    """
    with Client(url) as client:
        metrics = parse_metrics(str(client.get("")))
    if not metrics:
        hint = "" if urlsplit(url).path.strip("/") else "; most are at /metrics"
        raise DeckwatchError(f"{mask_address(url)} answers, but not in the Prometheus text format{hint}")
    return metrics


def parse_metrics(text: str) -> dict[str, PageMetric]:
    """Return the metrics of a page's text by name; none if it is not in the Prometheus text format."""
    try:
        families = list(text_string_to_metric_families(text))
    except ValueError:
        return {}
    exposed = set(_SAMPLE_NAME.findall(text))
    metrics: dict[str, PageMetric] = {}
    for family in families:
        if not family.name.endswith("_created"):
            metrics.setdefault(_metric_name(family, exposed), PageMetric()).add_family(family)
    return metrics


def _metric_name(family: Metric, exposed: set[str]) -> str:
    """Return the name as exposed: the parser removes `_total` from counters, and adds it to their samples."""
    if family.type != "counter" or family.name in exposed:
        return family.name
    return f"{family.name}_total"


def declare_metrics(metrics: Mapping[str, PageMetric], known: Catalog) -> str:
    """Return the block for the metrics that are unknown, or known with fewer labels."""
    block = {
        name: _declare_metric(name, metric, known) for name, metric in metrics.items() if _is_new(name, metric, known)
    }
    return yaml_write.dump_yaml({"metrics": block})


def _is_new(name: str, metric: PageMetric, known: Catalog) -> bool:
    """Return whether a metric must be declared: another program's metrics have the labels of the catalog."""
    info = known.get(name)
    if info is None or info.source not in _APPLICATION_SOURCES:
        return info is None
    return not info.open_labels and not metric.labels - _SERIES_LABELS <= set(info.labels)


def _declare_metric(name: str, metric: PageMetric, known: Catalog) -> dict[str, object]:
    """Return the declaration of a metric, with the labels that are declared already."""
    info = known.get(name)
    labels = (metric.labels - _SERIES_LABELS).union(info.labels if info is not None else ())
    return {
        "kind": metric.kind,
        **({"help": metric.help} if metric.help else {}),
        **({"labels": sorted(labels)} if labels else {}),
    }


def find_remarks(metrics: Mapping[str, PageMetric], known: Catalog) -> Iterator[str]:
    """Yield a sentence for each new metric without series, and each known one without a label that our rules need."""
    for name, metric in metrics.items():
        if metric.common_labels is None:
            if _is_new(name, metric, known):
                yield f"{name} has no series yet, so its labels are unknown: repeat this once it has"
            continue
        for label, consequence in REQUIRED_LABELS.get(name, {}).items():
            if name in known and label not in metric.common_labels:
                labels = f" (its labels: {', '.join(sorted(metric.labels))})" if metric.labels else ""
                hint = "name the page's dialect with `speaks:`, or rename the label with metric_relabel_configs"
                yield f"{name} has no label {label}{labels}: {consequence}; {hint}"
