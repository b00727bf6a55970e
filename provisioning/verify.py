"""Runs every query of a bundle on a live Prometheus, as Grafana and the rules do, and reports which have data.

A query with a stated reason may be empty. If Prometheus has never seen a metric that a query needs, the query is `not
watched`, which is not a fault unless the metric's scrape job has targets.
"""

from __future__ import annotations

import json
import math
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from deckwatch.core.contract import load_contract
from deckwatch.core.expected_result import NO_EXPECTATION, ExpectedResult
from deckwatch.core.own_command import format_command
from deckwatch.core.problems import Unreachable
from deckwatch.exporter.collector import matches_name
from deckwatch.provisioning import check_result
from deckwatch.provisioning.learn import REQUIRED_LABELS
from deckwatch.provisioning.prometheus import POINTS, SPAN_SECONDS
from deckwatch.provisioning.variable_choices import NO_CHOICES, Choice, Choices

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.core.problems import Place
    from deckwatch.core.project import Project
    from deckwatch.dashboards.offered_values import Offer
    from deckwatch.provisioning.prometheus import Prometheus
    from deckwatch.provisioning.stack import Built

Status = Literal["data", "empty", "nothing", "wrong", "error", "not watched"]

CONCURRENCY = 8
_NEVER_EMPTY = ("node", "postgres")  # jobs in which every target has data; a host may have no containers


@dataclass(frozen=True, slots=True)
class Query:
    """One query. `page` is its dashboard or topic, `empty` the reason for which it may have no data.

    `label` is the label whose values a variable offers. `expected` describes a correct result. `reads` are metrics
    without which an empty result says nothing. `expr` has every value of variables that query; `narrow` returns it
    with chosen values of them, which the variables of dashboard `uid` offer by `offer`.
    """

    page: str
    kind: str
    title: str
    expr: str
    ranged: bool
    place: Place
    empty: str = ""
    needs: tuple[str, ...] = ()
    label: str = ""
    expected: ExpectedResult = NO_EXPECTATION
    reads: tuple[str, ...] = ()
    uid: str = ""
    offer: Offer | None = None
    narrow: Callable[[Mapping[str, str]], str] | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class QueryResult:
    """The result of a query. `detail` is its fault or the reason why it is empty; `remark` is not a fault."""

    query: Query
    status: Status
    seconds: float
    detail: str = ""
    remark: str = ""

    @property
    def is_good(self) -> bool:
        """Whether the query has no fault."""
        return self.status not in ("nothing", "wrong", "error")


def list_queries(built: Built, interval: float) -> list[Query]:
    """Return all queries of a bundle, dashboards first. `interval` is the scrape interval in seconds."""
    # Grafana's $__rate_interval: the step between points plus one scrape interval, and at least four intervals.
    step = max(interval, SPAN_SECONDS / POINTS)
    window = f"{math.ceil(max(step + interval, 4 * interval))}s"
    span = f"{SPAN_SECONDS}s"
    dashboards = [
        Query(
            query.dashboard,
            query.kind,
            f"{query.title} ({query.ref})" if query.kind == "panel" else query.title,
            query.to_promql(window, span),
            query.mode == "range",
            query.place,
            query.empty,
            query.needs,
            query.offer.label if query.offer is not None else "",
            replace(query.wanted, agrees_with=query.to_promql(window, span, text=query.wanted.agrees_with)),
            query.reads,
            query.uid,
            query.offer,
            partial(query.to_promql, window, span) if query.kind != "annotation" else None,
        )
        for query in built.dashboards
    ]
    rules = [
        Query(
            f"Rules: {query.topic}",
            query.kind,
            query.name,
            query.expr,
            False,
            query.place,
            query.empty,
            query.needs,
            expected=ExpectedResult(labels=query.labels),
            reads=query.reads,
        )
        for query in built.rules
    ]
    return dashboards + rules


def verify_queries(
    prometheus: Prometheus,
    queries: Sequence[Query],
    catalog: Catalog,
    done: Callable[[], None] = lambda: None,
    choices: Mapping[str, Choices] | None = None,
) -> list[QueryResult]:
    """Run all queries, eight at a time; return the results in the same order. `done` is called after each.

    `choices` are those of each dashboard's variables, as `variable_choices.read_choices` returns them.
    """
    unwatched = _unwatched_metrics(prometheus, {name for query in queries for name in query.needs}, catalog)
    names = prometheus.metric_names() if any(query.reads for query in queries) else set()

    def check_query(query: Query) -> QueryResult:
        missing = [name for name in query.needs if name in unwatched]
        if missing:
            result = QueryResult(query, "not watched", 0.0, f"no {missing[0]}")
        else:
            result = _check_query(prometheus, query, (choices or {}).get(query.uid, NO_CHOICES))
            unread = [name for name in query.reads if name not in names]
            if result.status == "empty" and unread:
                result = replace(result, status="not watched", detail=f"no {unread[0]}")
        done()
        return result

    with ThreadPoolExecutor(CONCURRENCY) as threads:
        return _mark_unwatched_variables(list(threads.map(check_query, queries)))


def find_missing_labels(prometheus: Prometheus) -> Iterator[str]:
    """Yield a sentence for each service whose metrics lack a label that our dashboards and rules need."""
    for metric, labels in REQUIRED_LABELS.items():
        for label, consequence in labels.items():
            for series in prometheus.run_query(f'topk by (service) (1, {metric}{{{label}=""}})', ranged=False):
                present = ", ".join(sorted(series["metric"].keys() - {"__name__"}))
                service = series["metric"].get("service") or "a target without the label service"
                yield f"{service}: {metric} has no label {label} (its labels: {present}): {consequence}"


def find_unmapped_pages(prometheus: Prometheus, project: Project) -> Iterator[str]:
    """Yield a sentence for each service whose page is scraped and has no series of the dialect that it should speak."""
    pages = [entry for entry in project.data.get("scrape", ()) if "speaks" in entry and "service" in entry]
    for service, dialect in sorted({(entry["service"], entry["speaks"]) for entry in pages}):
        matcher = f"service={json.dumps(service)}"
        query = f'count(up{{{matcher}}} == 1) unless count({{speaks="{dialect}", {matcher}}})'
        if prometheus.run_query(query, ranged=False):
            hint = (
                f"it has answered no request yet, or `{format_command('metrics', '--learn')} URL` shows another dialect"
            )
            yield f"{service}: its page has no series of the dialect {dialect}: {hint}"


def _mark_unwatched_variables(results: list[QueryResult]) -> list[QueryResult]:
    """Return the results, with empty variables marked as not watched on pages without any watched panel."""
    watched = {
        result.query.page for result in results if result.query.kind == "panel" and result.status != "not watched"
    }
    return [
        replace(result, status="not watched")
        if result.query.kind == "variable" and result.status == "nothing" and result.query.page not in watched
        else result
        for result in results
    ]


def _check_query(prometheus: Prometheus, query: Query, choices: Choices) -> QueryResult:
    start = time.monotonic()
    try:
        single, series = _run_singles(prometheus, query, choices)
        seconds = time.monotonic() - start
        with_data = [item for item in series if _has_data(item, query.label)]
        run_instant = partial(prometheus.run_query, ranged=False)
        fault = next(check_result.find_faults(with_data, query.expected, run_instant), "") if with_data else ""
        if with_data and not fault:
            fault = _blame_variables(prometheus, query, single, choices.offered)
    except Unreachable as error:
        return QueryResult(query, "error", time.monotonic() - start, str(error))
    if with_data:
        remark = next(check_result.find_remarks(series, query.expected), "")
        return QueryResult(query, "wrong" if fault else "data", seconds, fault, remark)
    return QueryResult(query, "empty" if query.empty else "nothing", seconds, query.empty)


def _run_singles(prometheus: Prometheus, query: Query, choices: Choices) -> tuple[Choice, list[dict[str, Any]]]:
    """Return the first choice of single values with which a query has data, and its result; else the last one."""
    if query.narrow is None:
        return {}, prometheus.run_query(query.expr, ranged=query.ranged)
    tried: set[str] = set()
    last: tuple[Choice, list[dict[str, Any]]] = {}, []
    for single in choices.singles:
        expr = query.narrow(single)
        if expr not in tried:
            tried.add(expr)
            last = single, prometheus.run_query(expr, ranged=query.ranged)
            if any(_has_data(item, query.label) for item in last[1]):
                break
    return last


def _blame_variables(prometheus: Prometheus, query: Query, single: Choice, offered: Choice) -> str:
    """Return which variables offer no value with which a query has data; it has some without a choice."""

    def has_data(chosen: Choice) -> bool:
        if query.narrow is None or (expr := query.narrow({**single, **chosen})) == query.narrow(single):
            return True
        # An instant query is cheaper, and most graphs have a value now.
        return any(
            _has_data(item, query.label)
            for ranged in ((False, True) if query.ranged else (False,))
            for item in prometheus.run_query(expr, ranged=ranged)
        )

    if has_data(offered):
        return ""
    names = [name for name, text in offered.items() if not has_data({name: text})] or list(offered)
    variables = " and ".join(f"${name}" for name in names)
    return f"no data for any value that {variables} offers, though there is data for other values"


def _has_data(series: dict[str, Any], label: str) -> bool:
    """Return whether a series has a value that is not NaN and, for a variable, the label that it offers."""
    if label and not series["metric"].get(label):
        return False
    points = series.get("values") or [series["value"]]
    return any(value != "NaN" for _, value in points)


def _unwatched_metrics(prometheus: Prometheus, names: Collection[str], catalog: Catalog) -> set[str]:
    """Return the metrics that have no series in the last hour and whose scrape job has no target."""
    unwatched = set()
    for name in names:
        pattern = "|".join((name, f"{name}_bucket", f"{name}_count"))
        seen = prometheus.run_query(f'count(last_over_time({{__name__=~"{pattern}"}}[1h]))', ranged=False)
        if not seen and not any(
            prometheus.run_query(f'up{{job="{job}"}}', ranged=False) for job in _exporting_jobs(name, catalog)
        ):
            unwatched.add(name)
    return unwatched


def _exporting_jobs(name: str, catalog: Catalog) -> Iterator[str]:
    """Yield the jobs whose every target exposes this metric."""
    info = catalog.series(name)
    for job in _NEVER_EMPTY:
        words = load_contract()["jobs"][job]["collect"]
        if info is not None and any(matches_name(info.source, word) for word in words):
            yield job
