"""What the exporter answers over HTTP, as an ASGI application.

A scrape runs on a thread of its own, so that the event loop never waits and `/healthz` tells whether it lives.
"""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
import functools
import logging
import math
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import parse_qs

from deckwatch.core.problems import did_you_mean
from deckwatch.exporter import collector, exposition, page
from deckwatch.exporter.gzip import compress

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence

    from deckwatch.exporter.scrape import Key, Scraper

    Scope = dict[str, Any]
    Receive = Callable[[], Awaitable[dict[str, Any]]]
    Send = Callable[[dict[str, Any]], Awaitable[None]]

log = logging.getLogger("deckwatch.server")

TEXT = "text/plain; charset=utf-8"
DEFAULT_TIMEOUT_SECONDS = 10.0  # Prometheus' own default
OFFSET_SECONDS = 0.5  # what is left of the scraper's patience for writing and sending the page
_MAX_SCRAPE_SECONDS = 120.0
_MAX_FIELDS = 200  # of a query

T = TypeVar("T")


@dataclass(frozen=True)
class Response:
    """Status, body and headers of an answer."""

    status: int
    body: bytes
    content_type: str = TEXT
    headers: tuple[tuple[str, str], ...] = ()


class CollectorSelection(NamedTuple):
    """Collectors to take or to leave out, by name or prefix, and the one database server to read."""

    only: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    server: str | None = None


@dataclass
class App:
    """The ASGI application over one Scraper. `shipped` are the names of all collectors, also of those that are off."""

    scraper: Scraper
    shipped: Iterable[str]
    words: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.words = collector.names_and_prefixes(self.shipped)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; its body, if it has one, is not read."""
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
                return await run_in_thread(lambda: self.metrics_response(query, headers))
            case "/probe":
                return await run_in_thread(lambda: self.probe_response(query, headers))
            case "/":
                text = await run_in_thread(lambda: page.render_index(self.scraper))
                return Response(200, text.encode("utf-8", "replace"), page.HTML, page.HEADERS)
            case "/healthz":
                return Response(200, b"ok\n")
            case "/readyz":
                return readiness_response(self.scraper.unanswered())
            case _:
                return Response(404, page.render_not_found().encode(), page.HTML, page.HEADERS)

    def metrics_response(self, query: bytes, headers: dict[str, str]) -> Response:
        """Scrape and write the page: 200 whatever broke behind it, 400 for a request that means nothing."""
        try:
            asked = parse_qs(query.decode("latin-1"), keep_blank_values=True, max_num_fields=_MAX_FIELDS)
            chosen = self.select_collectors(
                asked.get("collect[]", []), asked.get("exclude[]", []), asked.get("server", [])
            )
        except ValueError as error:
            return Response(400, f"{error}\n".encode("utf-8", "replace"))
        return self._page_response(chosen, headers)

    def probe_response(self, query: bytes, headers: dict[str, str]) -> Response:
        """Scrape the one database server that `target` names: a name of the configuration, and no address.

        Whoever asks could otherwise have the exporter show its passwords to a server of his own.
        """
        try:
            asked = parse_qs(query.decode("latin-1"), keep_blank_values=True, max_num_fields=_MAX_FIELDS)
            chosen = self.select_collectors(["postgres"], [], asked.get("target") or [""])
        except ValueError as error:
            return Response(400, f"{error}\n".encode("utf-8", "replace"))
        return self._page_response(chosen, headers)

    def _page_response(self, chosen: CollectorSelection, headers: dict[str, str]) -> Response:
        pieces = self.scrape_page(chosen, scrape_seconds(headers))
        extra = [("vary", "accept-encoding")]
        if accepts_gzip(headers.get("accept-encoding", "")):
            body = compress(pieces)
            extra.append(("content-encoding", "gzip"))
        else:
            body = b"".join(pieces)
        return Response(200, body, exposition.CONTENT_TYPE, tuple(extra))

    def scrape_page(self, chosen: CollectorSelection, seconds: float) -> Iterator[bytes]:
        """Return the pieces of the page of these collectors, within so many seconds."""
        outcomes = self.scraper.scrape(seconds=seconds, only=chosen.only, exclude=chosen.exclude, server=chosen.server)
        own = exposition.self_samples(outcomes, self.scraper.records, self.scraper.world.clock())
        samples = [sample for outcome in outcomes for sample in outcome.samples]
        return exposition.render_chunks([*samples, *own])

    def select_collectors(
        self, only: Sequence[str], exclude: Sequence[str], servers: Sequence[str]
    ) -> CollectorSelection:
        """Return what is to be scraped; raises ValueError with a sentence for words that mean nothing."""
        if only and exclude:
            raise ValueError("expected collectors to take or collectors to leave out, not both")
        for word in (*only, *exclude):
            if word not in self.words:
                raise ValueError(_with_hint(f"no collector is called {word!r}", did_you_mean(word, self.words)))
        if len(servers) > 1:
            raise ValueError("expected one server, not several")
        if servers and servers[0] not in (known := self._server_names()):
            raise ValueError(
                _with_hint(f"no database server is called {servers[0]!r}", did_you_mean(servers[0], known))
            )
        return CollectorSelection(tuple(only), tuple(exclude), servers[0] if servers else None)

    def _server_names(self) -> list[str]:
        """Return the names of the configured database servers."""
        found: dict[str, None] = {}
        for one in self.scraper.collectors.values():
            if one.subjects is not None and one.subject_label == "server":
                with contextlib.suppress(Exception):  # told by the scrape, as this collector's outcome
                    found |= dict.fromkeys(self.scraper.subject_names(one))
        return list(found)


async def send_response(scope: Scope, send: Send, response: Response) -> None:
    """Send an answer, with the headers that all of them have."""
    sent = [
        ("date", email.utils.formatdate(usegmt=True)),  # uvicorn would wake once a second to keep one ready
        ("content-type", response.content_type),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        *response.headers,
    ]
    if response.body:
        sent.append(("content-length", str(len(response.body))))
    if any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"]):
        sent.append(("connection", "close"))  # who sends a body could otherwise go on doing so
    pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in sent]
    await send({"type": "http.response.start", "status": response.status, "headers": pairs})
    await send({"type": "http.response.body", "body": response.body})


def readiness_response(waiting: list[Key]) -> Response:
    """Return the answer of /readyz: whom it still waits for."""
    if not waiting:
        return Response(200, b"ready\n")
    names = "".join(f"{name} ({subject})\n" if subject else f"{name}\n" for name, subject in waiting)
    return Response(503, f"waiting for the first answer of:\n{names}".encode("utf-8", "replace"))


def scrape_seconds(headers: dict[str, str]) -> float:
    """Return how many seconds a scrape may take: what the scraper says it waits, less an offset."""
    try:
        said = float(headers.get("x-prometheus-scrape-timeout-seconds", DEFAULT_TIMEOUT_SECONDS))
    except ValueError:
        said = DEFAULT_TIMEOUT_SECONDS
    if not math.isfinite(said) or said <= 0:
        said = DEFAULT_TIMEOUT_SECONDS
    return min(max(said - OFFSET_SECONDS, said / 2), _MAX_SCRAPE_SECONDS)


def accepts_gzip(header: str) -> bool:
    """Return whether an Accept-Encoding header allows gzip (RFC 9110, section 12.5.3)."""
    weights: dict[str, float] = {}
    for part in header.lower().split(","):
        coding, _, parameter = part.partition(";")
        try:
            weight = float(parameter.strip().removeprefix("q=")) if parameter.strip() else 1.0
        except ValueError:
            weight = 0.0
        weights[coding.strip()] = weight
    return weights.get("gzip", weights.get("*", 0.0)) > 0


async def run_in_thread(work: Callable[[], T]) -> T:
    """Run `work` on a daemon thread: one that hangs must not keep the process from ending, as an executor's would."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def run() -> None:
        try:
            result = work()
        except Exception as fault:  # noqa: BLE001 - raised again where it is awaited
            hand_over(functools.partial(future.set_exception, fault))
        else:
            hand_over(functools.partial(future.set_result, result))

    def hand_over(settle: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended, and nobody awaits this any more
            loop.call_soon_threadsafe(lambda: None if future.done() else settle())

    threading.Thread(target=run, name="answer", daemon=True).start()
    return await future


def _with_hint(said: str, hint: str) -> str:
    return f"{said}; {hint}" if hint else said
