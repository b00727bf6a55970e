"""The example API: what the load generator counts is what the dashboards show, and every query has data."""

from __future__ import annotations

import bisect
import json

import pytest

from deckwatch.instrument import FINE_BUCKETS

pytestmark = [pytest.mark.live, pytest.mark.slow]

DRIVE_SECONDS = 40
WINDOW = "30s"  # within the drive
PROTOCOLS = ("grpc", "http/1.1", "http/2", "websocket")
OWN = 'handler!="/health"'  # what is not a probe


def find_bucket(seconds: float) -> int:
    return bisect.bisect_left(FINE_BUCKETS, seconds)


def test_the_api_shows_what_its_clients_did(run_example) -> None:
    example = run_example("api", "--docker-host", "", resting="", sets=", application")
    example.await_value("http_requests_per_second_target", 200)
    first = example.drive("errors", 4)  # the series exist from now on
    assert first["unanswered"] == 0, first
    before = example.query(f"sum by (protocol) (http_requests_total{{{OWN}}})")
    assert set(before) == {(name,) for name in PROTOCOLS}

    driver = example.application.start_driver(example.application.example.find_scenario("errors"))
    example.pause(DRIVE_SECONDS)
    rate = example.value(f"sum(rate(http_requests_total{{{OWN}}}[{WINDOW}]))")
    p99 = example.shown("api", "p99", WINDOW)
    errors = example.shown("api", "Error ratio", WINDOW)
    driver.stop(20)
    done = json.loads(driver.log_tail(1))
    example.pause(6)

    assert done["unanswered"] == 0, done
    after = example.query(f"sum by (protocol) (http_requests_total{{{OWN}}})")
    assert {name: after[name,] - before[name,] for name in PROTOCOLS} == done["by_protocol"]
    assert example.value('sum(http_requests_total{code="500"})') == first["failed"] + done["failed"]
    assert done["failed"] * 20 == done["requests"], done
    assert errors == pytest.approx(0.05, abs=0.003)
    assert rate == pytest.approx(done["requests"] / done["seconds"], rel=0.03)
    assert abs(find_bucket(p99) - find_bucket(done["p99"])) <= 1, (p99, done)

    driver = example.application.start_driver(example.application.example.find_scenario("low"))
    try:
        assert example.find_faults("API", "Rules: api", strict=True) == []
    finally:
        driver.stop(20)
