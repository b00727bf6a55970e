"""Find insights: all rules over one range of one Prometheus, in a few queries.

Several rules share a query, in which a label names the rule. Where Prometheus refuses one, it is asked for each half,
so that a rule with a fault costs no other rule its result. The fields of sentences are read only for rules that found
something.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from deckwatch.core import promql
from deckwatch.core.problems import Refused
from deckwatch.provisioning.insights import queries, wording
from deckwatch.provisioning.insights.model import RANGE, VALUE, Findings, Insight, Rule, sort_key

Ask = Callable[[str, float], list[dict[str, Any]]]  # a query and a Unix time; `provisioning.prometheus.query_at`
Samples = list[tuple[Mapping[str, str], float]]
Parts = Sequence[tuple[str, str]]  # of a query: name and PromQL

_RULES_PER_QUERY = 6
_VALUES_PER_QUERY = 12
_CONCURRENCY = 4
_SEPARATOR = "/"  # between the names of a rule and a field


def find_insights(ask: Ask, rules: Iterable[Rule], at: float, seconds: float) -> Findings:
    """Return the insights of the `seconds` before the Unix time `at`; raises Unreachable.

    `ask` is called from several threads.
    """
    chosen = sorted(rules, key=sort_key)
    asker = _Asker(ask, at)
    conditions = [(rule.name, queries.build_condition(rule, seconds)) for rule in chosen]
    found = asker.ask_parts(conditions, _RULES_PER_QUERY)
    firing = [rule for rule in chosen if found.get(rule.name)]
    values = asker.ask_parts(
        [
            (f"{rule.name}{_SEPARATOR}{name}", queries.build_value(rule, quantity, seconds))
            for rule in firing
            for name, quantity in rule.values.items()
        ],
        _VALUES_PER_QUERY,
    )
    unmeasured = asker.find_unmeasured([rule for rule in chosen if not found.get(rule.name)])
    faults = {name.partition(_SEPARATOR)[0]: reason for name, reason in sorted(asker.faults.items())}
    insights: list[Insight] = []
    omitted: dict[str, int] = {}
    for rule in firing:
        if rule.name in faults:
            continue
        of_rule = {name: values.get(f"{rule.name}{_SEPARATOR}{name}", []) for name in rule.values}
        all_of_rule = sort_insights(rule, build_insights(rule, found[rule.name], of_rule, seconds))
        insights += all_of_rule[: rule.shown]
        if len(all_of_rule) > rule.shown:
            omitted[rule.name] = len(all_of_rule) - rule.shown
    return Findings(insights, omitted, faults, asker.answered, [name for name in unmeasured if name not in faults])


def build_insights(rule: Rule, found: Samples, values: Mapping[str, Samples], seconds: float) -> Iterator[Insight]:
    """Yield an insight for each subject that a rule found; none for a subject that lacks a field of the sentence."""
    query = queries.build_condition(rule, seconds)
    by_subject = {
        name: {_build_subject_key(rule, labels): (labels, value) for labels, value in samples}
        for name, samples in values.items()
    }
    for labels, value in found:
        key = _build_subject_key(rule, labels)
        subject = dict(zip(rule.each, key, strict=True))
        fields = {name: wording.format_label(text) for name, text in subject.items()}
        fields |= {VALUE: wording.format_quantity(value, rule.unit), RANGE: wording.format_length(seconds)}
        numbers: dict[str, float] = {}
        for name, quantity in rule.values.items():
            if key not in by_subject.get(name, {}):
                break
            other, number = by_subject[name][key]
            if quantity.label:
                fields[name] = wording.format_label(other.get(quantity.label, ""))
            else:
                fields[name] = wording.format_quantity(number, quantity.unit)
                numbers[name] = number
        else:
            yield Insight(
                rule=rule.name,
                title=rule.title,
                subject=rule.subject,
                severity=rule.severity,
                benefit=rule.benefit,
                audience=rule.audience,
                labels=subject,
                value=value,
                unit=rule.unit,
                values=numbers,
                text=wording.fill_sentence(rule.sentence, fields),
                reason=rule.reason,
                do=rule.do,
                query=query,
            )


def sort_insights(rule: Rule, insights: Iterable[Insight]) -> list[Insight]:
    """Return the insights of a rule, the highest of its field `order_by` first, else the furthest beyond the limit."""
    sign = 1 if rule.operator == "<" and not rule.order_by else -1

    def key(insight: Insight) -> tuple[float, list[str]]:
        number = insight.values[rule.order_by] if rule.order_by else insight.value
        return sign * number, list(insight.labels.values())

    return sorted(insights, key=key)


class _Asker:
    """Sends parts of queries together; `faults` are the reasons for which Prometheus refused parts, by name."""

    def __init__(self, ask: Ask, at: float) -> None:
        self._ask, self._at = ask, at
        self._lock = threading.Lock()
        self.faults: dict[str, str] = {}
        self.answered = 0

    def ask_parts(self, parts: Parts, size: int) -> dict[str, Samples]:
        """Return the finite samples of each part by its name; raises Unreachable."""
        count = math.ceil(len(parts) / size)
        # Every query gets parts from the whole list, so that expensive neighbours do not share one.
        batches = [parts[first::count] for first in range(count)]
        with ThreadPoolExecutor(_CONCURRENCY) as threads:
            results = list(threads.map(self._ask_batch, batches))
        return {name: samples for result in results for name, samples in result.items()}

    def find_unmeasured(self, rules: Sequence[Rule]) -> list[str]:
        """Return the names of the rules whose metric has no series at that time, the first one in the expression."""
        metrics = {rule.name: next((each.metric for each in promql.find_selectors(rule.expr)), None) for rule in rules}
        names = sorted({metric for metric in metrics.values() if metric})
        if not names:
            return []
        try:
            series = self._ask(f'group by (__name__) ({{__name__=~"{"|".join(names)}"}})', self._at)
        except Refused:
            return []
        self.answered += 1
        present = {each["metric"]["__name__"] for each in series}
        return sorted(name for name, metric in metrics.items() if metric and metric not in present)

    def _ask_batch(self, parts: Parts) -> dict[str, Samples]:
        try:
            series = self._ask(queries.unite_parts(parts), self._at)
        except Refused as error:
            if len(parts) == 1:
                with self._lock:
                    self.faults[parts[0][0]] = str(error)
                return {}
            middle = len(parts) // 2
            return self._ask_batch(parts[:middle]) | self._ask_batch(parts[middle:])
        with self._lock:
            self.answered += 1
        return _group_series(series)


def _group_series(series: Iterable[Mapping[str, Any]]) -> dict[str, Samples]:
    """Return the finite samples of a query by the name of their part."""
    result: dict[str, Samples] = {}
    for each in series:
        labels = {name: text for name, text in each["metric"].items() if name != queries.PART}
        value = float(each["value"][1])
        if math.isfinite(value):
            result.setdefault(each["metric"].get(queries.PART, ""), []).append((labels, value))
    return result


def _build_subject_key(rule: Rule, labels: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(labels.get(name, "") for name in rule.each)
