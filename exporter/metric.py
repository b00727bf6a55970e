"""Metrics, declared once as constants at the top of a collector's file, and their samples."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from deckwatch.core.catalog import Kind

_MAX_PREFIXES = 20_000  # per metric; the cache is cleared beyond that, so that short-lived labels do not accumulate
_MAX_INT = 1 << 1000  # a larger integer does not fit into a float, and so not into Prometheus


class Sample(NamedTuple):
    """One value of one series: `labels` are the values of `metric.labels`, in that order."""

    metric: Metric
    labels: tuple[str, ...]
    value: float


class Lines(NamedTuple):
    r"""Rendered series of one metric, from a collector that renders and caches its own lines.

    `texts` together hold `series_count` whole lines in UTF-8 with finite values: `name{label="value",…} 1\n`.
    `values` are the last label values and the value of each line, for the status page; only metrics with `state` have
    them.
    """

    metric: Metric
    texts: Sequence[bytes]
    series_count: int
    values: Sequence[tuple[tuple[str, ...], float]] = ()

    def to_text(self) -> str:
        """Return the lines as one string."""
        return b"".join(self.texts).decode()


class Metric:
    """A metric's name, kind, help, label names and unit; calling it returns a sample.

    `state` marks a gauge that holds a state (a container exited, a database is down): it keeps its last known value
    for a bounded time while its source cannot be read. Counters and measured values never do.
    `is_about_reading` marks a metric that says whether the source could be read, such as container_scrape_error: a
    failed collector with nothing else has not read a part.
    `with_suffix` is for the series of a histogram or summary, whose names differ from the family's.
    """

    __slots__ = (
        "_heading",
        "_prefixes",
        "family",
        "help",
        "is_about_reading",
        "kind",
        "labels",
        "name",
        "open_labels",
        "state",
        "unit",
    )

    def __init__(
        self,
        name: str,
        kind: Kind,
        help: str,  # noqa: A002 - the format's own term
        labels: tuple[str, ...] = (),
        *,
        unit: str = "",
        state: bool = False,
        open_labels: bool = False,
        is_about_reading: bool = False,
    ) -> None:
        self.name = name
        self.kind = kind
        self.help = help
        self.labels = labels
        self.unit = unit or _unit_from_name(name)
        self.state = state
        self.open_labels = open_labels
        self.is_about_reading = is_about_reading
        self.family = self
        self._prefixes: dict[tuple[str, ...], str] = {}
        self._heading = ""

    def __call__(self, value: float, *labels: str) -> Sample:
        """Return a sample; give as many label values as there are label names."""
        return Sample(self, labels, value)

    def with_suffix(self, suffix: str, labels: tuple[str, ...] | None = None) -> Metric:
        """Return a metric written under this one's TYPE: `_bucket`, or the same name with other labels."""
        part = Metric(self.name + suffix, self.kind, self.help, self.labels if labels is None else labels)
        part.family = self.family
        return part

    def line_prefix(self, labels: tuple[str, ...]) -> str:
        """Return `name{label="value",…} `, cached per set of label values.

        A label with an empty value is left out: Prometheus treats the two as the same.
        """
        prefix = self._prefixes.get(labels)
        if prefix is None:
            if len(self._prefixes) >= _MAX_PREFIXES:
                self._prefixes.clear()
            if len(labels) != len(self.labels):
                raise ValueError(f"{self.name} has the labels {self.labels}, not {len(labels)} values")
            pairs = ",".join(f'{k}="{escape_label(v)}"' for k, v in zip(self.labels, labels, strict=True) if v)
            prefix = self._prefixes[labels] = f"{self.name}{{{pairs}}} " if pairs else f"{self.name} "
        return prefix

    @property
    def heading(self) -> str:
        """The lines HELP and TYPE that begin the metric's family on the page."""
        if not self._heading:
            help_text = self.help.replace("\\", "\\\\").replace("\n", "\\n")
            self._heading = f"# HELP {self.name} {help_text}\n# TYPE {self.name} {self.kind}\n"
        return self._heading

    def __repr__(self) -> str:
        return f"Metric({self.name})"


def validate_samples(samples: Iterable[Sample | Lines]) -> Iterator[Sample | Lines]:
    """Yield samples as `take_within_budget` takes them, without a limit."""
    for sample in samples:
        taken: list[Sample | Lines] = []
        take_within_budget([sample], sample.series_count if isinstance(sample, Lines) else 1, taken)
        yield from taken


def _to_float(metric: Metric, value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{metric.name}: the value is too large for a float") from None


def count_series(samples: Iterable[Sample | Lines]) -> int:
    """Return the number of series."""
    return sum([sample.series_count if sample.__class__ is Lines else 1 for sample in samples])  # once for each sample


def take_within_budget(samples: Iterable[Sample | Lines], budget: int, taken: list[Sample | Lines]) -> int:
    """Append samples to `taken` up to a number of series; return the number of series left out.

    What is taken can be rendered: values of types other than float and int (bool, Decimal) become floats. Raises
    ValueError for a wrong number of label values and for an integer too large for a float, TypeError for a value that
    is not a number, and what iterating raises; the samples before the fault are in `taken`.
    """
    left, dropped = budget, 0
    for sample in samples:  # one loop for everything: it dominates the cost of a scrape
        if isinstance(sample, Lines):
            series = sample.series_count
            if series <= left:
                left -= series
                taken.append(sample)
                continue
            dropped += series - left
            if left:
                first = sample.to_text().splitlines(keepends=True)[:left]
                taken.append(Lines(sample.metric, ["".join(first).encode()], left, sample.values[:left]))
            left = 0
            continue
        metric, labels, value = sample
        if labels not in metric._prefixes:  # noqa: SLF001 - as in exposition
            metric.line_prefix(labels)
        kind: object = type(value)
        if not (kind is float or (kind is int and -_MAX_INT < value < _MAX_INT)):
            sample = Sample(metric, labels, _to_float(metric, value))  # noqa: PLW2901
        if left > 0:
            left -= 1
            taken.append(sample)
        else:
            dropped += 1
    return dropped


def escape_label(value: str) -> str:
    """Return a label value escaped for the text format 0.0.4; characters that are not Unicode are replaced."""
    if not value.isprintable() or "\\" in value or '"' in value:
        value = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        value = value.encode("utf-8", "replace").decode("utf-8")
    return value


def format_value(value: float) -> str:
    """Return a value as the text format writes it."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if isinstance(value, bool) else repr(value)


def _unit_from_name(name: str) -> str:
    """Return the base unit at the end of a name, by Prometheus' naming rules."""
    for unit in ("seconds", "bytes", "ratio", "celsius", "hertz", "volts", "amperes", "meters"):
        if name.removesuffix("_total").endswith("_" + unit):
            return unit
    return ""
