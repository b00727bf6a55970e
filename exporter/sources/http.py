"""One request over HTTP, timed phase by phase, within one deadline and with bounds on what is read."""

from __future__ import annotations

import asyncio
import dataclasses
import http.client
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from deckwatch.exporter.sources.dial import Dialer, Endpoint, Phases
from deckwatch.exporter.sources.errors import UnexpectedAnswer, safe_message
from deckwatch.exporter.sources.http2_exchange import ALPN, Http2Exchange
from deckwatch.exporter.sources.http_exchange import HttpExchange
from deckwatch.exporter.sources.http_target import HttpTarget

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from deckwatch.exporter.sources.dial import Stream

PHASES = ("resolve", "connect", "tls", "processing", "transfer")
HTTP1 = "http/1.1"  # as ALPN names it
MAX_REDIRECTS = 10
MAX_BODY_BYTES = 1 << 20  # the rest is not read

_REDIRECTS = (301, 302, 303, 307, 308)


@dataclass
class HttpResult:
    """The result of a request. Without a response `status` is 0 and `error` is the reason."""

    status: int = 0
    version: float = 0.0
    redirects: int = 0
    content_length: int = -1
    body_length: int = 0
    ip_protocol: int = 0
    tls_version: str = ""  # of the last connection; empty without TLS
    certificate_ends: float | None = None  # the earliest end of all certificates of all connections
    phases: Phases = field(default_factory=Phases)
    error: str = ""
    keep_bytes: int = 0  # of the body of the last response
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()  # of the last response, by names in lower case

    def header_values(self, name: str) -> list[str]:
        """Return the values of a header of the last response."""
        return [value for key, value in self.headers if key == name.lower()]


@dataclass(frozen=True)
class FetchOptions:
    """What a request does beyond a GET that looks at the answer.

    `headers` and `body` are sent to the host of the URL, not to others that it redirects to. `keep_bytes` of the body
    are kept, and no more are read. `may_visit` decides about a redirect by the host's name; one that it refuses is an
    error. `connection` has arguments of an Endpoint. `protocols` are offered to the server, by their names in ALPN;
    HTTP/2 alone is also spoken without TLS.
    """

    headers: tuple[tuple[str, str], ...] = ()
    keep_bytes: int = 0
    may_visit: Callable[[str], bool] | None = None
    method: str = "GET"
    body: bytes = b""
    follow: bool = True
    max_redirects: int = MAX_REDIRECTS
    connection: Mapping[str, Any] = field(default_factory=dict)
    protocols: tuple[str, ...] = (HTTP1,)


async def fetch_url(dialler: Dialer, url: str, *, seconds: float, options: FetchOptions) -> HttpResult:
    """Request a URL and follow its redirects; never raises for errors of the server or the network.

    A coroutine of the World's EventLoop.
    """
    answer = HttpResult(keep_bytes=options.keep_bytes)
    ends = time.monotonic() + seconds
    try:
        target = dataclasses.replace(
            HttpTarget.parse_url(url), headers=options.headers, method=options.method, body=options.body
        )
        async with asyncio.timeout(seconds):
            while location := await _send_request(dialler, target, ends - time.monotonic(), options, answer):
                if not options.follow:
                    break
                if answer.redirects >= options.max_redirects:
                    answer.error = f"more than {options.max_redirects} redirects"
                    break
                answer.redirects += 1
                before, target = target, target.follow_redirect(location, answer.status)
                if target.host != before.host:
                    connection = {name: value for name, value in options.connection.items() if name != "server_name"}
                    options = dataclasses.replace(options, connection=connection)
                if options.may_visit is not None and not options.may_visit(target.host):
                    answer.error = "redirected to a host that the project does not name"
                    break
    except (OSError, http.client.HTTPException) as fault:
        answer.error = safe_message(fault)
    except ValueError:
        answer.error = "redirected to an address that is not HTTP" if answer.redirects else "not an HTTP address"
    return answer


def host_of(url: str) -> str:
    """Return the host of a URL as redirects name it; raises ValueError where it is none of HTTP's."""
    return HttpTarget.parse_url(url).host


async def _send_request(
    dialler: Dialer, target: HttpTarget, seconds: float, options: FetchOptions, answer: HttpResult
) -> str | None:
    """Send one request and read its answer; returns where it redirects to."""
    answer.status, answer.tls_version = 0, ""
    endpoint = Endpoint(target.host, target.port, target.secure, alpn=options.protocols, **options.connection)
    async with dialler.open_stream(endpoint, seconds, answer.phases) as stream:
        answer.ip_protocol, answer.tls_version = stream.ip_protocol, stream.tls_version
        ends = [end for end in (stream.certificate_ends, answer.certificate_ends) if end is not None]
        answer.certificate_ends = min(ends, default=None)
        exchange = _open_exchange(stream, options.protocols)
        begun = time.perf_counter()
        try:
            return await _read_response(exchange, target, answer)
        finally:
            first = exchange.first_byte_at or time.perf_counter()
            answer.phases["processing"] = answer.phases.get("processing", 0.0) + first - begun
            answer.phases.add_since("transfer", first)


def _open_exchange(stream: Stream, protocols: tuple[str, ...]) -> HttpExchange | Http2Exchange:
    """Return an exchange in the protocol that the server has chosen; without TLS it has no choice."""
    chosen = stream.alpn or (HTTP1 if stream.tls_version or HTTP1 in protocols else ALPN)
    if chosen not in protocols:
        raise UnexpectedAnswer("the server does not offer HTTP/2")
    return Http2Exchange(stream) if chosen == ALPN else HttpExchange(stream)


async def _read_response(exchange: HttpExchange | Http2Exchange, target: HttpTarget, answer: HttpResult) -> str | None:
    head = await exchange.send_request(target.method, target.path, target.request_headers(), target.body)
    answer.status, answer.version, answer.content_length = head.status, head.version, head.content_length
    answer.headers = head.headers
    answer.body_length = 0
    limit = answer.keep_bytes or MAX_BODY_BYTES
    kept = []
    while answer.body_length < limit and (piece := await exchange.read_piece()):
        answer.body_length += len(piece)
        if answer.keep_bytes:
            kept.append(piece)
    answer.body = b"".join(kept)
    return next(iter(answer.header_values("location")), None) if head.status in _REDIRECTS else None
