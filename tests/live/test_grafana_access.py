"""`access:` of a project on a real Grafana: what each user sees and saves, signed in as that user.

As in `test_grafana.py`, the test is skipped where Grafana is not installed.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import requests

from deckwatch.core import yaml_file
from deckwatch.core.project import FILE, Project
from deckwatch.provisioning.servers import GRAFANA, HOW_TO_GET, admin_password, installed_path
from deckwatch.provisioning.up import LocalStack

pytestmark = [pytest.mark.live, pytest.mark.slow]

DECKWATCH = Path(sys.executable).with_name("deckwatch")
PASSWORD = "local-only"
BUILD = "build: {include: [dashboards/]}\n"
ACCESS = """\
access:
  roles: {ann@shop.example: operator, bob@shop.example: viewer}
  teams: {shop: [bob@shop.example]}
  folders:
    Operations: {view: [viewer, operator]}
    Development: {view: [shop]}
    Playground: {edit: [viewer, operator], copies: true}
"""
DASHBOARD = """\
dashboard: {title}
folder: {folder}
about: Is it running?
rows: [[{{stat: up, title: Up, description: Whether it answers.}}]]
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory, need):
    need.luck(installed_path(GRAFANA), f"grafana is not installed; {HOW_TO_GET[GRAFANA]}")
    folder = tmp_path_factory.mktemp("grafana")
    (folder / "project" / "dashboards").mkdir(parents=True)
    (folder / "project" / FILE).write_text(BUILD)
    project = Project(folder / "project", yaml_file.parse_yaml(BUILD, FILE))
    with LocalStack(project, folder / "state", programs=(GRAFANA,), every="1s", ports={}) as running:
        yield running


@pytest.fixture(scope="module")
def request_as(stack):
    """A function that sends a request as a user, such as admin."""

    def send(user, method, path, **more):
        password = admin_password(stack.site).read_text().strip() if user == "admin" else PASSWORD
        return requests.request(method, stack.url(GRAFANA) + path, auth=(user, password), timeout=30, **more)

    return send


@pytest.fixture(scope="module")
def pushed(stack, request_as, tmp_path_factory):
    """A function that pushes the project, after its users have been created; returns what was printed."""
    for name in ("ann", "bob", "eve"):
        user = {"name": name, "login": name, "email": f"{name}@shop.example", "password": PASSWORD}
        assert request_as("admin", "POST", "/api/admin/users", json=user).status_code == 200
    project = tmp_path_factory.mktemp("project")
    (project / FILE).write_text(BUILD + ACCESS)
    (project / "dashboards").mkdir()
    for name, folder in {"hosts": "Operations", "builds": "Development"}.items():
        text = DASHBOARD.format(title=name.title(), folder=folder)
        (project / "dashboards" / f"shop-{name}.yaml").write_text(text)

    def push(*words, code=0):
        login = ["--user", "admin", "--password-file", str(admin_password(stack.site))]
        argv = [str(DECKWATCH), "--project", str(project), "grafana", "push", "--url", stack.url(GRAFANA), *login]
        done = subprocess.run([*argv, *words], capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    push()
    return push


def list_dashboards(request_as, user):
    return {one["uid"] for one in request_as(user, "GET", "/api/search?type=dash-db").json()}


def test_a_second_push_changes_no_access(pushed):
    assert [line for line in pushed("--dry-run").splitlines() if line.startswith(("user", "team", "folder"))] == []


def test_a_folder_is_seen_by_its_team_only(request_as, pushed):
    assert {"shop-hosts", "shop-builds"} <= list_dashboards(request_as, "bob")
    assert "shop-builds" not in list_dashboards(request_as, "eve")
    assert request_as("eve", "GET", "/api/dashboards/uid/shop-builds").status_code == 403
    assert "shop-hosts" in list_dashboards(request_as, "eve")


@pytest.mark.parametrize("user", ["ann", "bob"])
def test_nobody_saves_the_dashboards_of_the_project(request_as, pushed, user):
    found = request_as(user, "GET", "/api/dashboards/uid/shop-hosts").json()
    assert found["meta"]["canSave"] is False
    body = {"dashboard": found["dashboard"], "folderUid": found["meta"]["folderUid"]}
    assert request_as(user, "POST", "/api/dashboards/db", json=body).status_code == 403


@pytest.mark.parametrize("user", ["ann", "bob"])
def test_everybody_saves_copies_where_they_are_kept(request_as, pushed, user):
    folders = request_as(user, "GET", "/api/search?type=dash-folder").json()
    (folder,) = [one["uid"] for one in folders if one["title"] == "Playground"]
    body = {"dashboard": {"title": f"Copy of {user}", "uid": f"copy-{user}", "panels": []}, "folderUid": folder}
    assert request_as(user, "POST", "/api/dashboards/db", json=body).status_code == 200
    pushed()
    assert f"copy-{user}" in list_dashboards(request_as, user)


def test_an_operator_is_an_editor_who_may_silence(request_as, pushed):
    roles = {one["login"]: one["role"] for one in request_as("admin", "GET", "/api/org/users").json()}
    assert (roles["ann"], roles["bob"]) == ("Editor", "Viewer")
    found = {user: request_as(user, "GET", "/api/access-control/user/permissions").json() for user in ("ann", "bob")}
    silences = "alert.instances.external:write"
    assert silences in found["ann"]
    assert silences not in found["bob"]
