"""The example `traces`: a request's exemplar in a real Prometheus, its log line, and its trace in a real Jaeger."""

from __future__ import annotations

import json
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from deckwatch.cli import _project
from deckwatch.core.http import Client
from deckwatch.provisioning.program import Program, find_program, free_port
from deckwatch.provisioning.servers import PROMETHEUS
from deckwatch.provisioning.up import LocalStack

pytestmark = [pytest.mark.live, pytest.mark.slow]

FOLDER = Path(__file__).parents[2] / "examples" / "traces"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
HEADERS = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
SERVICE = "traced-shop"


def write_jaeger_config(path, ports):
    """Write the configuration of a Jaeger that keeps traces in memory, on ports of its own."""
    address = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
    config = {
        "service": {
            "extensions": ["jaeger_storage", "jaeger_query"],
            "pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["jaeger_storage_exporter"]}},
            "telemetry": {"metrics": {"level": "none"}},
        },
        "extensions": {
            "jaeger_storage": {"backends": {"memory": {"memory": {"max_traces": 1000}}}},
            "jaeger_query": {
                "storage": {"traces": "memory"},
                "http": {"endpoint": address["query"]},
                "grpc": {"endpoint": address["grpc"]},
            },
        },
        "receivers": {"otlp": {"protocols": {"http": {"endpoint": address["otlp"]}}}},
        "exporters": {"jaeger_storage_exporter": {"trace_storage": "memory"}},
    }
    path.write_text(yaml.safe_dump(config))


@pytest.fixture(scope="module")
def traced(tmp_path_factory, need):
    """The shop after one request with a trace: addresses of Prometheus and of Jaeger, "" without one, and its log."""
    need("prometheus", get="apt-get install prometheus")
    folder = tmp_path_factory.mktemp("traces")
    shop, ports = free_port(), {name: free_port() for name in ("otlp", "query", "grpc")}
    text = (FOLDER / "deckwatch.yaml").read_text().replace(f"{SERVICE}:8000", f"127.0.0.1:{shop}")
    (folder / "deckwatch.yaml").write_text(text)
    log, jaeger = folder / "shop.log", find_program("jaeger")
    write_jaeger_config(folder / "jaeger.yaml", ports)
    query = f"http://127.0.0.1:{ports['query']}"
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{ports['otlp']}", "OTEL_BSP_SCHEDULE_DELAY": "200"}
    if not jaeger:
        environment["OTEL_SDK_DISABLED"] = "true"  # only the header names the trace
    argv = [sys.executable, "-m", "uvicorn", "app:app", "--port", str(shop), "--no-access-log"]
    app = Program(SERVICE, argv, log, f"http://127.0.0.1:{shop}/", folder=FOLDER, environment=environment)
    stack = LocalStack(_project.load_project(folder), folder / "state", programs=[PROMETHEUS], every="1s")
    programs = [app]
    if jaeger:
        argv = [jaeger, "--config", str(folder / "jaeger.yaml")]
        programs.insert(0, Program("jaeger", argv, folder / "jaeger.log", f"{query}/api/services"))
    try:
        for program in programs:
            program.start()
            program.wait_ready(60)
        with stack:
            request = urllib.request.Request(f"http://127.0.0.1:{shop}/orders", b"{}", HEADERS)
            with urllib.request.urlopen(request, timeout=10) as response:
                assert response.status == 201
            yield SimpleNamespace(prometheus=stack.url(PROMETHEUS), jaeger=query if jaeger else "", log=log)
    finally:
        for program in reversed(programs):
            program.stop()


def test_prometheus_keeps_the_exemplar_of_the_request(traced):
    client, path = Client(traced.prometheus), "/api/v1/query_exemplars"
    now = time.time()
    params = {"query": "http_request_duration_seconds_bucket", "start": str(now - 600), "end": str(now + 600)}
    deadline = time.monotonic() + 30
    while not (found := client.get(path, **params)["data"]) and time.monotonic() < deadline:
        time.sleep(0.2)
    (series,) = found
    assert series["seriesLabels"]["handler"] == "/orders"
    assert series["seriesLabels"]["service"] == SERVICE
    assert [exemplar["labels"] for exemplar in series["exemplars"]] == [{"trace_id": TRACE}]


def test_its_log_line_names_the_trace(traced):
    lines = [json.loads(line) for line in traced.log.read_text().splitlines() if line.startswith("{")]
    assert {(line["level"], line["trace_id"]) for line in lines if line["message"] == "order placed"} == {
        ("INFO", TRACE)
    }


def test_jaeger_has_the_trace(traced, need):
    need.luck(traced.jaeger, "jaeger is not installed; https://www.jaegertracing.io/download")
    deadline = time.monotonic() + 30
    spans = {}
    while len(spans) < 3 and time.monotonic() < deadline:
        time.sleep(0.2)
        try:
            with urllib.request.urlopen(f"{traced.jaeger}/api/traces/{TRACE}", timeout=5) as response:
                (found,) = json.load(response)["data"]
        except urllib.error.HTTPError:
            continue  # not stored yet
        spans = {span["operationName"]: found["processes"][span["processID"]] for span in found["spans"]}
    assert {"reserve", "pay"} < set(spans)
    # Grafana makes the matchers of its link to log lines of tags only: the name of the service is not one.
    for process in spans.values():
        assert process["serviceName"] == SERVICE
        assert "service.name" not in {tag["key"] for tag in process["tags"]}
