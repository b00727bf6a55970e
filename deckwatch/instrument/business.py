"""Business metrics in one line each, named by Prometheus conventions.

    REVENUE = business.counter("shop_revenue", "Revenue of paid orders.", unit="eur", labels=["currency"])
    REVENUE.labels("EUR").inc(19.90)

Name a metric `<application>_<quantity>`, in base units (seconds, bytes, ratio); counters get the suffix `_total`. An
invalid declaration raises ValueError at import.
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Literal, TypeVar

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, Summary

from deckwatch.instrument import live_gauges
from deckwatch.instrument.meters import BUCKETS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_LABEL = re.compile(r"[a-z][a-z0-9_]*")

# Prometheus adds these to every series of a target, or reserves them.
_RESERVED_LABELS = ("instance", "job", "service", "cluster", "environment", "le", "quantile")
_RESERVED_PREFIXES = (
    *("container_", "deckwatch_", "http_", "machine_", "node_", "pg_", "probe_", "process_", "python_", "websocket_"),
)
_RESERVED_SUFFIXES = ("_total", "_created", "_bucket", "_count", "_sum", "_info")
_UNITS_IN_NAMES = ("seconds", "bytes", "ratio", "celsius", "meters", "grams", "joules", "volts", "amperes")
_BASE_UNITS = {
    "milliseconds": "seconds",
    "ms": "seconds",
    "minutes": "seconds",
    "hours": "seconds",
    "days": "seconds",
    "kilobytes": "bytes",
    "megabytes": "bytes",
    "percent": "ratio",
    "cents": "the currency's whole unit",
}

_Metric = TypeVar("_Metric", Counter, Gauge, Histogram, Summary)

# How the values of an application's processes become one, and prometheus-client's name for it. The latest value is kept
# after its process has ended; sum, max and min are those of the living ones.
Workers = Literal["sum", "latest", "max", "min"]
_MODES: dict[Workers, Literal["livesum", "mostrecent", "livemax", "livemin"]] = {
    "sum": "livesum",
    "latest": "mostrecent",
    "max": "livemax",
    "min": "livemin",
}


def counter(
    name: str,
    help: str,  # noqa: A002 - the term of the exposition format
    *,
    unit: str = "",
    labels: Sequence[str] = (),
    start: Iterable[Sequence[str]] = (),
    registry: CollectorRegistry = REGISTRY,
) -> Counter:
    """Declare a counter. Series with the label values in `start` exist from zero.

    Without `start`, the first event of a series is not seen as an increase, because the series begins at 1.
    """
    name = name.removesuffix("_total")
    text = _validated_help(name, help, unit, labels)
    return _with_series(Counter(name, text, labels, registry=registry), start)


def gauge(
    name: str,
    help: str,  # noqa: A002 - the term of the exposition format
    *,
    unit: str = "",
    labels: Sequence[str] = (),
    start: Iterable[Sequence[str]] = (),
    workers: Workers = "sum",
    registry: CollectorRegistry = REGISTRY,
) -> Gauge:
    """Declare a gauge. `workers` combines the values of several processes of one application.

    A value that any process replaces, such as the time of the last import, is `latest`; it is set, not increased.
    """
    if workers not in _MODES:
        raise ValueError(f"{name}: `workers` is one of {', '.join(_MODES)}, not {workers!r}")
    text = _validated_help(name, help, unit, labels)
    live_gauges.remove_own_orphans()
    return _with_series(Gauge(name, text, labels, registry=registry, multiprocess_mode=_MODES[workers]), start)


def histogram(
    name: str,
    help: str,  # noqa: A002 - the term of the exposition format
    *,
    unit: str = "",
    labels: Sequence[str] = (),
    buckets: Sequence[float] = BUCKETS,
    start: Iterable[Sequence[str]] = (),
    registry: CollectorRegistry = REGISTRY,
) -> Histogram:
    """Declare a histogram; `buckets` are upper bounds in the metric's unit, by default those of request durations."""
    text = _validated_help(name, help, unit, labels)
    if not buckets or any(lower >= upper for lower, upper in itertools.pairwise(buckets)):
        raise ValueError(f"{name}: `buckets` are upper bounds in increasing order")
    return _with_series(Histogram(name, text, labels, registry=registry, buckets=tuple(buckets)), start)


def summary(
    name: str,
    help: str,  # noqa: A002 - the term of the exposition format
    *,
    unit: str = "",
    labels: Sequence[str] = (),
    start: Iterable[Sequence[str]] = (),
    registry: CollectorRegistry = REGISTRY,
) -> Summary:
    """Declare a summary: the number and the sum of values, for rates and means where percentiles are not needed."""
    text = _validated_help(name, help, unit, labels)
    return _with_series(Summary(name, text, labels, registry=registry), start)


def _with_series(metric: _Metric, start: Iterable[Sequence[str]]) -> _Metric:
    for values in start:
        metric.labels(*values)
    return metric


def _validated_help(name: str, text: str, unit: str, labels: Sequence[str]) -> str:
    """Return the help with the unit appended. Raises ValueError that lists all errors of the declaration."""
    errors = list(_declaration_errors(name, text, unit, labels))
    if errors:
        raise ValueError(f"{name}: {'; '.join(errors)}")
    return f"{text} In {unit}." if unit and unit not in _UNITS_IN_NAMES else text


def _declaration_errors(name: str, text: str, unit: str, labels: Sequence[str]) -> Iterable[str]:
    if not _NAME.fullmatch(name):
        yield "a name consists of words of a-z and 0-9 joined by _, as in shop_orders"
    if name.startswith(_RESERVED_PREFIXES):
        yield f"{name.partition('_')[0]}_ is a reserved prefix; start with the application's name"
    if name.endswith(_RESERVED_SUFFIXES):
        yield f"the suffix _{name.rpartition('_')[2]} is reserved by Prometheus"
    if not text.strip():
        yield "`help` must describe the metric"
    if unit in _BASE_UNITS:
        yield f"count in {_BASE_UNITS[unit]}, not in {unit}"
    elif unit in _UNITS_IN_NAMES and not name.endswith(f"_{unit}"):
        yield f"the name of a metric in {unit} must end with _{unit}"
    for label in labels:
        if not _LABEL.fullmatch(label):
            yield f"a label consists of words of a-z and 0-9 joined by _, not {label!r}"
        if label in _RESERVED_LABELS:
            yield f"Prometheus sets the label {label} itself"
