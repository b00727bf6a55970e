"""Signals: measurements declared once in YAML, and the PromQL derived from them.

A panel, a recording rule and an alert on the same signal cannot drift apart: all three get their expression from it,
the panel with Grafana's `$__rate_interval`, the rules with a fixed window.
"""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from deckwatch.core import promql, units

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from deckwatch.core.catalog import Catalog, Kind
    from deckwatch.core.problems import Place
    from deckwatch.core.yaml_file import Document, Path

RATE_INTERVAL = "$__rate_interval"
QUANTILES = {"p50": "0.5", "p90": "0.9", "p95": "0.95", "p99": "0.99", "p999": "0.999"}
BUCKETS = "buckets"
ASPECTS: dict[str, tuple[str, ...]] = {"histogram": (*QUANTILES, "avg", "rate", BUCKETS), "summary": ("avg", "rate")}
THRESHOLDS = ("low", "high", "critical")

_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*\Z")
_MATCHER = re.compile(r"(=~|!=|!~|=)")
_REGEX = re.compile(r"[.*+?|()\[\]{}^$\\]")


@dataclass(frozen=True)
class Signal:
    """One measurement. Its name is `<subject>.<name>`; its source is either `expr` or `metric`.

    `by` is None if series are not aggregated, and empty if all are aggregated into one. `matchers` are PromQL label
    matchers. `unit` is the unit of the value drawn, or for a histogram of its observations.
    """

    name: str
    document: Document
    path: Path
    title: str
    about: str = ""
    unit: str = ""
    kind: Kind | Literal["expression"] = "expression"
    expr: str = ""
    metric: str = ""
    by: tuple[str, ...] | None = None
    matchers: tuple[str, ...] = ()
    combine: str = "sum"
    over: str = ""
    whole: Reference | None = None
    bad: Literal["up", "down"] | None = None
    thresholds: Mapping[str, float] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    legend: str = ""
    record: str = ""
    window: str = "5m"

    @property
    def place(self) -> Place:
        """The position of the declaration."""
        return self.document.place(self.path, key=True)

    @property
    def aspects(self) -> tuple[str, ...]:
        """The suffixes of its name, one of which is required: `.p95` of a histogram; empty if there are none."""
        return ASPECTS.get(self.kind, ()) if self.whole is None else ()

    def place_in_expr(self, offset: int) -> Place:
        """Return the position of a character of `expr`; the position of `metric` if there is no `expr`."""
        if self.expr:
            return self.document.place_in_text((*self.path, "expr"), offset)
        return self.document.place((*self.path, "metric"))

    def build_expression(
        self, aspect: str | None = None, *, window: str = RATE_INTERVAL, by: Sequence[str] | None = None
    ) -> str:
        """Return the PromQL for a panel, or with `window=signal.window` for a rule.

        `by` replaces the signal's own labels. Raises ValueError for an unknown aspect, or for `by` with plain PromQL.
        """
        if (aspect or None) not in (self.aspects or (None,)):
            raise ValueError(
                f"{self.name} must be used as {', '.join('.' + aspect for aspect in self.aspects) or 'its name'}"
            )
        if self.expr:
            if by is not None:
                raise ValueError(f"{self.name} is plain PromQL: its expression determines its labels")
            return _with_rule_window(self.expr, window)
        labels = self.by if by is None else tuple(by)
        if self.whole is not None:
            if labels is None:
                labels = self.whole.signal.by or ()
            return self._share_expression(self.whole, labels, window)
        if aspect in QUANTILES:
            buckets = self._rate_expression(
                f"{self.metric}_bucket", window, None if labels is None else (*labels, "le")
            )
            return f"histogram_quantile({QUANTILES[aspect]}, {buckets})"
        if aspect == "avg":
            total, count = (self._rate_expression(self.metric + part, window, labels) for part in ("_sum", "_count"))
            return f"{total} / ({count} > 0)"
        if aspect == "rate":
            return self._rate_expression(f"{self.metric}_count", window, labels)
        if aspect == BUCKETS:
            # One distribution: the cells of several side by side would be indistinguishable.
            return self._rate_expression(f"{self.metric}_bucket", window, (*(by or ()), "le"))
        return self._plain_expression(window, labels)

    def _share_expression(self, whole: Reference, labels: tuple[str, ...], window: str) -> str:
        part = self._plain_expression(window, labels)
        by = None if whole.signal.expr else labels
        other = whole.build_expression(window=window, by=by)
        # A part without any series yet is 0 of the whole; unless the whole lacks the labels that distinguish the part.
        labelled = replace(whole.signal, matchers=(*whole.signal.matchers, *self._label_presence(whole.signal)))
        zero = replace(whole, signal=labelled).build_expression(window=window, by=by)
        return f"({part} or 0 * {_with_parentheses(zero)}) / ({other} > 0)"

    def _label_presence(self, whole: Signal) -> Iterator[str]:
        """Yield the matchers of series of `whole` that have the labels by which this signal selects some of them."""
        if whole.metric != self.metric:
            return
        for matcher in self.matchers:
            label, op, value = _MATCHER.split(matcher, maxsplit=1)
            if (
                op in ("=", "=~")
                and value != '""'
                and not any(other.startswith(f"{label}=") for other in whole.matchers)
            ):
                yield f'{label}!=""'

    def _plain_expression(self, window: str, labels: tuple[str, ...] | None) -> str:
        if self.kind == "counter":
            return self._rate_expression(self.metric, window, labels)
        return self._aggregate_text(self._selector_text(self.metric), labels, self.combine)

    def _rate_expression(self, metric: str, window: str, labels: tuple[str, ...] | None) -> str:
        function, window = ("increase", self.over) if self.over else ("rate", window)
        return self._aggregate_text(f"{function}({self._selector_text(metric)}[{window}])", labels, "sum")

    def _aggregate_text(self, text: str, labels: tuple[str, ...] | None, combine: str) -> str:
        if labels is None:
            return text
        return f"{combine} by ({', '.join(labels)}) ({text})" if labels else f"{combine}({text})"

    def _selector_text(self, metric: str) -> str:
        return metric + ("{" + ", ".join(self.matchers) + "}" if self.matchers else "")

    def unit_of(self, aspect: str | None = None) -> str:
        """Return the unit of the value, by aspect."""
        return "per second" if aspect in ("rate", BUCKETS) else self.unit

    def recording_name(self, aspect: str | None = None) -> str:
        """Return the name of the recorded series, '' if the signal is not recorded."""
        return f"{self.record}:{aspect}" if self.record and aspect else self.record


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference to a signal: `latency.p95` is the signal `latency` with the aspect `p95`."""

    signal: Signal
    aspect: str | None = None

    @property
    def name(self) -> str:
        """The full name, `<subject>.<name>[.<aspect>]`."""
        return f"{self.signal.name}.{self.aspect}" if self.aspect else self.signal.name

    @property
    def unit(self) -> str:
        """The unit of the value."""
        return self.signal.unit_of(self.aspect)

    @property
    def recording_name(self) -> str:
        """The name of the recorded series, '' if there is none."""
        return self.signal.recording_name(self.aspect)

    def build_expression(self, *, window: str = RATE_INTERVAL, by: Sequence[str] | None = None) -> str:
        """Return the PromQL; see `Signal.build_expression`."""
        return self.signal.build_expression(self.aspect, window=window, by=by)


def is_name(text: str) -> bool:
    """Return whether a text has the form of a signal or metric name; anything else is PromQL."""
    return bool(_NAME.match(text))


def signal_for_metric(name: str, catalog: Catalog, document: Document, path: Path) -> Signal | None:
    """Return an implicit signal for a metric used by its bare name; None for an unknown metric."""
    info = catalog.get(name) or catalog.series(name)
    if info is None:
        return None
    kind = info.kind if info.name == name else "counter"
    unit = units.rate_of(info.unit) if kind == "counter" else info.unit
    return Signal(name, document, path, title_of(name), info.help, unit, kind, metric=name)


def label_matchers(where: Mapping[str, Any], *, exclude: bool = False) -> tuple[str, ...]:
    """Return PromQL label matchers: `=` for a plain value, `=~` for a pattern or a list."""
    result = []
    for label, value in where.items():
        options = [_matcher_value(option) for option in (value if isinstance(value, list) else [value])]
        pattern = len(options) > 1 or bool(_REGEX.search(options[0]))
        op = ("!~" if pattern else "!=") if exclude else ("=~" if pattern else "=")
        result.append(f"{label}{op}{json.dumps('|'.join(options), ensure_ascii=False)}")
    return tuple(result)


def title_of(name: str) -> str:
    """Return a title derived from a name."""
    words = name.rpartition(".")[2].replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def with_thresholds(signal: Signal, values: Mapping[str, float]) -> Signal:
    """Return the signal with some thresholds replaced."""
    return replace(signal, thresholds={**signal.thresholds, **values})


def misordered_threshold(thresholds: Mapping[str, float], bad: str | None) -> tuple[str, str] | None:
    """Return the first threshold out of order, and why; None if all are in order.

    With `bad: down` the order is `critical`, `low`; otherwise `low` (a lower bound), `high`, `critical`.
    """
    if bad == "down" and "high" in thresholds:
        return "high", "with bad: down the thresholds are low and critical, not high"
    order = ("critical", "low") if bad == "down" else THRESHOLDS
    present = [word for word in order if word in thresholds]
    for lower, upper in itertools.pairwise(present):
        if thresholds[lower] > thresholds[upper]:
            return upper, f"{upper} must not be below {lower}"
    return None


def _with_rule_window(expr: str, window: str) -> str:
    """Return plain PromQL for a panel (rates over `$__rate_interval`) or for a rule (as written)."""
    if window != RATE_INTERVAL:
        return promql.with_window(expr, window)
    result, position = [], 0
    for selector in promql.find_selectors(expr):
        if selector.function in ("rate", "irate") and selector.window and "$" not in selector.window:
            opening = expr.index("[", selector.end)
            result.append(expr[position:opening] + f"[{RATE_INTERVAL}]")
            position = expr.index("]", opening) + 1
    return ("".join(result) + expr[position:]).rstrip()  # a YAML block ends with a line break


def _with_parentheses(text: str) -> str:
    return text if re.fullmatch(r"\w+(?: by \([^)]*\) )?\((?:[^()]|\([^()]*\))*\)", text) else f"({text})"


def _matcher_value(value: Any) -> str:
    return {True: "true", False: "false"}.get(value, str(value)) if isinstance(value, bool) else str(value)
