"""The whole chain: a real container ends, and a real alert about it arrives through Prometheus and Alertmanager."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from deckwatch.core import yaml_file
from deckwatch.core.http import Client
from deckwatch.core.project import FILE, Project
from deckwatch.provisioning.servers import ALERTMANAGER, EXPORTER, PROMETHEUS
from deckwatch.provisioning.up import LocalStack

pytestmark = [pytest.mark.live, pytest.mark.slow]

GET = "apt-get install prometheus prometheus-alertmanager"
PATH = "/alerts"


@pytest.fixture
def stack(tmp_path, engine, inbox, need):
    need("prometheus", get=GET)
    need("prometheus-alertmanager", "alertmanager", get=GET)
    text = f"teams:\n  operations: {{webhook: {{url: '{inbox.url}{PATH}'}}}}\n"
    (tmp_path / FILE).write_text(text)
    project = Project(tmp_path, yaml_file.parse_yaml(text, FILE))
    with LocalStack(
        project,
        tmp_path / "state",
        programs=(EXPORTER, PROMETHEUS, ALERTMANAGER),
        name="deck-1",
        every="1s",
        ports={},
        exporter_arguments=("--docker-host", engine.url),
    ) as running:
        yield running


def query(stack: LocalStack, text: str) -> dict[tuple[str, ...], float]:
    answer = Client(stack.url(PROMETHEUS)).get("/api/v1/query", query=text)
    return {tuple(sorted(one["metric"].items())): float(one["value"][1]) for one in answer["data"]["result"]}


def wait_for_series(stack: LocalStack, text: str, seconds: float = 30) -> dict[tuple[str, ...], float]:
    deadline = time.monotonic() + seconds
    while not (found := query(stack, text)):
        assert time.monotonic() < deadline, f"no series of {text}"
        time.sleep(0.2)
    return found


def arrival(inbox, seconds: float, status: str = "firing", **labels: str) -> dict:
    """Return the first alert with these labels, once it has arrived."""
    return inbox.wait(lambda: inbox.whole_alerts(PATH, status, **labels), seconds)[0]


def firing(stack: LocalStack, name: str) -> bool:
    return bool(query(stack, f'ALERTS{{alertname="{name}", alertstate="firing"}}'))


def test_a_stopped_container_alerts_and_a_dead_engine_alerts_without_resolving_the_first(stack, engine, inbox):
    engine.run(name="shop", restart_policy={"Name": "unless-stopped"})
    engine.run(name="import", restart_policy={"Name": "no"})
    engine.run(name="by-label", labels={"deckwatch.expected": "running"})
    wait_for_series(stack, 'deckwatch_container_state{name="by-label", state="running"} == 1')
    assert len(wait_for_series(stack, "up == 1")) == len(wait_for_series(stack, "up")), "every target is up"

    for name in ("shop", "import", "by-label"):
        engine.client.containers.get(name).stop(timeout=2)
    arrived = arrival(inbox, 90, alertname="ContainerNotRunning", name="shop")
    assert arrived["labels"]["instance"] == "deck-1"
    assert arrived["labels"]["severity"] == "critical"
    assert "shop" in arrived["annotations"]["description"]
    arrival(inbox, 30, alertname="ContainerNotRunning", name="by-label")
    assert not inbox.alerts(PATH, name="import"), "nobody expects it to run"

    engine.kill()
    blind = arrival(inbox, 120, alertname="CollectorBlind", collector="container_state")
    assert blind["labels"]["instance"] == "deck-1"
    # Longer than the alert's keep_firing_for: what was held only by that would resolve meanwhile.
    until = time.monotonic() + 200
    while time.monotonic() < until:
        assert firing(stack, "ContainerNotRunning")
        assert not inbox.alerts(PATH, "resolved", alertname="ContainerNotRunning")
        time.sleep(2)

    engine.start()
    arrival(inbox, 150, "resolved", alertname="CollectorBlind", collector="container_state")
    assert firing(stack, "ContainerNotRunning"), "the container still stands"


def test_nothing_fires_on_a_quiet_machine(stack, engine, inbox):
    engine.run(name="shop", restart_policy={"Name": "always"})
    wait_for_series(stack, 'deckwatch_container_state{name="shop", state="running"} == 1')
    time.sleep(75)  # longer than the `for` of whatever could be wrong from the start
    loud = [labels for labels in inbox.alerts(PATH) if labels["topic"] != "host"]
    assert loud == [], "the machine's own load and disks are not this test's"
    assert query(stack, 'ALERTS{alertname="Watchdog", alertstate="firing"}'), "rules are evaluated"


def test_the_folder_of_a_stack_is_all_that_is_written(tmp_path, stack):
    assert {path.name for path in tmp_path.iterdir()} == {FILE, "state"}
    assert Path(stack.site.bundle, "MANIFEST").is_file()
