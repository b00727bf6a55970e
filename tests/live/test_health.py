"""Three real services of which one needs another: what is seen when that one stops, comes back, and is not seen.

Time in the rules runs thirty times as fast; the rules, the probes and the dashboard's queries are those of the bundle.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deckwatch.provisioning import verify
from deckwatch.provisioning.program import free_port
from deckwatch.provisioning.prometheus import Prometheus
from deckwatch.provisioning.servers import EXPORTER, PROMETHEUS

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.live, pytest.mark.slow]

DECKWATCH = Path(sys.executable).with_name("deckwatch")
NO_ENGINE = "unix:///nowhere/docker.sock"
SECONDS = 180
PROJECT = """\
watch:
  probes:
    - {service: shop, http: 'http://127.0.0.1:SHOP/health'}
    - {service: stock, http: 'http://127.0.0.1:STOCK/health'}
    - {service: payments, http: 'http://127.0.0.1:PAYMENTS/health', kind: dependency}
  depends:
    shop: payments
"""
WELL = {"shop": 100.0, "stock": 100.0, "payments": 100.0}


class Service:
    """A small service on a port of its own, which is well as long as what it asks is."""

    def __init__(self, *asks: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/health"
        self.asks = asks
        self.server: http.server.ThreadingHTTPServer | None = None

    def start(self) -> None:
        asks = self.asks

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                try:
                    for url in asks:
                        urllib.request.urlopen(url, timeout=2).close()
                except OSError:
                    self.send_error(503)
                else:
                    self.send_response(200)
                    self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nobody reads what would stand on stderr."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.05,)).start()

    def stop(self) -> None:
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server = None


@pytest.fixture
def services():
    payments = Service()
    found = {"payments": payments, "shop": Service(payments.url), "stock": Service()}
    with contextlib.ExitStack() as ends:
        for one in found.values():
            ends.callback(one.stop)
            one.start()
        yield found


class Watched:
    """A running chain that probes the services, and what it says of them."""

    def __init__(self, alarm, eventually: Callable[..., None]) -> None:
        self.alarm, self._eventually = alarm, eventually
        texts = {file.path: file.text for file in alarm.stack.built.plan.list_files()}
        self.page = json.loads(texts["grafana/dashboards/on-call/health.json"])

    def by(self, query: str, label: str = "component") -> dict[str, float]:
        return {dict(labels).get(label, ""): value for labels, value in self.alarm.query(query).items()}

    def becomes(self, **wanted: object) -> None:
        """Return when each of these is as it is wanted."""

        def seen() -> dict[str, object]:
            return {
                "score": self.by("component:health:score"),
                "state": self.by("component:health:state"),
                "because": {
                    dict(labels)["component"]: dict(labels)["because"]
                    for labels in self.alarm.query("component:health:because")
                },
                "overall": self.by("health:overall:score").get(""),
                "overall_state": self.by("health:overall:state").get(""),
            }

        self._eventually(lambda: {name: seen()[name] for name in wanted} == wanted, SECONDS)

    def graph(self) -> dict[str, list[dict[str, str]]]:
        """Return the answers to the graph's queries in Grafana: a line of labels for each node and each edge."""
        [panel] = [one for one in self.page["panels"] if one["type"] == "nodeGraph"]
        assert all(one["format"] == "table" and one["instant"] for one in panel["targets"])
        return {one["refId"]: [dict(line) for line in self.alarm.query(one["expr"])] for one in panel["targets"]}

    def colors(self) -> dict[str, tuple[str, str]]:
        return {one["id"]: (one["subtitle"], one["color"]) for one in self.graph()["nodes"]}

    def command(self) -> tuple[int, dict[str, tuple[str, str]]]:
        """Return the exit code of `deckwatch health`, and the state and reason of each component."""
        argv = [DECKWATCH, "health", "--format", "json", "--prometheus", self.alarm.stack.url(PROMETHEUS)]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        components = json.loads(done.stdout)["components"]
        return done.returncode, {one["name"]: (one["state"], one["reason"]) for one in components}

    def statuses(self) -> dict[str, str]:
        """Return the result of `verify` for every query of the dashboard and every rule, or its problem."""
        built = self.alarm.stack.built
        asked = [one for one in verify.list_queries(built, 1.0) if one.page in ("Health", "Rules: health")]
        assert {one.page for one in asked} == {"Health", "Rules: health"}
        prometheus = Prometheus(self.alarm.stack.url(PROMETHEUS))
        with contextlib.closing(prometheus):
            return {
                f"{one.query.page}: {one.query.title}": one.status if one.is_good else one.detail
                for one in verify.verify_queries(prometheus, asked, built.catalog)
            }


def test_what_is_needed_stops_and_comes_back(alarm, services, eventually) -> None:
    project = PROJECT
    for name, one in services.items():
        project = project.replace(name.upper(), str(one.port))
    watched = Watched(alarm(NO_ENGINE, project=project, hurried=True), eventually)
    watched.becomes(score=WELL, state=dict.fromkeys(WELL, 2.0), because={}, overall=100.0, overall_state=2.0)
    green = ("healthy", "#009E73")
    assert watched.colors() == {"shop": green, "stock": green, "payments": green}
    code, components = watched.command()
    assert components == dict.fromkeys(WELL, ("healthy", ""))
    assert code in (0, 1)  # an alert on this machine may fire
    assert [(one["source"], one["target"]) for one in watched.graph()["edges"]] == [("shop", "payments")]

    services["payments"].stop()
    watched.becomes(
        score=WELL | {"shop": 0.0, "payments": 0.0},
        state={"shop": 0.0, "payments": 0.0, "stock": 2.0},
        because={"shop": "payments"},
        overall=0.0,
        overall_state=0.0,
    )
    assert watched.colors() == {
        "shop": ("affected", "#E69F00"),
        "stock": green,
        "payments": ("unhealthy", "#D55E00"),
    }
    watched.alarm.fire({"ApplicationDown": {"service": "shop"}, "DependencyDown": {"service": "payments"}})
    code, components = watched.command()
    assert code == 2
    assert components["shop"][0] == components["payments"][0] == "critical"
    assert components["shop"][1].startswith("because of payments; answers ")
    assert components["shop"][1].endswith("; ApplicationDown fires (critical)")
    silent = dict.fromkeys(("Rules: health: HealthScoreLow", "Rules: health: HealthScoreCritical"), "empty")
    assert {title: status for title, status in watched.statuses().items() if status != "data"} == silent
    assert watched.alarm.query('ALERTS{topic="health", alertstate="firing"}') == {}

    services["payments"].start()
    watched.becomes(score=WELL, state=dict.fromkeys(WELL, 2.0), because={}, overall=100.0, overall_state=2.0)

    watched.alarm.stack.running.pop(EXPORTER).stop()
    watched.becomes(score={}, state=dict.fromkeys(WELL, -1.0), because={}, overall=None, overall_state=-1.0)
    assert set(watched.colors().values()) == {("unknown", "#73767e")}
    assert watched.command()[1] == dict.fromkeys(WELL, ("unknown", "no data for five minutes"))
