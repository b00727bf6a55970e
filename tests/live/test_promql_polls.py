"""Expressions of `watch: promql:` on a real Prometheus."""

from __future__ import annotations

import contextlib
import os
import signal
import time

import pytest

pytestmark = pytest.mark.live


@pytest.fixture
def prometheus(remembering):
    now = time.time()
    times = [now - 600 + 15 * step for step in range(61)]  # up to five minutes from now
    orders = {"berlin": 2.0, "paris": 4.0}
    return remembering(
        [
            (f'orders_total{{shop="{shop}"}}', [(at, rate * (at - now + 600)) for at in times])
            for shop, rate in orders.items()
        ]
    )


def block(url: str, metrics: str, more: str = "") -> str:
    return f"  promql:\n    - {{name: central, url: '{url}', interval: 1s, metrics: {metrics}{more}}}\n"


def test_results_become_series(prometheus, watch_sources):
    metrics = """{
      shop_orders_per_second: {query: 'sum by (shop) (rate(orders_total[2m]))', key_labels: [shop], help: Orders.},
      shop_orders_all_per_second: {query: 'sum(rate(orders_total[2m]))', static_labels: {region: eu}},
      shop_limit: {query: 'scalar(vector(3))'},
      shop_share_ratio: {query: 'rate(orders_total[2m]) / 0 * 0', key_labels: [shop]}}"""
    watched = watch_sources(block(prometheus.url, metrics))
    page = watched.settled()
    assert not watched.errors()
    assert page['shop_orders_per_second{shop="berlin"}'] == pytest.approx(2, rel=0.01)
    assert page['shop_orders_per_second{shop="paris"}'] == pytest.approx(4, rel=0.01)
    assert page['shop_orders_all_per_second{region="eu"}'] == pytest.approx(6, rel=0.01)
    assert page["shop_limit"] == 3
    assert not [series for series in page if series.startswith("shop_share_ratio")]  # 0/0 is no value
    assert page['deckwatch_promql_duration_seconds{poll="central"}'] > 0


@pytest.mark.parametrize(
    "case",
    [
        ("{query: 'orders_total[1m]'}", "MalformedDocument", "has a matrix; expected an instant vector"),
        ("{query: 'orders_total'}", "DuplicateLabels", "two series have the labels {} of v"),
        ("{query: 'orders_total / on () group_left () orders_total'}", "EndpointDown", "many-to-many|duplicate series"),
        ("{query: 'vector(1) / 0'}", "NotANumber", "infinite"),
        ("{query: 'orders_total', key_labels: [shop]}}, max_series: 1", "TooManySeries", "more than 1 series"),
    ],
)
def test_a_result_that_does_not_fit_is_reported(prometheus, watch_sources, caplog, case):
    entry, error, reason = case
    text = f"{{v: {entry}}}" if "max_series" not in entry else f"{{v: {entry}"
    watched = watch_sources(block(prometheus.url, text))
    watched.settled()
    assert watched.errors() == {"central": error}
    assert any(each in caplog.text for each in reason.split("|"))


def test_an_expression_without_a_result_is_no_fault(prometheus, watch_sources):
    watched = watch_sources(block(prometheus.url, "{v: {query: missing}}"))
    watched.settled()
    assert watched.absent() == {"central": "the expressions have no values"}


def test_a_server_that_hangs_is_reported_and_delays_no_scrape(prometheus, watch_sources, eventually):
    watched = watch_sources(block(prometheus.url, "{v: {query: 'vector(1)'}}", ", timeout: 1s"))
    assert watched.settled()["v"] == 1
    pid = prometheus.program.process.pid
    os.kill(pid, signal.SIGSTOP)
    try:
        eventually(lambda: watched.page() is not None and watched.errors() == {"central": "EndpointDown"})
        assert watched.seconds < 0.5
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
    eventually(lambda: watched.page().get("v") == 1)


def test_the_settings_are_checked(project_problems):
    problems = project_problems(block("http://me:hunter2@central:9090", "{v: {query: 'sum('}}"))
    assert "hunter2" not in str(problems)
    (line,) = project_problems(block("http://central:9090", "{v: {query: 'sum('}}"))
    assert line.startswith("deckwatch.yaml:3:")
