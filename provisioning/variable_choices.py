"""What the variables of dashboards offer on a live Prometheus, as choices of their values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from deckwatch.core.problems import Unreachable
from deckwatch.dashboards.offered_values import format_choice

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deckwatch.provisioning.prometheus import Prometheus
    from deckwatch.provisioning.verify import Query

Choice = dict[str, str]  # what Grafana puts into an expression, by variable

# An expression has a choice up to four times. VictoriaMetrics refuses one of more than 16 KiB (-search.maxQueryLen);
# with the dashboards' own "All", which is `.+`, it never is.
_MAX_LENGTH = 2000
_MAX_TRIES = 10  # values of a variable that permits only one


@dataclass
class Choices:
    """The choices that the variables of one dashboard offer.

    `offered` has all values of each variable that permits several, unless they are many; `single` some values of each
    that permits one.
    """

    offered: Choice = field(default_factory=dict)
    single: dict[str, list[str]] = field(default_factory=dict)

    @property
    def singles(self) -> list[Choice]:
        """Choices of one value each; the first one is that of a dashboard that was just opened."""
        count = max(map(len, self.single.values()), default=1)
        return [{name: texts[number % len(texts)] for name, texts in self.single.items()} for number in range(count)]

    def add_values(self, name: str, values: Sequence[str], *, several: bool) -> None:
        """Add a variable, unless a choice of all of its values is too long for an expression."""
        if several:
            if len(text := format_choice(values, several=True)) <= _MAX_LENGTH:
                self.offered[name] = text
        else:
            self.single[name] = [format_choice([value], several=False) for value in values[:_MAX_TRIES]]


NO_CHOICES = Choices()


def read_choices(prometheus: Prometheus, queries: Sequence[Query]) -> dict[str, Choices]:
    """Return the choices of each dashboard by its uid, for the variables among `queries`.

    Variables that fail or offer nothing are left out: they are faults of their own.
    """
    choices: dict[str, Choices] = {}
    results: dict[str, list[dict[str, Any]]] = {}
    for query in queries:
        if query.offer is None:
            continue
        known = choices.setdefault(query.uid, Choices())
        # A variable may query with the values of those before it.
        expr = query.expr if query.narrow is None else query.narrow(_open_choice(known))
        if expr not in results:
            try:
                results[expr] = prometheus.run_query(expr, ranged=False)
            except Unreachable:
                results[expr] = []
        values = query.offer.find_values(results[expr])
        if values:
            known.add_values(query.offer.name, values, several=query.offer.several)
    return choices


def _open_choice(choices: Choices) -> Mapping[str, str]:
    return {**choices.offered, **choices.singles[0]}
