"""The shipped alerts report a lost source within two minutes, and no alert that already fires ends."""

from __future__ import annotations

import time

import pytest

pytestmark = [pytest.mark.live, pytest.mark.slow]

TOLD_SECONDS = 120
EAT_MEMORY = "x=0123456789abcdef; while :; do x=$x$x; done"
SECOND = 1_000_000_000
SICK = {"test": ["CMD-SHELL", "false"], "interval": SECOND // 5, "timeout": SECOND, "retries": 1}
FIRING = ("ContainerNotRunning", "ContainerOomKilled")
# That the exporter had seen containers before one appeared of which a kill is counted already.
SEEN = 'deckwatch_collector_success{job="cadvisor",instance="deck-1",collector="container_state"}'


def test_a_stopped_engine_and_a_hung_mount_alert_and_end_no_other_alert(engine, alarm, mounted, serving, eventually):
    elsewhere = serving("", through=mounted.inside())
    chain = alarm(engine.url, {"deck-2": elsewhere.address}, past=(SEEN,))
    engine.run("exit 3", name="shop", restart_policy={"Name": "no"}, labels={"deckwatch.expected": "running"})
    engine.run(name="sick", healthcheck=SICK)
    chain.wait_for_series('deckwatch_container_health_status{name="sick", status="unhealthy"} == 1')
    with chain.looking_away():  # created, OOM-killed and removed
        engine.run(EAT_MEMORY, name="hog", mem_limit="16m", auto_remove=True)
        eventually(lambda: len(engine.client.containers.list(all=True, sparse=True)) == 2)
    chain.arrival(90, alertname="ContainerOomKilled", name="hog")
    chain.arrival(90, alertname="ContainerNotRunning", name="shop")
    series = 'deckwatch_container_oom_kills_total{name="hog"}'
    assert set(chain.query(f"max_over_time({series}[5m])").values()) == {1.0}
    assert set(chain.query(f"min_over_time({series}[5m])").values()) == {1.0}, "it was never seen without the kill"

    engine.freeze()
    mounted.hang()
    lost = time.monotonic()
    blind = chain.arrival(TOLD_SECONDS, alertname="CollectorBlind", collector="container_state")
    stuck = chain.arrival(TOLD_SECONDS - (time.monotonic() - lost), alertname="HostFilesystemStuck")
    assert blind["labels"]["instance"] == "deck-1"
    assert (stuck["labels"]["instance"], stuck["labels"]["mountpoint"]) == ("deck-2", str(mounted.point))
    assert chain.firing("ContainerUnhealthy"), "what was on its way to firing goes on"
    for name in FIRING:
        assert chain.firing(name), name
        assert not chain.inbox.alerts("/alerts", "resolved", alertname=name)

    engine.thaw()
    mounted.come_back()
    eventually(lambda: not chain.firing("CollectorBlind"), 30)
    eventually(lambda: not chain.firing("HostFilesystemStuck"), 30)
    for name in FIRING:
        assert chain.firing(name), name
