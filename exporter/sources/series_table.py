"""The series of one reading of a configured source: checked one by one, and rendered once for all scrapes."""

from __future__ import annotations

import datetime as dt
import math
from typing import TYPE_CHECKING

from deckwatch.exporter.metric import Lines, Metric, escape_label, format_value
from deckwatch.exporter.sources.source_failures import DuplicateLabels, NotANumber, TooManySeries, UnsuitableLabel

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Labels = tuple[str, ...]

_MAX_LABEL = 1024  # characters
_MAX_NUMBER = 1e300  # an integer above may not fit into a float


class SeriesTable:
    """At most `limit` series; a histogram counts as one. `rows` says in messages what two series come from."""

    def __init__(self, limit: int, rows: str = "rows") -> None:
        self._limit = limit
        self._rows = rows
        self._values: dict[Metric, dict[Labels, float]] = {}
        self._histograms: dict[Metric, dict[Labels, Histogram]] = {}
        self._count = 0

    def list_series(self) -> Iterator[tuple[str, frozenset[tuple[str, str]]]]:
        """Yield the name and the labels of each series, without empty labels."""
        tables: list[Mapping[Metric, Mapping[Labels, object]]] = [self._values, self._histograms]
        for metric, values in (entry for table in tables for entry in table.items()):
            for labels in values:
                pairs = zip(metric.labels, labels, strict=True)
                yield metric.name, frozenset((name, value) for name, value in pairs if value)

    def set_value(self, metric: Metric, labels: Labels, value: float) -> None:
        """Set a series that must have no value yet; raises DuplicateLabels and TooManySeries."""
        values = self._values.setdefault(metric, {})
        if labels in values:
            raise DuplicateLabels(
                f"two {self._rows} have the labels {describe_labels(metric, labels)} of {metric.name}"
            )
        self._take_one()
        values[labels] = value

    def set_histogram(self, metric: Metric, labels: Labels, histogram: Histogram) -> None:
        """Set the buckets, sum and count of a series; raises TooManySeries."""
        self._take_one()
        self._histograms.setdefault(metric, {})[labels] = histogram

    def render_lines(self) -> list[Lines]:
        """Return the lines of each metric."""
        lines = []
        for metric, values in self._values.items():
            text = "".join(f"{metric.line_prefix(labels)}{format_value(value)}\n" for labels, value in values.items())
            lines.append(Lines(metric, [text.encode("utf-8", "replace")], len(values)))
        for metric, histograms in self._histograms.items():
            texts = [histogram.render(metric, labels) for labels, histogram in histograms.items()]
            series = sum(len(histogram.bounds) + 3 for histogram in histograms.values())
            lines.append(Lines(metric, ["".join(texts).encode("utf-8", "replace")], series))
        return lines

    def _take_one(self) -> None:
        self._count += 1
        if self._count > self._limit:
            raise TooManySeries(f"more than {self._limit} series; group the rows, or raise max_series")


class Histogram:
    """Observations by bucket: `bounds` are the upper bounds without +Inf; `counts`, not cumulative, end with +Inf's."""

    def __init__(self, bounds: Sequence[float], counts: Sequence[int] = (), total: float = 0.0) -> None:
        self.bounds = tuple(bounds)
        self.counts = list(counts) or [0] * (len(self.bounds) + 1)
        self.total = total

    def observe(self, value: float) -> None:
        """Add an observation."""
        at = next((index for index, bound in enumerate(self.bounds) if value <= bound), len(self.bounds))
        self.counts[at] += 1
        self.total += value

    def render(self, metric: Metric, labels: Labels) -> str:
        """Return the lines of the buckets, the sum and the count."""
        pairs = [f'{name}="{escape_label(value)}"' for name, value in zip(metric.labels, labels, strict=True) if value]
        plain = f"{{{','.join(pairs)}}}" if pairs else ""
        lines, count = [], 0
        for bound, here in zip((*self.bounds, math.inf), self.counts, strict=True):
            count += here
            inside = ",".join([*pairs, f'le="{format_value(float(bound))}"'])
            lines.append(f"{metric.name}_bucket{{{inside}}} {count}\n")
        lines.append(f"{metric.name}_sum{plain} {format_value(self.total)}\n{metric.name}_count{plain} {count}\n")
        return "".join(lines)


def describe_labels(metric: Metric, labels: Labels) -> str:
    """Return labels as in PromQL, for a message."""
    pairs = ", ".join(f'{name}="{escape_label(value)}"' for name, value in zip(metric.labels, labels, strict=True))
    return f"{{{pairs}}}"


def to_number(value: object, where: str) -> float:
    """Return a value as a number: times as Unix times (without a zone in UTC), durations in seconds.

    `where` names the value in the message of NotANumber, which is raised for everything else: text, nothing, NaN.
    """
    number: float
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, dt.datetime):
        return (value if value.tzinfo else value.replace(tzinfo=dt.UTC)).timestamp()
    if isinstance(value, dt.date):
        return dt.datetime(value.year, value.month, value.day, tzinfo=dt.UTC).timestamp()
    if isinstance(value, dt.timedelta):
        return value.total_seconds()
    if isinstance(value, int):
        if abs(value) > _MAX_NUMBER:
            raise NotANumber(f"{where} is too large for a float")
        return value
    import decimal  # noqa: PLC0415 - only where a source is configured

    if not isinstance(value, float | decimal.Decimal):
        raise NotANumber(f"{where} is {_describe_type(value)}; expected a number")
    number = float(value)
    if not math.isfinite(number):
        raise NotANumber(f"{where} is {'NaN' if math.isnan(number) else 'infinite'}; expected a number")
    return number


def to_label(value: object, where: str) -> str:
    """Return a value as a label's value, empty for nothing; raises UnsuitableLabel for lists and for long texts."""
    import decimal  # noqa: PLC0415 - only where a source is configured

    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        value = value.decode("utf-8", "backslashreplace")
    elif isinstance(value, dt.datetime | dt.date):
        value = value.isoformat()
    elif isinstance(value, float | decimal.Decimal):
        value = str(int(value)) if math.isfinite(value) and value == int(value) else str(value)
    elif isinstance(value, int):
        value = str(value)
    if not isinstance(value, str):
        raise UnsuitableLabel(f"{where} is {_describe_type(value)}; a label needs text")
    if len(value) > _MAX_LABEL:
        raise UnsuitableLabel(f"{where} has {len(value)} characters; a label may have {_MAX_LABEL}")
    return value


def _describe_type(value: object) -> str:
    names: dict[type, str] = {
        str: "text",
        type(None): "nothing (NULL)",
        bytes: "binary",
        list: "a list",
        dict: "a mapping",
    }
    return names.get(type(value), f"of type {type(value).__name__}")
