"""Connections to TCP services within one deadline, with the duration of each phase."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING, Any

from deckwatch.exporter.world import Source

if TYPE_CHECKING:
    from pathlib import Path

    from deckwatch.exporter.world import World

Address = tuple[Any, ...]  # family, type, protocol, canonical name, address: as socket.getaddrinfo gives it


class Deadline:
    """A point in time that several steps have to keep together."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def seconds_left(self) -> float:
        """Return the seconds that are left; raises TimeoutError where none are."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class Phases(dict[str, float]):
    """Seconds spent by phase; several visits to a phase are added up."""

    def add_since(self, phase: str, begun: float) -> float:
        """Add the time since `begun` (of `perf_counter`) to a phase, and return the current time."""
        now = time.perf_counter()
        self[phase] = self.get(phase, 0.0) + now - begun
        return now


class Dialer(Source):
    """Opens sockets; a Source of the World that keeps what is expensive: pending look-ups and trusted certificates."""

    def __init__(self, _world: World) -> None:
        self._lookups: dict[tuple[str, int], _Lookup] = {}
        self._contexts: dict[tuple[str, int], ssl.SSLContext] = {}
        self._lock = threading.Lock()

    def open_socket(self, host: str, port: int, deadline: Deadline, phases: Phases) -> socket.socket:
        """Return a connected socket, to the first of the host's addresses that answers; raises OSError."""
        begun = time.perf_counter()
        try:
            addresses = self._resolve_host(host, port, deadline)
        finally:
            begun = phases.add_since("resolve", begun)
        fault: OSError = socket.gaierror(socket.EAI_NONAME, "the name has no address")
        try:
            for index, (family, kind, protocol, _, address) in enumerate(addresses):
                connection = socket.socket(family, kind, protocol)
                # An address that swallows packets may cost its share of the time and not all of it.
                connection.settimeout(deadline.seconds_left() / (len(addresses) - index))
                try:
                    connection.connect(address)
                except OSError as error:
                    connection.close()
                    fault = error
                else:
                    return connection
        finally:
            phases.add_since("connect", begun)
        raise fault

    def wrap_tls(
        self, plain: socket.socket, host: str, authority: Path | None, deadline: Deadline, phases: Phases
    ) -> ssl.SSLSocket:
        """Return the socket under TLS, the certificate checked against the system's or the given authorities."""
        context = self._tls_context(authority)
        begun = time.perf_counter()
        plain.settimeout(deadline.seconds_left())
        try:
            return context.wrap_socket(plain, server_hostname=host)
        finally:
            phases.add_since("tls", begun)

    def _resolve_host(self, host: str, port: int, deadline: Deadline) -> list[Address]:
        """Resolve a name. The system's resolver has no time limit: the next call joins a stuck look-up."""
        try:
            return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        except socket.gaierror:
            pass  # a name, not an address
        key = (host, port)
        with self._lock:
            lookup = self._lookups.get(key)
            if lookup is None or lookup.done.is_set():
                lookup = self._lookups[key] = _Lookup(host, port)
        if not lookup.done.wait(deadline.seconds_left()):
            raise TimeoutError
        with self._lock:
            self._lookups.pop(key, None)
        if lookup.fault is not None:
            raise lookup.fault
        return lookup.addresses

    def _tls_context(self, authority: Path | None) -> ssl.SSLContext:
        """Return the TLS settings; reading the system's certificates takes as long as ten probes."""
        key = (str(authority or ""), authority.stat().st_mtime_ns if authority else 0)
        with self._lock:
            if key not in self._contexts:
                context = ssl.create_default_context(cafile=authority)
                context.set_alpn_protocols(["http/1.1"])
                self._contexts[key] = context
            return self._contexts[key]


class _Lookup:
    def __init__(self, host: str, port: int) -> None:
        self.done = threading.Event()
        self.addresses: list[Address] = []
        self.fault: OSError | None = None
        self._name = (host, port)
        threading.Thread(target=self._look_up, name="lookup", daemon=True).start()

    def _look_up(self) -> None:
        try:
            self.addresses = socket.getaddrinfo(*self._name, type=socket.SOCK_STREAM)
        except OSError as fault:
            self.fault = fault
        except UnicodeError:
            self.fault = socket.gaierror(socket.EAI_NONAME, "not a valid host name")
        self.done.set()
