"""Real engines for long-term storage: Prometheus writes, Grafana's address answers, and the engine's ruler alerts."""

from __future__ import annotations

import contextlib
import re
import subprocess
import time

import pytest
import requests
import yaml

from deckwatch.cli import _project
from deckwatch.core.http import Client
from deckwatch.core.known_engines import load_engines
from deckwatch.provisioning import stack
from deckwatch.provisioning.program import Program, free_port
from deckwatch.provisioning.write import write_plan

pytestmark = [pytest.mark.live, pytest.mark.slow]

GET = "apt-get install prometheus prometheus-alertmanager"
SECONDS = 240  # of waiting; a machine that does nothing else needs twenty
PROJECT = """\
hosts: [{{name: web-1, address: '127.0.0.1:{exporter}'}}]  # nothing listens there
build:
  scrape_interval: 2s
  labels: {{cluster: berlin}}
  storage: {storage}
"""


@pytest.fixture
def alertmanager(tmp_path, need):
    """A client of an Alertmanager."""
    program = need("alertmanager", "prometheus-alertmanager", get=GET)
    (tmp_path / "alertmanager.yml").write_text("{route: {receiver: none}, receivers: [{name: none}]}")
    address = f"127.0.0.1:{free_port()}"
    argv = [
        *(program, f"--config.file={tmp_path}/alertmanager.yml", f"--storage.path={tmp_path}/alertmanager"),
        *(f"--web.listen-address={address}", "--cluster.listen-address="),
    ]
    url = f"http://{address}"
    log = tmp_path / "alertmanager.log"
    with Program("alertmanager", argv, log, f"{url}/-/ready", end_with_parent=True), Client(url) as client:
        yield client


@pytest.fixture
def start_site(tmp_path, need):
    """Write the bundle of a project with this storage, start Prometheus with it, and return folder and client."""
    program = need("prometheus", get=GET)
    address = f"127.0.0.1:{free_port()}"

    with contextlib.ExitStack() as running:

        def start(**storage: str):
            printed = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
            sends_headers = "+ds" not in printed.stdout + printed.stderr
            has_header = bool(load_engines()[storage["engine"]].tenant_header)
            need.luck(sends_headers or not has_header, "Debian's Prometheus 2.42 sends no headers of remote_write")
            (tmp_path / "deckwatch.yaml").write_text(PROJECT.format(exporter=free_port(), storage=storage))
            bundle = tmp_path / "out"
            write_plan(stack.build(_project.load_project(tmp_path)).plan, bundle)
            for rules in bundle.glob(f"{storage['engine']}/rules/deckwatch.yaml"):
                rules.write_text(re.sub("for: 3m", "for: 1s", rules.read_text()))  # waiting is not the test
            argv = [
                *(program, f"--config.file={bundle}/prometheus/prometheus.yml", f"--storage.tsdb.path={tmp_path}/tsdb"),
                *(f"--web.listen-address={address}", "--storage.remote.flush-deadline=1s"),
            ]
            log, url = tmp_path / "prometheus.log", f"http://{address}"
            running.enter_context(Program("prometheus", argv, log, f"{url}/-/ready", end_with_parent=True))
            return bundle, running.enter_context(Client(url))

        yield start


def read_data_source(bundle):
    """Return the address of Grafana's data source, and its headers."""
    source = yaml.safe_load((bundle / "grafana/provisioning/datasources/deckwatch.yaml").read_text())["datasources"][0]
    names, values = source.get("jsonData", {}), source.get("secureJsonData", {})
    headers = {names[f"httpHeaderName{n}"]: values[f"httpHeaderValue{n}"] for n in range(1, len(values) + 1)}
    return source["url"], headers


def query_series(client, expr):
    """Return the series of an expression now."""
    return client.get("/api/v1/query", query=expr)["data"]["result"]


@pytest.mark.parametrize("name", load_engines())
def test_an_engine_stores_answers_and_alerts(name, start_engine, alertmanager, start_site, eventually) -> None:
    engine = start_engine(name, alertmanager.base)
    tenant = {"tenant": engine.tenant} if engine.tenant else {}
    version = {"version": engine.version} if engine.version else {}
    bundle, _ = start_site(engine=name, write=engine.write, query=engine.query, rules="engine", **tenant, **version)
    url, headers = read_data_source(bundle)
    with Client(url, headers=headers) as grafana:
        eventually(lambda: query_series(grafana, 'up{job="node", cluster="berlin"}'), SECONDS)
        ruler = engine.load_rules(bundle / name / "rules", alertmanager.base)
        firing = 'ALERTS{alertname="TargetDown", alertstate="firing", job="node"}'
        eventually(lambda: query_series(grafana, firing), SECONDS)
    with Client(ruler, headers=headers) as client:
        groups = client.get("/api/v1/rules")["data"]["groups"]
    assert len(groups) == len(list((bundle / name / "rules").glob("*.yaml")))
    assert [error for group in groups for rule in group["rules"] if (error := rule.get("lastError"))] == []
    labels = {"alertname": "TargetDown", "job": "node", "instance": "web-1", "severity": "error"}
    eventually(lambda: [one for one in alertmanager.get("/api/v2/alerts") if labels.items() <= one["labels"].items()])


REPEATED = re.compile(r"^prometheus_remote_storage_samples_retried_total.* [1-9]", re.MULTILINE)


def count_samples(client, end):
    """Return how many samples of `up` there are until a Unix time."""
    params = {"query": "sum(count_over_time(up[10m]))", "time": f"{end:.3f}"}
    return [int(one["value"][1]) for one in client.get("/api/v1/query", **params)["data"]["result"]]


def test_samples_that_mimir_refuses_for_a_while_arrive_later(start_engine, start_site, eventually) -> None:
    engine = start_engine("mimir")
    limits = {"ingestion_rate": 1, "ingestion_burst_size": 1}
    engine.limits.write_text(yaml.safe_dump({"overrides": {engine.tenant: limits}}))
    eventually(lambda: "ingestion_rate: 1\n" in requests.get(f"{engine.write}/runtime_config", timeout=10).text)
    bundle, server = start_site(engine="mimir", write=engine.write, tenant=engine.tenant)
    eventually(lambda: re.search(REPEATED, requests.get(f"{server.base}/metrics", timeout=10).text), SECONDS)
    engine.limits.write_text("{}")
    end = time.time()
    url, headers = read_data_source(bundle)
    with Client(url, headers=headers) as grafana:
        eventually(lambda: count_samples(grafana, end) == count_samples(server, end) != [], SECONDS)
