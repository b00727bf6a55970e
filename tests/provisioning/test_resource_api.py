"""The wire format of Grafana's API of resources: paths, bodies, versions and conflicts.

The server in `tests/fixtures` keeps what is sent as Grafana documents it; how a real one stores it is for `tests/live`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from deckwatch.core.problems import DeckwatchError
from deckwatch.dashboards.schema_v2 import convert_to_v2
from deckwatch.provisioning.comparison import GeneratedDashboard
from deckwatch.provisioning.push import push_dashboards
from deckwatch.provisioning.version_message import MARK
from tests.fixtures.resource_server import API, ResourceStore

MODEL = {
    "uid": "shop",
    "title": "Shop",
    "schemaVersion": 42,
    "panels": [
        {
            "id": 1,
            "type": "stat",
            "title": "Up",
            "gridPos": {"x": 0, "y": 0, "w": 12, "h": 8},
            "targets": [{"refId": "A", "expr": "up"}],
        }
    ],
}
GRID = convert_to_v2(MODEL).model
TABS = {
    **GRID,
    "layout": {
        "kind": "TabsLayout",
        "spec": {"tabs": [{"kind": "TabsLayoutTab", "spec": {"title": "Sales", "layout": GRID["layout"]}}]},
    },
}


def generated(model=MODEL, v2=GRID):
    return GeneratedDashboard(model, "operations", "Operations", v2)


def push(grafana, dashboard, **options):
    comparisons = grafana.compare_dashboards([dashboard])
    push_dashboards(grafana, comparisons, "why", **options)
    return comparisons[0]


ALL = ["v2", "v1", "v1beta1", "v2beta1"]


@pytest.mark.parametrize(("schema", "version"), [(None, "v1"), ("classic", "v1"), ("v2", "v2")])
def test_a_new_dashboard_is_created_with_its_folder_and_its_manager(serve_resources, schema, version):
    store = ResourceStore(ALL)
    with serve_resources(store) as grafana:
        assert push(grafana, generated(), schema=schema).state == "new"
        assert grafana.compare_dashboards([generated()])[0].state == "same"
    method, path, body = store.requests[-1]
    assert (method, path) == ("POST", f"{API}/{version}/namespaces/org-7/dashboards")
    assert (body["apiVersion"], body["kind"]) == (f"dashboard.grafana.app/{version}", "Dashboard")
    assert body["metadata"] == {
        "name": "shop",
        "namespace": "org-7",
        "annotations": {
            "grafana.app/folder": "operations",
            "grafana.app/message": f"why {MARK}",
            "deckwatch-generation": "1",
            "grafana.app/managedBy": "kubectl",
            "grafana.app/managerId": "deckwatch",
            "grafana.app/managerAllowsEdits": "true",
        },
    }
    assert ("uid" in body["spec"], "panels" in body["spec"]) == (False, version == "v1")


def test_a_missing_dashboard_may_be_an_error_of_the_server(serve_resources):
    store = ResourceStore(ALL)
    store.missing = 500
    with serve_resources(store) as grafana:
        assert push(grafana, generated()).state == "new"
        assert list(store.dashboards) == ["shop"]


@pytest.mark.parametrize(("schema", "version"), [("classic", "v1"), ("v2", "v2")])
def test_a_change_is_saved_in_the_stored_schema_and_a_second_push_saves_nothing(serve_resources, schema, version):
    store = ResourceStore(ALL)
    with serve_resources(store) as grafana:
        push(grafana, generated(), schema=schema)
        changed = {**MODEL, "panels": [{**MODEL["panels"][0], "title": "Reachable"}]}
        newer = generated(changed, convert_to_v2(changed).model)
        comparison = push(grafana, newer)
        assert (comparison.state, comparison.lines) == ("changed by us", ["panel Reachable: title Up → Reachable"])
        count = len(store.requests)
        assert push(grafana, newer).state == "same"
        assert len(store.requests) == count
    method, path, body = store.requests[-1]
    assert (method, path) == ("PUT", f"{API}/{version}/namespaces/org-7/dashboards/shop")
    assert body["metadata"]["resourceVersion"] == "101"
    assert store.dashboards["shop"][0] == version


def test_a_manual_change_of_the_layout_is_reported_in_keywords_and_kept(serve_resources):
    store = ResourceStore(ALL)
    with serve_resources(store) as grafana:
        push(grafana, generated(v2=TABS), schema="v2")
        store.edit("shop", lambda spec: rename_tab(spec, "Selling"), message="", updatedBy="user:ann")
        (comparison,) = grafana.compare_dashboards([generated(v2=TABS)])
        assert (comparison.state, comparison.author) == ("changed by hand", "user:ann")
        assert comparison.lines == ["- tab Selling", "+ tab Sales", "panel Up: in tab Selling → tab Sales"]
        with pytest.raises(DeckwatchError, match=r"changed by hand: shop \(by user:ann\); nothing was saved"):
            push(grafana, generated(v2=TABS))
        push(grafana, generated(v2=TABS), force=True)
        assert store.dashboards["shop"][2]["layout"] == TABS["layout"]


def rename_tab(spec, title):
    spec["layout"]["spec"]["tabs"][0]["spec"]["title"] = title


@pytest.mark.parametrize("schema", ["classic", "v2"])
def test_a_change_by_a_program_that_keeps_our_message_is_a_manual_one(serve_resources, schema):
    store = ResourceStore(ALL)
    with serve_resources(store) as grafana:
        push(grafana, generated(), schema=schema)
        newer = generated({**MODEL, "title": "Other"}, {**GRID, "title": "Other"})
        push(grafana, newer)
        assert store.dashboards["shop"][1]["generation"] == 2
        assert grafana.compare_dashboards([generated()])[0].state == "changed by us"
        store.edit("shop", lambda spec: spec.update(title="Mine"))
        assert MARK in store.dashboards["shop"][1]["annotations"]["grafana.app/message"]
        (comparison,) = grafana.compare_dashboards([newer])
        assert (comparison.state, comparison.lines) == ("changed by hand", ["title Mine → Other"])
        with pytest.raises(DeckwatchError, match="changed by hand: shop"):
            push(grafana, newer)
        push(grafana, newer, force=True)
        assert grafana.compare_dashboards([generated()])[0].state == "changed by us"


def test_a_message_that_grafana_refuses_is_reported_before_anything_is_saved(serve_resources):
    store = ResourceStore(ALL)
    with serve_resources(store) as grafana:
        comparisons = grafana.compare_dashboards([generated()])
        with pytest.raises(DeckwatchError, match="the message has 501 bytes with our mark; Grafana accepts 500"):
            push_dashboards(grafana, comparisons, "x" * (500 - len(MARK)))
    assert store.requests == []


def test_a_dashboard_that_is_saved_meanwhile_is_not_overwritten(serve_resources):
    store = ResourceStore(ALL)
    with serve_resources(store) as grafana:
        push(grafana, generated())
        changed = generated({**MODEL, "title": "Other"})
        comparisons = grafana.compare_dashboards([changed])
        stored, metadata, spec = store.dashboards["shop"]
        store.dashboards["shop"] = (stored, {**metadata, "resourceVersion": "999"}, spec)
        with pytest.raises(DeckwatchError, match="shop was changed by someone else meanwhile"):
            push_dashboards(grafana, comparisons, "")
        push_dashboards(grafana, comparisons, "", force=True)
        assert store.dashboards["shop"][2]["title"] == "Other"


def test_a_stored_v2_dashboard_is_not_converted_down(serve_resources):
    """The project's target is older than the server: there is no v2 form."""
    store = ResourceStore(ALL)
    with serve_resources(store) as grafana:
        push(grafana, generated(v2=TABS), schema="v2")
        (comparison,) = grafana.compare_dashboards([generated(v2=None)])
        assert comparison.state == "changed by hand"
        assert comparison.lines[:2] == ["schema v2 → classic", "tabs Sales → rows"]
        with pytest.raises(DeckwatchError, match="changed by hand: shop"):
            push(grafana, generated(v2=None))
        assert store.dashboards["shop"][0] == "v2"


def test_a_dashboard_stored_in_a_draft_of_v2_is_not_written(serve_resources):
    store = ResourceStore(["v1", "v1beta1", "v2beta1"])
    with serve_resources(store) as grafana:
        store.dashboards["shop"] = ("v2beta1", {"name": "shop", "resourceVersion": "1"}, GRID)
        store.get = lambda version, _: {
            "apiVersion": f"dashboard.grafana.app/{version}",
            "metadata": {"name": "shop", "resourceVersion": "1"},
            "spec": GRID if version == "v2beta1" else MODEL,
            "status": {"conversion": {"storedVersion": "v2beta1"}} if version != "v2beta1" else {},
        }
        (comparison,) = grafana.compare_dashboards([generated()])
        assert comparison.lines[:2] == ["folder General → Operations", "schema v2beta1 → classic"]
        with pytest.raises(DeckwatchError, match="changed by hand: shop"):
            push(grafana, generated())
    assert [request for request in store.requests if "dashboards" in request[1]] == []


def test_a_schema_that_cannot_be_had_is_refused_before_anything_is_saved(serve_resources):
    store = ResourceStore(ALL)
    with serve_resources(store) as grafana:
        push(grafana, generated())
        changed = generated({**MODEL, "title": "Other"})
        with pytest.raises(DeckwatchError, match="stored in another schema than v2: shop; Grafana keeps it"):
            push(grafana, changed, schema="v2")
        other = GeneratedDashboard({**MODEL, "uid": "new"}, "operations", "Operations", None)
        with pytest.raises(DeckwatchError, match="the project's target has no schema v2: new"):
            push(grafana, other, schema="v2")
    older = ResourceStore(["v1", "v1beta1"])
    with serve_resources(older) as grafana, pytest.raises(DeckwatchError, match="this Grafana has no schema v2"):
        push(grafana, generated(), schema="v2")


@pytest.mark.parametrize("kind", ["terraform", "repo", "classic-file-provisioning"])
def test_a_dashboard_with_another_manager_is_left_alone(serve_resources, kind):
    store = ResourceStore(ALL)
    with serve_resources(store) as grafana:
        push(grafana, generated())
        stored, metadata, spec = store.dashboards["shop"]
        annotations = {**metadata["annotations"], "grafana.app/managedBy": kind, "grafana.app/managerId": "team"}
        store.dashboards["shop"] = (stored, {**metadata, "annotations": annotations}, spec)
        assert grafana.compare_dashboards([generated()])[0].state == "same"
        with pytest.raises(DeckwatchError, match=f"shop: provisioned from {kind} team"):
            push(grafana, generated({**MODEL, "title": "Other"}), force=True)


def test_a_move_to_another_folder_is_reported_and_done(serve_resources):
    store = ResourceStore(ALL)
    with serve_resources(store) as grafana:
        push(grafana, generated())
        moved = GeneratedDashboard(MODEL, "shops", "Shops", GRID)
        comparison = push(grafana, moved)
        assert comparison.lines == ["folder Operations → Shops"]
        assert store.dashboards["shop"][1]["annotations"]["grafana.app/folder"] == "shops"
        assert grafana.compare_dashboards([moved])[0].state == "same"


@pytest.mark.parametrize(("schema", "form"), [("classic", "v1"), ("v2", "v2")])
def test_a_dashboard_is_read_as_it_is_stored_with_the_title_of_its_folder(serve_resources, schema, form):
    store = ResourceStore(ALL)
    with serve_resources(store) as grafana:
        push(grafana, generated(v2=TABS), schema=schema)
        found = grafana.read_dashboard("shop")
        assert (found.form, found.name, found.folder, found.folder_title) == (form, "shop", "operations", "Operations")
        assert ("tabs" in str(found.spec)) == (form == "v2")
        store.folders.clear()
        assert grafana.read_dashboard("shop").folder_title == ""
        with pytest.raises(DeckwatchError, match="has no dashboard other"):
            grafana.read_dashboard("other")


PROJECT = """\
dashboard: Shop
about: Is it well?
tabs:
  - tab: Sales
    rows: [{row: Figures, per_row: 3, panels: [{stat: up, title: Up, description: Whether it answers.}]}]
"""


def test_the_commands_use_the_form_of_the_stored_schema(serve_resources, tmp_path):
    (tmp_path / "deckwatch.yaml").write_text("build: {include: [dashboards/]}\n")
    (tmp_path / "dashboards").mkdir()
    project = tmp_path / "dashboards" / "shop.yaml"
    project.write_text(PROJECT)
    store = ResourceStore(ALL)
    with serve_resources(store) as grafana:

        def run(*words):
            argv = [Path(sys.executable).with_name("deckwatch"), "--project", tmp_path, "grafana", *words]
            done = subprocess.run(
                [*argv, "--url", grafana.url], capture_output=True, text=True, check=False, timeout=180
            )
            assert "Traceback" not in done.stderr
            return done.returncode, done.stdout

        run("push", "--schema", "v2", "shop")
        assert run("diff", "shop") == (0, "shop: same\n")
        change = "    tab Sales, row Figures: per_row 3 → 2\n"
        project.write_text(PROJECT.replace("per_row: 3", "per_row: 2"))
        assert run("diff", "shop") == (1, f"shop: changed by us\n{change}")
        run("push")
        versions = {uid: version for uid, (version, _, _) in store.dashboards.items()}
        assert (versions.pop("shop"), set(versions.values())) == ("v2", {"v1"})
        assert "overview" in versions
        code, printed = run("diff")
        assert (code, set(printed.splitlines())) == (0, {f"{uid}: same" for uid in (*versions, "shop")})
