"""Every alert on logs: one of another format than configured, one that does not exist. See `test_faults_fire.py`."""

from __future__ import annotations

import contextlib
import threading

import pytest

pytestmark = [pytest.mark.live, pytest.mark.slow]

PROJECT = """\
watch:
  logs:
    - {{service: shop, file: {folder}/access.log, format: combined, state: {folder}/state}}
"""
FAULTS = {
    "LogNotUnderstood": {"service": "shop", "severity": "warning"},
    "LogMissing": {"service": "shop", "severity": "warning"},
}
OTHER_FORMAT, MISSING = ({name: labels} for name, labels in FAULTS.items())
GOOD = '127.0.0.1 - - [30/Nov/2026:02:00:00 +0000] "GET / HTTP/1.1" 200 5 "-" "-"\n'
OTHER = "GET / 200 5\n"


@contextlib.contextmanager
def written(log, line):
    """Write a line to a log again and again."""
    over = threading.Event()

    def write() -> None:
        while not over.wait(0.05):
            with log.open("a") as file:
                file.write(line)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_a_log_of_another_format(alarm, tmp_path):
    log = tmp_path / "access.log"
    log.touch()
    chain = alarm("", project=PROJECT.format(folder=tmp_path), hurried=True, alerts=FAULTS)
    with written(log, OTHER):
        chain.wait_for_series('deckwatch_log_unmatched_lines_total{service="shop"} > 0')
        chain.fire(OTHER_FORMAT)
    with written(log, GOOD):
        chain.end(OTHER_FORMAT)


def test_a_log_that_does_not_exist(alarm, tmp_path):
    (tmp_path / "error.log").touch()
    second = "    - {{service: shop, file: {folder}/error.log, format: text, state: {folder}/state}}\n"
    chain = alarm("", project=(PROJECT + second).format(folder=tmp_path), hurried=True, alerts=FAULTS)
    chain.wait_for_series('deckwatch_log_missing{service="shop"} == 1')
    chain.fire(MISSING)
    (tmp_path / "access.log").touch()
    chain.end(MISSING)
