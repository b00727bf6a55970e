"""Alerts whose faults cannot be made on a machine that runs tests: a captured page reports them.

`CAPTURED` gives the reason for each. The page is that of a captured machine; `REPLACED` has lines that replace its own
or are added to them. How to add one: `test_faults_fire.py`.
"""

from __future__ import annotations

import itertools
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

pytestmark = [pytest.mark.live, pytest.mark.slow]

PAGE = Path(__file__).parents[1] / "golden/vm-kernel6.18-cgroup1.prom"
CAPTURED = {
    "HostClockSkew": "the clock of a machine that runs tests is not to be set wrong",
    "HostClockUnsynchronised": "its time service is not to be stopped either",
    "HostNetworkErrors": "it takes a bad cable, or a driver that not every kernel has",
    "HostFilesOpenHigh": "the kernel's limit is one for all, and other programs would fail at it",
    "HostMemoryExhaustionPredicted": "more than half of the memory would have to be taken from others",
    "ApplicationSlowerThanUsual": "it takes a day that was as usual",
    "ApplicationQuieterThanUsual": "it takes a week",
    "GrafanaApiSlow": "not every machine has a Grafana, and none can be made slow",
    "GrafanaLoadsSlowly": "the same, and a browser",
    "GrafanaSavesSlowly": "the same, and a slow disk",
    "HardwareArrayDegraded": "it takes a RAID array that loses a disk",
    "HardwareBondDegraded": "it takes two network cards",
    "HardwareMemoryErrors": "it takes a memory module that fails",
    "CollectorPartlyBlind": "it takes a kernel whose file changes its form halfway",
    "HardwareUnreadable": "it takes a device that answers with an error",
    "PrometheusStorageFailing": "Prometheus puts its database in order every two hours",
}


def grows(by: float, start: float = 0.0):
    return lambda reading: start + by * reading


REPLACED = {
    "node_timex_offset_seconds": -0.06,
    "node_timex_sync_status": 0,
    "node_timex_maxerror_seconds": 16,
    'node_network_receive_errs_total{device="eth0"}': grows(5),
    'node_network_receive_packets_total{device="eth0"}': grows(100),
    "node_filefd_allocated": 900,
    "node_filefd_maximum": 1000,
    "node_memory_MemAvailable_bytes": grows(-5e6, 5e9),
    'service:http_request_duration_seconds:p95{service="shop"}': 0.4,
    'service:http_request_duration_seconds:p95_avg1d{service="shop"}': 0.1,
    'service:http_request_duration_seconds:p95_stddev1d{service="shop"}': 0.01,
    'service:http_requests:of_week_ago:ratio{service="shop"}': 0.3,
    'service:http_requests:avg1h_week_ago{service="shop"}': 9,
    'grafana_http_request_duration_seconds_bucket{handler="/api/search", le="0.1"}': grows(1),
    'grafana_http_request_duration_seconds_bucket{handler="/api/search", le="1"}': grows(10),
    'grafana_http_request_duration_seconds_bucket{handler="/api/search", le="+Inf"}': grows(10),
    'grafana_frontend_boot_load_time_seconds_bucket{le="1"}': grows(1),
    'grafana_frontend_boot_load_time_seconds_bucket{le="5"}': grows(10),
    'grafana_frontend_boot_load_time_seconds_bucket{le="+Inf"}': grows(10),
    "grafana_api_dashboard_save_milliseconds_sum": grows(900),
    "grafana_api_dashboard_save_milliseconds_count": grows(1),
    "prometheus_tsdb_compactions_failed_total": grows(1),
    'node_md_degraded{device="md0"}': 1,
    'deckwatch_collector_success{collector="host_netstat"}': 0,
    'deckwatch_collector_partial{collector="host_netstat"}': 1,
    'deckwatch_collector_failed_readings{collector="host_thermal"}': 1,
    'node_bonding_slaves{master="bond0"}': 2,
    'node_bonding_active{master="bond0"}': 1,
    'node_edac_uncorrectable_errors_total{controller="0"}': grows(1),
}


def faulty(text: str, reading: int) -> str:
    for series, value in REPLACED.items():
        line = f"{series} {value(reading) if callable(value) else value}\n"
        text, number = re.subn(f"^{re.escape(series)} .*\n", line, text, flags=re.MULTILINE)
        text += "" if number else line
    return text


def test_faults_that_cannot_be_caused_here_come_from_a_captured_page(alarm):
    broken, readings = threading.Event(), itertools.count(1)

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            text = PAGE.read_text()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write((faulty(text, next(readings)) if broken.is_set() else text).encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    faults = {name: {"instance": "deck-2"} for name in CAPTURED}
    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        chain = alarm("", {"deck-2": f"127.0.0.1:{server.server_address[1]}"}, hurried=True, alerts=faults)
        chain.wait_for_series('node_timex_offset_seconds{instance="deck-2"}')
        chain.end(faults)
        broken.set()
        chain.fire(faults)
        broken.clear()
        chain.end(faults)
        server.shutdown()
