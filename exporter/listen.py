"""The HTTP server: uvicorn with connection limits of our own.

uvicorn has no time limit for a request's header or for the TLS handshake, and its `limit_concurrency` answers 503 to
everybody once idle connections exhaust it. Here a connection that does not complete a header in time is closed, and a
new connection beyond the limits replaces one that is idle.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import signal
import socket
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

import uvicorn

from deckwatch.core.problems import DeckwatchError
from deckwatch.exporter.connection import Connection
from deckwatch.exporter.log_throttle import LogThrottle
from deckwatch.exporter.protection.connection_limits import ConnectionPool
from deckwatch.exporter.tls_connection import TlsConnection

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.protection.connection_limits import ConnectionSlot
    from deckwatch.exporter.protection.reloading_config import ReloadingConfig

log = logging.getLogger("deckwatch.listen")

KEEP_ALIVE_SECONDS = 75  # a scraper with an interval of a minute keeps its connection
_SHUTDOWN_SECONDS = 1
_BACKLOG = 128  # connections that wait in the kernel
_ACCEPTED_AT_ONCE = 8  # per turn of the loop; the limits count a connection some turns later
_NO_RESOURCES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_ACCEPT_TURNS = 3  # of the loop, until an accepted socket has become a connection that can be closed


class Address(NamedTuple):
    """A host (empty: every interface) and a port (0: a free one)."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str) -> Address:
    """Parse HOST:PORT, with an IPv6 host in brackets; raises ValueError with a message for users."""
    host, colon, port = text.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"expected HOST:PORT such as 127.0.0.1:9877, not {text!r}")
    if (":" in bare) != (host.startswith("[") and host.endswith("]")):
        raise ValueError(f"expected an IPv6 address in brackets such as [::1]:9877, not {text!r}")
    return Address(bare, int(port))


def bind_sockets(address: Address) -> list[socket.socket]:
    """Return listening sockets, one per address that the host resolves to; raises DeckwatchError."""
    if address.host in ("", "::") and socket.has_dualstack_ipv6():
        with contextlib.suppress(OSError):  # the kernel supports IPv6, but it is disabled on this machine
            return [
                _without_delay(socket.create_server(("", address.port), family=socket.AF_INET6, dualstack_ipv6=True))
            ]
    opened: list[socket.socket] = []
    try:
        resolved = socket.getaddrinfo(
            address.host or None, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        for family, _, _, _, where in dict.fromkeys(resolved):
            if family in (socket.AF_INET, socket.AF_INET6):
                # All addresses use the port that the first was assigned.
                port = opened[0].getsockname()[1] if opened else address.port
                opened.append(_without_delay(socket.create_server((where[0], port, *where[2:]), family=family)))
    except OSError as error:
        for listener in opened:
            listener.close()
        # Only the system's message: `create_server` adds the address to it.
        reason = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
        raise DeckwatchError(
            f"cannot listen on {address}: {str(reason).lower()}; choose another with --listen"
        ) from None
    return opened


def _without_delay(listening: socket.socket) -> socket.socket:
    """Disable Nagle's algorithm for accepted sockets.

    Otherwise the second part of a response waits 40 ms for the peer's delayed acknowledgement. asyncio does this only
    for sockets created with the protocol's number, which `create_server` leaves at 0.
    """
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


class Server(uvicorn.Server):
    """uvicorn's server, stopping at once on a signal, with exit code 0."""

    def __init__(self, config: uvicorn.Config, pool: ConnectionPool) -> None:
        super().__init__(config)
        self._pool = pool
        self._stopping = asyncio.Event()
        self._throttle = LogThrottle()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on SIGTERM and SIGINT; uvicorn would raise them again at the end."""
        if threading.current_thread() is threading.main_thread():  # only the main thread receives signals
            loop = asyncio.get_running_loop()
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, self.request_stop)
        yield

    def request_stop(self) -> None:
        """Stop serving."""
        self.should_exit = True
        self._stopping.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to accept connections; asyncio has one number for the kernel's backlog and for accepting at once."""
        asyncio.get_running_loop().set_exception_handler(self._report_error)
        await super().startup(sockets)
        for listening in sockets or []:
            listening.listen(_BACKLOG)

    def _report_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Log an error of the loop; without free descriptors asyncio reports every attempt to accept a connection."""
        error = context.get("exception")
        if not isinstance(error, OSError) or error.errno not in _NO_RESOURCES:
            loop.default_exception_handler(context)
        elif (more := self._throttle(str(error.errno))) is not None:
            log.warning("connections cannot be accepted: %s%s", os.strerror(error.errno).lower(), more)

    async def main_loop(self) -> None:
        """Wait until stopped; uvicorn would poll ten times a second."""
        await self.on_tick(0)
        await self._stopping.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close connections without a request; uvicorn does not know those in a TLS handshake."""
        for listener in sockets or []:
            asyncio.get_running_loop().remove_reader(listener)
        for _ in range(_ACCEPT_TURNS):  # otherwise asyncio would leave the socket accepted last open
            await asyncio.sleep(0)
        for guest in self._pool.all_slots():
            if guest.state != "busy":
                self._pool.abort_slot(guest)
        await super().shutdown(sockets)


def make_server(app: Any, protection: ReloadingConfig | None = None, targets: int = 0) -> Server:
    """Return a server for this application, not yet started; `targets` are pages that are read at the same time."""
    pool = ConnectionPool(targets)
    if protection is not None:
        from deckwatch.exporter.protection.auth_middleware import AuthMiddleware  # noqa: PLC0415 - only with a web configuration

        app = AuthMiddleware(app, protection)
    config = uvicorn.Config(
        _accept_absolute_form(app),
        http=_protocol_factory(pool, protection),
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        backlog=_ACCEPTED_AT_ONCE,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
    )
    return Server(config, pool)


def _accept_absolute_form(app: Any) -> Any:
    """Return the application for requests whose target is a whole address, as well (RFC 9112, section 3.2.2)."""

    async def call_app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        scheme, separator, rest = scope["path"].partition("://")
        if separator and scheme.lower() in ("http", "https"):
            scope = {**scope, "path": f"/{rest.partition('/')[2]}"}
        await app(scope, receive, send)

    return call_app


def _protocol_factory(pool: ConnectionPool, protection: ReloadingConfig | None) -> Any:
    """Return the protocol factory for uvicorn."""
    throttle = LogThrottle()

    def make_tls_protocol(watched: ReloadingConfig, options: dict[str, Any]) -> TlsConnection:
        def make_http(guest: ConnectionSlot) -> Connection:
            return Connection(pool, guest, **options)

        return TlsConnection(pool, watched, throttle, make_http)

    def make_protocol(**options: Any) -> asyncio.Protocol:
        if protection is not None and protection.is_tls:
            return make_tls_protocol(protection, options)
        return Connection(pool, **options)

    return make_protocol


def serve_app(
    app: Any, sockets: list[socket.socket], protection: ReloadingConfig | None = None, targets: int = 0
) -> None:
    """Serve the application on these sockets until SIGTERM or SIGINT, then close them; `targets` as in make_server."""
    asyncio.run(make_server(app, protection, targets).serve(sockets))
