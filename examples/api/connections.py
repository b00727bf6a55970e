"""Metrics of the connections of a server's process: from the kernel which exist, from the requests what they carry."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psutil
from prometheus_client import REGISTRY
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.metrics_core import Metric
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

PROTOCOLS = ("http/1.1", "http/2", "grpc", "websocket")
STATES = ("active", "idle")


@dataclass
class Connection:
    """What a connection carries: its protocol, requests in progress, and the health of its last response."""

    protocol: str
    in_progress: int = 0
    health: str = "healthy"


class ConnectionWatcher:
    """ASGI middleware that knows a connection by its client's port. A connection exists while the kernel has it."""

    def __init__(self, app: ASGIApp, port: int) -> None:
        self._app = app
        self._port = port
        self._process = psutil.Process()
        self._by_client: dict[int, Connection] = {}
        self._opened: Counter[str] = Counter()
        REGISTRY.register(self)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] not in ("http", "websocket") or not scope.get("client") or scope["path"] == "/metrics":
            await self._app(scope, receive, send)
            return
        connection = self._find_connection(scope)
        connection.in_progress += 1

        async def send_noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                connection.health = _judge_status(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, send_noted)
        except Exception:
            connection.health = "error"
            raise
        finally:
            connection.in_progress -= 1

    def _find_connection(self, scope: Scope) -> Connection:
        client, protocol = scope["client"][1], _read_protocol(scope)
        connection = self._by_client.get(client)
        if connection is None:
            self._opened[protocol] += 1
            connection = self._by_client[client] = Connection(protocol)
        return connection

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of the connections that exist now."""
        existing = {
            each.raddr[1]
            for each in self._process.net_connections("tcp")
            if each.status == psutil.CONN_ESTABLISHED and each.laddr[1] == self._port
        }
        gone = [client for client in self._by_client if client not in existing]
        for client in gone:
            del self._by_client[client]
        counts = Counter((each.protocol, "active" if each.in_progress else "idle") for each in self._by_client.values())
        health = Counter(each.health for each in self._by_client.values())
        by_state = GaugeMetricFamily("http_connections", "Open connections by state.", labels=("protocol", "state"))
        opened = CounterMetricFamily("http_connections_opened", "Connections opened.", labels=("protocol",))
        for protocol in PROTOCOLS:
            opened.add_metric((protocol,), self._opened[protocol])
            for state in STATES:
                by_state.add_metric((protocol, state), counts[protocol, state])
        by_health = GaugeMetricFamily("http_connections_by_health", "Open connections by health.", labels=("status",))
        for status in ("healthy", "warning", "error"):
            by_health.add_metric((status,), health[status])
        yield from (by_state, opened, by_health)


def _judge_status(status: int) -> str:
    return "error" if status >= 500 else "warning" if status >= 400 else "healthy"


def _read_protocol(scope: Scope) -> str:
    """Return the `protocol` label as the middleware of requests writes it."""
    if scope["type"] == "websocket":
        return "websocket"
    headers: dict[bytes, Any] = dict(scope["headers"])
    if headers.get(b"content-type", b"").startswith(b"application/grpc"):
        return "grpc"
    return "http/2" if scope["http_version"] == "2" else "http/1.1"
