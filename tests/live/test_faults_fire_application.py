"""Every alert on applications: real ones that fail, and its end. How to add one: `test_faults_fire.py`."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
import requests
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily

from deckwatch.provisioning.program import Program, free_port

pytestmark = [pytest.mark.live, pytest.mark.slow]

FOLDER = Path(__file__).parents[2] / "examples" / "shop"
PROJECT = """\
scrape:
  - {{service: shop, instance: shop-1, url: '{shop}/metrics'}}
  - {{service: desk, instance: desk-1, url: 'http://127.0.0.1:{desk}/metrics'}}
  - {{service: till, instance: till-1, url: 'http://127.0.0.1:{till}/metrics'}}
watch:
  probes:
    - {{service: cart, http: 'http://127.0.0.1:{port}/'}}
    - {{service: payments, tcp: '127.0.0.1:{port}', kind: dependency}}
    - {{service: login, http: 'https://localhost:{tls}/health', ca_file: '{authority}'}}
"""
FAULTS = {
    "ApplicationDown": {"service": "cart", "severity": "critical"},
    "DependencyDown": {"service": "payments"},
    "ApplicationErrorsHigh": {"service": "shop"},
    "ApplicationErrorsCritical": {"service": "shop"},
    "ApplicationStatusUnknown": {"service": "till"},
    "ApplicationSlow": {"service": "shop"},
    "ApplicationSlowOnAverage": {"service": "shop"},
    "ApplicationFilesOpenHigh": {"service": "desk", "instance": "desk-1"},
    "CertificateExpiresSoon": {"service": "login"},
    "CertificateExpiresNow": {"service": "login", "severity": "critical"},
}
CUSTOMERS = 12
BETWEEN_CUSTOMERS_SECONDS = 8 / CUSTOMERS
DESCRIPTORS, VISITORS = 100, 80
SOON_DAYS, LATE_DAYS = 3, 60
WELL, BROKEN = ("/products/tea", "/"), ("/fail", "/slow?seconds=8")


@contextlib.contextmanager
def customers(shop, paths):
    """People who ask for these pages one after the other; not in step, so that every ten seconds look the same."""
    over = threading.Event()

    def come(number: int) -> None:
        over.wait(number * BETWEEN_CUSTOMERS_SECONDS)
        with requests.Session() as session:
            session.trust_env = False
            while not over.is_set():
                for path in paths:
                    with contextlib.suppress(requests.RequestException):  # who meets an error comes again
                        session.get(shop + path, timeout=30)
                over.wait(0.1)

    with ThreadPoolExecutor(CUSTOMERS) as pool:
        under_way = [pool.submit(come, number) for number in range(CUSTOMERS)]
        try:
            yield
        finally:
            over.set()
    for one in under_way:
        one.result()


@pytest.fixture
def till():
    """An application whose label for the status has a name of its own, until `named` is set; its port."""
    registry = CollectorRegistry()
    named = threading.Event()

    class Requests:
        def collect(self):
            family = CounterMetricFamily("http_requests", "Requests.", labels=["code" if named.is_set() else "status"])
            family.add_metric(["500"], time.monotonic())
            yield family

    registry.register(Requests())
    server, thread = start_http_server(0, "127.0.0.1", registry)
    yield server.server_port, named
    server.shutdown()
    thread.join()
    server.server_close()


def test_applications_that_fail_are_slow_are_gone_or_run_out(shop, authority, alarm, till, tmp_path):
    port, tls, page = free_port(), free_port(), free_port()
    log = tmp_path / "servers.log"
    cart = Program("cart", [sys.executable, "-m", "http.server", str(port)], log, f"http://127.0.0.1:{port}/")

    argv = [sys.executable, "-m", "uvicorn", "app:app", "--port", str(page)]
    desk = Program("desk", argv, log, f"http://127.0.0.1:{page}/health", folder=FOLDER)

    def login(days: int) -> Program:
        issued = authority.issue("login", days=days)
        argv = [sys.executable, "-m", "uvicorn", "app:app", "--port", str(tls), "--ssl-certfile", issued.certificate]
        return Program("login", [*argv, "--ssl-keyfile", issued.key], log, ready=lambda: True, folder=FOLDER)

    places = {"shop": shop, "port": port, "tls": tls, "desk": page, "till": till[0]}
    project_text = PROJECT.format(**places, authority=authority.certificate)
    with desk, cart, login(SOON_DAYS), customers(shop, BROKEN), contextlib.ExitStack() as visitors:
        chain = alarm("", project=project_text, hurried=True, alerts=FAULTS)
        chain.wait_for_series("count(probe_success == 1) == 3")
        cart.stop()
        psutil.Process(desk.process.pid).rlimit(psutil.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
        for _ in range(VISITORS):
            visitors.enter_context(socket.create_connection(("127.0.0.1", page)))
        chain.fire(FAULTS)
        till[1].set()
    with desk, cart, login(LATE_DAYS), customers(shop, WELL):
        chain.end(FAULTS)
