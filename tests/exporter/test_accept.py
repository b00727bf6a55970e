"""Bursts of connections: their number is bounded before the limits count them, and so are log lines."""

from __future__ import annotations

import errno
import logging
import socket
import subprocess
import sys
from contextlib import ExitStack
from textwrap import dedent

from deckwatch.exporter import listen
from deckwatch.exporter.protection import connection_limits

BURST = 400
GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def test_a_burst_of_connections_has_a_bounded_number_of_descriptors(page_served, monkeypatch) -> None:
    accepted, most = 0, 0
    add_slot, accept = connection_limits.ConnectionPool.add_slot, socket.socket.accept

    def add_counted(self, slot):
        nonlocal most
        most = max(most, accepted - added[0])
        added[0] += 1
        return add_slot(self, slot)

    def accept_counted(self):
        nonlocal accepted
        result = accept(self)
        accepted += 1
        return result

    added = [0]
    monkeypatch.setattr(connection_limits.ConnectionPool, "add_slot", add_counted)
    monkeypatch.setattr(socket.socket, "accept", accept_counted)
    with page_served() as served, ExitStack() as stack:
        for number in range(BURST):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.bind((f"127.0.0.{2 + number % 8}", 0))
            assert client.connect_ex(served.address) in (0, errno.EINPROGRESS)
        with socket.create_connection(served.address, timeout=60) as last:
            last.sendall(GET)
            assert last.recv(100).startswith(b"HTTP/1.1 200")
    assert most <= 4 * listen._ACCEPTED_AT_ONCE


SERVE_WITHOUT_DESCRIPTORS = dedent("""
    import logging, os, resource, socket, sys, threading, time
    from deckwatch.exporter import listen

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    logging.basicConfig(stream=sys.stderr, format="%(message)s")
    sockets = listen.bind_sockets(listen.parse_address("127.0.0.1:0"))
    address = sockets[0].getsockname()

    def use_up_descriptors():
        time.sleep(1)
        clients = [socket.socket() for _ in range(40)]
        resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")), resource.getrlimit(7)[1]))
        for client in clients:
            client.connect(address)
        time.sleep(2.5)
        for client in clients[:30]:
            client.close()
        time.sleep(1.5)
        clients[35].settimeout(20)
        clients[35].sendall(b"GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
        print(clients[35].recv(15), flush=True)
        os._exit(0)

    threading.Thread(target=use_up_descriptors).start()
    listen.serve_app(app, sockets)
""")


def test_without_free_descriptors_one_line_is_logged_and_service_resumes() -> None:
    command = [sys.executable, "-c", SERVE_WITHOUT_DESCRIPTORS]
    completed = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert completed.stdout == "b'HTTP/1.1 200 OK'\n"
    assert completed.stderr == "connections cannot be accepted: too many open files\n"


def test_other_errors_of_the_loop_are_reported_as_usual(caplog) -> None:
    server = listen.make_server(None)
    reported = []

    class Loop:
        default_exception_handler = reported.append

    with caplog.at_level(logging.WARNING):
        for error in (ValueError(), OSError(errno.EMFILE, ""), OSError(errno.EMFILE, ""), OSError(errno.EIO, "")):
            server._report_error(Loop, {"exception": error})
    assert [type(context["exception"]) for context in reported] == [ValueError, OSError]
    assert [record.getMessage() for record in caplog.records] == ["connections cannot be accepted: too many open files"]
