"""Business metrics in one line each, with the names that Prometheus' conventions ask for.

    REVENUE = business.counter("shop_revenue", "Revenue of paid orders.", unit="eur", labels=["currency"])
    REVENUE.labels("EUR").inc(19.90)

A name is best `<application>_<what>`, in base units (seconds, bytes, ratio); a counter is shown with `_total` at its
end. A wrong declaration is a ValueError at import, where its author sees it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_LABEL = re.compile(r"[a-z][a-z0-9_]*")

# Prometheus adds these to every series of a target, or gives them a meaning of its own.
_TAKEN_LABELS = ("instance", "job", "service", "cluster", "environment", "le", "quantile")
_TAKEN_PREFIXES = (
    *("container_", "deckwatch_", "http_", "machine_", "node_", "pg_", "probe_", "process_", "python_", "websocket_"),
)
_TAKEN_ENDS = ("_total", "_created", "_bucket", "_count", "_sum", "_info")
_IN_NAME = ("seconds", "bytes", "ratio", "celsius", "meters", "grams", "joules", "volts", "amperes")
_BASE = {
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

_Metric = TypeVar("_Metric", Counter, Gauge)


def counter(
    name: str,
    help: str,  # noqa: A002 - the format's own word
    *,
    unit: str = "",
    labels: Sequence[str] = (),
    start: Iterable[Sequence[str]] = (),
    registry: CollectorRegistry = REGISTRY,
) -> Counter:
    """Declare something that is counted or summed up. Series with the label values in `start` are there from zero on.

    Without them the first event of a kind is not seen as a rise: its series begins at 1.
    """
    name = name.removesuffix("_total")
    text = _validated_help(name, help, unit, labels)
    return _with_series(Counter(name, text, labels, registry=registry), start)


def gauge(
    name: str,
    help: str,  # noqa: A002 - the format's own word
    *,
    unit: str = "",
    labels: Sequence[str] = (),
    start: Iterable[Sequence[str]] = (),
    registry: CollectorRegistry = REGISTRY,
) -> Gauge:
    """Declare something that goes up and down; several processes of one application are summed up."""
    text = _validated_help(name, help, unit, labels)
    return _with_series(Gauge(name, text, labels, registry=registry, multiprocess_mode="livesum"), start)


def _with_series(metric: _Metric, start: Iterable[Sequence[str]]) -> _Metric:
    for values in start:
        metric.labels(*values)
    return metric


def _validated_help(name: str, text: str, unit: str, labels: Sequence[str]) -> str:
    """Return the help with the unit in it. Raises ValueError, which names everything that is wrong."""
    wrong = list(_declaration_errors(name, text, unit, labels))
    if wrong:
        raise ValueError(f"{name}: {'; '.join(wrong)}")
    return f"{text} In {unit}." if unit and unit not in _IN_NAME else text


def _declaration_errors(name: str, text: str, unit: str, labels: Sequence[str]) -> Iterable[str]:
    if not _NAME.fullmatch(name):
        yield "a name is words of a-z and 0-9 joined by _, as in shop_orders"
    if name.startswith(_TAKEN_PREFIXES):
        yield f"{name.partition('_')[0]}_ belongs to others; begin with the application's name"
    if name.endswith(_TAKEN_ENDS):
        yield f"the end _{name.rpartition('_')[2]} has a meaning of its own in Prometheus"
    if not text.strip():
        yield "say in `help` what is counted"
    if unit in _BASE:
        yield f"count in {_BASE[unit]}, not in {unit}"
    elif unit in _IN_NAME and not name.endswith(f"_{unit}"):
        yield f"a name in {unit} ends with _{unit}"
    for label in labels:
        if not _LABEL.fullmatch(label):
            yield f"a label is words of a-z and 0-9 joined by _, not {label!r}"
        if label in _TAKEN_LABELS:
            yield f"Prometheus sets the label {label} itself"
