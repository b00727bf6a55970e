"""No client can flood the log."""

from __future__ import annotations

import pytest

from deckwatch.exporter import log_throttle
from deckwatch.exporter.log_throttle import LogThrottle


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(log_throttle.time, "monotonic", lambda: now[0])
    return now


def test_a_kind_has_one_line_a_minute(clock):
    throttle = LogThrottle()
    assert [throttle("a") for _ in range(3)] == ["", None, None]
    clock[0] += 61
    assert throttle("a") == " (2 more in the last minutes)"


def test_a_client_with_many_addresses_has_few_lines_too(clock):
    throttle = LogThrottle()
    lines = 0
    for minute in range(5):
        for number in range(10_000):
            lines += throttle(f"fd00::{minute}:{number:x}") is not None
        clock[0] += 60
    assert lines == 5 * 20
    assert throttle("10.0.0.1") == " (9980 of other kinds are not shown)"


def test_what_is_suppressed_is_counted_once(clock):
    throttle = LogThrottle(lines_per_minute=1)
    assert [throttle(kind) for kind in "abcb"] == ["", None, None, None]
    clock[0] += 60
    assert throttle("b") == " (3 of other kinds are not shown)"
    clock[0] += 60
    assert throttle("b") == ""


def test_kinds_that_clients_cannot_make_are_all_logged(clock):
    throttle = LogThrottle(lines_per_minute=None)
    assert [throttle(str(number)) for number in range(100)] == [""] * 100
