"""A stack with everything on it: every query of every shipped dashboard and rule returns data."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
import threading
from pathlib import Path

import psycopg
import pytest
import requests

from deckwatch.cli import _project
from deckwatch.provisioning.program import Program, free_port
from deckwatch.provisioning.servers import ALERTMANAGER, EXPORTER, PROMETHEUS
from deckwatch.provisioning.up import LocalStack

pytestmark = [pytest.mark.live, pytest.mark.slow]

DECKWATCH = Path(sys.executable).with_name("deckwatch")
GET = "apt-get install prometheus prometheus-alertmanager"
WAIT_SECONDS = 180
PROJECT = """\
watch:
  postgres: [{name: shop-db, dsn_file: shop.dsn, sizes_every: 5s}]
  probes: [{service: shop, http: 'SHOP/health'}]
scrape: [{service: shop, instance: shop-1, url: 'SHOP/metrics'}]
build:
  labels: {cluster: berlin}
  storage: {engine: victoriametrics, version: "1.79", write: 'ENGINE'}
"""


@pytest.fixture
def customers(shop):
    """Customers who look, buy, wait and meet errors, until the test ends."""
    over = threading.Event()

    def come() -> None:
        with requests.Session() as session:
            session.trust_env = False
            while not over.wait(0.05):
                with contextlib.suppress(requests.RequestException):  # a customer who waits too long tries again
                    session.get(shop + "/products/tea", timeout=10)
                    order = {"product": "tea", "quantity": 1, "currency": "EUR"}
                    session.post(shop + "/checkout", json=order, timeout=10)
                    session.get(shop + "/slow?seconds=0.2", timeout=10)
                    session.get(shop + "/fail", timeout=10)

    thread = threading.Thread(target=come)
    thread.start()
    yield
    over.set()
    thread.join()


@pytest.fixture
def database(postgres_server):
    """A server at which two clients work, until the test ends."""
    server = postgres_server(shared_preload_libraries="pg_stat_statements", track_io_timing="on")
    server.sql("CREATE EXTENSION pg_stat_statements")
    server.sql("SELECT pg_create_physical_replication_slot('replica', true)")
    server.pgbench("--initialize", "--scale=1", "--quiet")
    over = threading.Event()

    def work() -> None:
        while not over.is_set():
            server.pgbench("--client=2", "--time=2", "--rate=30", "--no-vacuum")

    thread = threading.Thread(target=work)
    thread.start()
    yield server
    over.set()
    thread.join()


@pytest.fixture
def containers(engine):
    limits = {"mem_limit": "64m", "nano_cpus": 50_000_000}
    engine.run("while :; do :; done", name="busy", restart_policy={"Name": "unless-stopped"}, **limits)
    engine.run("while :; do echo x >/tmp/x; sync; sleep 0.2; done", name="writer")
    return engine


@pytest.fixture
def victoriametrics(tmp_path, need):
    """An engine for long storage, to which Prometheus writes: its address."""
    url = f"http://127.0.0.1:{free_port()}"
    argv = [
        need("victoria-metrics", get="apt-get install victoria-metrics"),
        f"-storageDataPath={tmp_path}/victoriametrics",
        f"-httpListenAddr={url.removeprefix('http://')}",
        "-search.latencyOffset=1s",  # by default 30 s, in which queries see nothing
    ]
    with Program("victoria-metrics", argv, tmp_path / "victoriametrics.log", f"{url}/health", end_with_parent=True):
        yield url


@pytest.fixture
def project_text(shop, victoriametrics):
    return PROJECT.replace("SHOP", shop).replace("ENGINE", victoriametrics)


@pytest.fixture
def deck(tmp_path, need, containers, database, project_text):
    need("prometheus", get=GET)
    need("prometheus-alertmanager", "alertmanager", get=GET)
    (tmp_path / "shop.dsn").write_text(database.dsn)
    (tmp_path / "deckwatch.yaml").write_text(project_text)
    with LocalStack(
        _project.load_project(tmp_path),
        tmp_path / "state",
        programs=(EXPORTER, PROMETHEUS, ALERTMANAGER),
        name="deck-1",
        every="1s",
        ports={},
        exporter_arguments=("--docker-host", containers.url),
    ) as running:
        yield running


def verify(deck, *options: str) -> subprocess.CompletedProcess[str]:
    """Return the ended command, after it has seen data of every query or its time was over."""
    return subprocess.run(
        [DECKWATCH, "--project", deck.project.folder, "verify", "--timeout", str(WAIT_SECONDS), *options],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.usefixtures("customers")
def test_every_query_of_every_shipped_dashboard_and_rule_has_data(deck, victoriametrics) -> None:
    prometheus = deck.url(PROMETHEUS)
    engine = ("--engine", "victoriametrics", "--prometheus", victoriametrics, "--compare-with", prometheus)
    for options in (("--prometheus", prometheus), engine):
        ran = verify(deck, *options)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        verdicts = dict(re.findall(r"^ (\S.*?)  .*\d s +(good|faulty|not watched) *$", ran.stdout, re.MULTILINE))
        everywhere = ("Alerts", "Capacity", "Historical analysis", "Monitoring", "On call", "Overview")
        for page in (*everywhere, "Host", "Containers", "Database", "Application"):
            assert verdicts[page] == "good", ran.stdout
        assert set(verdicts.values()) == {"good"}


SCRAPE_SECONDS = 2.0  # by which an age is older in one place than in the other, with one scrape a second
FIGURES = {
    "Reachable": "SELECT 1",
    "Uptime": "SELECT extract(epoch FROM now() - pg_postmaster_start_time())",
    "Connections used": "SELECT sum(numbackends) / current_setting('max_connections')::float8 FROM pg_stat_database",
    "Transaction": """SELECT max(extract(epoch FROM now() - xact_start)) FROM pg_stat_activity
        WHERE backend_type = 'client backend'""",
    "Size": "SELECT sum(pg_database_size(oid)) FROM pg_database",
}
AGES = ("Uptime", "Transaction")


def test_the_figures_of_the_database_dashboard_are_those_of_psql(deck, database, eventually) -> None:
    folder = deck.project.folder / "psql"
    subprocess.run([DECKWATCH, "--project", deck.project.folder, "generate", "--out", folder], check=True)
    page = json.loads((folder / "grafana/dashboards/operations/postgres-database.json").read_text())
    figures = [panel for panel in page["panels"] if panel["type"] in ("stat", "gauge")]
    asked = {panel["title"]: panel["targets"][0]["expr"] for panel in figures if len(panel["targets"]) == 1}
    asked |= {
        target["legendFormat"].removesuffix(" {{server}}"): target["expr"]
        for panel in figures
        for target in panel["targets"]
        if len(panel["targets"]) > 1
    }

    def shown(title: str) -> float | None:
        query = re.sub(r"\$\w+", ".+", asked[title])
        answer = requests.get(deck.url(PROMETHEUS) + "/api/v1/query", {"query": query}, timeout=10).json()
        values = [float(one["value"][1]) for one in answer["data"]["result"]]
        return values[0] if values else None

    with contextlib.ExitStack() as stack:
        for _ in range(20):  # who does nothing keeps the figure from moving
            stack.enter_context(psycopg.connect(database.admin))
        stack.enter_context(psycopg.connect(database.admin)).execute("SELECT 1")
        for title, sql in FIGURES.items():

            def agrees(title: str = title, sql: str = sql) -> bool:
                [[reply]] = database.sql(sql)
                value = shown(title)
                return value is not None and value == pytest.approx(
                    float(reply), rel=0.05, abs=SCRAPE_SECONDS if title in AGES else 0
                )

            eventually(agrees, 60)
