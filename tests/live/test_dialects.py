"""A real Prometheus scrapes the example page of every dialect, all of which tell of the same requests.

Each page has the requests of one second; its counters grow by that many each second. What our series say of them is
compared with the requests themselves.
"""

from __future__ import annotations

import itertools
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from deckwatch.cli import _project
from deckwatch.core import yaml_file
from deckwatch.core.http import Client
from deckwatch.provisioning import dialect as dialects
from deckwatch.provisioning import stack
from deckwatch.provisioning.dialect_relabelling import name_regex
from deckwatch.provisioning.learn import parse_metrics
from deckwatch.provisioning.prometheus import Prometheus
from deckwatch.provisioning.servers import PROMETHEUS
from deckwatch.provisioning.up import LocalStack
from deckwatch.provisioning.variable_choices import read_choices
from deckwatch.provisioning.verify import find_missing_labels, find_unmapped_pages, list_queries, verify_queries

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from deckwatch.core.project import Project

pytestmark = [pytest.mark.live, pytest.mark.slow]

NAMES = dialects.list_shipped()
# The requests of a second, with their durations, as in every example page.
REQUESTS = {("GET", "200"): [0.08] * 60 + [0.2] * 20, ("POST", "201"): [0.4] * 15, ("POST", "500"): [0.9] * 5}
DURATIONS = sorted(itertools.chain(*REQUESTS.values()))
ERRORS = len(REQUESTS["POST", "500"]) / len(DURATIONS)
MEAN = sum(DURATIONS) / len(DURATIONS)
FLEET = {"old": r"http_server_request_duration_seconds", "new": r"http_server_duration_milliseconds", "both": r"\b\B"}
SECONDS_OF_DATA = 35
WITHIN = 0.08  # a busy machine delays a scrape or a rule by a second or two of the 25 that rates cover


def read_page(name: str) -> str:
    page: str = yaml_file.read_yaml(dialects.FOLDER / f"{name}.yaml").data["page"]
    return page


def grow_page(page: str, seconds: float) -> str:
    """Return a page whose counters have grown for so many seconds."""
    kind, lines = "", []
    for line in page.splitlines():
        if line.startswith("# TYPE "):
            kind = line.split()[-1]
        elif not line.startswith("#"):
            series, _, value = line.rpartition(" ")
            line = line if kind == "gauge" else f"{series} {float(value) * seconds}"  # noqa: PLW2901
        lines.append(line)
    return "\n".join(lines) + "\n"


def quantile(share: float, limits: list[float]) -> float:
    """Return a quantile of the durations as buckets with these limits show it."""
    rank, lower, below = share * len(DURATIONS), 0.0, 0
    for limit in [*limits, float("inf")]:
        until = sum(duration <= limit for duration in DURATIONS)
        if until >= rank:
            return lower if limit == float("inf") else lower + (limit - lower) * (rank - below) / (until - below)
        lower, below = limit, until
    raise AssertionError


def bucket_limits(name: str) -> list[float]:
    """Return the limits of the buckets in a dialect's page, in seconds."""
    source = dialects.load_shipped(name).metrics["http_request_duration_seconds"]
    page = read_page(name)
    for one in source:
        found = re.findall(rf'^{name_regex(one.metric)}_bucket{{.*?\ble="([^"+]+)"', page, re.MULTILINE)
        if found:
            return sorted({float(limit) / 10**one.places for limit in found})
    raise AssertionError(source)


def has_histogram(name: str) -> bool:
    return "http_request_duration_seconds" in dialects.load_shipped(name).metrics


@pytest.fixture(scope="module")
def pages() -> Iterator[str]:
    """The address of a server of all example pages, at their names."""
    start = time.monotonic()
    texts = {f"/{name}": read_page(name) for name in NAMES}
    for instance, left_out in FLEET.items():
        lines = read_page("opentelemetry").splitlines()
        texts[f"/fleet/{instance}"] = "\n".join(line for line in lines if not re.search(left_out, line))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(grow_page(texts[self.path], time.monotonic() - start).encode())

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


class Queries:
    """A Prometheus to query: values by service. `project` is the one whose bundle it reads."""

    def __init__(self, url: str, project: Project) -> None:
        self.url, self.project = url, project
        self._client = Client(url)

    def series(self, text: str) -> list[tuple[dict[str, str], float]]:
        answer = self._client.get("/api/v1/query", query=text)
        return [(one["metric"], float(one["value"][1])) for one in answer["data"]["result"]]

    def by_service(self, text: str) -> dict[str, float]:
        return {labels["service"]: value for labels, value in self.series(text)}


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory, need, pages) -> Iterator[Queries]:
    need("prometheus", get="apt-get install prometheus")
    folder: Path = tmp_path_factory.mktemp("dialects")
    entries: list[dict[str, Any]] = [
        {"service": name, "instance": name, "url": f"{pages}/{name}", "speaks": name} for name in NAMES
    ]
    for name in FLEET:
        address = f"{pages}/fleet/{name}"
        entries.append({"service": "fleet", "instance": name, "url": address, "speaks": "opentelemetry"})
    (folder / "deckwatch.yaml").write_text(yaml.safe_dump({"scrape": entries}))
    project = _project.load_project(folder)
    with LocalStack(project, folder / "state", (PROMETHEUS,), every="1s", ports={}) as local:
        queries = Queries(local.url(PROMETHEUS), project)
        expected = {*NAMES, "fleet"}
        ready = f"count by (service) (count_over_time(http_requests_total[{SECONDS_OF_DATA}s]) > {SECONDS_OF_DATA - 4})"
        deadline = time.monotonic() + SECONDS_OF_DATA + 30
        while set(queries.by_service(ready)) != expected:
            missing = expected - set(queries.by_service(ready))
            assert time.monotonic() < deadline, f"no requests of {sorted(missing)}"
            time.sleep(0.5)
        yield queries


@pytest.fixture(scope="module")
def rates(prometheus) -> dict[str, dict[str, float]]:
    """What our series say, by a word and the service."""
    duration = "http_request_duration_seconds"
    return {
        "requests": prometheus.by_service("sum by (service) (rate(http_requests_total[25s]))"),
        "recorded": prometheus.by_service("service:http_requests:rate5m"),
        "errors": prometheus.by_service("service:http_errors:ratio5m"),
        "p99": prometheus.by_service(f"service:{duration}:p99"),
        "observed": prometheus.by_service(f"sum by (service) (rate({duration}_count[25s]))"),
        "mean": prometheus.by_service(
            f"sum by (service) (rate({duration}_sum[25s])) / sum by (service) (rate({duration}_count[25s]))"
        ),
        "without_code": prometheus.by_service('count by (service) (http_requests_total{code=""})'),
        "without_handler": prometheus.by_service('count by (service) (http_requests_total{handler=""})'),
        "in_progress": prometheus.by_service("sum by (service) (http_requests_in_progress)"),
    }


@pytest.mark.parametrize("name", NAMES)
def test_requests_errors_and_times_are_those_of_the_page(rates, name: str) -> None:
    assert rates["requests"][name] == pytest.approx(len(DURATIONS), rel=WITHIN)
    assert rates["errors"][name] == pytest.approx(ERRORS, rel=0.01)
    assert rates["recorded"][name] == pytest.approx(rates["recorded"]["haproxy"], rel=0.1)
    assert name not in rates["without_code"]
    if "handler" in dialects.load_shipped(name).labels:
        assert name not in rates["without_handler"]
    if "http_requests_in_progress" in dialects.load_shipped(name).metrics:
        assert rates["in_progress"][name] == 2
    if not has_histogram(name):
        assert name not in rates["p99"]
        return
    assert rates["observed"][name] == pytest.approx(len(DURATIONS), rel=WITHIN)
    assert rates["mean"][name] == pytest.approx(MEAN, rel=WITHIN)
    assert rates["p99"][name] == pytest.approx(quantile(0.99, bucket_limits(name)), rel=0.001)


def test_a_fleet_that_changes_its_names_is_counted_once(rates, prometheus) -> None:
    """One instance has the old names, one the new, one both."""
    assert rates["requests"]["fleet"] == pytest.approx(3 * len(DURATIONS), rel=WITHIN)
    assert rates["observed"]["fleet"] == pytest.approx(3 * len(DURATIONS), rel=WITHIN)
    assert rates["errors"]["fleet"] == pytest.approx(ERRORS, rel=0.01)
    assert rates["mean"]["fleet"] == pytest.approx(MEAN, rel=WITHIN)
    assert rates["p99"]["fleet"] == pytest.approx(quantile(0.99, bucket_limits("opentelemetry")), rel=0.001)
    failed = 'http_requests_total{service="fleet", code=~"5..", handler="/orders", method="POST"}'
    by_instance = prometheus.series(f"sum by (instance) (rate({failed}[25s]))")
    assert {labels["instance"] for labels, _ in by_instance} == set(FLEET)
    assert [value for _, value in by_instance] == pytest.approx([5] * 3, rel=WITHIN)


def test_panels_and_rules_of_applications_have_data(prometheus) -> None:
    """As `deckwatch verify` checks them. Rules over hours and days have not been evaluated yet."""
    built = stack.build(prometheus.project)
    server = Prometheus(prometheus.url)
    pages = ("Application", "Rules: application", "Rules: application_http")
    queries = [query for query in list_queries(built, server.interval) if query.page in pages]
    results = verify_queries(server, queries, built.catalog, choices=read_choices(server, queries))
    assert [(one.query.title, one.status, one.detail) for one in results if not one.is_good] == []
    shown = [one for one in results if one.query.page == "Application"]
    states = {one.query.title.partition(" (")[0]: one.status for one in shown}
    titles = ("Responses by status", "Error ratio", "Response time", "Handlers", "Requests by handler")
    assert {title: states[title] for title in titles} == dict.fromkeys(titles, "data")
    assert [*find_missing_labels(server), *find_unmapped_pages(server, prometheus.project)] == []


def test_pages_contain_what_the_dialects_must_not_count() -> None:
    """So that a page's own requests and further counts of the same requests are part of the test above."""
    totals = {name: sum(len(one.labels) > 0 for one in parse_metrics(read_page(name)).values()) for name in NAMES}
    assert all(totals.values())
    assert sum(bool(dialects.load_shipped(name).skip) for name in NAMES) >= 5
