"""Two exporters, two database servers and an application under one Prometheus: every series is distinct."""

from __future__ import annotations

import contextlib
import itertools
import sys
import time
from pathlib import Path

import pytest
import requests

from deckwatch.core import yaml_file
from deckwatch.core.contract import load_contract
from deckwatch.core.http import Client
from deckwatch.core.project import FILE, Project
from deckwatch.provisioning.program import Program, free_port
from deckwatch.provisioning.servers import EXPORTER, PROMETHEUS
from deckwatch.provisioning.up import LocalStack

pytestmark = pytest.mark.live

# Peers' names that tell of the exporter and not of a container or a database.
OF_NO_SUBJECT = ("container_scrape_error", "pg_scrape_collector_success", "pg_scrape_collector_duration_seconds")
WORLD = Path(__file__).parents[1] / "worlds" / "debian12-kernel6.1-cgroup2"


@contextlib.contextmanager
def second_exporter(tmp_path: Path, docker_host: str, port: int):
    """Run a second exporter of the same project, which sees another machine through roots of its own."""
    roots = ["--path.procfs", str(WORLD / "proc"), "--path.sysfs", str(WORLD / "sys"), "--path.rootfs", str(WORLD)]
    argv = [str(Path(sys.executable).with_name("deckwatch")), "--project", str(tmp_path), "serve", "--host", "deck-2"]
    argv += ["--listen", f"127.0.0.1:{port}", *roots, "--docker-host", docker_host]
    with Program("second", argv, tmp_path / "second.log", f"http://127.0.0.1:{port}/readyz"):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def prometheus(tmp_path, engine, postgres_server, shop, need):
    need("prometheus", get="apt-get install prometheus")
    one, two = postgres_server(), postgres_server()
    (tmp_path / "one").write_text(one.dsn)
    (tmp_path / "two").write_text(two.dsn)
    port = free_port()
    text = f"""
hosts:
  - {{name: deck-1, address: "127.0.0.1:1"}}
  - {{name: deck-2, address: "127.0.0.1:{port}"}}
watch:
  postgres:
    - {{name: shop-db, dsn_file: {tmp_path}/one}}
    - {{name: stock-db, dsn_file: {tmp_path}/two, from: deck-2}}
  probes:
    - {{service: shop, http: "{shop}/health"}}
    - {{service: till, http: "{shop}/health?till", from: deck-2}}
scrape:
  - {{service: shop, url: "{shop}/metrics"}}
"""
    (tmp_path / FILE).write_text(text)
    project = Project(tmp_path, yaml_file.parse_yaml(text, FILE))
    engine.run(name="web")
    with (
        second_exporter(tmp_path, engine.url, port) as second,
        LocalStack(
            project,
            tmp_path / "state",
            programs=(EXPORTER, PROMETHEUS),
            name="deck-1",
            every="1s",
            ports={},
            exporter_arguments=("--docker-host", engine.url),
        ) as stack,
    ):
        client = Client(stack.url(PROMETHEUS))
        wait_until_scraped(client)
        client.second = second
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
    # node, cadvisor, deckwatch of two hosts, two databases, two probes, the application, itself
    wanted = 2 + 2 + 2 + 2 + 2 + 1 + 1
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
    assert {(one["server"], one["host"]) for one in databases} == {("shop-db", "deck-1"), ("stock-db", "deck-2")}
    probes = sorted(ask(prometheus, "probe_success"), key=lambda labels: labels["service"])
    assert [(one["service"], one["job"], one["host"]) for one in probes] == [
        ("shop", "blackbox", "deck-1"),
        ("till", "blackbox", "deck-2"),
    ]
    instances = [one["instance"] for one in probes]
    assert [instance.partition("/health")[2] for instance in instances] == [" (shop)", " (till)"]
    assert {one["instance"] for one in ask(prometheus, 'up{job="blackbox"}')} == set(instances)
    assert {one["service"] for one in ask(prometheus, "http_requests_total")} == {"shop"}
    containers = ask(prometheus, 'deckwatch_container_state{name="web", state="running"}')
    assert {one["instance"] for one in containers} == {"deck-1", "deck-2"}, "one engine, seen by two exporters"

    for labels in scraped(prometheus):
        assert labels["instance"], labels
        for label, rule in load_contract()["labels"].items():
            for prefix in rule.get("on", ()):
                if labels["__name__"].startswith(prefix) and labels["__name__"] not in OF_NO_SUBJECT:
                    assert labels.get(label), f"{labels} has no {label}"


def test_an_exporter_leaves_out_what_other_hosts_read(prometheus):
    """Even if somebody scrapes the whole page."""
    page = requests.get(f"{prometheus.second}/metrics", timeout=20).text
    for name, ours, others in (("probe_success", "till", "shop"), ("pg_up", "stock-db", "shop-db")):
        lines = [line for line in page.splitlines() if line.startswith(name)]
        assert len(lines) == 1
        assert f'"{ours}"' in lines[0]
        assert others not in lines[0]
    shown = requests.get(prometheus.second, timeout=20).text
    assert "probed from deck-1" in shown
    assert "read from deck-1" in shown


def test_no_series_stands_under_two_jobs(prometheus):
    """Otherwise a sum over everything would count it twice; except the exporter's process, as with the peers' jobs."""
    jobs: dict[tuple, set[str]] = {}
    ours = set(load_contract()["jobs"])
    for labels in scraped(prometheus):
        of_target = labels["__name__"].startswith(("up", "scrape_", "process_"))
        if labels["job"] in ours and not of_target and labels.get("collector") != "deckwatch_process":
            rest = tuple(sorted(item for item in labels.items() if item[0] != "job"))
            jobs.setdefault(rest, set()).add(labels["job"])
    twice = {rest: found for rest, found in jobs.items() if len(found) > 1}
    assert dict(itertools.islice(twice.items(), 5)) == {}
