"""Containers that say by a label where their page is, found by a real Prometheus at a real engine."""

from __future__ import annotations

import json
import re
import urllib.parse
from pathlib import Path

import pytest

from deckwatch.cli import _project
from deckwatch.core.project import FILE
from deckwatch.provisioning import stack
from deckwatch.provisioning.write import write_plan

pytestmark = pytest.mark.live

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "applications.md"
SERVICE = "com.docker.compose.service"


class Prometheus:
    """One in a container beside those that it finds, so that it reaches them."""

    def __init__(self, container) -> None:
        self.container = container

    def get(self, path: str, **parameters: str):
        url = f"http://127.0.0.1:9090{path}?{urllib.parse.urlencode(parameters)}"
        code, output = self.container.exec_run(["wget", "-q", "-O", "-", url])
        # On a busy machine the engine may report the command's end before its output.
        return json.loads(output)["data"] if code == 0 and output else None

    def series(self, query: str) -> list[dict[str, str]]:
        found = self.get("/api/v1/query", query=query)
        return [one["metric"] for one in found["result"]] if found else []


@pytest.fixture
def prometheus(engine, relay, tmp_path, need):
    """Start a Prometheus with the bundle of a project with these entries of `scrape:`; a relay is before its engine."""
    program = need("prometheus", get="apt-get install prometheus")
    networks = []

    def start(*entries: dict[str, str], network: str = "bridge") -> Prometheus:
        if network != "bridge":
            networks.append(engine.client.networks.create(network))
        (tmp_path / FILE).write_text(f"build: {{scrape_interval: 1s}}\nscrape: {json.dumps(entries)}\n")
        write_plan(stack.build(_project.load_project(tmp_path)).plan, tmp_path / "out")
        system = [f"{path}:{path}:ro" for path in ("/usr", "/lib", "/lib64") if Path(path).exists()]
        socket = relay.url.removeprefix("unix://")
        return Prometheus(
            engine.client.containers.run(
                "deckwatch-test",
                [program, "--config.file=/out/prometheus/prometheus.yml", "--storage.tsdb.path=/tmp/data"],
                name="prometheus",
                detach=True,
                network=network,
                volumes=[*system, f"{tmp_path}/out:/out:ro", f"{socket}:/var/run/docker.sock:ro"],
            )
        )

    yield start
    engine.tidy()
    for network in networks:
        network.remove()


def page(port: int, path: str, line: str = "shop_things 1") -> str:
    """Return a script that serves a page with one figure."""
    return f"mkdir -p /tmp/w && echo '{line}' >/tmp/w/{path} && exec httpd -f -p {port} -h /tmp/w"


def found(prometheus: Prometheus) -> dict[str, tuple[str, str, str]]:
    return {one["instance"]: (one["job"], one["service"], one["__name__"]) for one in prometheus.series("shop_things")}


def test_a_label_is_enough(engine, prometheus, relay, eventually):
    engine.run(page(8000, "own.txt"), name="shop-web-1", labels={"deckwatch.scrape": "8000/own.txt", SERVICE: "web"})
    # It exposes two ports and so has two addresses; the label names a third.
    ports = {"9000/tcp": None, "9001/tcp": None}
    engine.run(page(8001, "metrics"), name="plain", labels={"deckwatch.scrape": "8001"}, ports=ports)
    engine.run(page(8000, "metrics"), name="unasked")
    engine.run(page(8000, "metrics"), name="wrong", labels={"deckwatch.scrape": "metrics"})
    running = prometheus({"docker": "unix:///var/run/docker.sock"})

    expected = {"shop-web-1": ("app", "web", "shop_things"), "plain": ("app", "plain", "shop_things")}
    eventually(lambda: found(running) == expected, 60)
    up = running.series('up{job="app"}')
    assert sorted(one["instance"] for one in up) == ["plain", "shop-web-1"], "one target for each"
    kept = {name for labels in running.series("shop_things") for name in labels}
    assert kept == {"__name__", "instance", "job", "service"}

    # What it asks of the engine is what the guide's proxy lets through, and that holds back what the exporter may see.
    (rule,) = re.findall(r"-allowGET=(\S+?)['\"]?,?$", GUIDE.read_text(), re.MULTILINE)
    asked = {re.sub(r"\?.*", "", one) for one in relay.requests}
    assert asked
    for one in asked:
        method, _, path = one.partition(" ")
        assert method in ("GET", "HEAD")
        assert re.fullmatch(rule, path) or (method, path) == ("HEAD", "/_ping"), one
    assert not re.fullmatch(rule, "/containers/web/json")


def test_containers_name_the_dialects_of_their_pages(engine, prometheus, eventually):
    lines = {
        "micrometer": 'http_server_requests_seconds_count{status="500",uri="/tea"} 1',
        "promhttp": 'requests_total{status="404",route="/tea"} 1',
    }
    for dialect, line in lines.items():
        labels = {"deckwatch.scrape": "8000", "deckwatch.speaks": dialect}
        engine.run(page(8000, "metrics", line), name=f"in-{dialect}", labels=labels)
    engine.run(page(8000, "metrics"), name="plain", labels={"deckwatch.scrape": "8000"})
    running = prometheus({"docker": "unix:///var/run/docker.sock", "speaks": ["micrometer", "promhttp"]})

    def mapped() -> set[tuple[str, ...]]:
        series = running.series('{__name__=~"shop_things|http_requests_total"}')
        # Both counters come from rules, which leave out the mark: of a histogram, and of the second name to look for.
        return {tuple(one.get(name, "") for name in ("service", "code", "handler", "speaks", "job")) for one in series}

    expected = {
        ("in-micrometer", "500", "/tea", "", "app"),
        ("in-promhttp", "404", "/tea", "", "app"),
        ("plain", "", "", "", "app"),
    }
    eventually(lambda: mapped() == expected, 60)
    assert len(running.series('up{job="app"}')) == 3, "one target for each"


def test_of_several_networks_the_named_one_is_taken(engine, prometheus, eventually):
    running = prometheus({"docker": "unix:///var/run/docker.sock", "network": "shop.net"}, network="shop.net")
    container = engine.run(page(8000, "metrics"), name="web", labels={"deckwatch.scrape": "8000"})
    engine.client.networks.get("shop.net").connect(container)
    eventually(lambda: found(running) == {"web": ("app", "web", "shop_things")}, 60)
    container.reload()
    address = container.attrs["NetworkSettings"]["Networks"]["shop.net"]["IPAddress"]
    targets = running.get("/api/v1/targets")["activeTargets"]
    assert [one["scrapeUrl"] for one in targets if one["labels"]["job"] == "app"] == [f"http://{address}:8000/metrics"]
