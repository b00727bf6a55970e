"""Files of Grafana 12 and 13: what is wrapped around a dashboard, and one that Grafana's Python SDK has built."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deckwatch.core.problems import DeckwatchError
from deckwatch.dashboards.grafana_model import walk_panels
from deckwatch.dashboards.importing import Importer, upgrade
from deckwatch.dashboards.schema_v2 import (
    NotADashboardError,
    build_resource,
    complete_spec,
    convert_to_classic,
    convert_to_v2,
    find_dashboards,
)

BUILT = Path(__file__).parent / "foundation_sdk" / "built.json"
CLASSIC = {"title": "T", "uid": "t", "panels": []}
SPEC = {"title": "T", "elements": {}, "layout": {"kind": "GridLayout", "spec": {"items": []}}}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (CLASSIC, ("classic", "", "t", "", "")),
        ({"title": "Old", "rows": []}, ("classic", "", "", "", "")),
        (SPEC, ("v2", "", "", "", "")),
        (build_resource(SPEC, "n", folder="f"), ("v2", "v2", "n", "f", "")),
        (build_resource(SPEC, "n", version="v2alpha1"), ("v2", "v2alpha1", "n", "", "")),
        (build_resource(CLASSIC, "n", version="v1beta1"), ("v1", "v1beta1", "n", "", "")),
        ({**build_resource(CLASSIC, "n", version="v0alpha1"), "status": {}}, ("v1", "v0alpha1", "n", "", "")),
        ({**build_resource(SPEC, "n"), "kind": "DashboardWithAccessInfo", "access": {}}, ("v2", "v2", "n", "", "")),
        ({"dashboard": CLASSIC, "meta": {"folderUid": "f", "folderTitle": "F"}}, ("classic", "", "t", "f", "F")),
        ({"dashboard": build_resource(SPEC, "n"), "meta": {}}, ("v2", "v2", "n", "", "")),
        (
            {"apiVersion": "x/v1", "kind": "GrafanaManifest", "spec": {"template": build_resource(SPEC, "n")}},
            ("v2", "v2", "n", "", ""),
        ),
        ({"kind": "GrafanaDashboard", "spec": {"json": json.dumps(CLASSIC)}}, ("classic", "", "t", "", "")),
        (
            {"apiVersion": "v1", "kind": "ConfigMap", "data": {"a.json": json.dumps(CLASSIC), "note.txt": "x"}},
            ("classic", "", "t", "", ""),
        ),
        ({"kind": "DashboardList", "items": [build_resource(SPEC, "n")]}, ("v2", "v2", "n", "", "")),
    ],
)
def test_a_dashboard_is_found_in_every_wrapper(data, expected):
    (found,) = find_dashboards(data, "file")
    assert (found.form, found.version, found.name, found.folder, found.folder_title) == expected


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "file is not a Grafana dashboard: expected"),
        ("text", "file is not a Grafana dashboard: expected"),
        ({"services": {}}, "file is not a Grafana dashboard: expected"),
        ({"apiVersion": "folder.grafana.app/v1", "kind": "Folder", "spec": {"title": "F"}}, "it is a Folder of folder"),
        ({"apiVersion": "v1", "kind": "ConfigMap", "data": {"a.txt": "x"}}, "a ConfigMap without a JSON or YAML file"),
    ],
)
def test_other_data_is_no_dashboard(data, message):
    with pytest.raises(NotADashboardError, match=message):
        find_dashboards(data, "file")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (build_resource({}, "n"), "file has an empty spec"),
        ({"title": "T"}, "file is not a Grafana dashboard: it has no panels"),
        (
            {"apiVersion": "v1", "kind": "ConfigMap", "data": {"a.json": "{"}},
            r"file:a\.json:1:2: error: not JSON: Expecting property name enclosed in double quotes \[json\]",
        ),
        ({"apiVersion": "v1", "kind": "ConfigMap", "data": {"a.yaml": "a: ["}}, r"file:a\.yaml:1:4: error"),
    ],
)
def test_an_invalid_dashboard_is_reported(data, message):
    with pytest.raises(DeckwatchError, match=message):
        find_dashboards(data, "file")


def test_deep_nesting_is_reported():
    data = {**CLASSIC}
    for _ in range(200):
        data = {"title": "T", "panels": [data]}
    with pytest.raises(DeckwatchError, match="nested more than 100 levels deep"):
        find_dashboards(data, "file")


def test_the_drafts_of_grafana_12_and_an_incomplete_spec_become_complete():
    spec = {"title": "T", "cursorSync": "", "tags": None, "variables": None, "elements": {"x": {"kind": "Panel"}}}
    completed, losses = complete_spec(spec)
    assert losses == []
    assert completed["cursorSync"] == "Off"
    assert completed["tags"] == completed["variables"] == completed["links"] == completed["annotations"] == []
    assert completed["layout"] == {"kind": "GridLayout", "spec": {"items": []}}
    assert completed["elements"]["x"]["spec"]["id"] == 1
    assert complete_spec(completed).model == completed


def test_unknown_kinds_stay_and_are_listed():
    spiral = {"kind": "SpiralLayout", "spec": {"turns": 3}}
    rows = {"kind": "RowsLayout", "spec": {"rows": [{"kind": "RowsLayoutRow", "spec": {"layout": spiral}}]}}
    completed, losses = complete_spec({**SPEC, "elements": {"h": {"kind": "Hologram"}}, "layout": rows})
    assert [str(loss) for loss in losses] == [
        "spec.elements.h: unknown kind Hologram, kept as it is",
        "spec.layout.spec.rows[0].spec.layout: unknown kind SpiralLayout, kept as it is",
    ]
    assert completed["layout"]["spec"]["rows"][0]["spec"]["layout"] == spiral


def test_a_dashboard_of_the_sdk_gets_ids_and_keeps_every_query():
    (found,) = find_dashboards(json.loads(BUILT.read_text()), "built.json")
    model, losses = convert_to_classic(found.spec)
    assert [str(loss).partition(": ")[2] for loss in losses] == [
        "tabs become rows",
        "nested rows become rows named after all that contain them",
        "shown if there is data; always shown in the classic form",
        "automatic grid with at most 2 columns, now a grid with positions",
    ]
    panels = {panel["title"]: panel for panel in walk_panels(model) if panel["type"] != "row"}
    assert {title: panel["targets"][0]["expr"] for title, panel in panels.items()} == {
        "Up": "up",
        "Load": "node_load1",
        "Disk": "node_filesystem_avail_bytes",
    }
    assert sorted(panel["id"] for panel in panels.values()) == [1, 2, 3]
    assert [variable["type"] for variable in model["templating"]["list"]] == ["switch", "textbox"]
    assert sorted(each["spec"]["id"] for each in complete_spec(found.spec).model["elements"].values()) == [1, 2, 3]


def test_a_dashboard_of_the_sdk_is_imported_and_generated_in_v2_again(catalog, child):
    (found,) = find_dashboards(json.loads(BUILT.read_text()), "built.json")
    original = convert_to_classic(found.spec).model
    imported = Importer(catalog, child).import_dashboard(original, "built")
    assert (imported.kept, imported.panels) == (3, 3)
    again = [each["spec"] for each in convert_to_v2(imported.model).model["elements"].values()]
    wanted = [each["spec"] for each in convert_to_v2(original).model["elements"].values()]
    assert [(each["title"], each["vizConfig"]["group"]) for each in again] == [
        (each["title"], each["vizConfig"]["group"]) for each in wanted
    ]
    assert len(upgrade.read_dashboard(original, "built").panels()) == len(again)


def test_numbers_that_json_lacks_become_null_and_are_listed():
    panel = {"type": "stat", "fieldConfig": {"defaults": {"min": float("nan"), "max": float("-inf"), "decimals": 1.5}}}
    (found,) = find_dashboards(build_resource({"title": "T", "panels": [panel]}, "n", version="v1beta1"), "file")
    assert found.spec["panels"][0]["fieldConfig"]["defaults"] == {"min": None, "max": None, "decimals": 1.5}
    assert found.list_notes() == [
        "spec.panels[0].fieldConfig.defaults.max: not a number that JSON has, now null",
        "spec.panels[0].fieldConfig.defaults.min: not a number that JSON has, now null",
    ]
    (bare,) = find_dashboards({"title": "T", "panels": [], "x": float("inf")}, "file")
    assert bare.list_notes() == ["x: not a number that JSON has, now null"]


def test_other_things_in_place_of_objects_are_listed():
    grid = {"kind": "GridLayout", "spec": {"items": [None, 3]}}
    rows = {"kind": "RowsLayout", "spec": {"rows": ["R", {"kind": "RowsLayoutRow", "spec": {"layout": grid}}]}}
    options = {"links": ["kept"], "items": [1]}
    viz = {"kind": "VizConfig", "group": "stat", "version": "", "spec": {"options": options}}
    spec = {**SPEC, "elements": {"h": None, "p": {"kind": "Panel", "spec": {"vizConfig": viz}}}, "layout": rows}
    texts = [str(loss) for loss in complete_spec({**spec, "variables": [True]}).losses]
    assert texts == [
        "spec.elements.h: null in place of an element, dropped",
        "spec.layout.spec.rows[0]: a text in place of an object, dropped",
        "spec.layout.spec.rows[1].spec.layout.spec.items[0]: null in place of an object, dropped",
        "spec.layout.spec.rows[1].spec.layout.spec.items[1]: a number in place of an object, dropped",
        "spec.variables[0]: a truth value in place of an object, dropped",
    ]
