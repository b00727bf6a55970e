"""Signals: things measured, declared once in YAML, and the PromQL that follows from them.

A panel, a recording rule and an alert made of one signal cannot drift apart: all three ask it for its expression,
the panel with Grafana's `$__rate_interval`, the rules with a fixed window.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from deckwatch.core import promql, units
from deckwatch.core.problems import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from deckwatch.core.catalog import Catalog, Kind
    from deckwatch.core.problems import Place
    from deckwatch.core.yaml_file import Document, Path

RATE_INTERVAL = "$__rate_interval"
QUANTILES = {"p50": "0.5", "p90": "0.9", "p95": "0.95", "p99": "0.99", "p999": "0.999"}
BUCKETS = "buckets"
ASPECTS: dict[str, tuple[str, ...]] = {"histogram": (*QUANTILES, "avg", "rate", BUCKETS), "summary": ("avg", "rate")}
THRESHOLDS = ("low", "high", "critical")

_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*\Z")
_REGEX = re.compile(r"[.*+?|()\[\]{}^$\\]")


class UnknownSignal(LookupError):
    """No signal has this name; says which is the nearest.

    `near` tells that there is such a signal, used wrongly, and `told` that its own declaration has a problem already.
    """

    def __init__(
        self, message: str, hint: str | Callable[[], str] = "", *, is_misused: bool = False, is_reported: bool = False
    ) -> None:
        super().__init__(message)
        self.message = message
        self._hint = hint
        self.is_misused = is_misused
        self.is_reported = is_reported

    @property
    def hint(self) -> str:
        """The nearest name, or what else helps."""
        return self._hint if isinstance(self._hint, str) else self._hint()


@dataclass(frozen=True)
class Signal:
    """One thing measured. Its name is `<subject>.<name>`; either `expr` or `metric` says where it comes from.

    `by` is None where every series stands for itself, and empty where all are put together. `matchers` are written
    as PromQL has them. `unit` is the unit of the value drawn, or for a histogram of what it observes.
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
        """Where the signal is declared."""
        return self.document.place(self.path, key=True)

    @property
    def aspects(self) -> tuple[str, ...]:
        """The words that may stand behind its name: `.p95` of a histogram; one of them must."""
        return ASPECTS.get(self.kind, ()) if self.whole is None else ()

    def place_in_expr(self, offset: int) -> Place:
        """Return the place of a character of `expr`; the metric's place where there is no `expr`."""
        if self.expr:
            return self.document.place_in_text((*self.path, "expr"), offset)
        return self.document.place((*self.path, "metric"))

    def build_expression(
        self, aspect: str | None = None, *, window: str = RATE_INTERVAL, by: Sequence[str] | None = None
    ) -> str:
        """Return the PromQL: for a panel by default, for a rule with `window=signal.window`.

        `by` replaces the signal's own labels. Raises ValueError for an aspect it lacks, or `by` of plain PromQL.
        """
        if (aspect or None) not in (self.aspects or (None,)):
            raise ValueError(f"{self.name} is measured by {', '.join('.' + one for one in self.aspects) or 'its name'}")
        if self.expr:
            if by is not None:
                raise ValueError(f"{self.name} is plain PromQL: its labels are decided in its expression")
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
            # Drawn as one distribution: of several side by side nobody could tell the cells apart.
            return self._rate_expression(f"{self.metric}_bucket", window, (*(by or ()), "le"))
        return self._plain_expression(window, labels)

    def _share_expression(self, whole: Reference, labels: tuple[str, ...], window: str) -> str:
        part = self._plain_expression(window, labels)
        other = whole.build_expression(window=window, by=None if whole.signal.expr else labels)
        # A part without any series yet is none of the whole, not unknown.
        return f"({part} or 0 * {_with_parentheses(other)}) / ({other} > 0)"

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
        """Return the unit of an expression's value."""
        return "per second" if aspect in ("rate", BUCKETS) else self.unit

    def recording_name(self, aspect: str | None = None) -> str:
        """Return the name of the series that a recording rule keeps, '' where the signal asks for none."""
        return f"{self.record}:{aspect}" if self.record and aspect else self.record


@dataclass(frozen=True, slots=True)
class Reference:
    """A signal as somebody asked for it: `latency.p95` is the signal `latency` and its aspect `p95`."""

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
        """The name of the recorded series, '' where there is none."""
        return self.signal.recording_name(self.aspect)

    def build_expression(self, *, window: str = RATE_INTERVAL, by: Sequence[str] | None = None) -> str:
        """Return the PromQL; see `Signal.expression`."""
        return self.signal.build_expression(self.aspect, window=window, by=by)


class Signals(Mapping[str, Signal]):
    """Signals by their full names. `faulty` are those whose declaration cannot be used."""

    def __init__(self, signals: Mapping[str, Signal] | None = None, faulty: Iterable[str] = ()) -> None:
        self._signals = dict(signals or {})
        self.faulty = frozenset(faulty)

    def __getitem__(self, name: str) -> Signal:
        return self._signals[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._signals)

    def __len__(self) -> int:
        return len(self._signals)

    def find_reference(self, text: str, subjects: Sequence[str] = ()) -> Reference:
        """Return what `cpu`, `host.cpu`, `latency.p95` or `application.latency.p95` means.

        Short names are looked for in `subjects`, in that order. Raises UnknownSignal.
        """
        for prefix in ("", *(f"{subject}." for subject in subjects)):
            full = prefix + text
            if found := self._signals.get(full):
                if found.aspects:
                    said = ", ".join(f"{text}.{aspect}" for aspect in found.aspects)
                    message = f"{text} is a {found.kind}: say which of its figures"
                    raise UnknownSignal(message, f"one of {said}", is_misused=True)
                return Reference(found)
            head, _, aspect = full.rpartition(".")
            if found := self._signals.get(head):
                if aspect in found.aspects:
                    return Reference(found, aspect)
                hint = did_you_mean(aspect, found.aspects) if found.aspects else f"{head} has only one figure"
                raise UnknownSignal(f"{text.rpartition('.')[0]} has no figure {aspect!r}", hint, is_misused=True)
            if full in self.faulty or head in self.faulty:
                raise UnknownSignal(
                    f"the signal {text} is not declared as it should be", is_misused=True, is_reported=True
                )
        # The nearest is looked for only where it is told: most texts that are no signal are metrics.
        raise UnknownSignal(f"no signal is called {text}", lambda: did_you_mean(text, self.known_names(subjects)))

    def known_names(self, subjects: Sequence[str] = ()) -> list[str]:
        """Return every name that `find` understands, for the nearest word: short ones first."""
        words: list[str] = []
        for subject in subjects:
            words += [name.partition(".")[2] for name in self._signals if name.startswith(f"{subject}.")]
        words += self._signals
        for word in tuple(words):
            found = self._signals.get(word) or next(
                (self._signals[f"{subject}.{word}"] for subject in subjects if f"{subject}.{word}" in self._signals),
                None,
            )
            words += [f"{word}.{aspect}" for aspect in found.aspects] if found else []
        return words


def is_name(text: str) -> bool:
    """Return whether a text can be the name of a signal or a metric; anything else is PromQL."""
    return bool(_NAME.match(text))


def signal_for_metric(name: str, catalog: Catalog, document: Document, path: Path) -> Signal | None:
    """Return the signal that a bare metric's name stands for, drawn by its kind; None for an unknown metric."""
    info = catalog.get(name) or catalog.series(name)
    if info is None:
        return None
    kind = info.kind if info.name == name else "counter"
    unit = units.rate_of(info.unit) if kind == "counter" else info.unit
    return Signal(name, document, path, title_of(name), info.help, unit, kind, metric=name)


def label_matchers(where: Mapping[str, Any], *, exclude: bool = False) -> tuple[str, ...]:
    """Return label conditions as PromQL has them: `=` for a plain value, `=~` for a pattern or a list."""
    result = []
    for label, value in where.items():
        options = [_matcher_value(one) for one in (value if isinstance(value, list) else [value])]
        pattern = len(options) > 1 or bool(_REGEX.search(options[0]))
        op = ("!~" if pattern else "!=") if exclude else ("=~" if pattern else "=")
        result.append(f"{label}{op}{json.dumps('|'.join(options), ensure_ascii=False)}")
    return tuple(result)


def title_of(name: str) -> str:
    """Return a title for something that has only a name."""
    words = name.rpartition(".")[2].replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def with_thresholds(signal: Signal, values: Mapping[str, float]) -> Signal:
    """Return the signal with some thresholds replaced."""
    return replace(signal, thresholds={**signal.thresholds, **values})


def misordered_threshold(thresholds: Mapping[str, float], bad: str | None) -> tuple[str, str] | None:
    """Return the threshold that cannot be where it is, and why; None where all are in order.

    Downwards it goes from `low` to `critical`; otherwise upwards from `low` (which then is a lower end) over `high`.
    """
    if bad == "down" and "high" in thresholds:
        return "high", "what gets worse downwards has low and critical, not high"
    order = ("critical", "low") if bad == "down" else THRESHOLDS
    present = [word for word in order if word in thresholds]
    for lower, upper in itertools.pairwise(present):
        if thresholds[lower] > thresholds[upper]:
            return upper, f"{upper} must not lie below {lower}"
    return None


def _with_rule_window(expr: str, window: str) -> str:
    """Return plain PromQL for a panel (rates over Grafana's interval) or for a rule (as written)."""
    if window != RATE_INTERVAL:
        return promql.with_window(expr, window)
    result, position = [], 0
    for selector in promql.find_selectors(expr):
        if selector.function in ("rate", "irate") and selector.window and "$" not in selector.window:
            opening = expr.index("[", selector.end)
            result.append(expr[position:opening] + f"[{RATE_INTERVAL}]")
            position = expr.index("]", opening) + 1
    return ("".join(result) + expr[position:]).rstrip()  # a block of YAML ends with a line break


def _with_parentheses(text: str) -> str:
    return text if re.fullmatch(r"\w+(?: by \([^)]*\) )?\((?:[^()]|\([^()]*\))*\)", text) else f"({text})"


def _matcher_value(value: Any) -> str:
    return {True: "true", False: "false"}.get(value, str(value)) if isinstance(value, bool) else str(value)
