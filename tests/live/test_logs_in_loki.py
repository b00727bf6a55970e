"""The configuration of the example `traces` starts a real Loki, in which the dashboard Logs finds a line."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest
import yaml

from deckwatch.core import yaml_file
from deckwatch.core.http import Client
from deckwatch.core.project import Project
from deckwatch.provisioning import stack
from deckwatch.provisioning.program import Program, find_program, free_port

pytestmark = [pytest.mark.live, pytest.mark.slow]

FOLDER = Path(__file__).parents[2] / "examples" / "traces"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
LINE = json.dumps({"level": "INFO", "message": "order placed", "trace_id": TRACE})


@pytest.fixture(scope="module")
def plan():
    text = (FOLDER / "deckwatch.yaml").read_text()
    return stack.build(Project(FOLDER, yaml_file.parse_yaml(text, "deckwatch.yaml"))).plan


@pytest.fixture(scope="module")
def loki(tmp_path_factory, need):
    """A client of a Loki with the example's configuration, which has got one line of the service `traced-shop`."""
    program = find_program("loki")
    need.luck(program, "loki is not installed; https://github.com/grafana/loki/releases")
    folder, port = tmp_path_factory.mktemp("loki"), free_port()
    config = yaml.safe_load((FOLDER / "loki.yaml").read_text().replace("/loki", str(folder)))
    config["server"] |= {"http_listen_port": port, "grpc_listen_port": free_port()}
    (folder / "loki.yaml").write_text(yaml.safe_dump(config))
    url = f"http://127.0.0.1:{port}"
    argv = [program, f"-config.file={folder}/loki.yaml"]
    with Program("loki", argv, folder / "log", f"{url}/ready", end_with_parent=True) as running:
        running.wait_ready(90)
        with Client(url) as client:
            stream = {"stream": {"service": "traced-shop"}, "values": [[str(time.time_ns()), LINE]]}
            client.post("/loki/api/v1/push", json={"streams": [stream]})
            yield client


def list_queries(plan) -> dict[str, str]:
    """Return the LogQL of the dashboard Logs by the titles of its panels, as Grafana sends it."""
    model = json.loads(plan.file_text("grafana/dashboards/development/logs.json"))
    targets = {panel["title"]: panel["targets"][0] for panel in model["panels"] if panel.get("targets")}
    queries = {title: target["expr"] for title, target in targets.items() if "$search" in target["expr"]}
    variables = {"$service": "traced-shop", "$search": "ORDER", "$__auto": "1m"}
    return {
        title: re.sub(r"\$(?:service|search|__auto)", lambda found: variables[found[0]], expr)
        for title, expr in queries.items()
    }


def ask(loki, expr):
    """Return the streams or series of an expression in the last minutes."""
    now = time.time_ns()
    params = {"query": expr, "start": str(now - 600 * 10**9), "end": str(now + 10**9), "step": "10"}
    deadline = time.monotonic() + 20
    while not (found := loki.get("/loki/api/v1/query_range", **params)["data"]["result"]):
        assert time.monotonic() < deadline, expr
        time.sleep(0.2)
    return found


def test_the_dashboard_finds_the_line(loki, plan):
    queries = list_queries(plan)
    assert set(queries) == {"Lines", "Log lines"}
    (stream,) = ask(loki, queries["Log lines"])
    assert stream["values"][0][1] == LINE
    (series,) = ask(loki, queries["Lines"])
    assert series["metric"] == {"service": "traced-shop"}


def test_a_trace_finds_its_line_and_the_line_its_trace(loki, plan):
    text = plan.file_text("grafana/provisioning/datasources/deckwatch.yaml")
    options = {source["uid"]: source.get("jsonData", {}) for source in yaml.safe_load(text)["datasources"]}
    query = options["deckwatch-jaeger"]["tracesToLogsV2"]["query"].replace("$${__span.traceId}", TRACE)
    (stream,) = ask(loki, query)
    (field,) = options["deckwatch-loki"]["derivedFields"]
    assert re.search(field["matcherRegex"], stream["values"][0][1])[1] == TRACE
