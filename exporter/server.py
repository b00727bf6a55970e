"""The exporter's HTTP endpoints, as an ASGI application.

A scrape runs on a separate thread, so that the event loop never blocks and `/healthz` reflects whether it runs.
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
OFFSET_SECONDS = 0.5  # of the scraper's timeout, reserved for writing and sending the page
_MAX_SCRAPE_SECONDS = 120.0
_MAX_FIELDS = 200  # of a query

T = TypeVar("T")


@dataclass(frozen=True)
class Response:
    """Status, body and headers of a response."""

    status: int
    body: bytes
    content_type: str = TEXT
    headers: tuple[tuple[str, str], ...] = ()


class CollectorSelection(NamedTuple):
    """Collectors to run or to exclude, by name or prefix, and the one database server to read."""

    only: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    server: str | None = None


@dataclass
class App:
    """The ASGI application of one Scraper. `shipped` names all collectors, including disabled ones."""

    scraper: Scraper
    shipped: Iterable[str]
    words: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.words = collector.names_and_prefixes(self.shipped)

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
        """Return the metrics page: status 200 whatever failed in collectors, 400 for an invalid request."""
        try:
            fields = parse_qs(query.decode("latin-1"), keep_blank_values=True, max_num_fields=_MAX_FIELDS)
            chosen = self.select_collectors(
                fields.get("collect[]", []), fields.get("exclude[]", []), fields.get("server", [])
            )
        except ValueError as error:
            return Response(400, f"{error}\n".encode("utf-8", "replace"))
        return self._page_response(chosen, headers)

    def probe_response(self, query: bytes, headers: dict[str, str]) -> Response:
        """Return the metrics of the database server that `target` names, by its configured name, not an address.

        With an address, a client could make the exporter send its passwords to any server.
        """
        try:
            fields = parse_qs(query.decode("latin-1"), keep_blank_values=True, max_num_fields=_MAX_FIELDS)
            chosen = self.select_collectors(["postgres"], [], fields.get("target") or [""])
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
        """Scrape these collectors within `seconds` and return the pieces of the page."""
        outcomes = self.scraper.scrape(seconds=seconds, only=chosen.only, exclude=chosen.exclude, server=chosen.server)
        own = exposition.self_samples(outcomes, self.scraper.records, self.scraper.world.clock())
        samples = [sample for outcome in outcomes for sample in outcome.samples]
        return exposition.render_chunks([*samples, *own])

    def select_collectors(
        self, only: Sequence[str], exclude: Sequence[str], servers: Sequence[str]
    ) -> CollectorSelection:
        """Return the collectors to scrape; raises ValueError with a message for unknown names."""
        if only and exclude:
            raise ValueError("expected collectors to run or collectors to exclude, not both")
        for word in (*only, *exclude):
            if word not in self.words:
                raise ValueError(_with_hint(f"unknown collector {word!r}", did_you_mean(word, self.words)))
        if len(servers) > 1:
            raise ValueError("expected one server, not several")
        if servers and servers[0] not in (known := self._server_names()):
            raise ValueError(_with_hint(f"unknown database server {servers[0]!r}", did_you_mean(servers[0], known)))
        return CollectorSelection(tuple(only), tuple(exclude), servers[0] if servers else None)

    def _server_names(self) -> list[str]:
        """Return the names of the configured database servers."""
        names: dict[str, None] = {}
        for declared in self.scraper.collectors.values():
            if declared.subjects is not None and declared.subject_label == "server":
                with contextlib.suppress(Exception):  # reported by the scrape, as this collector's outcome
                    names |= dict.fromkeys(self.scraper.subject_names(declared))
        return list(names)


async def send_response(scope: Scope, send: Send, response: Response) -> None:
    """Send a response with the common headers."""
    headers = [
        ("date", email.utils.formatdate(usegmt=True)),  # uvicorn would wake once a second to keep one ready
        ("content-type", response.content_type),
        ("cache-control", "no-store"),
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


def scrape_seconds(headers: dict[str, str]) -> float:
    """Return the seconds that a scrape may take: the scraper's timeout less an offset."""
    try:
        timeout = float(headers.get("x-prometheus-scrape-timeout-seconds", DEFAULT_TIMEOUT_SECONDS))
    except ValueError:
        timeout = DEFAULT_TIMEOUT_SECONDS
    if not math.isfinite(timeout) or timeout <= 0:
        timeout = DEFAULT_TIMEOUT_SECONDS
    return min(max(timeout - OFFSET_SECONDS, timeout / 2), _MAX_SCRAPE_SECONDS)


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
    """Run `work` on a daemon thread, since a hanging thread of an executor would keep the process from exiting."""
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

    threading.Thread(target=run, name="answer", daemon=True).start()
    return await future


def _with_hint(message: str, hint: str) -> str:
    return f"{message}; {hint}" if hint else message
