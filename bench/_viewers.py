"""Browsers that refresh a page: each sends its requests at its interval, over connections that stay open."""

from __future__ import annotations

import http.client
import random
import statistics
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench import _site_pages
from bench._process import cpu_seconds
from bench._samples import Samples

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SEED = 55  # of the moments at which viewers refresh: random, but the same in each run
_TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class Request:
    """One request of a refresh; `body` of a POST may contain the time in ms as {from} and {to}."""

    path: str
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    def fill_body(self, now: float, span: float) -> bytes | None:
        """Return the body for a range of `span` seconds that ends now; None of a GET."""
        if not self.body:
            return None
        return self.body.replace("{from}", str(int(1000 * (now - span)))).replace("{to}", str(int(1000 * now))).encode()


@dataclass(frozen=True)
class Viewer:
    """A browser: the server's host:port, its refresh interval, and the requests of each of its connections in order."""

    address: str
    interval: float
    connections: Sequence[Sequence[Request]]
    span: float = 3600.0


@dataclass
class Load:
    """What viewers measured: milliseconds of responses and of whole refreshes, errors, and cores by program.

    `delays` are the milliseconds by which viewers woke up late: the machine's own delays, without any server.
    """

    responses: list[float] = field(default_factory=list)
    refreshes: dict[tuple[int, int], float] = field(default_factory=dict)
    delays: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    cores: dict[str, float] = field(default_factory=dict)
    bytes_received: int = 0

    @property
    def median(self) -> float:
        return statistics.median(self.responses)

    @property
    def p99(self) -> float:
        return Samples(tuple(self.responses)).p99

    @property
    def delay_p99(self) -> float:
        return Samples(tuple(self.delays)).p99

    @property
    def refresh_p99(self) -> float:
        """The 99th percentile of the time from the moment at which a refresh is due to its last response, in ms."""
        return Samples(tuple(self.refreshes.values())).p99


def run_viewers(viewers: Sequence[Viewer], seconds: float, pids: Mapping[str, int]) -> Load:
    """Let viewers refresh for this long; `pids` are the processes whose CPU time counts, by name.

    A refresh begins when it is due, whether or not others are answered; its time counts from then.
    """
    load, lock = Load(), threading.Lock()
    order = random.Random(_SEED)
    offsets = [order.random() * viewer.interval for viewer in viewers]
    start = time.perf_counter() + 0.5
    threads = [
        threading.Thread(
            target=_run_connection, args=(viewer, requests, (number, start + offset, start + seconds), load, lock)
        )
        for number, (viewer, offset) in enumerate(zip(viewers, offsets, strict=True))
        for requests in viewer.connections
    ]
    for thread in threads:
        thread.start()
    time.sleep(max(0.0, start - time.perf_counter()))
    before = {name: cpu_seconds(pid) for name, pid in pids.items()}
    time.sleep(max(0.0, start + seconds - time.perf_counter()))
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - start
    load.cores = {name: (cpu_seconds(pid) - before[name]) / elapsed for name, pid in pids.items()}
    return load


def _run_connection(
    viewer: Viewer, requests: Sequence[Request], when: tuple[int, float, float], load: Load, lock: threading.Lock
) -> None:
    number, due, end = when
    own = (_site_pages.host_address(number + 1), 0)  # servers limit the connections of an address
    connection = http.client.HTTPConnection(viewer.address, timeout=_TIMEOUT_SECONDS, source_address=own)
    turn = 0
    try:
        while due < end:
            slept = due - time.perf_counter()
            time.sleep(max(0.0, slept))
            if slept > 0:
                load.delays.append(1000 * (time.perf_counter() - due))
            for request in requests:
                begin = time.perf_counter()
                size, error = _send_request(connection, request, viewer.span)
                finished = time.perf_counter()
                with lock:
                    load.responses.append(1000 * (finished - begin))
                    load.bytes_received += size
                    key = (number, turn)
                    load.refreshes[key] = max(load.refreshes.get(key, 0.0), 1000 * (finished - due))
                    load.errors += [error] if error else []
            due += viewer.interval
            turn += 1
    finally:
        connection.close()


def _send_request(connection: http.client.HTTPConnection, request: Request, span: float) -> tuple[int, str]:
    """Return the number of received bytes, and the error or ''."""
    body = request.fill_body(time.time(), span)
    headers = {"Accept-Encoding": "gzip", **({"Content-Type": "application/json"} if body else {}), **request.headers}
    try:
        connection.request("POST" if body else "GET", request.path, body, headers)
        response = connection.getresponse()
        text = response.read()
    except (OSError, http.client.HTTPException) as error:
        connection.close()  # the next request opens it again
        return 0, f"{request.path}: {error!r}"
    return len(text), "" if response.status == 200 else f"{request.path}: {response.status} {text[:200]!r}"
