"""Real applications in five languages and two proxies, each of which counts its requests in its own way.

A load generator sends them requests. What the application dashboard shows is compared with what it sent and received.
"""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
import requests
import yaml

from deckwatch.cli import _project
from deckwatch.core.http import Client
from deckwatch.provisioning import stack
from deckwatch.provisioning.dialect_guess import suggest_dialects
from deckwatch.provisioning.learn import fetch_metrics
from deckwatch.provisioning.program import Program, free_port
from deckwatch.provisioning.servers import PROMETHEUS
from deckwatch.provisioning.up import LocalStack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.core.project import Project
    from deckwatch.provisioning.stack import Built

pytestmark = [pytest.mark.live, pytest.mark.slow]

APPS = {
    "prometheus-fastapi-instrumentator": "python",
    "starlette-exporter": "python",
    "opentelemetry": "python",
    "prometheus-flask-exporter": "python",
    "django-prometheus": "python",
    "express-prom-bundle": "node",
    "prom-client": "node",
    "promhttp": "go",
    "micrometer": "java",
    "axum-prometheus": "rust",
    "caddy": "caddy",
    "haproxy": "haproxy",
}
# Proxies with another port for their metrics, by their configuration.
PROXIES = {
    "caddy": """\
{{
  admin off
  auto_https off
  servers {{
    metrics
  }}
}}
http://:{port} {{
  encode gzip
  reverse_proxy 127.0.0.1:{backend}
}}
http://:{metrics} {{
  metrics /metrics
}}
""",
    "haproxy": """\
defaults
  mode http
  timeout connect 1s
  timeout client 5s
  timeout server 5s
frontend shop
  bind 127.0.0.1:{port}
  default_backend shop
frontend prometheus
  bind 127.0.0.1:{metrics}
  http-request use-service prometheus-exporter if {{ path /metrics }}
backend shop
  server shop 127.0.0.1:{backend}
""",
}
COMMANDS = {"caddy": ["caddy", "run", "--adapter", "caddyfile", "--config"], "haproxy": ["haproxy", "-db", "-f"]}
# A second of load: six fast requests, two slow ones and two that fail.
PATHS = [*[("GET", "/orders/7")] * 3, ("POST", "/orders"), ("GET", "/fail")] * 2
SLOW_SECONDS = 0.15
LOAD_SECONDS, WINDOW = 45, 25
WITHIN = 0.05
DURATION = "http_request_duration_seconds"


@dataclass
class Load:
    """A load generator for one application, and what it received: time, status and duration of each request."""

    url: str
    page: str
    answers: list[tuple[float, int, float]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def send(self) -> None:
        """Send ten requests a second until the end."""
        start, number = time.monotonic(), 0
        with requests.Session() as session:
            session.trust_env = False
            while not self.over.wait(max(0.0, start + number / len(PATHS) - time.monotonic())):
                method, path = PATHS[number % len(PATHS)]
                begin = time.monotonic()
                answer = session.request(method, self.url + path, timeout=30)
                now = time.monotonic()
                self.answers.append((now, answer.status_code, now - begin))
                number += 1

    def rate(self, seconds: float, until: float, status: str = "...") -> float:
        """Return the answers with a status per second, in the seconds before a time."""
        window = [code for now, code, _ in self.answers if until - seconds < now <= until]
        return sum(re.fullmatch(status, str(code)) is not None for code in window) / seconds

    def mean(self) -> float:
        return sum(seconds for _, _, seconds in self.answers) / len(self.answers)


@dataclass
class Shops:
    """The running applications after the load, and a Prometheus that has scraped them."""

    project: Project
    built: Built
    loads: dict[str, Load]
    end: float
    client: Client

    def query(self, text: str) -> float:
        """Return the value of an expression with one series."""
        ((_, value),) = [one["value"] for one in self.client.get("/api/v1/query", query=text)["data"]["result"]]
        return float(value)

    def panel(self, title: str) -> dict[str, dict[tuple[str, ...], float]]:
        """Return the values of a panel of the application dashboard now: by service, by the values of other labels."""
        result: dict[str, dict[tuple[str, ...], float]] = {}
        for query in self.built.dashboards:
            if query.uid == "application" and query.kind == "panel" and query.title == title:
                answer = self.client.get("/api/v1/query", query=query.to_promql(f"{WINDOW}s", "1h"))
                for series in answer["data"]["result"]:
                    labels = series["metric"]
                    others = tuple(value for name, value in labels.items() if name not in ("service", "__name__"))
                    result.setdefault(labels["service"], {}).setdefault(others, float(series["value"][1]))
        return result


@pytest.fixture(scope="module")
def backend() -> Iterator[int]:
    """The shop behind the proxies; its port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self, status: int) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_GET(self) -> None:
            self.answer(500 if self.path == "/fail" else 200)

        def do_POST(self) -> None:
            time.sleep(SLOW_SECONDS)
            self.answer(201)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture(scope="module")
def shops(tmp_path_factory, need, shop_builder, backend) -> Iterator[Shops]:
    need("prometheus", get="apt-get install prometheus")
    folder = tmp_path_factory.mktemp("shops")
    libraries = {name: language for name, language in APPS.items() if not shop_builder.find_obstacle(language)}
    with ExitStack() as running:
        loads, entries = {}, []
        for name, language in libraries.items():
            port = free_port()
            page = f"http://127.0.0.1:{port}/metrics"
            if name in PROXIES:
                metrics, config = free_port(), folder / f"{name}.conf"
                config.write_text(PROXIES[name].format(port=port, metrics=metrics, backend=backend))
                argv, page = [*COMMANDS[name], str(config)], f"http://127.0.0.1:{metrics}/metrics"
            else:
                argv = [*shop_builder.command_of(language, name), str(port)]
            running.enter_context(Program(name, argv, folder / f"{name}.log", page, end_with_parent=True))
            loads[name] = Load(f"http://127.0.0.1:{port}", page)
            entries.append({"service": name, "url": page, "speaks": name})
        (folder / "deckwatch.yaml").write_text(yaml.safe_dump({"scrape": entries}))
        project = _project.load_project(folder)
        built = stack.build(project)  # now, since it would slow down the load
        prometheus = running.enter_context(LocalStack(project, folder / "state", (PROMETHEUS,), every="1s", ports={}))
        threads = [threading.Thread(target=load.send) for load in loads.values()]
        for thread in threads:
            thread.start()
        time.sleep(LOAD_SECONDS)
        client = Client(prometheus.url(PROMETHEUS))
        shops = Shops(project, built, loads, time.monotonic(), client)
        for title in ("Current values", "Errors", "Responses by status", "Response time", "Handlers"):
            PANELS[title] = shops.panel(title)
        for load in loads.values():
            load.over.set()
        for thread in threads:
            thread.join()
        yield shops


PANELS: dict[str, dict[str, dict[tuple[str, ...], float]]] = {}


@pytest.fixture(params=list(APPS))
def name(request, need, shop_builder) -> str:
    """A library whose shop can be built here."""
    obstacle = shop_builder.find_obstacle(APPS[request.param])
    need.luck(not obstacle, obstacle)
    found: str = request.param
    return found


def test_requests_and_errors_are_those_of_the_load(shops: Shops, name: str) -> None:
    load = shops.loads[name]
    assert load.rate(WINDOW, shops.end) > 9, "the load generator was too slow on this machine"
    by_status = PANELS["Responses by status"][name]
    assert sum(by_status.values()) == pytest.approx(load.rate(WINDOW, shops.end), rel=WITHIN)
    shown = Counter({status: value for (status,), value in by_status.items()})
    for status in ("2..", "5.."):
        value = sum(count for code, count in shown.items() if re.fullmatch(f"{status}|{status[0]}xx", code))
        assert value == pytest.approx(load.rate(WINDOW, shops.end, status), rel=WITHIN), dict(shown)
    (errors,) = PANELS["Errors"][name].values()
    assert errors == pytest.approx(
        load.rate(LOAD_SECONDS, shops.end, "5..") / load.rate(LOAD_SECONDS, shops.end), rel=WITHIN
    )


def test_times_are_those_that_the_load_generator_saw(shops: Shops, name: str) -> None:
    if name == "haproxy":
        assert not shops.client.get("/api/v1/query", query=f'{DURATION}_count{{service="{name}"}}')["data"]["result"]
        return
    total, count = (f'sum(rate({DURATION}_{part}{{service="{name}"}}[1m]))' for part in ("sum", "count"))
    mean = shops.query(f"{total} / {count}")
    assert 2 / 10 * SLOW_SECONDS * (1 - WITHIN) <= mean <= shops.loads[name].mean() * (1 + WITHIN)
    assert 0.1 <= shops.query(f'service:{DURATION}:p95{{service="{name}"}}') <= 0.5


def test_the_page_names_its_dialect(shops: Shops, name: str) -> None:
    sentences = list(suggest_dialects(shops.project, fetch_metrics(shops.loads[name].page)))
    assert sentences[0].startswith(f"the page speaks {name}"), sentences
