"""Every alert on nginx: a real one without free connections, then without a process. See `test_faults_fire.py`."""

from __future__ import annotations

import contextlib
import socket
import threading

import pytest

from deckwatch.provisioning.program import free_port

pytestmark = [pytest.mark.live, pytest.mark.slow]

PROJECT = """\
watch:
  nginx:
    - {{service: shop, url: 'http://127.0.0.1:{port}/stub_status'}}
"""
DROPS = {"NginxConnectionsDropped": {"service": "shop", "instance": "deck-1", "severity": "warning"}}
DOWN = {"NginxDown": {"service": "shop", "instance": "deck-1", "severity": "critical"}}
FAULTS = DROPS | DOWN
SERVER = "location = /stub_status { stub_status; }"
CONNECTIONS = 16
VISITORS = 3 * CONNECTIONS


@contextlib.contextmanager
def visitors(port: int):
    """Connect more often than nginx has connections, and go away, again and again.

    Each visitor begins a request: nginx closes connections on which it waits for one rather than refuse others.
    """
    over = threading.Event()

    def visit() -> None:
        while not over.wait(0.5):
            with contextlib.ExitStack() as stack:
                for _ in range(VISITORS):
                    with contextlib.suppress(OSError):  # refused
                        stack.enter_context(socket.create_connection(("127.0.0.1", port), 1)).sendall(b"GET / HTTP/1.1")

    thread = threading.Thread(target=visit)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_a_server_that_drops_connections_and_one_that_has_ended(alarm, nginx_server, tmp_path):
    port = free_port()
    few = nginx_server(tmp_path, port, SERVER, events=f"worker_connections {CONNECTIONS};")
    with few:
        chain = alarm("", project=PROJECT.format(port=port), hurried=True, alerts=FAULTS)
        chain.wait_for_series('nginx_up{service="shop"} == 1')
        with visitors(port):
            chain.fire(DROPS)
        chain.end(DROPS)
        few.stop()
        chain.fire(DOWN)
    with few:
        chain.end(DOWN)
