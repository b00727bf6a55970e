"""Every metric of `metric_sources.yaml` has a source: each source is run, and must show the names listed for it."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
import urllib.request
from collections import defaultdict
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from deckwatch.cli import _project
from deckwatch.core import yaml_file
from deckwatch.exporter import collector
from deckwatch.exporter.exposition import render_text
from deckwatch.exporter.scrape import Scraper
from deckwatch.exporter.world import World
from deckwatch.instrument import WsgiMiddleware, jobs
from deckwatch.provisioning import dialect, metric_catalog, stack

FILE = Path(__file__).with_name("metric_sources.yaml")
EXAMPLES = Path(__file__).parents[2] / "examples"
DATA = yaml_file.read_yaml(FILE).data
ENVIRONMENT = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
PARTS = ("_bucket", "_sum", "_count")
COMMANDS = ("plan", "junit", "coverage", "git", "deploy")


def list_sources(entry: dict) -> list[str]:
    return [entry["from"]] if isinstance(entry["from"], str) else entry["from"]


def names_by_source() -> dict[str, set[str]]:
    wanted = defaultdict(set)
    for name, entry in DATA["metrics"].items():
        for source in list_sources(entry):
            wanted[source].add(entry.get("as", name))
    return wanted


WANTED = names_by_source()


def read_names(page: str) -> set[str]:
    """Return the names of the series on a page, and of the metrics whose parts they are."""
    lines = [line for line in page.splitlines() if line and not line.startswith("#")]
    names = {line.partition("{")[0].partition(" ")[0] for line in lines}
    return names | {name.removesuffix(part) for name in names for part in PARTS if name.endswith(part)}


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def files_server(tmp_path):
    """A server of the file `examples/json/stats.json`."""
    (tmp_path / "served").mkdir()
    (tmp_path / "served/stats.json").write_text((EXAMPLES / "json/stats.json").read_text())
    with ThreadingHTTPServer(
        ("127.0.0.1", 0), lambda *words: Quiet(*words, directory=str(tmp_path / "served"))
    ) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def run_example(tmp_path, watch_sources, files_server):
    """Return the names on the page of an exporter that watches what an example's project names."""

    def run(name: str) -> set[str]:
        folder = EXAMPLES / name
        block = (folder / "deckwatch.yaml").read_text().partition("watch:\n")[2]
        block = block.replace("/tmp/", f"{tmp_path}/").replace("127.0.0.1:8000", files_server)
        block = block.replace("file: /", f"file: {folder}/") if name == "logs" else block
        watched = watch_sources(block)
        watched.settled()
        assert not watched.errors()
        return read_names(watched.text)

    return run


@pytest.fixture
def run_script(tmp_path):
    """Return the names in the files that an example's script writes, by what the files begin with."""

    def run(name: str) -> dict[str, set[str]]:
        command = [EXAMPLES / name / "run.sh", tmp_path / "textfile"]
        (tmp_path / "textfile").mkdir()
        subprocess.run(command, env=ENVIRONMENT, capture_output=True, check=True)
        names = defaultdict(set)
        for path in (tmp_path / "textfile").glob("*.prom"):
            names[path.name.partition("@")[0]] |= read_names(path.read_text())
        return names

    return run


def test_the_list_is_complete_and_names_each_metric_once() -> None:
    metrics, missing = DATA["metrics"], DATA["without_source"]
    assert len(metrics) + len(missing) == 115
    assert not set(metrics) & set(missing)
    tested = {"collector", "servers", "recording", "middleware", "jobs", "business", "dialect", "probe", "logs", "json"}
    assert set(WANTED) == tested | {"sql", "static", "job", *COMMANDS}
    catalog = metric_catalog.load_catalog(_project.load_project(EXAMPLES / "express"))
    assert [name for name in missing if name in catalog] == []
    assert [name for name, entry in metrics.items() if "as" in entry and name in catalog] == []


def test_collectors_declare_their_metrics() -> None:
    declared = {metric.name for metric in collector.list_metrics(collector.load_collectors().values())}
    assert WANTED["collector"] - declared == set()


def test_the_servers_of_the_stack_have_their_metrics() -> None:
    assert WANTED["servers"] - {metric.name for metric in metric_catalog.read_metric_tables()} == set()


def test_rules_record_thresholds(tmp_path) -> None:
    (tmp_path / "deckwatch.yaml").write_text("build: {record_thresholds: true}\n")
    rules = [
        file.text for file in stack.build(_project.load_project(tmp_path)).plan.list_files() if "rules" in file.path
    ]
    assert [name for name in WANTED["recording"] if not any(f"record: {name}\n" in text for text in rules)] == []


def test_the_middleware_counts_requests() -> None:
    def respond(_environ, start_response):
        start_response("200 OK", [])
        return [b""]

    registry = CollectorRegistry()
    environ = {"REQUEST_METHOD": "GET", "SERVER_PROTOCOL": "HTTP/1.1"}
    WsgiMiddleware(respond, registry=registry)(environ, lambda *_: None).close()
    assert WANTED["middleware"] - read_names(generate_latest(registry).decode()) == set()


def test_jobs_of_an_application_are_counted() -> None:
    registry = CollectorRegistry()
    job = jobs.job("import", every=60, registry=registry)
    job.set_waiting(1)
    with job.run():
        pass
    assert WANTED["jobs"] - read_names(generate_latest(registry).decode()) == set()


def test_the_example_shop_counts_its_business(shop) -> None:
    with urllib.request.urlopen(f"{shop}/metrics", timeout=10) as page:
        assert WANTED["business"] - read_names(page.read().decode()) == set()


def test_every_dialect_has_requests_and_one_has_each_metric() -> None:
    mapped = [set(dialect.load_shipped(name).metrics) for name in dialect.list_shipped()]
    assert WANTED["dialect"] - set.union(*mapped) == set()
    assert all("http_requests_total" in names for names in mapped)


def test_probes_have_their_metrics(files_server) -> None:
    probes = [{"service": "shop", "http": f"http://{files_server}/stats.json"}]
    with World(docker_host="", config={"probes": probes}) as world:
        scraper = Scraper(world, {"app_probe": collector.load_collectors()["app_probe"]})
        page = render_text(sample for outcome in scraper.scrape() for sample in outcome.samples)
        scraper.close()
    assert WANTED["probe"] - read_names(page) == set()


@pytest.mark.parametrize(("example", "sources"), [("logs", ["logs"]), ("json", ["json"]), ("sql", ["sql", "static"])])
def test_an_example_of_an_exporters_source_shows_its_metrics(example, sources, run_example, tmp_path) -> None:
    if example == "sql":
        with sqlite3.connect(tmp_path / "shop.db") as connection:
            connection.executescript((EXAMPLES / "sql/schema.sql").read_text())
        connection.close()
    assert set().union(*(WANTED[source] for source in sources)) - run_example(example) == set()


def test_jobs_of_any_language_write_their_metrics(run_script) -> None:
    assert WANTED["job"] - run_script("jobs")["job"] == set()


def test_commands_of_a_delivery_write_their_metrics(run_script) -> None:
    written = run_script("delivery")
    lacking = {command: WANTED[command] - written[command] for command in COMMANDS}
    assert not any(lacking.values()), lacking
