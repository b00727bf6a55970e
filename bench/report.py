"""A weekly report on 200 containers, 5 services and 2 databases, with the week before it.

Samples are a minute apart. The requests are counted by Prometheus itself.
"""

from __future__ import annotations

import math
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from bench._options import print_progress
from bench._samples import Samples
from bench._sheet import Row, Sheet, Target, Targets
from bench._stored import serve_blocks, write_blocks
from deckwatch.provisioning.program import find_program

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench._options import Options

_DAY = 86400
_STEP = 60
_CONTAINERS, _SERVICES, _DATABASES = 200, 5, 2
_BOUNDS = ("0.05", "0.1", "0.25", "0.5", "1", "2.5", "+Inf")
_RUNS = 5
_MAX_SECONDS, _MAX_REQUESTS, _MAX_BYTES = 3.0, 30.0, 1e6
_COUNTED = re.compile(r'^prometheus_http_requests_total\{[^}]*handler="/api/v1/query[^}]*\} (\S+)$', re.MULTILINE)


def sheets(options: Options) -> Iterator[Sheet]:
    prometheus, promtool = find_program("prometheus"), find_program("promtool")
    targets = Targets(str(__doc__).partition("\n")[0])
    if prometheus is None or promtool is None:
        yield Sheet(targets.title, ("figure",), (("prometheus and promtool are not installed",),))
        return
    end = int(time.time()) // 60 * 60
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print_progress("writing blocks")
        write_blocks(promtool, folder, _iter_lines(end, _STEP * 10 if options.quick else _STEP))
        with serve_blocks(prometheus, folder, "global: {scrape_interval: 1m}\n") as url:
            for target in _measure(url, folder, end):
                targets.targets.append(target)
    yield targets.to_sheet()


def _measure(url: str, folder: Path, end: int) -> Iterator[Target]:
    deckwatch = str(Path(sys.executable).with_name("deckwatch"))
    argv = [deckwatch, "report", f"--prometheus={url}", "--alertmanager=http://127.0.0.1:1", f"--end={end}"]
    seconds, counts = [], [_count_requests(url)]
    for number in range(_RUNS):
        print_progress(f"report {number + 1} of {_RUNS}")
        start = time.perf_counter()
        subprocess.run(argv, check=True, capture_output=True, cwd=folder)
        seconds.append(time.perf_counter() - start)
        counts.append(_count_requests(url))
    times = Samples(tuple(seconds))
    size = (folder / "report.html").stat().st_size
    queries = (counts[-1] - counts[0]) / _RUNS
    spread = f"of {_RUNS} runs, the slowest {max(seconds):.2f} s"
    yield Target(Row("time", times.median, _MAX_SECONDS, "s", spread), 1.0)
    yield Target(Row("queries", queries, _MAX_REQUESTS, "", "for each report"), 1.0)
    yield Target(Row("HTML", size / 1e3, _MAX_BYTES / 1e3, "kB", ""), 1.0)


def _count_requests(url: str) -> float:
    """Return how many queries Prometheus has answered."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as response:
        return sum(float(count) for count in _COUNTED.findall(response.read().decode()))


def _iter_lines(end: int, step: int) -> Iterator[str]:
    times = range(end - 14 * _DAY, end + 1, step)
    waves = [0.6 + 0.4 * math.sin(2 * math.pi * at / _DAY) for at in times]
    totals, total = [], 0.0
    for wave in waves:
        total += wave * step
        totals.append(total)
    for series, values, factor in _list_series(waves, totals, [1.0] * len(waves)):
        yield from (f"{series} {value * factor:.6g} {at}\n" for at, value in zip(times, values, strict=True))


def _list_series(
    waves: list[float], totals: list[float], ones: list[float]
) -> Iterator[tuple[str, list[float], float]]:
    """Yield series, their values, and the factor of these."""
    for number in range(_CONTAINERS):
        labels = f'job="cadvisor",instance="web-{number % 4}",id="/docker/{number}",name="app-{number}"'
        yield f"container_cpu_usage_seconds_total{{{labels}}}", totals, (1 + number) / _CONTAINERS
        yield f"container_memory_working_set_bytes{{{labels}}}", waves, (1 + number) * 2.0**20
        yield f"container_spec_memory_limit_bytes{{{labels}}}", ones, 256.0 * 2**20
    for number in range(_SERVICES):
        labels = f'job="app",instance="web-{number}",service="service-{number}"'
        yield f"up{{{labels}}}", ones, 1.0
        yield f"probe_success{{{labels}}}", ones, 1.0
        for code, share in (("200", 50.0), ("500", 0.2)):
            yield f'http_requests_total{{{labels},code="{code}"}}', totals, share
        for bound, share in zip(_BOUNDS, (10, 20, 35, 45, 49, 50, 50.2), strict=True):
            yield f'http_request_duration_seconds_bucket{{{labels},le="{bound}"}}', totals, share
        objective = f'objective="available-{number}",service="service-{number}"'
        yield f"objective:budget:ratio{{{objective}}}", ones, 0.01
        yield f"objective:all:rate5m{{{objective}}}", waves, 50.0
        yield f"objective:bad:rate5m{{{objective}}}", waves, 0.2
    for number in range(_DATABASES):
        labels = f'job="postgres",instance="db-{number}",server="db-{number}"'
        yield f"pg_up{{{labels}}}", ones, 1.0
        yield f'pg_database_size_bytes{{{labels},datname="app"}}', totals, 1000.0
        yield f'pg_stat_database_numbackends{{{labels},datname="app"}}', waves, 40.0
        yield f"pg_settings_max_connections{{{labels}}}", ones, 100.0
        yield f'pg_stat_database_xact_commit{{{labels},datname="app"}}', totals, 80.0
        yield f'pg_stat_database_xact_rollback{{{labels},datname="app"}}', totals, 0.1
    for host in range(4):
        labels = f'job="node",instance="web-{host}"'
        yield f'node_cpu_seconds_total{{{labels},cpu="0",mode="idle"}}', totals, 0.9
        yield f"node_memory_MemTotal_bytes{{{labels}}}", ones, 64.0 * 2**30
        yield f"node_memory_MemAvailable_bytes{{{labels}}}", waves, 50.0 * 2**30
        disk = f'{labels},device="/dev/vda1",fstype="ext4",mountpoint="/"'
        yield f"node_filesystem_size_bytes{{{disk}}}", ones, 1e11
        yield f"node_filesystem_avail_bytes{{{disk}}}", waves, 5e10
    yield 'ALERTS{alertname="HostCpuHigh",alertstate="firing",severity="warning",owner="operations"}', ones, 1.0
