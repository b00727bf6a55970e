"""Runs every query of a bundle on a live Prometheus, as Grafana and the rules do, and reports which have data.

A query with a stated reason may be empty. If Prometheus has never seen a metric that a query needs, the query is `not
watched`, which is not a fault unless the metric's scrape job has targets.
"""

from __future__ import annotations

import math
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from deckwatch.core import units, yaml_file
from deckwatch.core.contract import load_contract
from deckwatch.core.expected_result import NO_EXPECTATION, ExpectedResult
from deckwatch.core.http import Client
from deckwatch.core.masking import mask_secrets
from deckwatch.core.problems import InvalidInput, Refused, Unreachable
from deckwatch.exporter.collector import matches_name
from deckwatch.provisioning import check_result

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.core.problems import Place
    from deckwatch.provisioning.stack import Built

Status = Literal["data", "empty", "nothing", "wrong", "error", "not watched"]

CONCURRENCY = 8
_NEVER_EMPTY = ("node", "postgres")  # jobs in which every target has data; a host may have no containers
_SPAN_SECONDS = 3600
_MISSING_STATUSES = (404, 405, 410)
_POINTS = 240  # per graph; Grafana requests about one per pixel


@dataclass(frozen=True, slots=True)
class Query:
    """One query. `page` is its dashboard or topic, `empty` the reason for which it may have no data.

    `label` is the label whose values a variable offers. `expected` describes a correct result.
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


class Prometheus:
    """A live server. It may be used from several threads, each with its own connection."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._local = threading.local()
        self._clients: list[Client] = []
        self.interval = self._read_interval()

    def close(self) -> None:
        """Close all connections."""
        for client in self._clients:
            client.close()

    def run_query(self, expr: str, *, ranged: bool) -> list[dict[str, Any]]:
        """Return the series of an expression, over the last hour if `ranged`, else now; raises Unreachable."""
        now = time.time()
        if not ranged:
            return self._post_query("/api/v1/query", {"query": expr, "time": f"{now:.3f}"})
        step = max(self.interval, _SPAN_SECONDS // _POINTS)
        span = {"start": f"{now - _SPAN_SECONDS:.3f}", "end": f"{now:.3f}", "step": f"{step:g}"}
        return self._post_query("/api/v1/query_range", {"query": expr, **span})

    def target_states(self) -> dict[str, bool]:
        """Return the scrape URLs of the active targets, each with whether it has been scraped at least once."""
        active = self._thread_client().get("/api/v1/targets", state="active")["data"]["activeTargets"]
        return {target["scrapeUrl"]: not target["lastScrape"].startswith("0001-") for target in active}

    def _post_query(self, path: str, form: dict[str, str]) -> list[dict[str, Any]]:
        data = self._thread_client().post(path, data=form)["data"]
        if data["resultType"] == "scalar":
            return [{"metric": {}, "value": data["result"]}]
        series: list[dict[str, Any]] = data["result"]
        return series

    def _read_interval(self) -> float:
        """Return the real scrape interval in seconds, from which Grafana derives $__rate_interval."""
        not_prometheus = f"{mask_secrets(self.url)} answers, but is not Prometheus"
        try:
            answer = self._thread_client().get("/api/v1/status/config")
        except Refused as error:
            if error.status not in _MISSING_STATUSES:
                raise
            missing = urlsplit(self.url).path.rstrip("/") + "/api/v1/status/config"
            raise Unreachable(f"{not_prometheus}: {missing} does not exist") from None
        try:
            text = answer["data"]["yaml"]
            return units.parse_duration(yaml_file.parse_yaml(text, "prometheus.yml").data["global"]["scrape_interval"])
        except (KeyError, TypeError, InvalidInput):
            raise Unreachable(f"{not_prometheus}: its configuration cannot be read") from None

    def _thread_client(self) -> Client:
        client: Client | None = getattr(self._local, "client", None)
        if client is None:
            client = self._local.client = Client(self.url, seconds=60)
            self._clients.append(client)
        return client


def list_queries(built: Built, interval: float) -> list[Query]:
    """Return all queries of a bundle, dashboards first. `interval` is the scrape interval in seconds."""
    # Grafana's $__rate_interval: the step between points plus one scrape interval, and at least four intervals.
    step = max(interval, _SPAN_SECONDS / _POINTS)
    window = f"{math.ceil(max(step + interval, 4 * interval))}s"
    span = f"{_SPAN_SECONDS}s"
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
            query.ref if query.kind == "variable" else "",
            replace(query.wanted, agrees_with=query.to_promql(window, span, text=query.wanted.agrees_with)),
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
        )
        for query in built.rules
    ]
    return dashboards + rules


def verify_queries(
    prometheus: Prometheus, queries: Sequence[Query], catalog: Catalog, done: Callable[[], None] = lambda: None
) -> list[QueryResult]:
    """Run all queries, eight at a time; return the results in the same order. `done` is called after each."""
    unwatched = _unwatched_metrics(prometheus, {name for query in queries for name in query.needs}, catalog)

    def check_query(query: Query) -> QueryResult:
        missing = [name for name in query.needs if name in unwatched]
        if missing:
            result = QueryResult(query, "not watched", 0.0, f"no {missing[0]}")
        else:
            result = _check_query(prometheus, query)
        done()
        return result

    with ThreadPoolExecutor(CONCURRENCY) as threads:
        return _mark_unwatched_variables(list(threads.map(check_query, queries)))


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


def _check_query(prometheus: Prometheus, query: Query) -> QueryResult:
    start = time.monotonic()
    try:
        series = prometheus.run_query(query.expr, ranged=query.ranged)
        seconds = time.monotonic() - start
        with_data = [item for item in series if _has_data(item, query.label)]
        run_instant = partial(prometheus.run_query, ranged=False)
        fault = next(check_result.find_faults(with_data, query.expected, run_instant), "") if with_data else ""
    except Unreachable as error:
        return QueryResult(query, "error", time.monotonic() - start, str(error))
    if with_data:
        remark = next(check_result.find_remarks(series, query.expected), "")
        return QueryResult(query, "wrong" if fault else "data", seconds, fault, remark)
    return QueryResult(query, "empty" if query.empty else "nothing", seconds, query.empty)


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
