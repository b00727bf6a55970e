"""Cost of a server: its CPU time and memory, and its scrapes, done as Prometheus does them."""

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
_WARMUP = 5  # scrapes before the measured ones
_MIN_SCRAPES = 20  # where scrapes are slow
_LONG_SECONDS = 30.0
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
    """Cost of a run of scrapes: wall times in ms, CPU in ms per scrape, and the last page."""

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


class Target(NamedTuple):
    """A scrape target: its page, its process, and the share of a core that it uses at rest."""

    url: str
    pid: int
    rest_share: float = 0.0


def scrape_targets(targets: Mapping[T, Target], *, times: int) -> dict[T, Scrapes]:
    """Scrape all targets in turn, with pauses, so that other load on the machine affects all alike.

    The first few scrapes do not count, and slow ones are repeated less often. CPU used at rest is subtracted,
    so that only the scrapes are left.
    """
    with contextlib.ExitStack() as stack:
        clients = {
            name: stack.enter_context(contextlib.closing(Client(target.url))) for name, target in targets.items()
        }
        for client in clients.values():
            for _ in range(_WARMUP):
                client.get_page()
        walls: dict[T, list[float]] = {name: [] for name in targets}
        pages: dict[T, bytes] = {}
        started, done = time.perf_counter(), 0
        before = {name: cpu_seconds(target.pid) for name, target in targets.items()}
        longest = _LONG_SECONDS * len(targets)
        while done < times and (done < _MIN_SCRAPES or time.perf_counter() - started < longest):
            for name, client in clients.items():
                time.sleep(PAUSE_SECONDS)
                start = time.perf_counter()
                pages[name] = client.get_page()
                walls[name].append((time.perf_counter() - start) * 1000)
            done += 1
        duration = time.perf_counter() - started
        used = {
            name: cpu_seconds(target.pid) - before[name] - target.rest_share * duration
            for name, target in targets.items()
        }
    return {name: Scrapes(walls[name], max(0.0, used[name]) * 1000 / done, _page_text(pages[name])) for name in targets}


def _page_text(page: bytes) -> bytes:
    text = gzip.decompress(page) if isinstance(page, _Packed) else page
    for line in _FAILED.findall(text):
        print_progress(f"not measured: {line.decode()}")
    return text
