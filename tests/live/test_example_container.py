"""The example of containers: their states, limits, restarts and OOM kills are those of the engine."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.live, pytest.mark.slow]

STATES = 'sum by (name, state) (deckwatch_container_state{name=~"shop-.+"} == 1)'
SERVICES = ("web", "worker", "cache", "client")


def read_engine(engine):
    """Return the attributes of the example's containers by name."""
    return {
        each.name: each.attrs
        for each in engine.client.containers.list(all=True, ignore_removed=True)
        if each.name.startswith("shop-")
    }


def states_agree(example, engine):
    """Return whether Prometheus has the state of every container that the engine has, and no other."""
    states = {(name, attributes["State"]["Status"]): 1 for name, attributes in read_engine(engine).items()}
    return states and example.query(STATES) == states


def test_the_figures_are_those_of_the_engine(run_example, engine, monkeypatch, eventually) -> None:
    monkeypatch.setenv("DOCKER_HOST", engine.url)
    example = run_example("container", "--docker-host", engine.url)

    eventually(lambda: states_agree(example, engine), 120)
    assert example.get("deck", "/status")["containers"] == {
        **{f"shop-{service}-1": "running" for service in SERVICES},
        "shop-migrate-1": "exited",
    }
    limits = example.query('sum by (name) (container_spec_memory_limit_bytes{name=~"shop-.+"} > 0)')
    assert limits == {
        (name,): attributes["HostConfig"]["Memory"]
        for name, attributes in read_engine(engine).items()
        if attributes["HostConfig"]["Memory"]
    }
    assert example.find_faults("Shop's containers", "Containers", "Rules: containers") == []

    with example.simulate("error-burst"):
        example.await_value('sum(deckwatch_container_health_status{name="shop-web-1", status="unhealthy"})', 1)
        assert read_engine(engine)["shop-web-1"]["State"]["Health"]["Status"] == "unhealthy"

    with example.simulate("outage"):
        example.await_value('sum(deckwatch_container_state{name="shop-web-1", state="exited"})', 1)
        assert example.query(STATES)["shop-web-1", "exited"] == 1
        assert states_agree(example, engine)
    eventually(
        lambda: (
            states_agree(example, engine) and example.get("deck", "/status")["containers"]["shop-web-1"] == "running"
        ),
        30,
    )

    with example.simulate("memory-leak"):
        example.await_value('sum(deckwatch_container_oom_kills_total{name="shop-cache-1"}) > bool 0', 1)
        restarts = read_engine(engine)["shop-cache-1"]["RestartCount"]
        example.await_value(f'sum(deckwatch_container_restarts_total{{name="shop-cache-1"}}) >= bool {restarts}', 1)

    example.application.stop()
    assert read_engine(engine) == {}
    assert [each.name for each in engine.client.volumes.list() if each.name.startswith("shop_")] == []
