"""How figures are taken: rows, processes' CPU time and memory, repeated commands, scrapes."""

from __future__ import annotations

import gzip
import os
import statistics
import subprocess
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Row:
    """One figure: ours, and the same of what stands beside (None where there is nothing to compare with)."""

    figure: str
    ours: float | None
    beside: float | None = None
    unit: str = "ms"
    what: str = ""

    def shown(self, value: float | None) -> str:
        return "-" if value is None else f"{value:,.0f} {self.unit}" if value >= 100 else f"{value:.2f} {self.unit}"

    def ratio(self) -> str:
        return f"{self.ours / self.beside:.2f}" if self.ours is not None and self.beside else "-"


def run_ms(argv: Sequence[str], *, times: int = 15, folder: Path | None = None) -> list[float]:
    """Return how long a command took, in ms, sorted; the first, cold run is thrown away."""
    return sorted([once_ms(argv, folder) for _ in range(times + 1)][1:])


def once_ms(argv: Sequence[str], folder: Path | None = None) -> float:
    """Return how long a command took, in ms; raises where it fails."""
    start = time.perf_counter()
    subprocess.run(list(argv), check=True, capture_output=True, cwd=folder)
    return (time.perf_counter() - start) * 1000


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process has used so far (/proc/PID/stat, fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_mib(pid: int) -> float:
    """Return a process' resident memory (VmRSS)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"no VmRSS of process {pid}")


@dataclass(frozen=True)
class Scrapes:
    """What a run of scrapes cost: wall times in ms, CPU in ms a scrape, series and bytes of the last page."""

    wall: list[float]
    cpu: float
    series: int
    size: int

    @property
    def p50(self) -> float:
        return statistics.median(self.wall)

    @property
    def p99(self) -> float:
        return sorted(self.wall)[min(len(self.wall) - 1, int(len(self.wall) * 0.99))]


def scrape(url: str, pid: int, *, times: int = 100, pause: float = 0.05) -> Scrapes:
    """Scrape a page as Prometheus does (gzip), some times with a pause, after ten that do not count."""
    for _ in range(10):
        page(url)
    wall, text, size = [], b"", 0
    before = cpu_seconds(pid)
    for _ in range(times):
        start = time.perf_counter()
        text, size = page(url)
        wall.append((time.perf_counter() - start) * 1000)
        time.sleep(pause)
    cpu = (cpu_seconds(pid) - before) * 1000 / times
    series = sum(1 for line in text.splitlines() if line and not line.startswith(b"#"))
    return Scrapes(wall, cpu, series, size)


def page(url: str) -> tuple[bytes, int]:
    """Return a page's text and how many bytes went over the wire."""
    request = urllib.request.Request(url, headers={"Accept-Encoding": "gzip"})
    with urllib.request.urlopen(request, timeout=30) as response:
        body = response.read()
        return (gzip.decompress(body) if response.headers["Content-Encoding"] == "gzip" else body), len(body)
