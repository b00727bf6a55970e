"""Access logs of real servers, read by a real exporter that is killed while they are written."""

from __future__ import annotations

import re
import signal
import threading
import time
import urllib.request
from collections import Counter

import pytest

from deckwatch.provisioning.program import free_port

pytestmark = pytest.mark.live

COUNT = re.compile(r'^http_requests_total\{.*handler="([^"]*)",code="(\d+)".*\} (\d+)$', re.MULTILINE)

TIMED = '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent $request_time'
HTTP = """
    log_format timed '{timed}';
    access_log {folder}/access.log combined;
    access_log {folder}/timed.log timed;
"""
SERVER = """
        location /ok { return 200 "fine\\n"; }
        location /orders { return 201; }
        location /error { return 500; }
"""


def request(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.parametrize("name", ["access.log", "timed.log"])
def test_nginx_that_is_rotated_and_reopened(nginx_server, tmp_path, log_exporter, name):
    port = free_port()
    http = HTTP.format(folder=tmp_path, timed=TIMED)
    log_format = "format: combined"
    if name == "timed.log":
        log_format = f"log_format: '{TIMED}'"
    with nginx_server(tmp_path, port, SERVER, http=http, master=True) as nginx:
        watched = log_exporter(f"service: shop, file: {tmp_path}/{name}, {log_format}")
        watched.wait_for('deckwatch_log_readable{service="shop"} 1')
        sent: Counter[tuple[str, str]] = Counter()
        for turn in range(3):
            for number in range(20):
                for path, handler in (("/ok?a=b", "/ok"), (f"/orders/{number}", "/orders/{id}"), ("/error", "/error")):
                    code = request(f"http://127.0.0.1:{port}{path}")
                    sent[handler, str(code)] += 1
                sent["none", str(request(f"http://127.0.0.1:{port}/.env{number}"))] += 1
            (tmp_path / name).rename(tmp_path / f"{name}.{turn + 1}")
            request(f"http://127.0.0.1:{port}/ok")  # still in the old file
            sent["/ok", "200"] += 1
            nginx.process.send_signal(signal.SIGUSR1)
            time.sleep(1.1)  # until the next second: files of the same lines and seconds would be taken for copies
        page = watched.wait_for(f'deckwatch_log_lines_total{{service="shop"}} {sent.total()}')
    counted = {(handler, code): int(count) for handler, code, count in COUNT.findall(page) if count != "0"}
    assert counted == dict(sent)
    assert ("http_request_duration_seconds_count" in page) == (name == "timed.log")


def test_kill_9_under_load_loses_and_repeats_nothing(tmp_path, log_exporter):
    log = tmp_path / "access.log"
    log.touch()
    line = '127.0.0.1 - - [30/Nov/2026:02:00:00 +0000] "GET /orders/{} HTTP/1.1" {} 5 "-" "-"\n'
    written: Counter[str] = Counter()
    ending = threading.Event()

    def write_load() -> None:
        number = 0
        while not ending.is_set():
            with log.open("a") as file:
                for _ in range(500):
                    number += 1
                    code = "500" if number % 7 == 0 else "200"
                    file.write(line.format(number, code))
                    written[code] += 1
            if number % 20_000 == 0:
                log.rename(tmp_path / f"access.log-{number}")
            time.sleep(0.01)

    watched = log_exporter(f"service: shop, file: {log}, format: combined")
    watched.wait_for('deckwatch_log_readable{service="shop"} 1')
    writer = threading.Thread(target=write_load)
    writer.start()
    seen = 0
    try:
        for _ in range(5):
            watched.wait_for("http_requests_total")
            time.sleep(1.3)
            totals = [int(count) for _, _, count in COUNT.findall(watched.read_page())]
            assert sum(totals) >= seen, "a counter fell"
            seen = sum(totals)
            watched.kill()
            watched.start()
    finally:
        ending.set()
        writer.join()
    page = watched.wait_for(f'deckwatch_log_lines_total{{service="shop"}} {written.total()}')
    assert {code: int(count) for _, code, count in COUNT.findall(page)} == dict(written)
    assert len(list(tmp_path.glob("access.log-*"))) >= 3
