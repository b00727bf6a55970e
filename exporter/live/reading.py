"""One reading: the measures of all objects, from the newest outcomes, without reading any source."""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from deckwatch.exporter.live.measures import IDLE, MEASURES, METRICS, STATES, UNAME, Key
from deckwatch.exporter.metric import Lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from deckwatch.exporter.live.measures import Measure
    from deckwatch.exporter.live.rules import Rules
    from deckwatch.exporter.outcome import Outcome, Record
    from deckwatch.exporter.scrape import Key as RunKey

Labels = dict[str, str]
Series = tuple[str, ...]  # the label values that tell a counter's series apart

_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_ESCAPE = re.compile(r"\\(.)")
_COMBINE: dict[str, Callable[[float, float], float]] = {"sum": operator.add, "max": max, "min": min}


@dataclass
class Reading:
    """The measures at one moment. `counters` hold time (of World.age_clock) and value of each series of a measure."""

    at: float
    gauges: dict[Key, float] = field(default_factory=dict)
    counters: dict[Key, dict[Series, tuple[float, float]]] = field(default_factory=dict)
    states: dict[Key, str] = field(default_factory=dict)
    uname: Labels = field(default_factory=dict)
    idle: dict[str, tuple[float, float]] = field(default_factory=dict)  # by processor: time, and seconds idle

    def names(self, kind: str) -> list[str]:
        """Return the names of the objects of a kind, sorted."""
        keys = (*self.gauges, *self.counters, *self.states)
        return sorted({key.name for key in keys if key.kind == kind})


def take_reading(records: Mapping[RunKey, Record], rules: Rules, now: float) -> Reading:
    """Return the measures of the newest outcomes; `now` is a time of World.age_clock."""
    reading = Reading(now)
    for record in list(records.values()):
        outcome = record.outcome
        if outcome is None or not any(metric.name in METRICS for metric in outcome.collector.metrics):
            continue
        at = now if outcome.at is None else outcome.at
        for name, labels, value in iter_series(outcome):
            measure = MEASURES.get(name)
            if measure is not None:
                label, exclusion = measure.skip
                if not (exclusion and rules.excludes(exclusion, labels.get(label, ""))):
                    _add_value(reading, measure, labels, (at, value))
            elif name in STATES and value:
                kind, state, label = STATES[name]
                reading.states[Key(kind, labels.get("name", ""), state)] = labels[label]
            elif name == IDLE and labels["mode"] == "idle":
                reading.idle[labels["cpu"]] = (at, value)
            elif name == UNAME:
                reading.uname = labels
    _drop_repeated_mounts(reading)
    return reading


def iter_series(outcome: Outcome) -> Iterator[tuple[str, Labels, float]]:
    """Yield metric, labels and value of each series that the live page reads; labels are as on the metrics page."""
    for sample in outcome.samples:
        metric = sample.metric
        if metric.name not in METRICS:
            continue
        if not isinstance(sample, Lines):
            yield metric.name, dict(zip(metric.labels, sample.labels, strict=True)), sample.value
            continue
        skips_zero = metric.name in STATES
        for line in sample.to_text().split("\n"):  # label values may hold other characters that end lines
            if not line:
                continue
            head, _, value = line.rpartition(" ")
            if not (skips_zero and value == "0"):
                yield metric.name, {name: _unescape_label(text) for name, text in _LABEL.findall(head)}, float(value)


def _unescape_label(text: str) -> str:
    if "\\" not in text:
        return text
    return _ESCAPE.sub(lambda match: "\n" if match[1] == "n" else match[1], text)


def _add_value(reading: Reading, measure: Measure, labels: Labels, at_value: tuple[float, float]) -> None:
    kind, name, label, combine, counter, _ = measure
    subject = labels.get(label, "") if label else ""
    if kind == "container" and not subject:  # the whole machine, or another control group
        return
    if labels.get("pod") and not labels.get("container"):  # the sandbox of a pod
        return
    if kind == "probe":
        subject = f"{subject}/{labels['probe']}" if labels.get("probe") else subject
        reading.states[Key(kind, subject, "kind")] = labels.get("kind", "")
    key = Key(kind, subject, name)
    if counter:
        reading.counters.setdefault(key, {})[tuple(labels.values())] = at_value
    else:
        before, value = reading.gauges.get(key), at_value[1]
        reading.gauges[key] = value if before is None else _COMBINE[combine](before, value)


def _drop_repeated_mounts(reading: Reading) -> None:
    """Leave out the mount points at which a file system shown elsewhere is mounted again, as the alerts do."""
    repeated = {key.name for key in reading.gauges if key.kind == "filesystem" and key.measure == "repeated"}
    for key in [key for key in reading.gauges if key.kind == "filesystem" and key.name in repeated]:
        del reading.gauges[key]
