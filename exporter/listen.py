"""The sockets and connections under the ASGI application: uvicorn, with the limits that it lacks.

uvicorn has no time limit for a request's header, and its `limit_concurrency` answers 503 to everybody as soon as
idle connections have used it up. Here a connection that does not complete a header in time is cut, and a new one
beyond the limit takes the place of the one that has waited longest without asking for anything.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from deckwatch.core.place import DeckwatchError

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger("deckwatch.listen")

HEADER_SECONDS = 10.0  # for a request's header, from the connection's beginning or the header's first byte
READING_SECONDS = 30.0  # for a client to read on while a page is being sent to it
KEEP_ALIVE_SECONDS = 75  # a scraper that comes every minute keeps its connection
MOST_CONNECTIONS = 128
_SHUTDOWN_SECONDS = 1
_TICK_SECONDS = 1.0


class Address(NamedTuple):
    """A host (empty: every interface) and a port (0: a free one)."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse(text: str) -> Address:
    """Read HOST:PORT, where an IPv6 host stands in brackets; raises ValueError with a sentence."""
    host, colon, port = text.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"expected HOST:PORT such as 127.0.0.1:9877, not {text!r}")
    if (":" in bare) != (host.startswith("[") and host.endswith("]")):
        raise ValueError(f"an IPv6 address stands in brackets, such as [::1]:9877, not {text!r}")
    return Address(bare, int(port))


def bind(address: Address) -> list[socket.socket]:
    """Return listening sockets for an address, one for each that its name stands for; raises DeckwatchError."""
    if address.host in ("", "::") and socket.has_dualstack_ipv6():
        with contextlib.suppress(OSError):  # the kernel knows IPv6, but this machine has it turned off
            return [_at_once(socket.create_server(("", address.port), family=socket.AF_INET6, dualstack_ipv6=True))]
    opened: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(address.host or None, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, _, _, _, where in dict.fromkeys(found):
            if family in (socket.AF_INET, socket.AF_INET6):
                # The second address of a name takes the port that the first was given.
                port = opened[0].getsockname()[1] if opened else address.port
                opened.append(_at_once(socket.create_server((where[0], port, *where[2:]), family=family)))
    except OSError as error:
        for one in opened:
            one.close()
        # The system's own words: `create_server` adds the address to them, a name's fault has words of its own.
        reason = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
        raise DeckwatchError(
            f"cannot listen on {address}: {str(reason).lower()}; choose another with --listen"
        ) from None
    return opened


def _at_once(listening: socket.socket) -> socket.socket:
    """Let the sockets that are accepted send at once.

    Without it the second part of an answer waits 40 ms for the peer's delayed acknowledgement. asyncio does this only
    for sockets made with their protocol's number, which `create_server` leaves at 0.
    """
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


class Connection(H11Protocol):
    """An HTTP/1.1 connection that may neither dawdle over a header nor over reading an answer."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._header = _Limit()
        self._reading = _Limit()
        self._since = self.loop.time()  # when it last sent something

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Make room for the connection, and start the time limit of its first header."""
        if len(self.connections) >= MOST_CONNECTIONS and not self._make_room():
            transport.abort()
        super().connection_made(transport)
        self._header.start(self.loop, HEADER_SECONDS, transport)

    def data_received(self, data: bytes) -> None:
        """Take bytes in; the limit stands from a header's first byte to its last."""
        self._since = self.loop.time()
        super().data_received(data)
        if not self.idle:
            self._header.stop()
        elif self._header.timer is None:
            self._header.start(self.loop, HEADER_SECONDS, self.transport)

    def pause_writing(self) -> None:
        """Start a time limit when the client does not read what is sent to it."""
        super().pause_writing()
        self._reading.start(self.loop, READING_SECONDS, self.transport)

    def resume_writing(self) -> None:
        """Lift that limit when it reads again."""
        super().resume_writing()
        self._reading.stop()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._header.stop()
        self._reading.stop()
        super().connection_lost(exc)

    @property
    def idle(self) -> bool:
        """Whether no request is being answered."""
        return self.conn.their_state is h11.IDLE or self.transport.is_closing()

    def _make_room(self) -> bool:
        """Cut the connection that has been idle longest; False where all are being answered."""
        waiting = [one for one in self.connections if isinstance(one, Connection) and one.idle]
        if not waiting:
            log.warning("all %d connections are busy; a new one was refused", MOST_CONNECTIONS)
            return False
        oldest = min(waiting, key=lambda one: one._since)  # noqa: SLF001 - of this very class
        self.connections.discard(oldest)
        oldest.transport.abort()
        return True


class _Limit:
    """A time limit at whose end the connection is cut, unless it was stopped."""

    timer: asyncio.TimerHandle | None = None

    def start(self, loop: asyncio.AbstractEventLoop, seconds: float, transport: asyncio.Transport) -> None:
        self.timer = loop.call_later(seconds, transport.abort)

    def stop(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


class Server(uvicorn.Server):
    """uvicorn's server, which ends at once on a signal, and with exit code 0."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._ending = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take SIGTERM and SIGINT as the wish to end; uvicorn would raise them again at the end."""
        if threading.current_thread() is threading.main_thread():  # no other gets signals
            loop = asyncio.get_running_loop()
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, self.end)
        yield

    def end(self) -> None:
        """Stop serving."""
        self.should_exit = True
        self._ending.set()

    async def main_loop(self) -> None:
        """Tick once a second, for the Date header; uvicorn would wake ten times as often to look for a signal."""
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), _TICK_SECONDS)


def server(app: Any) -> Server:
    """Return a server of this application, not yet started."""
    config = uvicorn.Config(
        app,
        http=Connection,
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
    )
    return Server(config)


def serve(app: Any, sockets: list[socket.socket]) -> None:
    """Answer on these sockets until SIGTERM or SIGINT; closes them."""
    asyncio.run(server(app).serve(sockets))
