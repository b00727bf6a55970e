"""Views over HTTP in front of a real Prometheus: each value is compared with a query of its own."""

import base64
import contextlib
import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from deckwatch.provisioning.program import Program, free_port

pytestmark = pytest.mark.live

DECKWATCH = Path(sys.executable).with_name("deckwatch")
PROJECT = """\
build: {scrape_interval: 1m}
views:
  answers:
    about: Requests by service.
    paths: ['/api/answers/{metric}']
    series: {requests: application.requests, errors: application.errors}
    range: 2h
    step: 10m
  odd:
    fields:
      nothing: {value: absent_metric_of_nobody}
      many: {rows: 'up{job="node"}'}
      nan: {value: 0 / 0 * sum(up)}
      infinite: {value: 1 / 0 * sum(up)}
      started: {value: '1.7e9 + 0 * sum(up)', format: time}
  several: {value: 'up{job="node"}'}
  alerts: {rows: vector(1), about: Replaces the shipped one.}
metrics:
  absent_metric_of_nobody: {kind: gauge, help: Nothing.}
"""


class Reply:
    def __init__(self, response):
        self.status, self.headers, self.text = response.status, response.headers, response.read()

    @property
    def data(self):
        return json.loads(self.text)


def ask(url, method="GET", **headers):
    request = urllib.request.Request(url, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return Reply(response)
    except urllib.error.HTTPError as error:
        return Reply(error)


@contextlib.contextmanager
def serving(folder, prometheus, *options):
    port = free_port()
    argv = [DECKWATCH, "views", "serve", f"--listen=127.0.0.1:{port}", f"--prometheus={prometheus}", *options]
    url = f"http://127.0.0.1:{port}"
    ready = f"{url}/healthz"
    with Program("views", [str(word) for word in argv], folder / "views.log", ready, folder=folder):
        yield url


@pytest.fixture
def project(tmp_path):
    (tmp_path / "deckwatch.yaml").write_text(PROJECT)
    return tmp_path


@pytest.fixture
def views(project, week):
    with serving(project, week.url) as url:
        yield url


def at(reply):
    return time.mktime(time.strptime(reply["timestamp"][:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone


def test_values_are_those_of_prometheus(views, week):
    reply = ask(f"{views}/api/v1/views/metrics").data
    assert list(reply) == ["timestamp", "system", "application", "database"]
    when = at(reply)
    memory = "1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes"
    assert reply["system"]["memory"] == pytest.approx(max(week.query(memory, when).values()), rel=0.01)
    (rate,) = week.query("sum(rate(http_requests_total[4m]))", when).values()
    assert reply["application"]["request_rate"] == pytest.approx(rate, rel=0.05)
    rows = ask(f"{views}/api/v1/views/memory").data
    found = {row["labels"]["instance"]: row["value"] for row in rows["hosts"]}
    expected = {dict(key)["instance"]: value for key, value in week.query(memory, at(rows)).items()}
    assert found == pytest.approx(expected, rel=0.01)


def test_rates_cover_the_scrapes_of_the_running_prometheus(tmp_path, week):
    """Without a project, the window would be a minute: one sample of a Prometheus that scrapes once a minute."""
    with serving(tmp_path, week.url) as url:
        reply = ask(f"{url}/api/v1/views/metrics").data
    (rate,) = week.query("sum(rate(http_requests_total[4m]))", at(reply)).values()
    assert reply["application"]["request_rate"] == pytest.approx(rate, rel=0.05)


def test_series_take_a_choice_and_a_range(views, week):
    reply = ask(f"{views}/api/v1/views/answers?range=1h").data
    expected = week.get(
        "query_range",
        query="sum by (service) (rate(http_requests_total[660s]))",
        start=at(reply) - 3600,
        end=at(reply),
        step=600,
    )["result"]
    found = {series["labels"]["service"]: len(series["points"]) for series in reply["series"]}
    assert found == {series["metric"]["service"]: len(series["values"]) for series in expected}
    by_path = ask(f"{views}/api/answers/errors?range=1h").data
    assert by_path["series"] == ask(f"{views}/api/v1/views/answers?metric=errors&range=1h").data["series"]
    assert ask(f"{views}/api/v1/metrics/heatmap/latency").status == 200


def test_what_json_cannot_say(views):
    reply = ask(f"{views}/api/v1/views/odd").data
    assert reply["nothing"] is None
    assert reply["nan"] is None
    assert reply["infinite"] == "+Inf"
    assert reply["started"] == "2023-11-14T22:13:20Z"
    assert {row["labels"]["instance"]: row["value"] for row in reply["many"]} == {"web-1": 1.0, "db-1": 1.0}


def test_every_shipped_view_answers(views):
    listed = ask(f"{views}/api/v1/views").data["views"]
    names = {view["name"] for view in listed}
    documents = "metrics errors health alerts rps latency protocols historical heatmap cpu memory connections snapshot timeline components"  # noqa: E501
    assert names >= set(documents.split())
    for view in listed:
        for path in view["paths"]:
            reply = ask(views + path.replace("{metric}", view["parameters"].get("metric", [""])[0]))
            expected = 500 if view["name"] == "several" else 200
            assert reply.status == expected, (path, reply.text)
            assert reply.headers["Content-Type"] == "application/json"


def test_requests_that_a_view_does_not_have(views):
    for path, status, message in (
        ("/", 404, "there is nothing here; ask for /api/v1/views or /api/v1/reports, which list what there is"),
        ("/api/v1/views/metrix", 404, "no view is called metrix (did you mean metrics?)"),
        ("/api/v1/views/answers?metric=x", 400, "answers has no metric x; it has requests, errors"),
        ("/api/v1/views/answers?range=often", 400, "'often' is not a duration such as 500ms, 5m or 1h30m"),
        ("/api/v1/views/answers?range=90d", 400, "expected a range from 1s to 31d"),
        ("/api/v1/views/answers?range=1h&range=2h", 400, "expected one range"),
        ("/api/v1/views/metrics?query=up", 400, "metrics has no parameter query"),
        ("/api/v1/views/several", 500, "a value has 2 series: say how to combine them, or ask for rows"),
    ):
        reply = ask(views + path)
        assert (reply.status, reply.data["error"]) == (status, message)
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert ask(f"{views}/api/v1/views/metrics", method).status == 405


def test_an_entity_tag_is_confirmed(views):
    first = ask(f"{views}/api/v1/views/alerts")
    assert first.data["rows"] == [{"labels": {}, "value": 1.0}]
    again = ask(f"{views}/api/v1/views/alerts", **{"If-None-Match": f'"x", {first.headers["ETag"]}'})
    assert (again.status, again.text, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    time.sleep(1.1)  # another moment with the same values
    assert ask(f"{views}/api/v1/views/alerts", **{"If-None-Match": first.headers["ETag"]}).status == 304
    head = ask(f"{views}/api/v1/views/alerts", "HEAD")
    assert (head.status, head.text) == (200, b"")


def test_an_answer_is_at_most_a_second_old(views):
    times = set()
    end = time.monotonic() + 2.5
    while time.monotonic() < end:
        sent = time.time()
        reply = ask(f"{views}/api/v1/views/alerts").data
        assert sent - at(reply) < 1 + 1.2  # the time in the reply has whole seconds here
        times.add(reply["timestamp"])
    assert 2 <= len(times) <= 4


def test_a_prometheus_that_fails_is_status_500(project, week, remembering):
    prometheus = remembering([("up", [(time.time() - 60, 1.0)])])
    with serving(project, prometheus.url) as url:
        assert ask(f"{url}/api/v1/views/alerts").status == 200
        prometheus.program.stop()
        time.sleep(1.1)
        reply = ask(f"{url}/api/v1/views/alerts")
        report = ask(f"{url}/api/v1/reports/all")
    assert (report.status, report.data["error"]) == (500, f"{prometheus.url} does not answer: connection refused")
    assert reply.status == 500
    assert reply.data == {"error": f"{prometheus.url} does not answer: connection refused", "view": "alerts"}


def test_it_is_protected_as_the_exporter_is(project, week, web_config):
    with serving(project, week.url, f"--web.config.file={web_config()}") as url:
        assert ask(f"{url}/api/v1/views/alerts").status == 401
        assert ask(f"{url}/api/v1/reports").status == 401
        token = base64.b64encode(b"prometheus:correct horse").decode()
        assert ask(f"{url}/api/v1/views/alerts", Authorization=f"Basic {token}").status == 200


def test_a_view_is_printed(project, week):
    result = subprocess.run(
        [DECKWATCH, "views", "show", "alerts", "--prometheus", week.url], cwd=project, capture_output=True, check=True
    )
    assert json.loads(result.stdout)["rows"] == [{"labels": {}, "value": 1.0}]
