"""Other people's dashboards on our page: every query is asked of a real Prometheus, as Grafana would ask it.

What returns nothing stands in `peer_dashboards.yaml` with the reason. The list is held both ways: a query that is empty
and not on it fails, and so does one that is on it and has data, or should have it on this machine.
"""

from __future__ import annotations

import glob
import json
import math
import os
import re
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from deckwatch.cli import _project
from deckwatch.core import promql
from deckwatch.core.http import Client
from deckwatch.core.project import FILE
from deckwatch.exporter import collector
from deckwatch.provisioning.scrape_targets import FOLDER
from deckwatch.provisioning.servers import EXPORTER, PROMETHEUS
from deckwatch.provisioning.up import LocalStack

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

pytestmark = [pytest.mark.live, pytest.mark.slow]

PEERS = os.environ.get("DECKWATCH_PEERS")
EXPECTED = Path(__file__).with_name("peer_dashboards.yaml")
INTERVAL_SECONDS = 5  # between scrapes, and the time that each may take, also where the machine is busy
WINDOW_SECONDS = 4 * INTERVAL_SECONDS  # Grafana's $__rate_interval
# Collectors that dashboards use and that are off by default, and why.
OFF = {
    "host_interrupts": "off in node_exporter too: a series for each CPU and source",
    "host_processes": "off in node_exporter too: every process is read",
    "host_systemd": "off in node_exporter too: some series for each unit",
    "host_tcp": "off in node_exporter too: every connection is read",
    "container_fs": "the engine measures the files of all containers for it",
}
LABEL_VALUES = re.compile(r"label_values\((?:(.*), *)?(\w+)\)")


@dataclass(frozen=True)
class Query:
    """One query of a panel, as it is written there."""

    dashboard: str
    panel: str
    expr: str

    def __str__(self) -> str:
        return f"{self.dashboard} | {self.panel} | {self.expr}"


def dashboards() -> dict[str, dict[str, Any]]:
    """Return the dashboards by their files' names."""
    found = {path.stem: json.loads(path.read_text()) for path in sorted(Path(PEERS or "").glob("*.json"))}
    return {name: model for name, model in found.items() if "panels" in model or "rows" in model}


def queries(name: str, model: dict[str, Any]) -> Iterator[Query]:
    for panel in _panels(model):
        for target in panel.get("targets", ()):
            yield Query(name, panel["title"], " ".join(target["expr"].split()))


def _panels(model: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for part in (*model.get("panels", ()), *model.get("rows", ())):
        yield from _panels(part)
        if "targets" in part:
            yield part


def choices(client: Client, model: dict[str, Any]) -> dict[str, str]:
    """Return the variables of a dashboard as Grafana fills them when it is opened: each with its first value."""
    chosen: dict[str, str] = {"__rate_interval": f"{WINDOW_SECONDS}s", "__interval": f"{WINDOW_SECONDS}s"}
    for variable in model["templating"]["list"]:
        if variable["type"] != "query":
            continue
        text = variable["query"] if isinstance(variable["query"], str) else variable["query"]["query"]
        found = LABEL_VALUES.fullmatch(text)
        assert found, f"a kind of variable that this test does not know: {text}"
        series = filled(found[1], chosen)
        values = client.get(f"/api/v1/label/{found[2]}/values", **{"match[]": series})["data"]
        assert values, f"nothing to choose for {variable['name']}: {series}"
        chosen[variable["name"]] = min(values)
    return chosen


def filled(text: str, values: Mapping[str, str]) -> str:
    return re.sub(r"\$\{?(\w+)\}?", lambda found: values[found[1]], text)


def ask(client: Client, expr: str) -> list[dict[str, Any]]:
    data = client.post("/api/v1/query", data={"query": expr})["data"]
    found = [{"metric": {}, "value": data["result"]}] if data["resultType"] == "scalar" else data["result"]
    return [one for one in found if not math.isnan(float(one["value"][1]))]


@dataclass(frozen=True)
class Reason:
    """One entry of the list."""

    query: str
    why: str
    file: str = ""
    holds: str = ""
    may: bool = False

    def offered(self) -> bool:
        """Return whether this machine has what the query shows."""
        if not self.file:
            return False
        found = [Path(path) for path in glob.glob(self.file)]  # noqa: PTH207 - a pattern with its root
        return any(not self.holds or re.search(self.holds, path.read_text(), re.MULTILINE) for path in found)


def reasons() -> list[Reason]:
    return [Reason(**entry) for entry in yaml.safe_load(EXPECTED.read_text())]


@pytest.fixture
def prometheus(engine, tmp_path, need) -> Iterator[Client]:
    """A Prometheus that reads our page alone, with all collectors, while containers work."""
    need("prometheus", get="apt-get install prometheus")
    labels = {"com.docker.compose.project": "shop", "com.docker.compose.service": "web"}
    engine.run("while :; do :; done", name="busy", nano_cpus=50_000_000, mem_limit="64m", labels=labels)
    write = "dd if=/dev/zero of=/tmp/x bs=4k count=9 conv=fsync; dd if=/tmp/x of=/dev/null bs=4k count=9 iflag=direct"
    engine.run(f"while :; do {write}; sleep 0.2; done", name="writer")
    (tmp_path / FILE).write_text("watch: {collectors: {on: [host, container]}}\n")
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as used,
        LocalStack(
            _project.load_project(tmp_path),
            tmp_path / "state",
            programs=(EXPORTER, PROMETHEUS),
            name="deck-1",
            every=f"{INTERVAL_SECONDS}s",
            ports={},
            exporter_arguments=("--docker-host", engine.url),
        ) as stack,
    ):
        used.bind(("127.0.0.1", 0))  # so that UDP is in use
        # Prometheus' own metrics are not ours.
        (stack.site.bundle / FOLDER / "prometheus.yaml").write_text("[]\n")
        client = Client(stack.url(PROMETHEUS))
        deadline = time.monotonic() + 90
        while not ask(client, f'count(count_over_time(up{{job=~"node|cadvisor"}}[{WINDOW_SECONDS}s]) >= 4) == 2'):
            assert time.monotonic() < deadline, ask(client, "up")
            time.sleep(0.5)
        yield client


@pytest.mark.skipif(PEERS is None, reason="DECKWATCH_PEERS does not name the folder of other people's dashboards")
def test_every_query_has_data_or_a_reason_to_have_none(prometheus, capsys) -> None:
    known = reasons()
    rows: list[tuple[Query, int, list[Reason]]] = []
    for name, model in dashboards().items():
        chosen = choices(prometheus, model)
        rows += [
            (query, len(ask(prometheus, filled(query.expr, chosen))), [one for one in known if one.query in query.expr])
            for query in queries(name, model)
        ]
    unknown = prometheus.get("/api/v1/label/job/values")["data"]
    assert set(unknown) - {"prometheus"} == {"node", "cadvisor", "deckwatch"}, "no page but ours"
    with capsys.disabled():
        print(f"\n{table(rows)}")
    assert len(rows) > 300
    wrong = [
        f"{query}: {'data' if series else 'nothing'}, {' '.join(one.why for one in grounds) or 'and no reason why'}"
        for query, series, grounds in rows
        if not any(one.may for one in grounds) and bool(series) is any(not one.offered() for one in grounds)
    ]
    assert "\n".join(wrong) == ""
    assert [one.query for one in known if not any(one in grounds for _, _, grounds in rows)] == [], (
        "reasons for no query"
    )


def table(rows: list[tuple[Query, int, list[Reason]]]) -> str:
    """Return the empty panels with their reasons, and for each dashboard the number with data."""
    empty = [f"{query}\n    {' '.join(one.why for one in grounds)}" for query, series, grounds in rows if not series]
    counts = [
        f"{name}: {sum(1 for query, series, _ in rows if query.dashboard == name and series)} of "
        f"{sum(1 for query, _, _ in rows if query.dashboard == name)} queries have data"
        for name in dict.fromkeys(query.dashboard for query, _, _ in rows)
    ]
    return "\n".join((*empty, *counts))


@pytest.mark.skipif(PEERS is None, reason="DECKWATCH_PEERS does not name the folder of other people's dashboards")
def test_what_dashboards_use_is_on_by_default() -> None:
    collectors = collector.load_collectors()
    by_name = {metric.name: metric.source for metric in collector.list_metrics(collectors.values())}
    used = {
        selector.metric
        for name, model in dashboards().items()
        for query in queries(name, model)
        for selector in promql.find_selectors(query.expr)
    }
    sources = {by_name[name] for name in used if name in by_name} & collectors.keys()
    off = {name for name in sources if not collectors[name].default}
    assert off == set(OFF)


def test_reasons_are_sentences() -> None:
    assert all(one.why.endswith(".") for one in reasons())
