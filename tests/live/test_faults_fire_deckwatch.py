"""Every alert on the watching itself, and on Prometheus and Alertmanager. How to add one: `test_faults_fire.py`."""

from __future__ import annotations

import contextlib
import sys
import time

import pytest

from deckwatch.provisioning.program import Program, free_port
from deckwatch.provisioning.servers import ALERTMANAGER, PROMETHEUS

pytestmark = [pytest.mark.live, pytest.mark.slow]

BUDGET, NUMBER = 3, 4  # series that there may be, and containers, which have more
PROJECT = """\
watch: {{collectors: {{budget: {{container_spec: {budget}}}}}}}
scrape: [{{service: clock, instance: clock-1, url: '{page}'}}]
"""
TWO_ON_ONE_SIDE = "groups: [{name: joined, rules: [{record: joined, expr: up * on () up}]}]"
NOT_LOOKING_SECONDS = 4

FAULTS = {
    "ExporterDown": {"instance": "deck-2", "severity": "critical"},
    "TargetDown": {"job": "node", "instance": "deck-2"},
    "CollectorBlind": {"instance": "deck-1", "collector": "container_state"},
    "CollectorTimeouts": {"instance": "deck-3", "collector": "host_textfile"},
    "CollectorSeriesDropped": {"instance": "deck-1", "collector": "container_spec"},
    "PrometheusReloadFailed": {"instance": "deck-1"},
    "PrometheusRuleFailing": {"instance": "deck-1"},
    "PrometheusRulesLate": {"instance": "deck-1"},
    "AlertmanagerReloadFailed": {"instance": "deck-1"},
    "AlertmanagerNotificationsFailing": {"instance": "deck-1", "integration": "webhook"},
    "PrometheusNotificationsFailing": {"instance": "deck-1"},
    "PrometheusAlertsDropped": {"instance": "deck-1"},
    "PrometheusAlertmanagerMissing": {"instance": "deck-1"},
    "PrometheusSamplesRejected": {"instance": "deck-1"},
}
NEVER_ENDS = {"Watchdog": {}}
# These need an Alertmanager that is gone in one way or the other, and so come after those that need one.
GONE = ("PrometheusNotificationsFailing", "PrometheusAlertsDropped")
UNKNOWN = ("PrometheusAlertmanagerMissing",)


@contextlib.contextmanager
def instead(path, text):
    """Let a file hold something else for a while; where there is none it is there for that while."""
    before = path.read_text() if path.exists() else None
    path.write_text(text)
    try:
        yield
    finally:
        path.unlink() if before is None else path.write_text(before)


@pytest.fixture
def page(tmp_path):
    """A page that is a file and names one time for good: its address, the file, and a page of another value then."""
    folder, port = tmp_path / "page", free_port()
    folder.mkdir()
    stands = int(time.time() * 1000)
    (folder / "metrics.txt").write_text(f"stands_still 1 {stands}\n")
    argv = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", str(folder)]
    url = f"http://127.0.0.1:{port}/metrics.txt"
    with Program("page", argv, tmp_path / "page.log", url):
        yield url, folder / "metrics.txt", f"stands_still 2 {stands}\n"


@pytest.fixture
def watched(engine, alarm, serving, beside, page):
    """`deck-2` can be ended; `deck-3` is `beside`."""
    elsewhere = serving("")
    addresses = {"deck-2": elsewhere.address, "deck-3": beside.address}
    chain = alarm(
        engine.url,
        addresses,
        project=PROJECT.format(budget=BUDGET, page=page[0]),
        hurried=True,
        alerts=FAULTS | NEVER_ENDS,
    )
    return chain, elsewhere


@pytest.fixture
def beside(serving, mounted, tmp_path):
    """An exporter that reads a folder of text files, which lies on a mount that can hang."""
    into = mounted.inside("env", "-C", str(tmp_path))  # who enters its namespaces is in no folder of these
    return serving("", through=into, project=f"watch: {{host: {{textfile: '{mounted.point}'}}}}")


def test_exporters_collectors_prometheus_and_alertmanager_that_fail(watched, engine, serving, mounted, page):
    chain, elsewhere = watched
    bundle = chain.stack.site.bundle
    rules, scraped = bundle / "prometheus/rules/joined.yaml", bundle / "prometheus/prometheus.yml"
    known, routed = bundle / "prometheus/targets/alertmanager.yaml", bundle / "alertmanager/alertmanager.yml"
    chain.wait_for_series('up{job="deckwatch", instance="deck-3"} == 1')
    chain.fire(NEVER_ENDS)

    with contextlib.ExitStack() as faults:
        for number in range(NUMBER):
            engine.run(name=f"shop-{number}")
        chain.wait_for_series(f'count(container_last_seen{{name=~"shop-.*"}}) == {NUMBER}')
        engine.freeze()
        mounted.hang()
        elsewhere.end()
        chain.inbox.refusal, chain.inbox.refuses = 401, {"/alerts"}
        faults.enter_context(instead(page[1], page[2]))
        faults.enter_context(instead(rules, TWO_ON_ONE_SIDE))
        chain.reload()
        chain.wait_for_series('prometheus_rule_group_rules{rule_group=~".*;joined"}')
        faults.enter_context(instead(scraped, "scrape_configs: nothing"))
        chain.reload()
        faults.enter_context(instead(routed, "route: nobody"))
        chain.reload(ALERTMANAGER)
        with chain.looking_away():
            time.sleep(NOT_LOOKING_SECONDS)
        chain.fire({name: labels for name, labels in FAULTS.items() if name not in (*GONE, *UNKNOWN)})

    chain.inbox.refuses = set()
    chain.reload()
    chain.reload(ALERTMANAGER)
    alertmanager = chain.stack.running[ALERTMANAGER]
    alertmanager.stop()
    chain.fire({name: FAULTS[name] for name in GONE})
    alertmanager.start().wait_ready()
    with instead(known, "[]"):
        chain.fire({name: FAULTS[name] for name in UNKNOWN})

    mounted.come_back()
    engine.tidy()
    serving("", port=int(elsewhere.address.rpartition(":")[2]))
    chain.end(FAULTS)
    assert chain.stack.running.keys() >= {PROMETHEUS, ALERTMANAGER}
    chain.fire(NEVER_ENDS)
