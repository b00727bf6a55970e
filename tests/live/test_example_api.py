"""The example API: what the load generator counts is what the dashboards show, and every query has data."""

from __future__ import annotations

import bisect
import time

import pytest

from deckwatch.instrument import FINE_BUCKETS

pytestmark = [pytest.mark.live, pytest.mark.slow]

DRIVE_SECONDS = 35
PROTOCOLS = ("grpc", "http/1.1", "http/2", "websocket")


def find_bucket(seconds: float) -> int:
    return bisect.bisect_left(FINE_BUCKETS, seconds)


def test_the_api_shows_what_its_clients_did(run_example) -> None:
    example = run_example("api", "--docker-host", "", resting="", sets=", application")
    application = example.application
    # Of 20 requests, one waits for the storage: a time that a busy machine changes by less than a bucket.
    application.stop_process("api")
    application.start_process("api", {"STORAGE_SECONDS": "1.2"})
    first = example.drive("errors", 3)  # the series exist from now on
    assert first["unanswered"] == 0, first
    example.pause(8)
    counts = "sum by (protocol) (http_requests_total) > 0"
    before = example.query(counts)
    assert set(before) == {(name,) for name in PROTOCOLS}

    started = time.time()
    done = example.drive("errors", DRIVE_SECONDS)
    example.pause(6)
    assert done["unanswered"] == 0, done
    after = example.query(counts)
    assert {name: after[name,] - before[name,] for name in PROTOCOLS} == done["by_protocol"]
    assert example.value('sum(http_requests_total{code="500"})') == first["failed"] + done["failed"]
    assert done["failed"] * 20 == done["requests"], done
    seconds = round(time.time() - started)
    assert example.shown("api", "Error ratio", f"{seconds}s") == pytest.approx(0.05, abs=0.003)
    # The mean of the line on the dashboard, over a time that contains the drive.
    rate = example.value(f"avg_over_time(sum(rate(http_requests_total[10s]))[{seconds}s:1s])")
    assert rate * seconds / done["seconds"] == pytest.approx(done["requests"] / done["seconds"], rel=0.03)
    p99 = example.shown("api", "p99", f"{seconds}s")
    assert abs(find_bucket(p99) - find_bucket(done["p99"])) <= 1, (p99, done)

    driver = application.start_driver(application.example.find_scenario("low"))
    try:
        assert example.find_faults("API", "Rules: api", strict=True) == []
    finally:
        driver.stop(20)
    # The one query about an incident that needs an outage: ApiNotCounted.
    application.stop_process("api")
    example.await_value('absent(http_requests_total{service="api"})', 1)
