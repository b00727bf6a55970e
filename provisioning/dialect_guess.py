"""Guesses the dialect of a metrics page, for `deckwatch metrics --learn`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from deckwatch.provisioning import dialect as dialects
from deckwatch.provisioning.dialect_relabelling import name_regex
from deckwatch.provisioning.learn import REQUIRED_LABELS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deckwatch.core.project import Project
    from deckwatch.provisioning.dialect import Dialect
    from deckwatch.provisioning.learn import PageMetric

_REQUESTS = "http_requests_total"
_LABELS = {"code", "method", "handler"}


class _Match(NamedTuple):
    """How well a dialect fits a page, best last: what it maps, and which other metrics of its program the page has.

    `missing` is the number of its metrics that the page lacks, negative.
    """

    labels: int
    companions: int
    metrics: int
    missing: int
    name: str


def suggest_dialects(project: Project, metrics: Mapping[str, PageMetric]) -> Iterator[str]:
    """Yield a sentence that names the dialect of a page; nothing for a page in our names, or in no known dialect."""
    own = metrics[_REQUESTS].labels & _LABELS if _REQUESTS in metrics else set()
    known = (dialects.load_dialect(project, name) for name in dialects.list_names(project))
    matches = sorted(match for dialect in known if dialect is not None and (match := _match_page(dialect, metrics)))
    if not matches or (set(REQUIRED_LABELS[_REQUESTS]) <= own and matches[-1].labels <= len(own)):
        return
    best = matches[-1]
    others = [match.name for match in reversed(matches[:-1]) if match[:-1] == best[:-1]]
    also = f" (or {', '.join(others)}, whose names are the same)" if others else ""
    yield f"the page speaks {best.name}{also}: add `speaks: {best.name}` to its entry in `scrape:`"


def _match_page(dialect: Dialect, metrics: Mapping[str, PageMetric]) -> _Match | None:
    """Return how well a dialect fits; None if the page has no requests by its names, or they lack a needed label."""
    found = {ours: theirs for ours in dialect.metrics if (theirs := _find_source(dialect, ours, metrics)) is not None}
    if _REQUESTS not in found:
        return None
    labels = found[_REQUESTS].labels
    mapped = {ours for ours, sources in dialect.labels.items() if any(source.label in labels for source in sources)} | (
        labels & _LABELS - dialect.labels.keys()
    )
    if not set(REQUIRED_LABELS[_REQUESTS]) <= mapped:
        return None
    companions = sum(name in metrics for name in dialect.data.get("beside", ()))
    return _Match(len(mapped), companions, len(found), len(found) - len(dialect.metrics), dialect.name)


def _find_source(dialect: Dialect, ours: str, metrics: Mapping[str, PageMetric]) -> PageMetric | None:
    """Return the first metric of a page that a dialect maps to one of ours."""
    for source in dialect.metrics[ours]:
        pattern = re.compile(name_regex(source.metric))
        for name, metric in metrics.items():
            counts = f"{name}_count" if metric.kind in ("histogram", "summary") else name
            if pattern.fullmatch(name) or pattern.fullmatch(counts):
                return metric
    return None
