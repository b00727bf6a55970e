"""Every alert on health: services that fail too briefly for another alert, and their end. See `test_faults_fire.py`."""

from __future__ import annotations

import contextlib
import http.server
import itertools
import threading
from typing import Self

import pytest

pytestmark = [pytest.mark.live, pytest.mark.slow]

PROJECT = """\
watch:
  probes:
    - {{service: till, http: 'http://127.0.0.1:{till}/'}}
    - {{service: cart, http: 'http://127.0.0.1:{cart}/'}}
"""
FAULTS = {
    "HealthScoreLow": {"component": "till", "severity": "warning"},
    "HealthScoreCritical": {"component": "cart", "severity": "critical"},
}
WELL, ONE_OF_THREE, TWO_OF_THREE = (200,), (503, 200, 200), (503, 503, 200)


class Service:
    """A service that answers with these statuses, one after the other and over again."""

    def __init__(self, *statuses: int) -> None:
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(next(service.statuses))
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nobody reads what would stand on stderr."""

        self.answers(*statuses)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]

    def answers(self, *statuses: int) -> None:
        self.statuses = itertools.cycle(statuses)

    def __enter__(self) -> Self:
        threading.Thread(target=self.server.serve_forever, args=(0.05,)).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


def test_services_that_fail_again_and_again(alarm):
    with contextlib.ExitStack() as running:
        till, cart = (running.enter_context(Service(*one)) for one in (ONE_OF_THREE, TWO_OF_THREE))
        chain = alarm("", project=PROJECT.format(till=till.port, cart=cart.port), hurried=True)
        chain.fire(FAULTS)
        assert chain.query('ALERTS{alertname="ApplicationDown", alertstate="firing", service="till"}') == {}
        till.answers(*WELL)
        cart.answers(*WELL)
        chain.end(FAULTS)
