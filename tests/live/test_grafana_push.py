"""`deckwatch grafana` and a real Grafana: silent after provisioning, saves ours, and leaves alone what people changed.

As in `test_grafana.py`, the test is skipped where Grafana is not installed.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deckwatch.core.problems import DeckwatchError
from deckwatch.core.project import Project
from deckwatch.provisioning import push as work
from deckwatch.provisioning import stack as bundles
from deckwatch.provisioning.grafana_login import connect_grafana
from deckwatch.provisioning.servers import GRAFANA, HOW_TO_GET, admin_password, installed_path
from deckwatch.provisioning.up import LocalStack
from deckwatch.provisioning.version_message import MARK

pytestmark = [pytest.mark.live, pytest.mark.slow]

SHOP = """dashboard: Web shop
folder: Operations
about: Is the shop selling?
rows:
  - - {lines: node_load1, title: Load, description: Processes that wait., unit: short}
    - {stat: up, title: Up, description: Whether it answers.}
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory, need):
    need.luck(installed_path(GRAFANA), f"grafana is not installed; {HOW_TO_GET[GRAFANA]}")
    folder = tmp_path_factory.mktemp("grafana")
    (folder / "project").mkdir()
    with LocalStack(
        Project(folder / "project"), folder / "state", programs=(GRAFANA,), every="1s", ports={}
    ) as running:
        yield running


@pytest.fixture(scope="module")
def login(stack):
    return {"user": "admin", "password_file": admin_password(stack.site)}


@pytest.fixture
def grafana(stack, login):
    with connect_grafana(stack.url(GRAFANA), **login) as found:
        yield found


@pytest.fixture
def project(tmp_path, grafana):
    (tmp_path / "deckwatch.yaml").write_text("build: {include: [dashboards/]}\n")
    (tmp_path / "dashboards").mkdir()
    (tmp_path / "dashboards" / "web-shop.yaml").write_text(SHOP)
    yield tmp_path
    with contextlib.suppress(DeckwatchError):  # a test may not have saved it
        grafana._send_request("DELETE", "/api/dashboards/uid/web-shop")


@pytest.fixture
def run(stack, login, project):
    def command(*words, code=0, folder=project, uid="web-shop"):
        words = (*words, uid) if words[0] in ("diff", "push") else words
        options = ["--url", stack.url(GRAFANA), "--user", login["user"], "--password-file", str(login["password_file"])]
        argv = [str(Path(sys.executable).with_name("deckwatch")), "--project", str(folder), "grafana", *words, *options]
        done = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=60)
        assert "Traceback" not in done.stderr, done.stderr[-900:]
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    return command


def theirs(grafana):
    return grafana.get_dashboard("web-shop")


def by_hand(grafana, change):
    """Save a dashboard as Grafana's own page does."""
    model = theirs(grafana)["dashboard"]
    change(model)
    folder = theirs(grafana)["meta"]["folderUid"]
    grafana._send_request(
        "POST", "/api/dashboards/db", json={"dashboard": model, "folderUid": folder, "message": "mine"}
    )


def wider(model):
    model["panels"][0]["title"] = "Load, mine"


def test_after_provisioning_nothing_differs(grafana, stack):
    ours = work.generated_dashboards(bundles.build(Project(stack.site.project), bundles.Options(every="1s")).plan)
    deadline = time.monotonic() + 60
    found = grafana.compare_dashboards(ours)
    while any(one.state == "new" for one in found):
        assert time.monotonic() < deadline, "not all dashboards were read"
        time.sleep(0.5)
        found = grafana.compare_dashboards(ours)
    assert [(one.generated.uid, one.state, one.lines) for one in found if one.state != "same"] == []
    assert len(found) >= 5


def test_new_same_changed_by_us(run, grafana, project):
    assert "web-shop: new" in run("diff", code=1)
    assert "saved web-shop" in run("push", "--message", "first")
    assert theirs(grafana)["meta"]["folderTitle"] == "Operations"
    assert grafana._last_message("web-shop") == f"first {MARK}"
    assert run("diff").strip() == "web-shop: same"
    version = theirs(grafana)["dashboard"]["version"]
    run("push")
    assert theirs(grafana)["dashboard"]["version"] == version  # nothing differs, nothing is saved
    (project / "dashboards" / "web-shop.yaml").write_text(SHOP.replace("unit: short", "unit: none"))
    output = run("diff", code=1)
    assert "web-shop: changed by us" in output
    assert "panel Load: unit short → none" in output
    assert "changed by us" in run("push", "--dry-run")
    assert theirs(grafana)["dashboard"]["version"] == version
    run("push")
    assert theirs(grafana)["dashboard"]["version"] == version + 1
    assert run("diff").strip() == "web-shop: same"


def test_what_somebody_changed_is_left_alone(run, grafana):
    run("push")
    by_hand(grafana, wider)
    output = run("diff", code=1)
    assert "web-shop: changed by hand by admin" in output
    assert "panel Load: title Load, mine → Load" in output
    output = run("push", code=1)
    assert "changed by hand: web-shop (by admin); nothing was saved (--force overwrites)" in output
    assert theirs(grafana)["dashboard"]["panels"][0]["title"] == "Load, mine"
    assert "saved web-shop" in run("push", "--force")
    assert theirs(grafana)["dashboard"]["panels"][0]["title"] == "Load"
    assert run("diff").strip() == "web-shop: same"


def test_what_somebody_changes_meanwhile_is_left_alone(run, grafana, project):
    run("push")
    (project / "dashboards" / "web-shop.yaml").write_text(SHOP.replace("unit: short", "unit: none"))
    found = grafana.compare_dashboards(work.generated_dashboards(bundles.build(loaded(project)).plan))
    by_hand(grafana, wider)
    with pytest.raises(DeckwatchError, match="was changed by someone else meanwhile"):
        work.push_dashboards(grafana, [one for one in found if one.generated.uid == "web-shop"], "late")
    assert theirs(grafana)["dashboard"]["panels"][0]["title"] == "Load, mine"


def loaded(folder):
    from deckwatch.cli import _project

    return _project.load_project(folder)


def test_what_is_provisioned_takes_no_other(run, grafana, tmp_path):
    folder = tmp_path / "another"
    folder.mkdir()
    (folder / "deckwatch.yaml").write_text("build: {include: [dashboards/]}\n")
    (folder / "dashboards").mkdir()
    (folder / "dashboards" / "host.yaml").write_text(SHOP)
    assert "provisioned from files, so Grafana rejects other changes" in run("push", code=1, folder=folder, uid="host")
    assert grafana.get_dashboard("host")["dashboard"]["title"] != "Web shop"


def test_a_folder_that_is_named_must_be_there(run, grafana):
    assert "has no folder nowhere" in run("push", "--folder", "nowhere", code=1)
    grafana._send_request("POST", "/api/folders", json={"uid": "here", "title": "Here"})
    run("push", "--folder", "here")
    assert theirs(grafana)["meta"]["folderUid"] == "here"
    version = theirs(grafana)["dashboard"]["version"]
    assert "web-shop: same" in run("push", "--folder", "here")
    assert theirs(grafana)["dashboard"]["version"] == version


def test_secrets_that_are_refused_are_not_shown(stack, tmp_path):
    wrong = tmp_path / "password"
    wrong.write_text("notknownhere\n")
    with pytest.raises(DeckwatchError, match=r"rejects the token or password \(401\)") as output:
        connect_grafana(stack.url(GRAFANA), user="admin", password_file=wrong)
    assert "notknownhere" not in str(output.value)
    wrong.write_text("glsa_notknownhere")
    with pytest.raises(DeckwatchError, match=r"rejects the token or password \(401\)"):
        connect_grafana(stack.url(GRAFANA), token_file=wrong)
    with (
        connect_grafana(stack.url(GRAFANA)) as nobody,
        pytest.raises(DeckwatchError, match=r"does not grant the permission for this request \(403\)|401"),
    ):
        nobody.ensure_folder("new", "New", create=True)


def test_a_dashboard_is_imported_by_its_uid(run, project, grafana):
    run("push")
    (project / "dashboards" / "web-shop.yaml").unlink()
    output = run("import", "web-shop")
    assert "web-shop.yaml" in output
    assert run("diff").strip() == "web-shop: same"


def test_a_service_account_lets_us_in(stack, grafana, project, tmp_path):
    account = grafana._send_request("POST", "/api/serviceaccounts", json={"name": "deckwatch", "role": "Editor"})
    token = grafana._send_request("POST", f"/api/serviceaccounts/{account['id']}/tokens", json={"name": "push"})
    (tmp_path / "token").write_text(token["key"] + "\n")
    ours = [one for one in work.generated_dashboards(bundles.build(loaded(project)).plan) if one.uid == "web-shop"]
    with connect_grafana(stack.url(GRAFANA), token_file=tmp_path / "token") as editor:
        work.push_dashboards(editor, editor.compare_dashboards(ours), "by a token")
        assert [one.state for one in editor.compare_dashboards(ours)] == ["same"]


def test_a_deployment_is_an_annotation_with_the_tag_that_panels_select(stack, grafana, tmp_path):
    account = grafana._send_request("POST", "/api/serviceaccounts", json={"name": "ci", "role": "Editor"})
    token = grafana._send_request("POST", f"/api/serviceaccounts/{account['id']}/tokens", json={"name": "deploy"})
    (tmp_path / "token").write_text(token["key"] + "\n")
    words = ["collect", "deploy", "--service", "shop", "--version", "1.4.2", "--at", "2026-10-25T14:30+02:00"]
    words += ["--grafana", stack.url(GRAFANA), "--token-file", tmp_path / "token", "--textfile", tmp_path]
    subprocess.run([Path(sys.executable).with_name("deckwatch"), *words], check=True, capture_output=True)
    (found,) = grafana._send_request("GET", "/api/annotations", params={"tags": "deploy"}, kind=list)
    assert (found["text"], found["tags"], found["time"]) == ("shop 1.4.2", ["deploy", "shop"], 1792931400_000)


TABS = """dashboard: Web shop
folder: Operations
about: Is the shop selling?
tabs:
  - tab: Sales
    rows: [[{lines: node_load1, title: Load, description: Processes that wait., unit: short}]]
  - tab: Machine
    rows: [{row: Grid, per_row: 2, panels: [{stat: up, title: Up, description: Whether it answers.}]}]
"""


def test_a_dashboard_in_the_v2_schema_keeps_it(run, grafana, project, need):
    resources = grafana.find_resources()
    need.luck(resources is not None and resources.has_schema("v2"), "Grafana 13 or newer")
    (project / "dashboards" / "web-shop.yaml").write_text(TABS)
    run("push", "--schema", "v2")
    assert run("diff").strip() == "web-shop: same"
    stored = resources.find_dashboard("web-shop")
    assert (stored.schema, stored.spec["layout"]["kind"]) == ("v2", "TabsLayout")
    run("push")
    assert resources.find_dashboard("web-shop").metadata["generation"] == stored.metadata["generation"]
    stored.spec["layout"]["spec"]["tabs"][0]["spec"]["title"] = "Selling"
    resources.update_dashboard(stored, stored.spec, stored.folder, "mine")
    output = run("diff", code=1)
    assert "web-shop: changed by hand" in output
    assert "- tab Selling" in output
    assert "nothing was saved" in run("push", code=1)
    run("push", "--force")
    assert resources.find_dashboard("web-shop").schema == "v2"
    assert run("diff").strip() == "web-shop: same"
