"""Every alert on containers: a real engine, real faults, and their end. How to add one: `test_faults_fire.py`."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.live, pytest.mark.slow]

SECOND = 1_000_000_000
EAT_MEMORY = "x=0123456789abcdef; while :; do x=$x$x; done"
# As long as the file is there it is well.
CHECK = {"test": ["CMD", "test", "-e", "/tmp/well"], "interval": SECOND // 5, "timeout": SECOND, "retries": 1}
MEBIBYTES = 60
HOLD = f"dd if=/dev/zero of=/dev/shm/held bs=1M count={MEBIBYTES}; exec sleep 1000"

FAULTS = {
    "ContainerNotRunning": {"instance": "deck-1", "name": "shop", "severity": "critical"},
    "ContainerRestartLoop": {"instance": "deck-1", "name": "loop", "service": "loop-service"},
    "ContainerOomKilled": {"instance": "deck-1", "name": "hog"},
    "HostOomKill": {"instance": "deck-1"},
    "ContainerUnhealthy": {"instance": "deck-1", "name": "sick"},
    "ContainerCpuHigh": {"instance": "deck-1", "name": "busy"},
    "ContainerMemoryHigh": {"instance": "deck-1", "name": "large"},
}


def test_containers_that_end_loop_eat_and_are_sick(engine, alarm):
    chain = alarm(engine.url, hurried=True, alerts=FAULTS)
    chain.wait_for_series('deckwatch_collector_success{collector="container_state"} == 1')

    shop = engine.run("exit 3", name="shop", labels={"deckwatch.expected": "running"})
    loop = engine.run(
        "exit 1",
        name="loop",
        restart_policy={"Name": "always"},
        labels={"com.docker.compose.service": "loop-service"},
    )
    sick = engine.run("touch /tmp/well; exec sleep 1000", name="sick", healthcheck=CHECK)
    busy = engine.run("while :; do :; done", name="busy", nano_cpus=SECOND // 10)
    large = engine.run(HOLD, name="large", mem_limit="64m", memswap_limit="64m", shm_size="64m")
    hog = engine.run("sleep 3; " + EAT_MEMORY, name="hog", mem_limit="16m")
    chain.wait_for_series('deckwatch_container_health_status{name="sick", status="healthy"} == 1')
    assert not chain.firing("ContainerUnhealthy")
    sick.exec_run(["rm", "/tmp/well"])
    chain.fire(FAULTS)

    shop.remove()
    loop.remove(force=True)
    sick.exec_run(["touch", "/tmp/well"])
    busy.remove(force=True)
    large.exec_run(["rm", "/dev/shm/held"])
    hog.remove(force=True)
    chain.end(FAULTS)
