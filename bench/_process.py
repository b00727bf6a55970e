"""Cost of a server process: CPU time, memory, and scrapes as Prometheus does them."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import re
import statistics
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar
from urllib.parse import urlsplit

from bench._options import print_progress
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
_UNCOUNTED = 5  # scrapes before the measurement
_ENOUGH = 20  # scrapes, where they are slow
_LONG_SECONDS = 30.0
PAUSE_SECONDS = 0.05  # between two scrapes


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process has used, ended threads included, to the nanosecond.

    Read from its CPU-time clock, whose id clock_getcpuclockid(3) builds like this; /proc/PID/stat counts in 10 ms.
    """
    return time.clock_gettime_ns((~pid << 3) | _SCHED) / 1e9


def resident_mib(pid: int) -> float:
    """Return the resident memory of a process (VmRSS)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"no VmRSS of process {pid}")


def count_descriptors(pid: int) -> int:
    """Return the number of open descriptors of a process."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


@dataclass(frozen=True)
class Scrapes:
    """Cost of a series of scrapes: wall times in ms, CPU in ms per scrape, and the last page."""

    wall: list[float]
    cpu: float
    text: bytes

    @cached_property
    def page(self) -> Series:
        return Series.from_page(self.text)

    @property
    def p50(self) -> float:
        return statistics.median(self.wall)

    @property
    def p99(self) -> float:
        return sorted(self.wall)[min(len(self.wall) - 1, int(len(self.wall) * 0.99))]


class Client:
    """A persistent connection, as Prometheus has; it is reopened if the server closes it."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.netloc, timeout=60)
        self._path = parts.path + (f"?{parts.query}" if parts.query else "")

    def get_page(self) -> bytes:
        """Return the page, requested with gzip."""
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
    """A compressed page: decompression is not part of the measured time."""


class Target(NamedTuple):
    """A target: URL, process id, and the share of a core that it uses at rest."""

    url: str
    pid: int
    rest_share: float = 0.0


def scrape_targets(targets: Mapping[T, Target], *, times: int) -> dict[T, Scrapes]:
    """Scrape all in turn, with pauses, so that other load on the machine affects all alike.

    A few scrapes before do not count, and slow targets are scraped less often. CPU used at rest is subtracted.
    """
    with contextlib.ExitStack() as stack:
        clients = {name: stack.enter_context(contextlib.closing(Client(one.url))) for name, one in targets.items()}
        for client in clients.values():
            for _ in range(_UNCOUNTED):
                client.get_page()
        walls: dict[T, list[float]] = {name: [] for name in targets}
        pages: dict[T, bytes] = {}
        begun, done = time.perf_counter(), 0
        before = {name: cpu_seconds(one.pid) for name, one in targets.items()}
        longest = _LONG_SECONDS * len(targets)
        while done < times and (done < _ENOUGH or time.perf_counter() - begun < longest):
            for name, client in clients.items():
                time.sleep(PAUSE_SECONDS)
                start = time.perf_counter()
                pages[name] = client.get_page()
                walls[name].append((time.perf_counter() - start) * 1000)
            done += 1
        took = time.perf_counter() - begun
        used = {name: cpu_seconds(one.pid) - before[name] - one.rest_share * took for name, one in targets.items()}
    return {name: Scrapes(walls[name], max(0.0, used[name]) * 1000 / done, _page_text(pages[name])) for name in targets}


def _page_text(page: bytes) -> bytes:
    text = gzip.decompress(page) if isinstance(page, _Packed) else page
    for line in _FAILED.findall(text):
        print_progress(f"not measured: {line.decode()}")
    return text
