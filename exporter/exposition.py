"""Prometheus' text format 0.0.4, rendered from samples.

The format: https://prometheus.io/docs/instrumenting/exposition_formats/. Not rendered by `prometheus_client`,
which cannot write counters whose name does not end in `_total` with their type, as drop-in names need, and takes ten
times as long; its parser verifies our text in the tests.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from deckwatch.exporter.metric import Lines, Metric, Sample, count_series, format_value
from deckwatch.exporter.outcome import Record
from deckwatch.exporter.self_metrics import AGE, DROPPED, DURATION, PEER_METRICS, SERIES, SUCCESS, TIMEOUTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from deckwatch.exporter.outcome import Outcome
    from deckwatch.exporter.scrape import Key

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def render_text(samples: Iterable[Sample | Lines]) -> str:
    """Return the page as text."""
    return b"".join(render_chunks(samples)).decode()


def render_chunks(samples: Iterable[Sample | Lines]) -> Iterator[bytes]:
    """Yield the page in UTF-8: families in the order of their first sample, series in the order of the samples.

    Two metrics of one name (a textfile may contain any) form one family, as the format requires; the first determines
    HELP and TYPE. The samples must be validated. Characters that are not Unicode, in a foreign HELP line, are replaced.
    """
    families: dict[str, tuple[Metric, list[str], list[bytes]]] = {}
    lines: list[str] = []
    rendered: list[bytes] = []
    last: Metric | None = None
    for sample in samples:
        if sample.metric is not last:
            last = sample.metric
            family = last.family
            entry = families.get(family.name)
            if entry is None:
                entry = families[family.name] = (family, [], [])
            _, lines, rendered = entry
        if isinstance(sample, Lines):
            rendered += sample.texts
            continue
        metric, labels, value = sample
        # The cache is read directly before the method is called: this loop dominates the cost of a scrape.
        prefix = metric._prefixes.get(labels) or metric.line_prefix(labels)  # noqa: SLF001
        lines.append(f"{prefix}{value!r}\n" if math.isfinite(value) else f"{prefix}{format_value(value)}\n")
    for family, lines, rendered in families.values():
        help_text = family.help.replace("\\", "\\\\").replace("\n", "\\n")
        heading = f"# HELP {family.name} {help_text}\n# TYPE {family.name} {family.kind}\n"
        # Encoded per family: a single character outside ASCII makes encoding a string four times as slow.
        yield b"".join(["".join([heading, *lines]).encode("utf-8", "replace"), *rendered])


def self_samples(outcomes: Sequence[Outcome], records: Mapping[Key, Record], now: float) -> Iterable[Sample]:
    """Yield a page's metrics about its collectors; a collector with nothing to watch has none."""
    for outcome in outcomes:
        if outcome.absent is not None:
            continue
        collector = outcome.collector
        server, service = "", ""
        if outcome.subject:
            by_server = collector.subject_label == "server"
            server, service = (outcome.subject, "") if by_server else ("", outcome.subject)
        labels = (collector.name, server, service)
        record = records.get((collector.name, outcome.subject)) or Record()  # another scrape may have dropped it
        yield SUCCESS(int(outcome.success), *labels)
        yield DURATION(outcome.seconds, *labels)
        yield TIMEOUTS(record.timeouts, *labels)
        if outcome.at is not None:
            yield AGE(max(0.0, now - outcome.at), *labels)
        yield SERIES(count_series(outcome.samples), *labels)
        yield DROPPED(record.dropped, *labels)
        if collector.peer is not None and collector.peer[0] in PEER_METRICS:
            duration, success = PEER_METRICS[collector.peer[0]]
            yield duration(outcome.seconds, collector.peer[1], server)
            yield success(int(outcome.success), collector.peer[1], server)
