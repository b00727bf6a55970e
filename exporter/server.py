"""The exporter's HTTP endpoints, as an ASGI application.

A scrape runs on a separate thread, so that the event loop never blocks and `/healthz` reflects whether it runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
import functools
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import parse_qs

from deckwatch.core.problems import did_you_mean
from deckwatch.core.short_cache import ShortCache
from deckwatch.exporter import collector, exposition, page
from deckwatch.exporter.gzip import PageCompressor
from deckwatch.exporter.live.lazy_page import LivePage
from deckwatch.exporter.pending_scrape import CollectorSelection
from deckwatch.exporter.scrape_headers import accepts_gzip, scrape_seconds
from deckwatch.exporter.task_threads import TaskThreads

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from deckwatch.exporter.collector import Subjects
    from deckwatch.exporter.live.project_rules import Overrides
    from deckwatch.exporter.metric import Lines, Sample
    from deckwatch.exporter.pending_scrape import PendingScrape
    from deckwatch.exporter.scrape import Key, Scraper

    Scope = dict[str, Any]
    Receive = Callable[[], Awaitable[dict[str, Any]]]
    Send = Callable[[dict[str, Any]], Awaitable[None]]

log = logging.getLogger("deckwatch.server")

TEXT = "text/plain; charset=utf-8"
_SHORT_SCRAPE_SECONDS = 0.5  # a page with all collectors may take longer than this
_MAX_FIELDS = 200  # of a query

# The parameters that choose one subject: the label of these subjects, and what they are called in messages.
SUBJECT_PARAMETERS = {"server": ("server", "database server"), "probe": ("service", "probe")}

_ANSWER_THREADS = TaskThreads("answer")

T = TypeVar("T")


@dataclass(frozen=True)
class Response:
    """Status, body and headers of a response."""

    status: int
    body: bytes
    content_type: str = TEXT
    headers: tuple[tuple[str, str], ...] = ()
    cache_control: str = "no-store"


Endpoint = Callable[[bytes], Awaitable[Response]]


class _Scrape(NamedTuple):
    """A scrape that has begun, with what was chosen."""

    chosen: CollectorSelection
    pending: PendingScrape


@dataclass
class App:
    """The ASGI application of one Scraper. `shipped` names all collectors, including disabled ones.

    `endpoints` answer further paths: each takes a query string and must not block. `overrides` are the project's
    changes of the live page's thresholds.
    """

    scraper: Scraper
    shipped: Iterable[str]
    endpoints: Mapping[str, Endpoint] = field(default_factory=dict)
    overrides: Overrides | None = None
    words: list[str] = field(init=False)
    live: LivePage = field(init=False)

    def __post_init__(self) -> None:
        self._compressor = PageCompressor()
        self.words = collector.names_and_prefixes(self.shipped)
        self.live = LivePage(self.scraper, self.overrides)
        self._pages: ShortCache[tuple[bytes, tuple[tuple[str, str], ...]]] = ShortCache(1.0)  # shared for a second

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, without reading its body."""
        del receive
        if scope["type"] != "http":
            raise NotImplementedError(scope["type"])
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        await send_response(
            scope, send, await self._route_request(scope["method"], scope["path"], scope["query_string"], headers)
        )

    async def _route_request(self, method: str, path: str, query: bytes, headers: dict[str, str]) -> Response:
        if method not in ("GET", "HEAD"):
            return Response(405, b"only GET and HEAD\n", headers=(("allow", "GET, HEAD"),))
        match path:
            case "/metrics" if method == "HEAD":
                return Response(200, b"", exposition.CONTENT_TYPE)
            case "/metrics":
                return await self.metrics_response(query, headers)
            case "/probe":
                return await self.probe_response(query, headers)
            case "/" | "/collectors":
                key = self.live.page_key(path, query)
                body, policy = await self._pages.get(key, lambda: run_in_thread(lambda: self.live.render_page(*key)))
                return Response(200, body, page.HTML, policy)
            case "/healthz":
                return Response(200, b"ok\n")
            case "/readyz":
                return readiness_response(self.scraper.unanswered())
            case _ if path in self.endpoints:
                return await self.endpoints[path](query)
            case _:
                return Response(404, page.render_not_found().encode(), page.HTML, page.HEADERS)

    async def metrics_response(self, query: bytes, headers: dict[str, str]) -> Response:
        """Return the metrics page: status 200 whatever failed in collectors, 400 for an invalid request."""

        def select(fields: dict[str, list[str]]) -> CollectorSelection:
            return self.select_collectors(fields.get("collect[]", []), fields.get("exclude[]", []), fields)

        return await self._answer_scrape(select, query, headers)

    async def probe_response(self, query: bytes, headers: dict[str, str]) -> Response:
        """Return the metrics of the database server or the probe that `target` names, or of the probe of this address.

        Only what is configured is read: with any address, a client could make the exporter send passwords anywhere.
        """
        return await self._answer_scrape(
            lambda fields: self._select_target(fields.get("target") or [""]), query, headers
        )

    async def _answer_scrape(
        self,
        select: Callable[[dict[str, list[str]]], CollectorSelection],
        query: bytes,
        headers: dict[str, str],
    ) -> Response:
        """Scrape what `select` returns for the query, without a thread while only the World's EventLoop is busy."""

        def begin() -> Response | _Scrape:
            try:
                fields = parse_qs(query.decode("latin-1"), keep_blank_values=True, max_num_fields=_MAX_FIELDS)
                chosen = select(fields)
            except ValueError as error:
                return Response(400, f"{error}\n".encode("utf-8", "replace"))
            return advance(_Scrape(chosen, self._begin_scrape(chosen, scrape_seconds(headers))))

        def advance(scrape: _Scrape) -> Response | _Scrape:
            if not self.scraper.advance_scrape(scrape.pending, waits_for_loop=False):
                return scrape
            return self._page_response(scrape, headers)

        answer = await run_in_thread(begin)
        while isinstance(answer, _Scrape):
            await answer.pending.wait_on_loop()
            answer = await run_in_thread(functools.partial(advance, answer))
        return answer

    def _page_response(self, scrape: _Scrape, headers: dict[str, str]) -> Response:
        chosen, samples = scrape.chosen, self._take_samples(scrape.pending)
        extra = [("vary", "accept-encoding")]
        if accepts_gzip(headers.get("accept-encoding", "")):
            request = chosen.only, chosen.exclude, *sorted((chosen.subjects or {}).items())
            body = self._compressor.compress_page(request, exposition.render_families(samples))
            extra.append(("content-encoding", "gzip"))
        else:
            body = b"".join(exposition.render_chunks(samples))
        return Response(200, body, exposition.CONTENT_TYPE, tuple(extra))

    def scrape_page(self, chosen: CollectorSelection, seconds: float) -> Iterator[bytes]:
        """Scrape these collectors within `seconds` and return the pieces of the page."""
        pending = self._begin_scrape(chosen, seconds)
        self.scraper.advance_scrape(pending, waits_for_loop=True)
        return exposition.render_chunks(self._take_samples(pending))

    def _begin_scrape(self, chosen: CollectorSelection, seconds: float) -> PendingScrape:
        return self.scraper.begin_scrape(chosen, seconds, is_short=seconds < _SHORT_SCRAPE_SECONDS)

    def _take_samples(self, pending: PendingScrape) -> list[Sample | Lines]:
        outcomes = self.scraper.end_scrape(pending)
        now = self.live.scraped_at = self.scraper.world.age_clock()
        own = exposition.self_samples(outcomes, self.scraper.records, now, pending.seconds)
        samples: list[Sample | Lines] = []
        for outcome in outcomes:
            samples += outcome.samples
        samples += own
        return samples

    def select_collectors(
        self, only: Sequence[str], exclude: Sequence[str], parameters: Mapping[str, Sequence[str]]
    ) -> CollectorSelection:
        """Return the collectors to scrape; raises ValueError with a message for unknown names.

        `parameters` may name one subject of each kind, by the keys of SUBJECT_PARAMETERS; others are ignored.
        """
        if only and exclude:
            raise ValueError("expected collectors to run or collectors to exclude, not both")
        for word in (*only, *exclude):
            if word not in self.words:
                raise ValueError(_with_hint(f"unknown collector {word!r}", did_you_mean(word, self.words)))
        subjects = {}
        for parameter, (label, noun) in SUBJECT_PARAMETERS.items():
            names = parameters.get(parameter, ())
            if len(names) > 1:
                raise ValueError(f"expected one {parameter}, not several")
            for name in names:
                if name not in (known := self._list_subjects(label)):
                    raise ValueError(_with_hint(f"unknown {noun} {name!r}", did_you_mean(name, known)))
                subjects[label] = name
        return CollectorSelection(tuple(only), tuple(exclude), subjects)

    def _select_target(self, targets: Sequence[str]) -> CollectorSelection:
        """Return the selection of the one subject with this name or address; raises ValueError if none has it."""
        if len(targets) > 1:
            raise ValueError("expected one target, not several")
        names: list[str] = []
        for label, _ in SUBJECT_PARAMETERS.values():
            for name, subject in self._list_subjects(label).items():
                if targets[0] in (name, getattr(subject, "address", name)):
                    return CollectorSelection(tuple(self._list_readers(label)), subjects={label: name})
                names.append(name)
        raise ValueError(_with_hint(f"unknown target {targets[0]!r}", did_you_mean(targets[0], names)))

    def _list_readers(self, label: str) -> dict[str, Subjects]:
        """Return the functions that list subjects, by the names of the collectors that run once for each of them."""
        collectors = self.scraper.collectors.values()
        return {each.name: each.subjects for each in collectors if each.subjects and each.subject_label == label}

    def _list_subjects(self, label: str) -> dict[str, Any]:
        """Return the configured subjects with this label by their names."""
        found: dict[str, Any] = {}
        for list_subjects in self._list_readers(label).values():
            with contextlib.suppress(Exception):  # reported by the scrape, as this collector's outcome
                found |= list_subjects(self.scraper.world)
        return found


async def send_response(scope: Scope, send: Send, response: Response) -> None:
    """Send a response with the common headers."""
    headers = [
        ("date", email.utils.formatdate(usegmt=True)),  # uvicorn would wake once a second to keep one ready
        ("content-type", response.content_type),
        ("cache-control", response.cache_control),
        ("x-content-type-options", "nosniff"),
        *response.headers,
    ]
    if response.body:
        headers.append(("content-length", str(len(response.body))))
    if any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"]):
        headers.append(("connection", "close"))  # otherwise the client could go on sending a body
    pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    await send({"type": "http.response.start", "status": response.status, "headers": pairs})
    await send({"type": "http.response.body", "body": response.body})


def readiness_response(waiting: list[Key]) -> Response:
    """Return the response of /readyz, with the collectors that have not answered."""
    if not waiting:
        return Response(200, b"ready\n")
    names = "".join(f"{name} ({subject})\n" if subject else f"{name}\n" for name, subject in waiting)
    return Response(503, f"waiting for the first answer of:\n{names}".encode("utf-8", "replace"))


async def run_in_thread(work: Callable[[], T]) -> T:
    """Run `work` on a thread."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def run() -> None:
        try:
            result = work()
        except Exception as fault:  # noqa: BLE001 - raised where the result is awaited
            hand_over(functools.partial(future.set_exception, fault))
        else:
            hand_over(functools.partial(future.set_result, result))

    def hand_over(settle: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended, so nobody awaits the result
            loop.call_soon_threadsafe(lambda: None if future.done() else settle())

    _ANSWER_THREADS.run_task(run)
    return await future


def _with_hint(message: str, hint: str) -> str:
    return f"{message}; {hint}" if hint else message
