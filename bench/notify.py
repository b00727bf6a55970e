"""Notification delay: the time from crossing a threshold to the message, compared with the configured maximum.

Prometheus and Alertmanager, configured by `deckwatch generate`, monitor several small applications, each of which
crosses the limit of one alert at a different time; a sink records when its message arrives. The configured maximum
is the sum of the scrape interval, the alert's `for`, one evaluation interval and `group_wait`.
"""

from __future__ import annotations

import json
import random
import statistics
import tempfile
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from bench._options import print_progress
from bench._sheet import Sheet, format_value
from deckwatch.core import units, yaml_file
from deckwatch.core.http import Client
from deckwatch.core.project import FILE, Project
from deckwatch.provisioning.program import find_program
from deckwatch.provisioning.servers import ALERTMANAGER, PROMETHEUS
from deckwatch.provisioning.up import LocalStack

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bench._options import Options

_EVERY = 5  # seconds between scrapes
_FOR = 30
_ALERT = "BenchCrossed"
_ALERTS = f"""
title: Bench
owner: bench
alerts:
  {_ALERT}:
    expr: bench_load
    above: 0.5
    unit: none
    for: {_FOR}s
    severity: critical
    each: [instance]
    summary: A figure is too high.
    means: Nothing.
    do: [Nothing.]
    proof:
      - {{give: [{{value: 1, for: 10m}}], fires: {_FOR}s}}
      - {{give: [{{value: 0.4, for: 10m}}], silent: true}}
"""
_TIMEOUT_SECONDS = 180


class _Application:
    """A page with one metric; `crossed` is when it exceeded the limit, by the monotonic clock."""

    def __init__(self) -> None:
        self.crossed = 0.0
        application = self

        class Page(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.end_headers()
                self.wfile.write(f"# TYPE bench_load gauge\nbench_load {int(application.crossed > 0)}\n".encode())

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Page)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server.server_port}"


class _Sink:
    """A webhook; `arrived` is when the first message about each instance arrived, by the monotonic clock."""

    def __init__(self) -> None:
        self.arrived: dict[str, float] = {}
        sink = self

        class Hook(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                now = time.monotonic()
                message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                for alert in message["alerts"]:
                    if alert["labels"]["alertname"] == _ALERT and alert["status"] == "firing":
                        sink.arrived.setdefault(alert["labels"]["instance"], now)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)


def sheets(options: Options) -> Iterator[Sheet]:
    if find_program("prometheus") is None or find_program("prometheus-alertmanager", "alertmanager") is None:
        print_progress("notify skipped: requires Prometheus and Alertmanager")
        return
    applications = [_Application() for _ in range(5 if options.quick else 20)]
    sink = _Sink()
    servers = [sink.server, *(application.server for application in applications)]
    with tempfile.TemporaryDirectory(prefix="bench-notify-") as name, _serving(*servers):
        wait, delays = _measure_delays(Path(name), sink, applications)
    bound = _EVERY + _FOR + _EVERY + wait
    rows = [
        ["scrape interval, for, evaluation, group_wait", f"{_EVERY} + {_FOR} + {_EVERY} + {wait:g} s", ""],
        *(
            [name, format_value(delay, "s"), "yes" if delay <= bound else "no"]
            for name, delay in (("median", statistics.median(delays)), ("longest", max(delays)))
        ),
    ]
    yield Sheet(f"Notification delay of {len(delays)} alerts", ("figure", "seconds", "met"), rows)


def _measure_delays(folder: Path, sink: _Sink, applications: list[_Application]) -> tuple[float, list[float]]:
    """Return Alertmanager's `group_wait` and the delay of each message, in seconds."""
    scraped = "".join(
        f"  - {{service: bench, url: 'http://{application.address}/metrics'}}\n" for application in applications
    )
    text = (
        f"teams:\n  bench: {{webhook: {{url: 'http://127.0.0.1:{sink.server.server_port}/'}}}}\n"
        f"metrics:\n  bench_load: {{kind: gauge}}\nbuild: {{include: [alerts/]}}\nscrape:\n{scraped}"
    )
    (folder / "alerts").mkdir()
    (folder / "alerts" / "bench.yaml").write_text(_ALERTS)
    (folder / FILE).write_text(text)
    stack = LocalStack(
        Project(folder, yaml_file.parse_yaml(text, FILE)),
        folder / "state",
        programs=(PROMETHEUS, ALERTMANAGER),
        name="bench",
        every=f"{_EVERY}s",
        ports={},
    )
    with stack:
        client = Client(stack.url(PROMETHEUS))
        result: Mapping[str, object] = {}
        while len(result.get("result", ())) < len(applications):  # type: ignore[arg-type]
            time.sleep(0.5)
            result = client.get("/api/v1/query", query="bench_load")["data"]
        print_progress(f"{len(applications)} applications cross the limit …")
        for application in applications:
            time.sleep(random.uniform(0, 2 * _EVERY / 3))  # at a random time between two scrapes
            application.crossed = time.monotonic()
        deadline = time.monotonic() + _TIMEOUT_SECONDS
        while len(sink.arrived) < len(applications) and time.monotonic() < deadline:
            time.sleep(0.2)
        settings = Client(stack.url(ALERTMANAGER)).get("/api/v2/status")["config"]["original"]
    wait = yaml.safe_load(settings)["route"]["group_wait"]
    return units.parse_duration(wait), [sink.arrived[item.address] - item.crossed for item in applications]


@contextmanager
def _serving(*servers: ThreadingHTTPServer) -> Iterator[None]:
    threads = [threading.Thread(target=server.serve_forever, daemon=True) for server in servers]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()
