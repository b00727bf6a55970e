"""The queries of a report, joined into few requests: one union of all expressions for each time.

Each expression is marked by a label with its number, so that a union keeps all series apart. Where Prometheus refuses
a union, its halves are asked, so that one wrong expression costs only its own values.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from deckwatch.core.problems import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from deckwatch.provisioning.prometheus import Prometheus

Moment = Literal["end", "start", "grid"]

_MARK = "deckwatch_query"
_CONCURRENCY = 4
_LARGEST = 1e100
_MAX_REQUESTS = 60  # with halves of refused ones


@dataclass(frozen=True, slots=True)
class Query:
    """An expression at the end of the range, at its start (for the previous period), or on the grid of both periods."""

    expr: str
    moment: Moment = "end"


class Sample(NamedTuple):
    """A series at one time."""

    labels: dict[str, str]
    value: float


class Row(NamedTuple):
    """A series on the grid: a value for each time, None where there is none."""

    labels: dict[str, str]
    values: list[float | None]


@dataclass(frozen=True)
class Grid:
    """Times `step` seconds apart, from the first after `start` to `end`."""

    start: float
    end: float
    step: float

    @property
    def times(self) -> list[float]:
        """The times, in ascending order; the last one is `end`."""
        count = round((self.end - self.start) / self.step)
        return [self.end - self.step * (count - 1 - number) for number in range(count)]


@dataclass
class Answers:
    """What Prometheus answered, by query; `faults` are the reasons for which it did not."""

    series: dict[Query, list[dict[str, Any]]] = field(default_factory=dict)
    faults: dict[Query, str] = field(default_factory=dict)
    requests: int = 0


@dataclass(frozen=True)
class Results:
    """The results of one section's queries by the names it gave them. `times` are those of the grid."""

    queries: Mapping[str, Query]
    answers: Answers
    times: Sequence[float]

    def read_samples(self, name: str) -> list[Sample]:
        """Return the series of a query at one time; those without a value are left out."""
        samples = [Sample(entry["metric"], float(entry["value"][1])) for entry in self._find_series(name)]
        return [sample for sample in samples if _is_measured(sample.value)]

    def read_rows(self, name: str) -> list[Row]:
        """Return the series of a query on the grid."""
        places = {round(at * 1000): number for number, at in enumerate(self.times)}
        rows = []
        for entry in self._find_series(name):
            values: list[float | None] = [None] * len(self.times)
            for at, text in entry["values"]:
                value = float(text)
                if (place := places.get(round(at * 1000))) is not None and _is_measured(value):
                    values[place] = value
            rows.append(Row(entry["metric"], values))
        return rows

    def list_faults(self) -> list[str]:
        """Return why queries failed, each reason once."""
        found = (self.answers.faults.get(query) for query in self.queries.values())
        return list(dict.fromkeys(fault for fault in found if fault))

    def _find_series(self, name: str) -> list[dict[str, Any]]:
        return self.answers.series.get(self.queries[name], [])


class QueryRunner:
    """Runs queries of one report on one Prometheus; `advance` is called once for each request."""

    def __init__(self, prometheus: Prometheus, grid: Grid, middle: float, advance: Callable[[], None]) -> None:
        self._prometheus = prometheus
        self._grid = grid
        self._moments = {"end": grid.end, "start": middle}
        self._advance = advance

    def run_queries(self, queries: Sequence[Query]) -> Answers:
        """Return the answers to all queries; raises Unreachable if Prometheus is gone or takes too long."""
        answers = Answers()
        batches: dict[Moment, list[Query]] = {"end": [], "start": [], "grid": []}
        for query in dict.fromkeys(queries):
            batches[query.moment].append(query)
        with ThreadPoolExecutor(_CONCURRENCY) as pool:
            futures = [
                pool.submit(self._run_batch, batch, answers)
                for whole in batches.values()
                for batch in _split_batch(whole)
                if batch
            ]
            for future in futures:
                future.result()
        return answers

    def _run_batch(self, batch: Sequence[Query], answers: Answers) -> None:
        """Put the answers to queries of one moment into `answers`."""
        if answers.requests >= _MAX_REQUESTS:
            answers.faults |= dict.fromkeys(batch, "too many queries failed")
            return
        answers.requests += 1
        try:
            found = self._send_batch(batch)
        except Refused as error:
            if len(batch) == 1:
                answers.faults[batch[0]] = str(error)
                return
            for half in _split_batch(batch):
                self._run_batch(half, answers)
            return
        finally:
            self._advance()
        for query in batch:
            answers.series[query] = []
        for entry in found:
            number = int(entry["metric"].pop(_MARK))
            answers.series[batch[number]].append(entry)

    def _send_batch(self, batch: Sequence[Query]) -> list[dict[str, Any]]:
        union = join_expressions([query.expr for query in batch])
        if batch[0].moment != "grid":
            return self._prometheus.query_at(union, self._moments[batch[0].moment])
        times = self._grid.times
        return self._prometheus.query_range(union, times[0], times[-1], self._grid.step)


def _is_measured(value: float) -> bool:
    """Return whether a value can be calculated with: neither NaN nor so large that sums and squares overflow."""
    return abs(value) < _LARGEST


def join_expressions(exprs: Sequence[str]) -> str:
    """Return one expression with the series of all, each marked with the number of its expression.

    The union is a balanced tree: `or` compares each series of one side with all of the other.
    """
    marked = [
        # A line break ends a comment, which an expression of a project may have.
        f'label_replace({expr.strip()}\n, "{_MARK}", "{number}", "__name__", ".*")'
        for number, expr in enumerate(exprs)
    ]
    while len(marked) > 1:
        pairs = [marked[i : i + 2] for i in range(0, len(marked), 2)]
        marked = [f"({' or '.join(pair)})" for pair in pairs]
    return marked[0]


def _split_batch(batch: Sequence[Query]) -> list[Sequence[Query]]:
    """Return every other query, and the rest: expensive neighbours of one section run at the same time."""
    return [part for part in (batch[::2], batch[1::2]) if part]
