"""`/api/v1/reports`: parameters, limits, requests at once and headers; the real thing is in tests/live."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
import threading
from datetime import UTC, datetime
from typing import Any

import pytest

from deckwatch.core.problems import DeckwatchError, Unreachable
from deckwatch.provisioning.views.answer import BadRequest
from deckwatch.provisioning.views.server import ViewsApp
from deckwatch.reports import endpoint
from deckwatch.reports.build import NoSamples
from deckwatch.reports.formats.html import render_notice
from deckwatch.reports.request import UnknownAudience, read_request
from deckwatch.reports.sections import list_audiences
from deckwatch.reports.writer import MissingProgram, WrittenReport

NOW = datetime(2026, 11, 30, 12, 0, 30, tzinfo=UTC)
MINUTE = NOW.timestamp() // 60 * 60
DAY = 86400


def read(query: dict[str, str], audience: str = "services") -> Any:
    return read_request(audience, {name: [value] for name, value in query.items()}, NOW)


@pytest.mark.parametrize(
    ("query", "seconds", "end"),
    [
        ({}, 7 * DAY, None),
        ({"from": "now-6h", "to": "now"}, 6 * 3600, None),
        ({"from": "-1h"}, 3600, None),
        ({"to": "-1d"}, 7 * DAY, MINUTE - DAY),
        # As Grafana writes the last seven days, some seconds before the click.
        ({"from": "1795435209250", "to": "1796040009250", "zone": "utc"}, 7 * DAY, MINUTE),
        ({"from": "2026-11-01", "to": "2026-11-08T00:00+00:00"}, 7 * DAY, 1793491200 + 7 * DAY),
        ({"from": "2026-11-01", "to": "2026-11-08T00:00 00:00"}, 7 * DAY, 1793491200 + 7 * DAY),  # a + in an address
        # "Today" ends in the future.
        ({"from": "2026-11-30", "to": "2026-11-30T23:59:59"}, 12 * 3600, None),
        ({"from": "2026-11-30", "zone": "Europe/Berlin"}, 13 * 3600, None),
    ],
)
def test_a_range_begins_and_ends_with_a_minute(query, seconds, end) -> None:
    options = read(query).options
    assert (options.seconds, options.end) == (seconds, end)


@pytest.mark.parametrize("zone", ["utc", "UTC", "browser", "", "${__timezone}"])
def test_a_zone_of_grafana_is_utc_unless_it_has_a_name(zone) -> None:
    assert read({"zone": zone}).options.zone.key == "UTC"
    assert read({"zone": "Etc/GMT 3"}).options.zone.key == "Etc/GMT+3"


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"format": "pfd"}, "no format is called pfd: there are html, json, md, pdf (did you mean pdf?)"),
        ({"format": "xml"}, "no format is called xml: there are html, json, md, pdf"),
        ({"from": "soon"}, "'soon' is not a time (such as "),
        ({"from": "-1d", "to": "-2d"}, "from (-1d) is not before to (-2d)"),
        ({"from": "now", "to": "now"}, "from (now) is not before to (now)"),
        ({"from": "-30m"}, "a report needs a range of at least an hour"),
        ({"from": "-400d"}, "a report has a range of at most a year"),
        ({"zone": "Europe/Berln"}, "no time zone is called Europe/Berln (did you mean Europe/Berlin?)"),
        ({"form": "html"}, "a report has no parameter form (did you mean format?)"),
        ({"format": "x" * 900, "query": "up"}, "a report has no parameter query"),
    ],
)
def test_a_mistake_is_named(query, message) -> None:
    with pytest.raises(BadRequest) as caught:
        read(query)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 400


def test_all_mistakes_are_named_at_once() -> None:
    with pytest.raises(BadRequest) as caught:
        read_request("all", {"format": ["htm"], "zone": ["Mars"], "to": ["-1d", "-2d"], "from": ["later"]}, NOW)
    for part in ("format is called htm", "time zone is called Mars", "expected one to", "'later' is not a time"):
        assert part in str(caught.value)


def test_an_unknown_audience_has_the_nearest() -> None:
    with pytest.raises(UnknownAudience, match=r"no report is for service \(did you mean services\?\)"):
        read({}, "service")


class Caller:
    """Calls the application as the server does; `write` is the function that writes reports."""

    def __init__(self, write: Any) -> None:
        self.app = ViewsApp({}, None, {endpoint.ROOT: endpoint.ReportsEndpoint(write).answer})  # type: ignore[arg-type]

    async def ask(
        self, path: str, query: str = "", *, accept: str = "", method: str = "GET", leaves: asyncio.Event | None = None
    ) -> Any:
        """Return status, headers and body; the client closes the connection when `leaves` is set."""
        sent: list[dict[str, Any]] = []
        events = iter([{"type": "http.request", "body": b"", "more_body": False}])

        async def receive() -> dict[str, Any]:
            if (event := next(events, None)) is not None:
                return event
            await (leaves or asyncio.Event()).wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        headers = [(b"accept", accept.encode())] if accept else []
        scope = {"type": "http", "method": method, "path": path, "query_string": query.encode(), "headers": headers}
        await self.app(scope, receive, send)
        found = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return sent[0]["status"], found, sent[1]["body"]


def written(request: Any, body: bytes = b"a report") -> WrittenReport:
    types = {"html": "text/html", "pdf": "application/pdf", "json": "application/json"}
    return WrittenReport(body, types[request.format], f"report-{request.options.audience}-2026-11-30.{request.format}")


def ask(write: Any, path: str, query: str = "", **options: Any) -> Any:
    return asyncio.run(Caller(write).ask(path, query, **options))


def test_headers_of_a_report() -> None:
    status, headers, body = ask(written, "/api/v1/reports/services")
    assert (status, body) == (200, b"a report")
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert headers["content-disposition"] == 'inline; filename="report-services-2026-11-30.html"'
    assert headers["cache-control"].startswith("private")
    assert headers["x-content-type-options"] == "nosniff"
    [style] = re.findall(rb"<style>(.*?)</style>", render_notice("a", "b"), re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{digest}'" in headers["content-security-policy"]
    status, headers, _ = ask(written, "/api/v1/reports/all/", "format=pdf")
    assert headers["content-type"] == "application/pdf"
    assert "content-security-policy" not in headers  # a browser's own viewer would have to obey it
    assert ask(written, "/api/v1/reports/all", method="HEAD")[2] == b""


def test_the_list_has_audiences_formats_and_defaults(monkeypatch) -> None:
    monkeypatch.setenv("PATH", "")
    status, headers, body = ask(written, "/api/v1/reports")
    listed = json.loads(body)
    assert (status, headers["content-type"]) == (200, "application/json")
    assert [each["name"] for each in listed["audiences"]] == list_audiences()
    formats = {each["name"]: each for each in listed["formats"]}
    assert formats["html"]["type"] == "text/html"
    assert "apt-get install chromium" in formats["pdf"]["missing"]
    assert listed["parameters"]["format"] == "html"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Unreachable("http://127.0.0.1:9090 does not answer: connection refused"), 500),
        (NoSamples("Prometheus has no samples from 1 to 2"), 404),
        (MissingProgram("a PDF is printed by Chromium, which is not installed"), 501),
        (DeckwatchError("the browser has not printed the PDF"), 500),
    ],
)
def test_a_failure_has_the_text_of_the_command(error, status) -> None:
    def fail(_: Any) -> WrittenReport:
        raise error

    found, headers, body = ask(fail, "/api/v1/reports/all")
    assert (found, json.loads(body)) == (status, {"error": str(error)})
    assert headers["cache-control"] == "no-store"


def test_a_click_that_fails_shows_a_page() -> None:
    status, headers, body = ask(
        written, "/api/v1/reports/all", "from=%3Cb%3E", accept="text/html,application/xhtml+xml,*/*;q=0.8"
    )
    assert (status, headers["content-type"]) == (400, "text/html; charset=utf-8")
    assert "content-security-policy" in headers
    assert b"There is no report" in body
    assert b"&lt;b&gt;" in body
    assert b"<b>" not in body
    assert ask(written, "/api/v1/reports/servces")[0] == 404
    assert ask(written, "/api/v1/reports/all/x")[0] == 404
    assert ask(written, "/api/v1/reports/all", method="POST")[0] == 405


def test_a_mistake_of_ours_and_a_secret_are_not_shown(caplog) -> None:
    def fail(_: Any) -> WrittenReport:
        raise RuntimeError("http://ann:hunter2@prometheus")

    status, _, body = ask(fail, "/api/v1/reports/all")
    assert (status, b"hunter2" in body) == (500, False)
    assert "could not be written" in caplog.text
    secret = Unreachable("http://ann:hunter2@prometheus:9090 does not answer")

    def refuse(_: Any) -> WrittenReport:
        raise secret

    assert b"hunter2" not in ask(refuse, "/api/v1/reports/all")[2]


class SlowWriter:
    """Writes each report when `go` is set; `begun` are the formats and audiences in the order of their beginning."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.running = 0
        self.most_running = 0
        self.go = threading.Event()

    def write(self, request: Any) -> WrittenReport:
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        self.begun.append(request.options.audience)
        assert self.go.wait(10)
        self.running -= 1
        return written(request, f"report {len(self.begun)}".encode())


async def until(condition: Any) -> None:
    """Wait for what happens on another thread."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - an event of asyncio cannot be set from there
            await asyncio.sleep(0.002)


def test_one_is_written_at_a_time_and_equal_requests_share_it() -> None:
    writer = SlowWriter()

    async def run() -> list[Any]:
        caller = Caller(writer.write)
        asked = [asyncio.ensure_future(caller.ask("/api/v1/reports/all", "to=2026-11-01T00:00:10")) for _ in range(3)]
        asked += [asyncio.ensure_future(caller.ask("/api/v1/reports/all", "to=2026-11-01T00:00:50"))]
        asked += [asyncio.ensure_future(caller.ask(f"/api/v1/reports/{name}")) for name in ("shop", "services")]
        await until(lambda: writer.begun)
        writer.go.set()
        return [*await asyncio.gather(*asked), await caller.ask("/api/v1/reports/shop")]

    answers = asyncio.run(run())
    assert [status for status, _, _ in answers] == [200] * 7
    assert len({body for _, _, body in answers[:4]}) == 1
    assert answers[4][2] == answers[6][2]
    assert sorted(writer.begun) == ["all", "services", "shop"]
    assert writer.most_running == 1


def test_more_than_some_are_told_to_come_again() -> None:
    writer = SlowWriter()

    async def run() -> Any:
        caller = Caller(writer.write)
        queries = [f"from=-{hours}h" for hours in range(2, 3 + endpoint.MAX_WAITING)]
        asked = [asyncio.ensure_future(caller.ask("/api/v1/reports/all", query)) for query in queries]
        await until(lambda: writer.begun)
        await asyncio.sleep(0)
        refused = await caller.ask("/api/v1/reports/all", "from=-30d")
        writer.go.set()
        await asyncio.gather(*asked)
        return refused, await caller.ask("/api/v1/reports/all", "from=-30d")

    (status, headers, body), after = asyncio.run(run())
    assert (status, headers["retry-after"]) == (503, "10")
    assert b"try again in 10 seconds" in body
    assert after[0] == 200  # a refusal is not kept


def test_nobody_waits_too_long(monkeypatch) -> None:
    monkeypatch.setattr(endpoint, "_WAIT_SECONDS", 0.01)
    writer = SlowWriter()

    async def run() -> Any:
        caller = Caller(writer.write)
        first = asyncio.ensure_future(caller.ask("/api/v1/reports/all"))
        await until(lambda: writer.begun)
        second = await caller.ask("/api/v1/reports/shop")
        writer.go.set()
        await first
        return second

    assert asyncio.run(run())[0] == 503


def test_a_client_that_leaves_stops_no_other_and_its_report_is_skipped() -> None:
    writer = SlowWriter()

    async def run() -> list[Any]:
        caller = Caller(writer.write)
        left = asyncio.Event()
        running = asyncio.ensure_future(caller.ask("/api/v1/reports/all", leaves=left))
        await until(lambda: writer.begun)
        queued = asyncio.ensure_future(caller.ask("/api/v1/reports/shop", leaves=left))
        shared = asyncio.ensure_future(caller.ask("/api/v1/reports/migration", leaves=left))
        staying = [asyncio.ensure_future(caller.ask(f"/api/v1/reports/{name}")) for name in ("migration", "services")]
        await asyncio.sleep(0)
        left.set()
        await asyncio.gather(running, queued, shared)
        writer.go.set()
        return await asyncio.gather(*staying)

    assert [status for status, _, _ in asyncio.run(run())] == [200, 200]
    assert writer.begun == ["all", "migration", "services"]
