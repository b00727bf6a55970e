"""The answer to a view: its queries run on Prometheus at the same time, and the result as JSON."""

from __future__ import annotations

import hashlib
import math
import queue
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from deckwatch.core import promql
from deckwatch.core.http import Client
from deckwatch.core.problems import DeckwatchError, Unreachable
from deckwatch.core.query_response import read_series
from deckwatch.provisioning.named_query import rate_window
from deckwatch.provisioning.scrape_interval import KnownInterval
from deckwatch.provisioning.views.model import Content, Query, View, iter_queries

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_RANGE_SECONDS = 31 * 86400
_POINTS = 240  # of a series, without a step of its own
_MAX_POINTS = 11_000
_CONCURRENCY = 8  # queries of all views
_QUERY_SECONDS = 10.0


class BadRequest(DeckwatchError):
    """A request has a parameter that does not exist, or a value that it cannot have."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of a request: a choice of the view ('': the default), and a range in seconds."""

    metric: str = ""
    range_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A body in JSON, and an entity tag that changes with everything in it but the time."""

    body: bytes
    etag: str


class Answerer:
    """Answers views from one Prometheus, from several threads.

    `stated` is the scrape interval of the project in seconds, None where it states none; that of Prometheus counts too.
    """

    def __init__(self, url: str, stated: float | None) -> None:
        self._interval = KnownInterval(url, stated)
        self._clients: queue.SimpleQueue[Client] = queue.SimpleQueue()
        self._all_clients = [Client(url, seconds=_QUERY_SECONDS, tries=2) for _ in range(_CONCURRENCY)]
        for client in self._all_clients:
            self._clients.put(client)
        self._pool = ThreadPoolExecutor(_CONCURRENCY, thread_name_prefix="query")

    def close(self) -> None:
        """Close all connections, without waiting for queries."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        for client in self._all_clients:
            client.close()
        self._interval.close()

    def answer_view(self, view: View, parameters: Parameters) -> Answer:
        """Return the answer to a view now; raises BadRequest, and Unreachable if Prometheus fails."""
        interval, now = self._interval.read_seconds(), time.time()
        queries = list(iter_queries(view.content))
        futures = [self._pool.submit(self._run_query, query, parameters, now, interval) for query in queries]
        results = {id(query): future.result() for query, future in zip(queries, futures, strict=True)}
        content = _assemble_content(view.content, results)
        if isinstance(view.content, Query):
            content = {view.content.shape: content}
        when = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        etag = hashlib.sha256(orjson.dumps(content)).hexdigest()[:32]
        return Answer(orjson.dumps({"timestamp": when, **content}, option=orjson.OPT_APPEND_NEWLINE), f'W/"{etag}"')

    def _run_query(self, query: Query, parameters: Parameters, now: float, interval: float) -> Any:
        text = query.exprs[parameters.metric if parameters.metric in query.exprs else next(iter(query.exprs))]
        if query.shape == "series":
            span = parameters.range_seconds or query.range_seconds
            step = max(query.step_seconds or max(interval, span / _POINTS), span / _MAX_POINTS)
            found = self._post_query(
                "/api/v1/query_range",
                query=promql.with_window(text, rate_window(interval, step)),
                start=f"{now - span:.3f}",
                end=f"{now:.3f}",
                step=f"{step:.3f}",
            )
            return [
                {"labels": series["metric"], "points": [[at, to_number(value)] for at, value in series["values"]]}
                for series in found
            ]
        found = self._post_query(
            "/api/v1/query", query=promql.with_window(text, rate_window(interval, interval)), time=f"{now:.3f}"
        )
        convert = to_time if query.is_time else to_number
        if query.shape == "rows":
            return [{"labels": series["metric"], "value": convert(series["value"][1])} for series in found]
        if len(found) > 1:
            raise Unreachable(f"a value has {len(found)} series: say how to combine them, or ask for rows")
        return convert(found[0]["value"][1]) if found else None

    def _post_query(self, path: str, **form: str) -> list[dict[str, Any]]:
        client = self._clients.get()
        try:
            series = read_series(client.post(path, data=form), client.base)
        finally:
            self._clients.put(client)
        return [each for each in series if "value" in each or "values" in each]  # not native histograms


def read_parameters(view: View, fields: Mapping[str, list[str]], parse_duration: Any) -> Parameters:
    """Return the parameters of a request for a view; raises BadRequest for any that it does not have."""
    known = [*(["metric"] if view.list_choices() else []), *(["range"] if view.has_range else [])]
    for name, values in fields.items():
        if name not in known:
            raise BadRequest(f"{view.name} has no parameter {name}" + (f"; it has {', '.join(known)}" if known else ""))
        if len(values) != 1:
            raise BadRequest(f"expected one {name}")
    metric = fields.get("metric", [""])[0]
    if metric and metric not in view.list_choices():
        raise BadRequest(f"{view.name} has no metric {metric}; it has {', '.join(view.list_choices())}")
    if "range" not in fields:
        return Parameters(metric)
    try:
        seconds = parse_duration(fields["range"][0])
    except ValueError as error:
        raise BadRequest(str(error)) from None
    if not 1 <= seconds <= MAX_RANGE_SECONDS:
        raise BadRequest("expected a range from 1s to 31d")
    return Parameters(metric, seconds)


def to_number(text: str) -> float | str | None:
    """Return a value for JSON, which has no NaN (null) and no infinity (a string, as in Prometheus' API)."""
    number = float(text)
    if math.isfinite(number):
        return number
    return None if math.isnan(number) else text


def to_time(text: str) -> str | None:
    """Return a Unix time as ISO 8601 in UTC; null for what is no time."""
    try:
        return datetime.fromtimestamp(float(text), UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return None


def _assemble_content(content: Content, results: Mapping[int, Any]) -> Any:
    if isinstance(content, Query):
        return results[id(content)]
    return {name: _assemble_content(part, results) for name, part in content.items()}
