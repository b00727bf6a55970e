"""A Grafana that is down, slow, old, closed, behind a login page, or fails halfway: one sentence each.

The server here imitates a broken Grafana; a working one is tested live.
"""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from deckwatch.core.problems import DeckwatchError
from deckwatch.provisioning.comparison import GeneratedDashboard
from deckwatch.provisioning.grafana_login import TOKEN, connect_grafana
from deckwatch.provisioning.push import push_dashboards
from deckwatch.provisioning.version_message import MARK

HEALTH = {"database": "ok", "version": "10.4.3"}
SECRET = "glsa_verysecret"


def generated(uid, title="Shop"):
    return GeneratedDashboard({"uid": uid, "title": title, "panels": []}, "operations", "Operations")


def stored(uid, title="Shop", version=3, **meta):
    model = {"uid": uid, "title": title, "panels": [], "id": 1, "version": version}
    return {"dashboard": model, "meta": {"folderUid": "operations", "folderTitle": "Operations", **meta}}


@contextmanager
def server(answers, *, delay=0.0):
    """Serve answers by "METHOD path": JSON, an HTTP status, or a list of these for consecutive requests."""
    posted = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            time.sleep(delay)
            key = f"{self.command} {self.path.partition('?')[0]}"
            answer = answers.get(key, 404)
            if isinstance(answer, list):
                answer = answer.pop(0)
            status, body = (
                (answer, "moved" if answer == 302 else {"message": "reason"})
                if isinstance(answer, int)
                else (200, answer)
            )
            length = int(self.headers.get("Content-Length") or 0)
            if length:
                posted.append((self.path, json.loads(self.rfile.read(length))))
            data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/html" if isinstance(body, str) else "application/json")
            self.send_header("Content-Length", str(len(data)))
            if status == 302:
                self.send_header("Location", "/login")
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_GET  # noqa: N815 - http.server's name

        def log_message(self, *_):
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{running.server_address[1]}", posted
    finally:
        running.shutdown()
        running.server_close()


@pytest.fixture
def token(tmp_path):
    path = tmp_path / "token"
    path.write_text(SECRET + "\n")
    return path


def assert_error(answers, token, *, match, delay=0.0, seconds=15.0):
    with server(answers, delay=delay) as (url, posted):
        with pytest.raises(DeckwatchError, match=match) as error:
            connect_grafana(url, token_file=token, seconds=seconds).compare_dashboards([generated("a")])
        assert SECRET not in str(error.value)
        assert "\n" not in str(error.value)
        assert posted == []


def test_down(token):
    with pytest.raises(DeckwatchError, match="does not answer: connection refused"):
        connect_grafana("http://127.0.0.1:9", token_file=token, seconds=1)


def test_slow(token):
    assert_error({"GET /api/health": HEALTH}, token, match="does not answer: it timed out", delay=0.6, seconds=0.2)


@pytest.mark.parametrize("version", ["9.5.2", "10.3.9", "10.0.0-pre"])
def test_too_old(token, version):
    assert_error(
        {"GET /api/health": {"version": version}}, token, match=f"is Grafana {version}; the oldest supported is 10.4"
    )


def test_a_hidden_version_is_read_from_the_frontend_settings(token):
    answers = {"GET /api/health": {"database": "ok"}, "GET /api/frontend/settings": {"buildInfo": {"version": "9.1.0"}}}
    assert_error(answers, token, match="is Grafana 9.1.0")


def test_unknown_token_and_missing_permission(token):
    assert_error(
        {"GET /api/health": HEALTH, "GET /api/user": 401}, token, match=r"rejects the token or password \(401\)$"
    )
    answers = {"GET /api/health": HEALTH, "GET /api/dashboards/uid/a": 403}
    assert_error(answers, token, match=r"does not grant the permission for this request \(403\)$")


@pytest.mark.parametrize("page", ["<html><body>Log in</body></html>", 302, []])
def test_a_page_instead_of_the_api(token, page):
    assert_error(
        {"GET /api/health": page if page != [] else ["<html>"]},
        token,
        match="answers with a web page, not Grafana's API",
    )


def test_a_page_instead_of_a_dashboard(token):
    assert_error(
        {"GET /api/health": HEALTH, "GET /api/dashboards/uid/a": "<html>"}, token, match="answers with a web page"
    )


def test_a_server_error_is_reported(token):
    assert_error({"GET /api/health": HEALTH, "GET /api/dashboards/uid/a": 503}, token, match="says 503: reason")


def test_nothing_is_saved_if_one_dashboard_was_changed_by_hand(token):
    answers = {
        "GET /api/health": HEALTH,
        "GET /api/dashboards/uid/b": stored("b", "Mine", updatedBy="ann"),
        "GET /api/dashboards/uid/b/versions": [{"version": 3, "parentVersion": 2, "message": "tuned"}],
    }
    with server(answers) as (url, posted), connect_grafana(url, token_file=token) as grafana:
        comparisons = grafana.compare_dashboards([generated("a"), generated("b")])
        assert [one.state for one in comparisons] == ["new", "changed by hand"]
        with pytest.raises(DeckwatchError, match=r"changed by hand: b \(by ann\); nothing was saved"):
            push_dashboards(grafana, comparisons, "x")
        assert posted == []


def test_a_failure_halfway_lists_what_is_saved_and_what_is_not(token):
    answers = {
        "GET /api/health": HEALTH,
        "GET /api/folders/operations": {"uid": "operations"},
        "GET /api/dashboards/uid/b": stored("b", "Old"),
        "GET /api/dashboards/uid/b/versions": {
            "versions": [{"version": 3, "parentVersion": 2, "message": f"x {MARK}"}]
        },
        "POST /api/dashboards/db": [{"status": "success"}, 500],
    }
    with server(answers) as (url, posted), connect_grafana(url, token_file=token) as grafana:
        comparisons = grafana.compare_dashboards([generated("a"), generated("b"), generated("c")])
        assert [one.state for one in comparisons] == ["new", "changed by us", "new"]
        with pytest.raises(DeckwatchError, match=r"says 500: reason; saved: a; not saved: b, c$"):
            push_dashboards(grafana, comparisons, "words")
        (_, first), (_, second) = posted
        assert (first["message"], first["overwrite"], first["folderUid"]) == (f"words {MARK}", False, "operations")
        assert (first["dashboard"]["version"], second["dashboard"]["version"]) == (0, 3)


def test_saved_by_someone_else_meanwhile(token):
    answers = {
        "GET /api/health": HEALTH,
        "GET /api/folders/operations": {"uid": "operations"},
        "POST /api/dashboards/db": 412,
    }
    with server(answers) as (url, _), connect_grafana(url, token_file=token) as grafana:
        comparisons = grafana.compare_dashboards([generated("a")])
        with pytest.raises(DeckwatchError, match="a was changed by someone else meanwhile"):
            push_dashboards(grafana, comparisons, "")


def test_a_folder_is_found_by_title_or_created_and_a_given_folder_must_exist(token):
    answers = {
        "GET /api/health": HEALTH,
        "GET /api/folders": [[{"uid": "abc", "title": "Operations"}], [], []],
        "POST /api/folders": {"uid": "operations"},
    }
    with server(answers) as (url, posted), connect_grafana(url, token_file=token) as grafana:
        assert grafana.ensure_folder("operations", "Operations", create=True) == "abc"
        assert grafana.ensure_folder("operations", "Operations", create=True) == "operations"
        assert posted == [("/api/folders", {"uid": "operations", "title": "Operations"})]
        with pytest.raises(DeckwatchError, match="has no folder gone"):
            grafana.ensure_folder("gone", "gone", create=False)


def test_a_second_push_to_a_given_folder_changes_nothing(token):
    mine = stored("a", folderUid="mine", folderTitle="My folder")
    answers = {
        "GET /api/health": HEALTH,
        "GET /api/folders/mine": {"uid": "mine"},
        "GET /api/dashboards/uid/a": [stored("a"), mine, mine],
        "GET /api/dashboards/uid/a/versions": {
            "versions": [{"version": 3, "parentVersion": 2, "message": f"x {MARK}"}]
        },
        "POST /api/dashboards/db": {"status": "success"},
    }
    with server(answers) as (url, posted), connect_grafana(url, token_file=token) as grafana:
        (first,) = grafana.compare_dashboards([generated("a")], folder="mine")
        assert (first.state, first.lines) == ("changed by us", ["folder Operations → mine"])
        push_dashboards(grafana, [first], "", folder="mine")
        assert [body["folderUid"] for _, body in posted] == ["mine"]
        (second,) = grafana.compare_dashboards([generated("a")], folder="mine")
        assert (second.state, second.lines) == ("same", [])
        (elsewhere,) = grafana.compare_dashboards([generated("a")])
        assert elsewhere.lines == ["folder My folder → Operations"]


@pytest.mark.parametrize(
    ("layout", "lines"),
    [
        ({"spec": {"layout": {"tabs": [{"kind": "TabsLayoutTab", "spec": {"title": "One"}}]}}}, ["tabs One → rows"]),
        ({"spec": {"layout": {"kind": "RowsLayout"}}}, []),
        (403, ["layout of Grafana's v2beta1 schema → rows"]),
    ],
)
def test_tabs_in_a_dashboard_of_the_second_schema_are_reported(token, layout, lines):
    answers = {
        "GET /api/health": HEALTH,
        "GET /api/dashboards/uid/a": stored("a", apiVersion="v2beta1", orgId=7, updatedBy="ann"),
        "GET /api/dashboards/uid/a/versions": [{"version": 3, "parentVersion": 2, "message": "tabs"}],
        "GET /apis/dashboard.grafana.app/v2beta1/namespaces/org-7/dashboards/a": layout,
    }
    with server(answers) as (url, _), connect_grafana(url, token_file=token) as grafana:
        (found,) = grafana.compare_dashboards([generated("a")])
        assert (found.state, found.lines) == ("changed by hand" if lines else "same", lines)


@pytest.mark.parametrize("text", ["", "two\nlines\n", "\N{EURO SIGN}\n"])
def test_a_file_without_a_token_is_reported_without_its_content(tmp_path, text):
    (tmp_path / "token").write_text(text)
    with pytest.raises(DeckwatchError, match="does not hold a token or password") as error:
        connect_grafana("http://127.0.0.1:9", token_file=tmp_path / "token")
    assert "two" not in str(error.value)


def test_a_token_from_the_environment_is_sent_with_each_request(monkeypatch):
    seen = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append(self.headers["Authorization"])
            data = json.dumps(HEALTH).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    monkeypatch.setenv(TOKEN, SECRET)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        connect_grafana(f"http://127.0.0.1:{running.server_address[1]}")
        running.shutdown()
    assert set(seen) == {f"Bearer {SECRET}"}
