"""An engine that stops, dies, restarts or comes back in another version, seen from outside: by the exporter's page."""

from __future__ import annotations

import time

import pytest

pytestmark = pytest.mark.live

# docker-py leaves it to the interpreter to close a socket with which it could not connect.
docker_py_forgets = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")

NAME = "shop"
BLIND = {"container_state"}
SCRAPES = 20
STAYING = 10  # threads that stay for what goes over a network, once made


def ways(engine) -> dict[str, tuple]:
    """Return for each way to lose an engine how it is lost and how it comes back."""
    return {
        "freeze": (engine.freeze, engine.thaw),
        "kill": (engine.kill, engine.start),
        "stop": (engine.program.stop, engine.start),
    }


@docker_py_forgets
@pytest.mark.parametrize("how", ["freeze", "kill", "stop"])
def test_the_page_of_a_process_whose_engine_is_lost_and_comes_back(engine, serving, eventually, how):
    engine.run(name=NAME)
    exporter = serving(engine.url)
    eventually(lambda: exporter.page().values("deckwatch_container_state", name=NAME, state="running") == [1])
    assert exporter.page().failed == set()
    series, threads = len(exporter.page()), exporter.threads()
    lose, bring_back = ways(engine)[how]
    lose()
    eventually(lambda: exporter.page().failed == BLIND)
    for _ in range(SCRAPES):
        page = exporter.page()
        assert page.failed == BLIND
        assert page.values("deckwatch_container_state", name=NAME, state="running") == [1], "as it was last known"
        assert page.values("node_load1")
    # What waits for the engine is one thread, and no scrape.
    eventually(lambda: exporter.threads() <= threads + STAYING)
    bring_back()
    eventually(lambda: exporter.page().failed == set())
    if how == "freeze":
        eventually(lambda: len(exporter.page()) >= series - 20)
    eventually(lambda: exporter.threads() <= threads + STAYING)


@docker_py_forgets
@pytest.mark.parametrize(("how", "seconds"), [("freeze", 5 + 4), ("kill", 0)])
def test_a_lost_engine_is_reported_after_a_ping_and_its_timeout_at_the_latest(
    engine, serving, eventually, how, seconds
):
    exporter = serving(engine.url)
    eventually(lambda: exporter.page().failed == set())
    lose, bring_back = ways(engine)[how]
    started = time.monotonic()
    lose()
    eventually(lambda: exporter.page().failed == BLIND)
    took = time.monotonic() - started
    bring_back()
    assert took < seconds + 2, "the page itself takes a moment"


@docker_py_forgets
def test_an_exporter_that_starts_while_the_engine_is_stopped(engine, serving, eventually):
    engine.run(name=NAME)
    engine.freeze()
    exporter = serving(engine.url)
    page = exporter.page()
    assert "container_state" in page.failed
    assert {name for name in page.failed if not name.startswith("container_")} == set()
    assert page.values("node_load1")
    engine.thaw()
    eventually(lambda: exporter.page().failed == set())
    assert exporter.page().values("deckwatch_container_state", name=NAME, state="running") == [1]


@docker_py_forgets
@pytest.mark.parametrize("versions", [((1, 44), (1, 52)), ((1, 12), (1, 24))], ids=["newer", "older"])
@pytest.mark.parametrize("drop", [True, False], ids=["restarted", "behind-a-proxy"])
def test_an_engine_of_another_version_takes_its_place(renewable, serving, eventually, versions, drop):
    container = renewable.engine.run(name=NAME)
    exporter = serving(renewable.url)
    restarts = "deckwatch_container_restarts_total"
    eventually(lambda: exporter.page().values(restarts, name=NAME) == [0])
    renewable.become(*versions, drop=drop)
    eventually(lambda: exporter.page().failed == BLIND)
    if drop:
        renewable.listen()
    else:
        assert renewable.refused, "the engine rejected the API version"
    eventually(lambda: exporter.page().failed == set())
    container.restart(timeout=0)
    eventually(lambda: exporter.page().values(restarts, name=NAME) == [1])
