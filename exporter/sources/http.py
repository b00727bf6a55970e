"""One GET over HTTP/1.1, timed phase by phase, within one deadline and with bounds on what is read."""

from __future__ import annotations

import base64
import contextlib
import http.client
import io
import ssl
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

from deckwatch import __version__
from deckwatch.exporter.sources.dial import Deadline, Dialer, Phases
from deckwatch.exporter.sources.errors import safe_message

if TYPE_CHECKING:
    import socket
    from pathlib import Path

PHASES = ("resolve", "connect", "tls", "processing", "transfer")
MAX_REDIRECTS = 10
MAX_BODY_BYTES = 1 << 20  # the rest is not read

_REDIRECTS = (301, 302, 303, 307, 308)
_PORTS = {"http": 80, "https": 443}


@dataclass
class HttpResult:
    """The result of a GET. Without a response `status` is 0 and `error` is the reason."""

    status: int = 0
    version: float = 0.0
    redirects: int = 0
    content_length: int = -1
    body_length: int = 0
    ip_protocol: int = 0
    tls_version: str = ""  # of the last connection; empty without TLS
    certificate_ends: float | None = None
    phases: Phases = field(default_factory=Phases)
    error: str = ""


def send_get(
    dialler: Dialer, url: str, *, seconds: float, follow: bool = True, authority: Path | None = None
) -> HttpResult:
    """GET a URL and follow its redirects; never raises for errors of the server or the network."""
    answer = HttpResult()
    deadline = Deadline(seconds)
    try:
        target = _Target.parse_url(url)
        while location := _send_request(dialler, target, deadline, authority, answer):
            if not follow:
                break
            if answer.redirects >= MAX_REDIRECTS:
                answer.error = f"more than {MAX_REDIRECTS} redirects"
                break
            answer.redirects += 1
            target = target.follow_redirect(location)
    except (OSError, http.client.HTTPException) as fault:
        answer.error = safe_message(fault)
    except ValueError:
        answer.error = "redirected to an address that is not HTTP" if answer.redirects else "not an HTTP address"
    return answer


def _send_request(
    dialler: Dialer, target: _Target, deadline: Deadline, authority: Path | None, answer: HttpResult
) -> str | None:
    """Send one request and read its answer; returns where it redirects to."""
    answer.status, answer.tls_version = 0, ""
    with contextlib.ExitStack() as stack:
        wire = stack.enter_context(dialler.open_socket(target.host, target.port, deadline, answer.phases))
        answer.ip_protocol = 6 if ":" in wire.getpeername()[0] else 4
        if target.secure:
            secured = dialler.wrap_tls(wire, target.host, authority, deadline, answer.phases)
            wire = stack.enter_context(secured)
            answer.tls_version = (secured.version() or "").replace("TLSv", "TLS ")
            answer.certificate_ends = _certificate_expiry(secured)
        return _read_response(_DeadlineSocket(wire, deadline), target, answer)


def _read_response(wire: _DeadlineSocket, target: _Target, answer: HttpResult) -> str | None:
    connection = http.client.HTTPConnection(target.host, target.port)
    connection.default_port = _PORTS["https" if target.secure else "http"]  # so that Host names only other ports
    connection.sock = wire
    begun = time.perf_counter()
    try:
        connection.request("GET", target.path, headers=target.request_headers())
        with connection.getresponse() as response:
            answer.status = response.status
            answer.version = response.version / 10
            answer.content_length = -1 if response.length is None else response.length
            answer.body_length = 0
            while answer.body_length < MAX_BODY_BYTES and (piece := response.read1(65536)):
                answer.body_length += len(piece)
            if answer.body_length < min(answer.content_length, MAX_BODY_BYTES):
                raise http.client.IncompleteRead(b"")
            return response.headers["Location"] if response.status in _REDIRECTS else None
    finally:
        first = wire.first_byte_at or time.perf_counter()
        answer.phases["processing"] = answer.phases.get("processing", 0.0) + first - begun
        answer.phases.add_since("transfer", first)
        connection.close()


def _certificate_expiry(secured: ssl.SSLSocket) -> float | None:
    """Return when the server's certificate ends, as a Unix time."""
    ends = (secured.getpeercert() or {}).get("notAfter")
    return ssl.cert_time_to_seconds(ends) if isinstance(ends, str) else None


@dataclass(frozen=True)
class _Target:
    """A checked address. `credentials` from it are sent to its own host only."""

    secure: bool
    host: str
    port: int
    path: str
    credentials: str = ""
    url: str = ""

    @classmethod
    def parse_url(cls, url: str) -> _Target:
        """Read an address; raises ValueError where it is none of HTTP's."""
        parts: SplitResult = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ValueError("not an address of HTTP")
        path = quote(parts.path, safe="/%:@!$&'()*+,;=~") or "/"
        if parts.query:
            path += "?" + quote(parts.query, safe="/%:@!$&'()*+,;=~?")
        host = parts.hostname if ":" in parts.hostname else parts.hostname.encode("idna").decode()
        name = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
        credentials = base64.b64encode(name.encode()).decode() if parts.username else ""
        secure = parts.scheme == "https"
        return cls(secure, host, parts.port or _PORTS[parts.scheme], path, credentials, url)

    def follow_redirect(self, location: str) -> _Target:
        """Return where a redirect leads."""
        there = _Target.parse_url(urljoin(self.url, location))
        at_home = (there.secure, there.host, there.port) == (self.secure, self.host, self.port)
        if at_home and not there.credentials:
            return _Target(there.secure, there.host, there.port, there.path, self.credentials, there.url)
        return there

    def request_headers(self) -> dict[str, str]:
        """Return the request headers except Host."""
        sent = {"User-Agent": f"deckwatch/{__version__}", "Accept": "*/*", "Accept-Encoding": "identity"}
        if self.credentials:
            sent["Authorization"] = f"Basic {self.credentials}"
        return sent | {"Connection": "close"}


class _DeadlineSocket:
    """A socket as http.client uses it, whose every read and write keeps the deadline.

    A socket's timeout alone would begin anew with each byte that a slow server sends.
    """

    def __init__(self, wire: socket.socket, deadline: Deadline) -> None:
        self._wire = wire
        self._deadline = deadline
        self.first_byte_at = 0.0

    def sendall(self, data: bytes) -> None:
        """Send all of it."""
        self._wire.settimeout(self._deadline.seconds_left())
        self._wire.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return a buffered reader for http.client."""
        return io.BufferedReader(_SocketReader(self))

    def receive_into(self, buffer: memoryview) -> int:
        """Read the available data."""
        self._wire.settimeout(self._deadline.seconds_left())
        size = self._wire.recv_into(buffer)
        self.first_byte_at = self.first_byte_at or time.perf_counter()
        return size

    def close(self) -> None:
        """Leave the socket to who opened it."""


class _SocketReader(io.RawIOBase):
    def __init__(self, wire: _DeadlineSocket) -> None:
        self._wire = wire

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        return self._wire.receive_into(buffer)
