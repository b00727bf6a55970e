"""Cost of a server: its CPU time and memory, and its scrapes, done as Prometheus does them."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import random
import re
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar
from urllib.parse import urlsplit

from bench._options import print_progress
from bench._samples import Samples
from bench._series import Series

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")

_HEADERS = {
    "Accept": "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
    "Accept-Encoding": "gzip",
    "X-Prometheus-Scrape-Timeout-Seconds": "60",
}
_FAILED = re.compile(rb"^deckwatch_collector_success\{.*\} 0$", re.MULTILINE)
_SCHED = 2  # CPUCLOCK_SCHED, include/linux/posix-timers.h
_WARMUP = 5  # scrapes before the measured ones
_MIN_SCRAPES = 20  # where scrapes are slow
_LONG_SECONDS = 30.0
_SEED = 19  # the order of the scrapes is random, but the same in each run
PAUSE_SECONDS = 0.05  # between two scrapes


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process has used, including its ended threads, to the nanosecond.

    Reads its CPU-time clock (the id is that of clock_getcpuclockid(3)); /proc/PID/stat has a resolution of 10 ms.
    """
    return time.clock_gettime_ns((~pid << 3) | _SCHED) / 1e9


def resident_mib(pid: int) -> float:
    """Return the resident memory of a process (VmRSS) in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"no VmRSS of process {pid}")


def count_descriptors(pid: int) -> int:
    """Return the number of open files and sockets of a process."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


@dataclass(frozen=True)
class Scrapes:
    """Cost of a run of scrapes, in order: wall times and CPU in ms, and the last page.

    CPU is that from the request until a pause after the response, without what the server uses at rest.
    """

    walls: Samples
    pages: Samples
    text: bytes

    @cached_property
    def page(self) -> Series:
        return Series.from_page(self.text)

    @property
    def cpu(self) -> float:
        """Median CPU of a scrape in ms."""
        return self.pages.median

    @property
    def p50(self) -> float:
        return self.walls.median

    @property
    def p99(self) -> float:
        return self.walls.p99


class Client:
    """A persistent connection, like that of Prometheus; reconnects if the server has closed it."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.netloc, timeout=60)
        self._path = parts.path + (f"?{parts.query}" if parts.query else "")

    def get_page(self) -> bytes:
        """Request the page with gzip and return it."""
        try:
            return self._request_page()
        except (http.client.RemoteDisconnected, ConnectionError):
            self._connection.close()
            return self._request_page()

    def close(self) -> None:
        self._connection.close()

    def _request_page(self) -> bytes:
        self._connection.request("GET", self._path, headers=_HEADERS)
        response = self._connection.getresponse()
        body = response.read()
        if response.status != 200:
            raise RuntimeError(f"{self._path}: {response.status} {body[:200]!r}")
        return body if response.headers["Content-Encoding"] != "gzip" else _Packed(body)


class _Packed(bytes):
    """A page as received: decompression is not part of the scrape's time."""


class Visit(NamedTuple):
    """One scrape: wall time and CPU in ms, and the page as received."""

    wall: float
    cpu: float
    text: bytes


class VisitLog:
    """The figures of one target's visits, and its last page."""

    def __init__(self) -> None:
        self._walls: list[float] = []
        self._pages: list[float] = []
        self._text = b""

    def add_visit(self, visit: Visit) -> None:
        self._walls.append(visit.wall)
        self._pages.append(visit.cpu)
        self._text = visit.text

    def to_scrapes(self) -> Scrapes:
        return Scrapes(Samples(tuple(self._walls)), Samples(tuple(self._pages)), _page_text(self._text))


class Target(NamedTuple):
    """A scrape target: its page, its process, and the share of a core that it uses at rest."""

    url: str
    pid: int
    rest_share: float = 0.0


def scrape_targets(
    targets: Mapping[T, Target], *, times: int, pause: float = PAUSE_SECONDS, longest: float = _LONG_SECONDS
) -> dict[T, Scrapes]:
    """Scrape all targets in rounds, in random order and with pauses.

    Other load on the machine then affects all alike, and none always follows one that empties the processor's caches.
    The first few scrapes do not count. `longest` is the number of seconds per target after which slow ones are no
    longer repeated.
    """
    order = random.Random(_SEED)
    with contextlib.ExitStack() as stack:
        clients = {
            name: stack.enter_context(contextlib.closing(Client(target.url))) for name, target in targets.items()
        }
        for client in clients.values():
            for _ in range(_WARMUP):
                client.get_page()
        logs = {name: VisitLog() for name in targets}
        started, names = time.perf_counter(), list(targets)
        for done in range(times):
            if done >= _MIN_SCRAPES and time.perf_counter() - started > longest * len(targets):
                break
            order.shuffle(names)
            for name in names:
                logs[name].add_visit(visit_page(clients[name], targets[name], pause))
    return {name: log.to_scrapes() for name, log in logs.items()}


def visit_page(client: Client, target: Target, pause: float = PAUSE_SECONDS) -> Visit:
    """Scrape a target and pause, during which the server finishes what it does after its response."""
    used, start = cpu_seconds(target.pid), time.perf_counter()
    text = client.get_page()
    wall = time.perf_counter() - start
    time.sleep(pause)
    rest = target.rest_share * (time.perf_counter() - start)
    return Visit(1000 * wall, max(0.0, 1000 * (cpu_seconds(target.pid) - used - rest)), text)


def _page_text(page: bytes) -> bytes:
    text = gzip.decompress(page) if isinstance(page, _Packed) else page
    for line in _FAILED.findall(text):
        print_progress(f"not measured: {line.decode()}")
    return text
