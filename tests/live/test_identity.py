"""Two exporters, two database servers and an application under one Prometheus: every series is distinct."""

from __future__ import annotations

import contextlib
import itertools
import sys
import time
from pathlib import Path

import pytest

from deckwatch.core import yaml_file
from deckwatch.core.contract import load_contract
from deckwatch.core.http import Client
from deckwatch.core.project import FILE, Project
from deckwatch.provisioning.program import Program, free_port
from deckwatch.provisioning.scrape_targets import Host
from deckwatch.provisioning.servers import EXPORTER, PROMETHEUS
from deckwatch.provisioning.up import LocalStack

pytestmark = pytest.mark.live

# Peers' names that tell of the exporter and not of a container or a database.
OF_NO_SUBJECT = ("container_scrape_error", "pg_scrape_collector_success", "pg_scrape_collector_duration_seconds")
WORLD = Path(__file__).parents[1] / "worlds" / "debian12-kernel6.1-cgroup2"


@contextlib.contextmanager
def second_exporter(tmp_path: Path, docker_host: str):
    """Run a second exporter, which sees another machine through roots of its own."""
    port = free_port()
    roots = ["--path.procfs", str(WORLD / "proc"), "--path.sysfs", str(WORLD / "sys"), "--path.rootfs", str(WORLD)]
    argv = [str(Path(sys.executable).with_name("deckwatch")), "serve", "--listen", f"127.0.0.1:{port}"]
    argv += [*roots, "--docker-host", docker_host]
    with Program("second", argv, tmp_path / "second.log", f"http://127.0.0.1:{port}/healthz"):
        yield Host("deck-2", f"127.0.0.1:{port}")


@pytest.fixture
def prometheus(tmp_path, engine, postgres_server, shop, need):
    need("prometheus", get="apt-get install prometheus")
    one, two = postgres_server(), postgres_server()
    (tmp_path / "one").write_text(one.dsn)
    (tmp_path / "two").write_text(two.dsn)
    text = f"""
watch:
  postgres:
    - {{name: shop-db, dsn_file: {tmp_path}/one}}
    - {{name: stock-db, dsn_file: {tmp_path}/two}}
  probes:
    - {{service: shop, http: "{shop}/health"}}
scrape:
  - {{service: shop, url: "{shop}/metrics"}}
"""
    (tmp_path / FILE).write_text(text)
    project = Project(tmp_path, yaml_file.parse_yaml(text, FILE))
    engine.run(name="web")
    with (
        second_exporter(tmp_path, engine.url) as other,
        LocalStack(
            project,
            tmp_path / "state",
            programs=(EXPORTER, PROMETHEUS),
            name="deck-1",
            hosts=[other],
            every="1s",
            ports={},
            exporter_arguments=("--docker-host", engine.url),
        ) as stack,
    ):
        client = Client(stack.url(PROMETHEUS))
        wait_until_scraped(client)
        yield client


def ask(client: Client, query: str) -> list[dict[str, str]]:
    return [one["metric"] for one in client.get("/api/v1/query", query=query)["data"]["result"]]


def scraped(client: Client) -> list[dict[str, str]]:
    """Return the labels of every series that came from a page; what rules make of them has no job of its own."""
    series = client.get("/api/v1/series", **{"match[]": '{__name__=~".+"}'})["data"]
    without = {labels["__name__"] for labels in series if "job" not in labels}
    assert {name for name in without if ":" not in name} <= {"ALERTS", "ALERTS_FOR_STATE"}
    return [
        labels for labels in series if ":" not in labels["__name__"] and not labels["__name__"].startswith("ALERTS")
    ]


def wait_until_scraped(client: Client) -> None:
    deadline = time.monotonic() + 40
    wanted = 2 + 2 + 2 + 2 + 1 + 1  # node, cadvisor, deckwatch of two hosts, two databases, the application, itself
    while len(ask(client, "up == 1")) < wanted:
        assert time.monotonic() < deadline, ask(client, "up")
        time.sleep(0.3)


def test_every_series_is_distinguished_by_the_contracts_labels(prometheus):
    by_job: dict[str, set[str]] = {}
    for target in ask(prometheus, "up"):
        by_job.setdefault(target["job"], set()).add(target["instance"])
    assert by_job["node"] == by_job["cadvisor"] == by_job["deckwatch"] == {"deck-1", "deck-2"}
    assert by_job["postgres"] == {"shop-db", "stock-db"}
    assert len(by_job["app"]) == 1

    assert {one["instance"] for one in ask(prometheus, "node_load1")} == {"deck-1", "deck-2"}
    databases = ask(prometheus, "pg_up")
    assert {(one["instance"], one["server"]) for one in databases} == {("shop-db", "shop-db"), ("stock-db", "stock-db")}
    [probe] = ask(prometheus, "probe_success")
    assert (probe["service"], probe["job"], probe["instance"]) == ("shop", "deckwatch", "deck-1")
    assert {one["service"] for one in ask(prometheus, "http_requests_total")} == {"shop"}
    containers = ask(prometheus, 'deckwatch_container_state{name="web", state="running"}')
    assert {one["instance"] for one in containers} == {"deck-1", "deck-2"}, "one engine, seen by two exporters"

    for labels in scraped(prometheus):
        assert labels["instance"], labels
        for label, rule in load_contract()["labels"].items():
            for prefix in rule.get("on", ()):
                if labels["__name__"].startswith(prefix) and labels["__name__"] not in OF_NO_SUBJECT:
                    assert labels.get(label), f"{labels} has no {label}"


def test_no_series_stands_under_two_jobs(prometheus):
    """Otherwise a sum over everything would count it twice."""
    jobs: dict[tuple, set[str]] = {}
    ours = set(load_contract()["jobs"])
    for labels in scraped(prometheus):
        if labels["job"] in ours and not labels["__name__"].startswith(("up", "scrape_")):
            rest = tuple(sorted(item for item in labels.items() if item[0] != "job"))
            jobs.setdefault(rest, set()).add(labels["job"])
    twice = {rest: found for rest, found in jobs.items() if len(found) > 1}
    assert dict(itertools.islice(twice.items(), 5)) == {}
