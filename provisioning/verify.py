"""Asks a live Prometheus every query of a bundle, as Grafana and the rules do, and tells which have data.

What is asked for with a reason to be empty may be so. A metric that a query needs and that Prometheus has never seen
means that the thing is not watched here at all, which is no fault; but where its scrape job has targets, it is one.
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
from deckwatch.provisioning import judge

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.core.problems import Place
    from deckwatch.provisioning.stack import Built

Status = Literal["data", "empty", "nothing", "wrong", "error", "not watched"]

AT_ONCE = 8
_NEVER_EMPTY = ("node", "postgres")  # jobs of which each target has something to read; a deck may lack containers
_SPAN_SECONDS = 3600
_NOT_THERE = (404, 405, 410)
_POINTS = 240  # of a graph; Grafana asks for about one a pixel


@dataclass(frozen=True, slots=True)
class Question:
    """One query to ask. `page` is the dashboard or the topic that it stands on, `empty` why it may have no data."""

    page: str
    kind: str
    title: str
    expr: str
    ranged: bool
    place: Place
    empty: str = ""
    needs: tuple[str, ...] = ()
    label: str = ""  # of a choice: the label whose values are offered
    wanted: ExpectedResult = NO_EXPECTATION


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a question. `said` is what is wrong, or why there is rightly nothing; `remark` is no fault."""

    question: Question
    status: Status
    seconds: float
    said: str = ""
    remark: str = ""

    @property
    def good(self) -> bool:
        """Whether this is as it should be."""
        return self.status not in ("nothing", "wrong", "error")


class Prometheus:
    """A live server, asked by several threads, each with a connection of its own."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._local = threading.local()
        self._clients: list[Client] = []
        self.interval = self._interval()

    def close(self) -> None:
        """Close all connections."""
        for client in self._clients:
            client.close()

    def ask(self, expr: str, *, ranged: bool) -> list[dict[str, Any]]:
        """Return the series of an expression, over the last hour or now; raises Unreachable with its error."""
        now = time.time()
        if not ranged:
            return self._result("/api/v1/query", {"query": expr, "time": f"{now:.3f}"})
        step = max(self.interval, _SPAN_SECONDS // _POINTS)
        span = {"start": f"{now - _SPAN_SECONDS:.3f}", "end": f"{now:.3f}", "step": f"{step:g}"}
        return self._result("/api/v1/query_range", {"query": expr, **span})

    def targets(self) -> dict[str, bool]:
        """Return the addresses that are scraped, each with whether that has happened once."""
        active = self._client().get("/api/v1/targets", state="active")["data"]["activeTargets"]
        return {one["scrapeUrl"]: not one["lastScrape"].startswith("0001-") for one in active}

    def _result(self, path: str, form: dict[str, str]) -> list[dict[str, Any]]:
        data = self._client().post(path, data=form)["data"]
        if data["resultType"] == "scalar":
            return [{"metric": {}, "value": data["result"]}]
        found: list[dict[str, Any]] = data["result"]
        return found

    def _interval(self) -> float:
        """Return the real scrape interval in seconds, of which Grafana makes its windows."""
        no_prometheus = f"{mask_secrets(self.url)} answers, but is no Prometheus"
        try:
            answer = self._client().get("/api/v1/status/config")
        except Refused as error:
            if error.status not in _NOT_THERE:
                raise
            missing = urlsplit(self.url).path.rstrip("/") + "/api/v1/status/config"
            raise Unreachable(f"{no_prometheus}: there is no {missing}") from None
        try:
            text = answer["data"]["yaml"]
            return units.parse_duration(yaml_file.parse_yaml(text, "prometheus.yml").data["global"]["scrape_interval"])
        except (KeyError, TypeError, InvalidInput):
            raise Unreachable(f"{no_prometheus}: its configuration is none of Prometheus'") from None

    def _client(self) -> Client:
        client: Client | None = getattr(self._local, "client", None)
        if client is None:
            client = self._local.client = Client(self.url, seconds=60)
            self._clients.append(client)
        return client


def questions(built: Built, interval: float) -> list[Question]:
    """Return everything that a bundle asks, dashboards first. `interval` is the scrape interval in seconds."""
    # Grafana's $__rate_interval: a scrape more than the step between points, and four scrapes at least.
    step = max(interval, _SPAN_SECONDS / _POINTS)
    window = f"{math.ceil(max(step + interval, 4 * interval))}s"
    drawn = [
        Question(
            one.dashboard,
            one.kind,
            f"{one.title} ({one.ref})" if one.kind == "panel" else one.title,
            one.to_promql(window, f"{_SPAN_SECONDS}s"),
            one.mode == "range",
            one.place,
            one.empty,
            one.needs,
            one.ref if one.kind == "variable" else "",
            replace(one.wanted, agrees_with=one.to_promql(window, f"{_SPAN_SECONDS}s", text=one.wanted.agrees_with)),
        )
        for one in built.dashboards
    ]
    ruled = [
        Question(
            f"Rules: {one.topic}",
            one.kind,
            one.name,
            one.expr,
            False,
            one.place,
            one.empty,
            one.needs,
            wanted=ExpectedResult(labels=one.labels),
        )
        for one in built.rules
    ]
    return drawn + ruled


def verify(
    prometheus: Prometheus, asked: Sequence[Question], catalog: Catalog, done: Callable[[], None] = lambda: None
) -> list[Answer]:
    """Ask everything, eight at a time, in the order given; `done` is called after each."""
    unwatched = _unwatched(prometheus, {name for one in asked for name in one.needs}, catalog)

    def one(question: Question) -> Answer:
        missing = [name for name in question.needs if name in unwatched]
        answer = Answer(question, "not watched", 0.0, f"no {missing[0]}") if missing else _ask(prometheus, question)
        done()
        return answer

    with ThreadPoolExecutor(AT_ONCE) as threads:
        return _without_choices(list(threads.map(one, asked)))


def _without_choices(answers: list[Answer]) -> list[Answer]:
    """Return the answers; a page of which no panel is watched here has nothing to choose from either."""
    watched = {one.question.page for one in answers if one.question.kind == "panel" and one.status != "not watched"}
    return [
        replace(one, status="not watched")
        if one.question.kind == "variable" and one.status == "nothing" and one.question.page not in watched
        else one
        for one in answers
    ]


def _ask(prometheus: Prometheus, question: Question) -> Answer:
    started = time.monotonic()
    try:
        series = prometheus.ask(question.expr, ranged=question.ranged)
        seconds = time.monotonic() - started
        having = [one for one in series if _has_data(one, question.label)]
        wrong = next(judge.faults(having, question.wanted, partial(prometheus.ask, ranged=False)), "") if having else ""
    except Unreachable as error:
        return Answer(question, "error", time.monotonic() - started, str(error))
    if having:
        remark = next(judge.remarks(series, question.wanted), "")
        return Answer(question, "wrong" if wrong else "data", seconds, wrong, remark)
    return Answer(question, "empty" if question.empty else "nothing", seconds, question.empty)


def _has_data(series: dict[str, Any], label: str) -> bool:
    """Return whether a series has a value that can be drawn; for a choice, whether it offers one."""
    if label and not series["metric"].get(label):
        return False
    points = series.get("values") or [series["value"]]
    return any(value != "NaN" for _, value in points)


def _unwatched(prometheus: Prometheus, names: Collection[str], catalog: Catalog) -> set[str]:
    """Return the metrics without any series in the last hour whose scrape job has no target of its own here."""
    found = set()
    for name in names:
        pattern = "|".join((name, f"{name}_bucket", f"{name}_count"))
        seen = prometheus.ask(f'count(last_over_time({{__name__=~"{pattern}"}}[1h]))', ranged=False)
        if not seen and not any(prometheus.ask(f'up{{job="{job}"}}', ranged=False) for job in _jobs(name, catalog)):
            found.add(name)
    return found


def _jobs(name: str, catalog: Catalog) -> Iterator[str]:
    """Yield the jobs that read this metric wherever they have a target."""
    info = catalog.series(name)
    for job in _NEVER_EMPTY:
        words = load_contract()["jobs"][job]["collect"]
        if info is not None and any(matches_name(info.source, word) for word in words):
            yield job
