"""From outcomes to bytes: Prometheus' text format 0.0.4.

The format: https://prometheus.io/docs/instrumenting/exposition_formats/. Written by ourselves because
`prometheus_client` cannot write counters that do not end in `_total` with their right type, which drop-in names
need, and takes ten times as long; its parser judges our text in the tests.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from exporter.metric import Metric, Sample, number
from exporter.own import AGE, DROPPED, DURATION, PEERS, SERIES, SUCCESS, TIMEOUTS
from exporter.scrape import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from exporter.scrape import Key, Outcome

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def text(samples: Iterable[Sample]) -> str:
    """Return the page: families in the order of their first sample, series in the order they came.

    Two metrics of one name (a textfile may hold any) are one family, as the format demands; the first gives HELP and
    TYPE. The samples must have been checked.
    """
    families: dict[str, tuple[Metric, list[str]]] = {}
    lines: list[str] = []
    last: Metric | None = None
    for metric, labels, value in samples:
        if metric is not last:
            last = metric
            family = metric.family
            found = families.get(family.name)
            if found is None:
                found = families[family.name] = (family, [])
            lines = found[1]
        # The cache is asked first and by hand: this loop is what a scrape costs.
        prefix = metric._prefixes.get(labels) or metric.prefix(labels)  # noqa: SLF001
        lines.append(f"{prefix}{value!r}\n" if math.isfinite(value) else f"{prefix}{number(value)}\n")
    pieces: list[str] = []
    for family, lines in families.values():
        help_text = family.help.replace("\\", "\\\\").replace("\n", "\\n")
        pieces.append(f"# HELP {family.name} {help_text}\n# TYPE {family.name} {family.kind}\n")
        pieces += lines
    return "".join(pieces)


def own_samples(outcomes: Sequence[Outcome], records: Mapping[Key, Record], now: float) -> Iterable[Sample]:
    """Yield what a page tells of its collectors; a collector with nothing to watch is left out."""
    for outcome in outcomes:
        if outcome.absent is not None:
            continue
        one = outcome.collector
        server, service = "", ""
        if outcome.subject:
            server, service = (outcome.subject, "") if one.subject_label == "server" else ("", outcome.subject)
        labels = (one.name, server, service)
        record = records.get((one.name, outcome.subject)) or Record()  # another scrape may have dropped it
        yield SUCCESS(int(outcome.success), *labels)
        yield DURATION(outcome.seconds, *labels)
        yield TIMEOUTS(record.timeouts, *labels)
        if outcome.at is not None:
            yield AGE(max(0.0, now - outcome.at), *labels)
        yield SERIES(len(outcome.samples), *labels)
        yield DROPPED(record.dropped, *labels)
        if one.peer is not None and one.peer[0] in PEERS:
            duration, success = PEERS[one.peer[0]]
            yield duration(outcome.seconds, one.peer[1], server)
            yield success(int(outcome.success), one.peer[1], server)
