"""Roles, teams and folders in Grafana from YAML.

The server here answers those requests of Grafana's API that are used, from its documentation, and keeps what they
set. It is no proof of what Grafana does with them.
"""

from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from click.testing import CliRunner

from deckwatch.cli.main import deckwatch
from deckwatch.core import plugins, project
from deckwatch.core.problems import InvalidInput
from deckwatch.provisioning import check_project

TEXT = """\
build: {include: [dashboards/]}
metrics: {up: {kind: gauge, labels: [instance]}}
access:
  roles: {ann: operator, Bob@shop.example: viewer, eve: admin, nobody: viewer}
  teams: {shop: [ann, bob], oncall: []}
  folders:
    Shop: {view: [shop], edit: [oncall]}
    Playground: {edit: [viewer, operator], copies: true}
"""
DASHBOARD = "dashboard: Sales\nfolder: Shop\nrows:\n  - - {stat: up, title: Now, description: Now.}\n"
USERS = [
    {"userId": 1, "login": "ann", "email": "", "role": "Viewer"},
    {"userId": 2, "login": "bob", "email": "bob@shop.example", "role": "Viewer"},
    {"userId": 3, "login": "eve", "email": "", "role": "Viewer"},
]
VERSION = {"version": 2, "parentVersion": 1, "message": "(deckwatch)"}


class Server:
    """A Grafana's users, teams and folders behind its HTTP API."""

    def __init__(self):
        self.users = [dict(user) for user in USERS]
        self.teams = {"shop": 7}
        self.members = {7: {3}}
        self.folders = {}
        self.dashboards = {}
        self.sources = {}
        self.writes = []

    def answer(self, method, path, body):
        if method != "GET":
            self.writes.append(f"{method} {path}")
        routes = (
            ("GET", "/api/health", lambda: {"version": "10.4.3"}),
            ("GET", "/api/user", dict),
            ("GET", "/api/org/users", lambda: self.users),
            ("PATCH", r"/api/org/users/(\d+)", lambda number: self.users[int(number) - 1].update(body) or {}),
            (
                "GET",
                "/api/teams/search",
                lambda: {"teams": [{"id": n, "name": name} for name, n in self.teams.items()]},
            ),
            ("POST", "/api/teams", lambda: {"teamId": self.teams.setdefault(body["name"], 8)}),
            ("GET", r"/api/teams/(\d+)/members", self.list_members),
            ("POST", r"/api/teams/(\d+)/members", lambda team: self.members[int(team)].add(body["userId"]) or {}),
            (
                "DELETE",
                r"/api/teams/(\d+)/members/(\d+)",
                lambda team, user: self.members[int(team)].discard(int(user)) or {},
            ),
            ("GET", "/api/folders", lambda: [{"uid": uid, "title": uid.title()} for uid in self.folders]),
            (
                "POST",
                "/api/folders",
                lambda: self.folders.setdefault(body["uid"], [{"role": "Viewer", "permission": 1}]) and body,
            ),
            ("GET", r"/api/folders/([\w-]+)", lambda uid: {"uid": uid} if uid in self.folders else None),
            ("GET", r"/api/folders/([\w-]+)/permissions", lambda uid: self.folders[uid]),
            ("POST", r"/api/folders/([\w-]+)/permissions", lambda uid: self.set_permissions(uid, body["items"])),
            ("GET", r"/api/dashboards/uid/([\w-]+)", self.dashboards.get),
            ("GET", r"/api/datasources/uid/([\w-]+)", self.sources.get),
            ("POST", "/api/datasources", lambda: self.sources.update({body["uid"]: body}) or {}),
            ("PUT", r"/api/datasources/uid/([\w-]+)", lambda uid: self.sources.update({uid: body}) or {}),
            ("GET", r"/api/dashboards/uid/[\w-]+/versions", lambda: {"versions": [VERSION]}),
            ("POST", "/api/dashboards/db", lambda: self.save_dashboard(body["dashboard"], body["folderUid"])),
        )
        for wanted, pattern, function in routes:
            match = re.fullmatch(pattern, path)
            if method == wanted and match:
                return function(*match.groups())
        return None

    def save_dashboard(self, model, folder):
        self.dashboards[model["uid"]] = {"dashboard": model, "meta": {"folderUid": folder}}
        return {}

    def list_members(self, team):
        return [{"userId": n, "login": self.users[n - 1]["login"]} for n in self.members.setdefault(int(team), set())]

    def set_permissions(self, uid, items):
        names = {number: name for name, number in self.teams.items()}
        self.folders[uid] = [
            {**item, **({"team": names[item["teamId"]]} if "teamId" in item else {})} for item in items
        ] + [{"role": "Admin", "permission": 4}]
        return {}


@pytest.fixture
def grafana():
    """Return the state of a running server with its `url`."""
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            found = state.answer(self.command, self.path.partition("?")[0], body)
            data = json.dumps({"message": "not found"} if found is None else found).encode()
            self.send_response(404 if found is None else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_PATCH = do_DELETE = do_PUT = do_GET  # noqa: N815 - names of the standard library

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    state.url = f"http://127.0.0.1:{server.server_port}"
    yield state
    server.shutdown()
    server.server_close()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / project.FILE).write_text(TEXT)
    (tmp_path / "dashboards").mkdir()
    (tmp_path / "dashboards" / "sales.yaml").write_text(DASHBOARD)
    return tmp_path


def push(folder, grafana, *arguments):
    command = ["--project", str(folder), "grafana", "push", "--url", grafana.url, *arguments]
    result = CliRunner().invoke(deckwatch, command, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output.splitlines()


STEPS = [
    "user ann: operator",
    "user eve: admin",
    "user nobody: has not signed in yet, so has no role",
    "team shop: + ann",
    "team shop: + bob",
    "team shop: - eve",
    "team oncall: new",
    "folder Shop: new, oncall edit, shop view",
    "folder Playground: new, Editor edit, Viewer edit",
]


def test_a_push_applies_what_differs_once(folder, grafana) -> None:
    assert [line for line in push(folder, grafana, "--dry-run") if line in STEPS] == STEPS
    assert not grafana.writes
    assert [line for line in push(folder, grafana) if line in STEPS] == STEPS
    assert [user["role"] for user in grafana.users] == ["Editor", "Viewer", "Admin"]
    assert grafana.members[7] == {1, 2}
    permissions = {
        uid: {(item.get("team") or item["role"], item["permission"]) for item in items}
        for uid, items in grafana.folders.items()
        if uid in ("shop", "playground")
    }
    assert permissions == {
        "shop": {("shop", 1), ("oncall", 2), ("Admin", 4)},
        "playground": {("Viewer", 2), ("Editor", 2), ("Admin", 4)},
    }
    assert grafana.folders["operations"] == [{"role": "Viewer", "permission": 1}], "the project does not name it"
    before = grafana.writes.index("POST /api/folders/shop/permissions")
    assert before < grafana.writes.index("POST /api/dashboards/db"), "a new dashboard was visible to everybody"
    grafana.writes.clear()
    assert [line for line in push(folder, grafana, "sales", "--dry-run") if line in STEPS] == []
    assert [line for line in push(folder, grafana, "--dry-run") if line in STEPS] == [STEPS[2]]
    assert not grafana.writes


def test_unknown_teams_and_folders_are_reported_with_positions(folder) -> None:
    text = TEXT.replace(
        "Shop: {view: [shop], edit: [oncall]}", "Shpo: {view: [shopp, admin]}\n    Shop: {copies: true}"
    )
    (folder / project.FILE).write_text(text)
    with pytest.raises(InvalidInput) as error:
        check_project.check_project(project.load_project(folder, plugins.schema_fragments()))
    assert [(problem.place.line, problem.place.column, problem.message) for problem in error.value.problems] == [
        (7, 5, "no dashboard is in a folder Shpo"),
        (7, 19, "unknown team shopp"),
        (7, 26, "administrators may do everything anyway"),
        (8, 12, "dashboards of the project are in Shop: a push would overwrite what users change there"),
    ]


def test_a_tenants_organization_gets_its_data_source(folder, grafana, monkeypatch) -> None:
    text = "addresses: {internal: {prometheus: 'http://${TENANT}-proxy:8080'}}\naccess: {data_source: true}\n"
    (folder / project.FILE).write_text(TEXT.partition("access:")[0] + text)
    uid = "deckwatch-prometheus"
    for tenant, line in (("acme", "data source Prometheus: new, "), ("umbrella", "data source Prometheus: ")):
        monkeypatch.setenv("TENANT", tenant)
        assert f"{line}http://{tenant}-proxy:8080" in push(folder, grafana)
        assert grafana.sources[uid]["url"] == f"http://{tenant}-proxy:8080"
    grafana.writes.clear()
    assert not [line for line in push(folder, grafana) if line.startswith("data source")]
    grafana.sources[uid] |= {"readOnly": True, "url": "http://other"}
    assert any("but it is provisioned from a file" in line for line in push(folder, grafana))
    assert not grafana.writes


def test_a_data_source_needs_its_address(folder) -> None:
    (folder / project.FILE).write_text(TEXT + "  data_source: true\n")
    with pytest.raises(InvalidInput, match=r"deckwatch\.yaml:9:3: error: the address of the data source is missing"):
        check_project.check_project(project.load_project(folder, plugins.schema_fragments()))
