"""Prometheus' text format 0.0.4, rendered from samples.

The format: https://prometheus.io/docs/instrumenting/exposition_formats/. Not rendered by `prometheus_client`,
which cannot write counters whose name does not end in `_total` with their type, as drop-in names need, and takes ten
times as long; its parser verifies our text in the tests.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from deckwatch.exporter.metric import Lines, Metric, Sample, count_series, format_value
from deckwatch.exporter.outcome import Record, round_deadline
from deckwatch.exporter.self_metrics import (
    AGE,
    DROPPED,
    DURATION,
    PARTIAL,
    PEER_METRICS,
    PG_DURATION,
    SERIES,
    SUCCESS,
    TIMEOUTS,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from deckwatch.exporter.outcome import Outcome
    from deckwatch.exporter.scrape import Key


class Family(NamedTuple):
    """A family as text: `head` holds HELP, TYPE and the series rendered here; `rendered` those of collectors."""

    name: str
    head: bytes
    rendered: tuple[Lines, ...]

    def texts(self) -> list[bytes]:
        """Return the pieces of the family's text."""
        texts = [self.head]
        for lines in self.rendered:
            texts += lines.texts
        return texts


CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def render_text(samples: Iterable[Sample | Lines]) -> str:
    """Return the page as text."""
    return b"".join(render_chunks(samples)).decode()


def render_chunks(samples: Iterable[Sample | Lines]) -> Iterator[bytes]:
    """Yield the page in UTF-8, a chunk per family."""
    for family in render_families(samples):
        yield b"".join(family.texts())


def render_families(samples: Iterable[Sample | Lines]) -> Iterator[Family]:
    """Yield the page's families in the order of their first sample, with series in the order of the samples.

    Two metrics of one name (a textfile may contain any) form one family, as the format requires; the first determines
    HELP and TYPE. The samples must be validated. Characters that are not Unicode, in a foreign HELP line, are replaced.
    """
    families: dict[str, tuple[Metric, list[str], list[Lines]]] = {}
    lines: list[str] = []
    rendered: list[Lines] = []
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
            rendered.append(sample)
            continue
        metric, labels, value = sample
        # The cache is read directly before the method is called: this loop dominates the cost of a scrape.
        prefix = metric._prefixes.get(labels) or metric.line_prefix(labels)  # noqa: SLF001
        lines.append(f"{prefix}{value!r}\n" if math.isfinite(value) else f"{prefix}{format_value(value)}\n")
    for family, lines, rendered in families.values():
        # Encoded per family: a single character outside ASCII makes encoding a string four times as slow.
        yield Family(family.name, "".join([family.heading, *lines]).encode("utf-8", "replace"), tuple(rendered))


def self_samples(
    outcomes: Sequence[Outcome], records: Mapping[Key, Record], now: float, seconds: float
) -> Iterable[Sample]:
    """Yield a page's metrics about its collectors; a collector with nothing to watch has none.

    `now` is a time of World.age_clock, and `seconds` the deadline of the scrape.
    """
    deadline = round_deadline(seconds)
    seconds_by_server: dict[str, float] = {}
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
        yield Sample(SUCCESS, labels, int(outcome.success))  # shares the labels; a page has hundreds of these
        if not outcome.success:
            yield PARTIAL(int(outcome.is_partial), *labels)
        yield Sample(DURATION, labels, outcome.seconds)
        yield Sample(TIMEOUTS, labels, record.timeouts[deadline])
        if outcome.at is not None:
            yield Sample(AGE, labels, max(0.0, now - outcome.at))
        yield Sample(SERIES, labels, count_series(outcome.samples))
        yield Sample(DROPPED, labels, record.dropped)
        if collector.peer is not None and collector.peer[0] in PEER_METRICS:
            duration, success = PEER_METRICS[collector.peer[0]]
            labels_there = (collector.peer[1], server)
            yield Sample(duration, labels_there, outcome.seconds)
            yield Sample(success, labels_there, int(outcome.success))
        if server:
            seconds_by_server[server] = seconds_by_server.get(server, 0.0) + outcome.seconds
    for server, duration_of_all in seconds_by_server.items():
        yield PG_DURATION(duration_of_all, server)
