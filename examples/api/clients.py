"""Clients over four protocols: `python clients.py HOST:PORT KIND REQUESTS_PER_SECOND`, until SIGTERM.

Prints what they did as a line of JSON. How many requests are sent does not depend on how fast the API answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import signal
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

import grpc.aio
import httpx
from grpc_health.v1.health_pb2 import HealthCheckRequest
from grpc_health.v1.health_pb2_grpc import HealthStub
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

# Twenty requests: 9 over HTTP/1.1, 7 over HTTP/2, 3 over gRPC, 1 WebSocket with five messages.
PLAN = (
    *("show_1", "show_2", "call", "price_1", "show_2", "show_1", "price_2", "show_1", "talk", "show_2"),
    *("show_1", "call", "show_2", "price_1", "report_2", "show_1", "show_2", "call", "show_1", "show_1"),
)
KINDS = {"normal": ("show_1",), "errors": ("fail_1", "fail_2")}  # what the last request of a plan is, in turn
TIMEOUT_SECONDS = 20.0
MESSAGES = 5
MOST_IN_PROGRESS = 200
ANSWER_SECONDS = 8.0  # for the last requests, after SIGTERM


@dataclass
class Done:
    """What the clients did."""

    requests: int = 0
    failed: int = 0
    unanswered: int = 0
    seconds: float = 0.0
    p99: float = 0.0
    by_protocol: dict[str, int] = field(default_factory=dict)


class Clients:
    """Connections to the API, and one method for each kind of request; each returns protocol and status."""

    def __init__(self, address: str, http1: httpx.AsyncClient, http2: httpx.AsyncClient, stub: HealthStub) -> None:
        self._address = address
        self._http = {"1": http1, "2": http2}
        self._stub = stub
        self._orders = itertools.cycle(range(1, 1001))
        self.done = Done()
        self.durations: list[float] = []

    async def send_request(self, kind: str) -> None:
        """Send one request and count it."""
        name, _, version = kind.partition("_")
        started = time.perf_counter()
        try:
            if name == "call":
                protocol, status = "grpc", await self._call()
            elif name == "talk":
                protocol, status = "websocket", await self._talk()
            else:
                protocol, status = "http/1.1" if version == "1" else "http/2", await self._send_http(name, version)
        except (OSError, httpx.HTTPError, grpc.RpcError, WebSocketException) as error:
            self.done.unanswered += 1
            if self.done.unanswered == 1:
                print(f"no answer: {type(error).__name__}: {error}", file=sys.stderr, flush=True)  # noqa: T201 - the log
            return
        if name != "talk":  # a conversation lasts as long as its messages
            self.durations.append(time.perf_counter() - started)
        self.done.requests += 1
        self.done.failed += status >= 500
        self.done.by_protocol[protocol] = self.done.by_protocol.get(protocol, 0) + 1

    async def _send_http(self, name: str, version: str) -> int:
        client, base = self._http[version], f"http://{self._address}"
        if name in ("price", "fail"):
            order = {"quantity": 0 if name == "fail" else 3, "total": 9}
            return (await client.post(f"{base}/prices", json=order)).status_code
        path = "/reports" if name == "report" else f"/orders/{next(self._orders)}"
        return (await client.get(base + path)).status_code

    async def _call(self) -> int:
        await self._stub.Check(HealthCheckRequest(), timeout=TIMEOUT_SECONDS)
        return 200

    async def _talk(self) -> int:
        async with connect(f"ws://{self._address}/totals", open_timeout=TIMEOUT_SECONDS, proxy=None) as socket:
            for _ in range(MESSAGES):
                await socket.send(str(next(self._orders)))
                await socket.recv()
        return 101


async def send_at_rate(send: Callable[[str], Awaitable[None]], kind: str, rate: float, stop: asyncio.Event) -> None:
    """Send the requests of the plan, again and again, at a mean rate however late the timer is.

    Requests that are due while `MOST_IN_PROGRESS` have no answer are not sent at all.
    """
    tasks: set[asyncio.Task[None]] = set()
    plan = itertools.chain.from_iterable((*PLAN[:-1], last) for last in itertools.cycle(KINDS[kind]))
    started, sent = time.monotonic(), 0

    def send_next() -> None:
        nonlocal sent
        task: asyncio.Task[None] = asyncio.ensure_future(send(next(plan)))  # type: ignore[assignment]
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        sent += 1

    while not stop.is_set():
        while sent <= (time.monotonic() - started) * rate and len(tasks) < MOST_IN_PROGRESS:
            send_next()
        if len(tasks) >= MOST_IN_PROGRESS:
            started = time.monotonic() - sent / rate
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), min(1 / rate, 0.05))
    while sent % len(PLAN):  # a plan that has begun is finished, for the exact share of each kind
        send_next()
    if tasks:
        await asyncio.wait(tasks, timeout=ANSWER_SECONDS)


async def run_clients(address: str, kind: str, rate: float) -> None:
    """Send requests until SIGTERM, and print what was done."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    limits = httpx.Limits(max_connections=50)
    options = {"timeout": TIMEOUT_SECONDS, "limits": limits, "trust_env": False}
    async with (
        httpx.AsyncClient(**options) as http1,
        httpx.AsyncClient(http1=False, http2=True, **options) as http2,
        grpc.aio.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel,
    ):
        clients = Clients(address, http1, http2, HealthStub(channel))
        started = time.monotonic()
        await send_at_rate(clients.send_request, kind, rate, stop)
        done = clients.done
        done.seconds = time.monotonic() - started
        done.p99 = sorted(clients.durations)[int(len(clients.durations) * 0.99)] if clients.durations else 0.0
        print(json.dumps(asdict(done)), flush=True)  # noqa: T201 - the output


if __name__ == "__main__":
    asyncio.run(run_clients(sys.argv[1], sys.argv[2], float(sys.argv[3])))
