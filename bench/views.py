"""Views at 50 requests per second beside the same queries sent to Prometheus.

Requests cycle through all shipped views and start at a fixed rate, whether or not the ones before are answered. The
overhead is what the 95th percentile of a view adds to that of its queries, which are sent directly and at the same
time; the target is 20 ms.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from bench._options import print_progress
from bench._sheet import Row, Sheet, Targets
from deckwatch.core import promql
from deckwatch.core.http import Client
from deckwatch.provisioning.program import Program, find_program, free_port
from deckwatch.provisioning.views.model import iter_queries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bench._options import Options
    from deckwatch.provisioning.views.model import View

_PER_SECOND = 50
_MAX_OVERHEAD_MS = 20.0
_CONFIG = """\
global: {{scrape_interval: 1s}}
scrape_configs: [{{job_name: node, static_configs: [{{targets: ['127.0.0.1:{port}'], labels: {{service: shop}}}}]}}]
"""


def sheets(options: Options) -> Iterator[Sheet]:
    title = str(__doc__).partition("\n")[0]
    prometheus = find_program("prometheus")
    if prometheus is None:
        yield Sheet(title, ("figure",), (("prometheus is not installed",),))
        return
    deckwatch = str(Path(sys.executable).with_name("deckwatch"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        own, port, views_port = free_port(), free_port(), free_port()
        (folder / "prometheus.yml").write_text(_CONFIG.format(port=own))
        url, views_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{views_port}"
        programs = [
            ([deckwatch, "serve", f"--listen=127.0.0.1:{own}"], f"http://127.0.0.1:{own}/healthz"),
            (
                [
                    prometheus,
                    f"--config.file={folder}/prometheus.yml",
                    f"--storage.tsdb.path={folder}/data",
                    f"--web.listen-address=127.0.0.1:{port}",
                ],
                f"{url}/-/ready",
            ),
            (
                [deckwatch, "views", "serve", f"--listen=127.0.0.1:{views_port}", f"--prometheus={url}"],
                f"{views_url}/healthz",
            ),
        ]
        running = []
        try:
            for number, (argv, ready) in enumerate(programs):
                program = Program(argv[0], argv, folder / f"{number}.log", ready, folder=folder, end_with_parent=True)
                running.append(program.start().wait_ready())
            time.sleep(options.settle_seconds)
            yield _measure(title, folder, url, views_url, 15.0 if options.quick else 60.0).to_sheet()
        finally:
            for program in reversed(running):
                program.stop()


def _measure(title: str, folder: Path, url: str, views_url: str, seconds: float) -> Targets:
    from deckwatch.cli.views import _shared

    views = list(_shared.load_views(folder)[0].values())
    print_progress(f"{_PER_SECOND} requests per second for {seconds:g} s")
    local = threading.local()

    def ask_view(view: View) -> None:
        with urllib.request.urlopen(f"{views_url}/api/v1/views/{view.name}", timeout=30) as response:
            response.read()

    def ask_prometheus(view: View) -> None:
        """Send the queries of a view one after the other on one connection, and keep the longest."""
        client = local.__dict__.setdefault("client", Client(url))
        now = time.time()
        longest = 0.0
        for query in iter_queries(view.content):
            form = {"query": promql.with_window(next(iter(query.exprs.values())), "60s"), "time": f"{now:.3f}"}
            path = "/api/v1/query"
            if query.shape == "series":
                span = query.range_seconds
                form = {
                    "query": form["query"],
                    "start": f"{now - span:.3f}",
                    "end": f"{now:.3f}",
                    "step": f"{span / 240:.3f}",
                }
                path = "/api/v1/query_range"
            start = time.perf_counter()
            client.post(path, data=form)
            longest = max(longest, time.perf_counter() - start)
        local.longest = longest

    ours = _run_at_rate(ask_view, views, _PER_SECOND, seconds)
    direct = _run_at_rate(ask_prometheus, views, _PER_SECOND / 5, seconds, lambda: float(local.longest))
    targets = Targets(title)
    for word, quantile in (("median", 50), ("95th percentile", 95), ("99th percentile", 99)):
        view_ms, direct_ms = (_percentile_ms(times, quantile) for times in (ours, direct))
        what = f"view {view_ms:.1f} ms, its longest query {direct_ms:.1f} ms, {len(ours)} requests"
        limit = 1.0 if quantile == 95 else 5.0
        targets.add_target(limit, Row(f"overhead, {word}", view_ms - direct_ms, _MAX_OVERHEAD_MS, "ms", what))
    return targets


def _percentile_ms(times: Sequence[float], percent: int) -> float:
    return statistics.quantiles(times, n=100)[percent - 1] * 1000


def _run_at_rate(
    ask: Callable[[View], None],
    views: Sequence[View],
    rate: float,
    seconds: float,
    measured: Callable[[], float] | None = None,
) -> list[float]:
    """Return the seconds of requests that start at a fixed rate; `measured` replaces the time of the whole call."""
    times: list[float] = []

    def run(view: View) -> None:
        start = time.perf_counter()
        ask(view)
        times.append(measured() if measured else time.perf_counter() - start)

    with ThreadPoolExecutor(32) as pool:
        start = time.perf_counter()
        for number in range(int(rate * seconds)):
            time.sleep(max(0.0, start + number / rate - time.perf_counter()))
            pool.submit(run, views[number % len(views)])
    return times
