"""From outcomes to bytes: Prometheus' text format 0.0.4.

The format: https://prometheus.io/docs/instrumenting/exposition_formats/. Written by ourselves because
`prometheus_client` cannot write counters that do not end in `_total` with their right type, which drop-in names
need, and takes ten times as long; its parser judges our text in the tests.
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
    """Return the page as a text."""
    return b"".join(render_chunks(samples)).decode()


def render_chunks(samples: Iterable[Sample | Lines]) -> Iterator[bytes]:
    """Yield the page in UTF-8, family by family in the order of their first sample, series in the order they came.

    Two metrics of one name (a textfile may hold any) are one family, as the format demands; the first gives HELP and
    TYPE. The samples must have been checked. What is no Unicode (in a foreign HELP
    line) is replaced here at the latest.
    """
    families: dict[str, tuple[Metric, list[str], list[bytes]]] = {}
    lines: list[str] = []
    kept: list[bytes] = []
    last: Metric | None = None
    for sample in samples:
        if sample.metric is not last:
            last = sample.metric
            family = last.family
            known = families.get(family.name)
            if known is None:
                known = families[family.name] = (family, [], [])
            _, lines, kept = known
        if isinstance(sample, Lines):
            kept += sample.texts
            continue
        metric, labels, value = sample
        # The cache is asked first and by hand: this loop is what a scrape costs.
        prefix = metric._prefixes.get(labels) or metric.line_prefix(labels)  # noqa: SLF001
        lines.append(f"{prefix}{value!r}\n" if math.isfinite(value) else f"{prefix}{format_value(value)}\n")
    for family, lines, kept in families.values():
        help_text = family.help.replace("\\", "\\\\").replace("\n", "\\n")
        heading = f"# HELP {family.name} {help_text}\n# TYPE {family.name} {family.kind}\n"
        # Each by itself: one letter that is not ASCII makes all of the text that it stands in four times as slow.
        yield b"".join(["".join([heading, *lines]).encode("utf-8", "replace"), *kept])


def self_samples(outcomes: Sequence[Outcome], records: Mapping[Key, Record], now: float) -> Iterable[Sample]:
    """Yield what a page tells of its collectors; a collector with nothing to watch is left out."""
    for outcome in outcomes:
        if outcome.absent is not None:
            continue
        collector = outcome.collector
        server, service = "", ""
        if outcome.subject:
            server, service = (outcome.subject, "") if collector.subject_label == "server" else ("", outcome.subject)
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
