"""Import: foreign dashboards keep the title, type and queries of every panel, and ours are restored unchanged."""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deckwatch.core.problems import DeckwatchError
from deckwatch.dashboards.importing import Importer, compare_panels, patch, upgrade
from deckwatch.provisioning import stack

PEERS = os.environ.get("DECKWATCH_PEERS")
FILES = sorted(path for path in Path(PEERS or "/nowhere").glob("*.json") if '"panels"' in path.read_text())
EVERYTHING = Path(__file__).with_name("everything.yaml")


@pytest.fixture(scope="module")
def importer(catalog, child):
    return Importer(catalog, child)


def panels_of(model):
    found = [inner for panel in model["panels"] for inner in (panel, *panel.get("panels", []))]
    return [panel for panel in found if panel["type"] != "row"]


def panel_queries(panels):
    return [(panel.get("title") or "", panel["type"], compare_panels.query_texts(panel)) for panel in panels]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_peers_keep_every_panel(importer, path, capsys):
    data = json.loads(path.read_text())
    made = importer.import_dashboard(data, path.stem)
    wanted = upgrade.read_dashboard(data, path.stem)
    assert panel_queries(panels_of(made.model)) == panel_queries(wanted.panels())
    assert made.kept == made.panels == len(wanted.panels())
    with capsys.disabled():
        lines = len(made.text.splitlines())
        before = len(json.dumps(data, indent=2).splitlines())
        print(
            f"\n{path.stem:32} {made.kept:4} of {made.panels:4} panels, {before:6} lines of JSON in {lines:5} of YAML"
        )


@pytest.mark.skipif(not PEERS, reason="DECKWATCH_PEERS does not name the folder with other people's dashboards")
def test_foreign_dashboards_are_available():
    assert len(FILES) >= 3


def test_a_generated_dashboard_is_restored_to_the_same_json(importer, shipped):
    models = [
        json.loads(file.text)
        for file in shipped.plan.list_files()
        if "/dashboards/" in f"/{file.path}" and file.path.endswith(".json")
    ]
    assert len(models) >= 5
    for model in models:
        made = importer.import_dashboard(model, model["uid"])
        assert made.model == model
        assert made.lost == {}


def test_every_word_is_restored_to_the_same_json(importer, build):
    built = build(EVERYTHING.read_text(), uid="everything", subjects=("everything",))
    assert built.problems == []
    made = importer.import_dashboard(built.model, "everything")
    assert panel_queries(panels_of(made.model)) == panel_queries(panels_of(built.model))
    # A row has no `raw:`; its id may differ if other panels have other titles.
    for model in (made.model, built.model):
        for one in model["panels"]:
            one["id"] = 0 if one["type"] == "row" else one["id"]
    assert made.model == built.model


def panel(title, kind="timeseries", *, x=0, y=0, w=12, h=8, expr="node_load1", **more):
    targets = [{"refId": "A", "expr": expr}] if expr else []
    grid = {"x": x, "y": y, "w": w, "h": h}
    return {"id": 7, "title": title, "type": kind, "gridPos": grid, "targets": targets, **more}


def dashboard(*panels, variables=(), **more):
    return {
        "title": "Theirs",
        "schemaVersion": 36,
        "panels": list(panels),
        "templating": {"list": list(variables)},
        **more,
    }


def read(importer, model):
    made = importer.import_dashboard(model, "theirs")
    data = yaml.safe_load(made.text)
    return SimpleNamespace(made=made, data=data, panels={one["title"]: one for one in panels_of(made.model)})


def test_a_foreign_data_source_is_replaced_everywhere(importer):
    source = {"type": "prometheus", "uid": "${DS_THEIRS}"}
    variable = {"name": "host", "type": "query", "datasource": source, "query": {"query": "label_values(up, instance)"}}
    model = dashboard(
        panel("Load", datasource=source, expr='node_load1{instance="$host"}'),
        variables=[{"name": "DS_THEIRS", "type": "datasource", "query": "prometheus"}, variable],
    )
    found = read(importer, model)
    assert found.panels["Load"]["targets"][0]["expr"] == 'node_load1{instance="$host"}'
    assert found.panels["Load"]["targets"][0]["datasource"]["uid"] == "${datasource}"
    listed = found.made.model["templating"]["list"]
    assert [one["name"] for one in listed] == ["datasource", "host"]
    assert listed[1]["datasource"]["uid"] == "${datasource}"


@pytest.mark.parametrize("uid", ["-- Mixed --", "-- Dashboard --", "P1234"])
def test_a_panel_of_another_data_source_is_kept_unchanged(importer, uid):
    source = {"type": "influxdb", "uid": uid}
    target = {"refId": "A", "datasource": source, "query": "SELECT 1", "panelId": 7}
    model = dashboard(panel("Flux", expr="", targets=[target], datasource=source))
    found = read(importer, model)
    assert found.panels["Flux"]["targets"] == [target]
    assert found.panels["Flux"]["datasource"] == source
    assert "panel" in found.data["rows"][0][0]
    assert found.made.lost["panel with queries of another data source, kept under raw"] == 1


def test_panels_of_a_second_prometheus_keep_their_data_source(importer):
    one, other = ({"type": "prometheus", "uid": uid} for uid in ("first", "second"))
    model = dashboard(panel("A", datasource=one), panel("B", x=12, datasource=one), panel("C", y=8, datasource=other))
    found = read(importer, model)
    assert found.panels["A"]["datasource"]["uid"] == "${datasource}"
    assert found.panels["C"]["datasource"] == other


def test_expanded_collapsed_and_repeated_rows(importer):
    variables = [{"name": "disk", "type": "custom", "query": "sda,sdb", "options": [], "current": {}}]
    model = dashboard(
        panel("Above"),
        {"type": "row", "title": "Open", "collapsed": False, "gridPos": {"y": 8}, "panels": [], "repeat": "disk"},
        panel("Inside", y=9, repeat="disk", maxPerRow=3),
        {"type": "row", "title": "Closed", "collapsed": True, "gridPos": {"y": 17}, "panels": [panel("Hidden", y=18)]},
        variables=variables,
    )
    found = read(importer, model)
    assert [row.get("row") if isinstance(row, dict) else None for row in found.data["rows"]] == [None, "Open", "Closed"]
    rows = {one["title"]: one for one in found.made.model["panels"] if one["type"] == "row"}
    assert rows["Open"]["repeat"] == "disk"
    assert [one["title"] for one in rows["Closed"]["panels"]] == ["Hidden"]
    assert (found.panels["Inside"]["repeat"], found.panels["Inside"]["maxPerRow"]) == ("disk", 3)


def test_library_panels_and_plugins_are_kept(importer):
    model = dashboard(
        panel("Shared", "stat", expr="", libraryPanel={"uid": "abc", "name": "Shared"}),
        panel("Map", "geomap", x=12, options={"view": {"zoom": 3}}),
    )
    found = read(importer, model)
    assert found.panels["Shared"]["libraryPanel"] == {"uid": "abc", "name": "Shared"}
    assert found.panels["Map"]["type"] == "geomap"
    assert found.panels["Map"]["options"] == {"view": {"zoom": 3}}
    assert compare_panels.query_texts(found.panels["Map"]) == ["node_load1"]


def test_old_types_become_their_successors_and_are_reported(importer):
    old = {"pattern": "Value", "type": "number", "unit": "bytes", "alias": "Size", "decimals": 1}
    model = {
        "title": "Old",
        "schemaVersion": 12,
        "rows": [
            {
                "title": "Row",
                "showTitle": True,
                "height": "250px",
                "panels": [
                    {
                        "type": "graph",
                        "title": "G",
                        "span": 6,
                        "stack": True,
                        "fill": 3,
                        "yaxes": [{"format": "Bps"}, {}],
                        "seriesOverrides": [{"alias": "/^tx/", "transform": "negative-Y"}, {"alias": "x", "zindex": 3}],
                        "targets": [{"expr": "rate(node_network_receive_bytes_total[5m])", "refId": "B", "step": 4}],
                    },
                    {
                        "type": "singlestat",
                        "title": "S",
                        "span": 3,
                        "format": "percent",
                        "thresholds": "70,90",
                        "colors": ["green", "orange", "red"],
                        "colorBackground": True,
                        "postfix": "x",
                        "valueMaps": [{"value": "0", "text": "down"}],
                        "targets": [{"expr": "up", "refId": "A"}],
                    },
                    {
                        "type": "table-old",
                        "title": "T",
                        "span": 3,
                        "styles": [old],
                        "targets": [{"expr": "up", "instant": True, "format": "table", "refId": "A"}],
                    },
                ],
            }
        ],
    }
    found = read(importer, model)
    assert {name: one["type"] for name, one in found.panels.items()} == {"G": "timeseries", "S": "stat", "T": "table"}
    assert [one["gridPos"]["w"] for one in found.panels.values()] == [12, 6, 6]
    graph, number, table = found.panels.values()
    assert graph["fieldConfig"]["defaults"]["unit"] == "Bps"
    assert graph["fieldConfig"]["defaults"]["custom"]["stacking"]["mode"] == "normal"
    assert graph["fieldConfig"]["defaults"]["custom"]["fillOpacity"] == 30
    assert {"id": "custom.transform", "value": "negative-Y"} in graph["fieldConfig"]["overrides"][0]["properties"]
    steps = [(one["color"], one["value"]) for one in number["fieldConfig"]["defaults"]["thresholds"]["steps"]]
    assert [value for _, value in steps] == [None, 70, 90]
    panel = found.data["rows"][0]["panels"][1]
    assert (panel["high"], panel["critical"]) == (70, 90)
    assert number["options"]["colorMode"] == "background"
    assert number["fieldConfig"]["defaults"]["mappings"][0]["options"]["0"]["text"] == "down"
    assert {"id": "displayName", "value": "Size"} in table["fieldConfig"]["overrides"][0]["properties"]
    lost = found.made.lost
    assert lost["graph panel, now timeseries"] == lost["singlestat panel, now stat"] == 1
    assert lost["table-old panel, now table"] == lost["seriesOverrides.zindex of a graph panel"] == 1


def test_a_shared_query_becomes_a_signal(importer):
    expr = "sum by (mode) (rate(node_cpu_seconds_total[$__rate_interval]))"
    found = read(importer, dashboard(panel("CPU time", expr=expr), panel("Again", "stat", x=12, expr=expr)))
    assert found.data["signals"] == {"cpu_time": {"title": "CPU time", "expr": expr}}
    assert found.data["rows"][0][0]["lines"] == "cpu_time"
    assert [compare_panels.query_texts(one) for one in found.panels.values()] == [[expr], [expr]]


def test_a_query_with_a_fixed_window_is_not_a_signal_because_its_window_would_change(importer):
    expr = "rate(node_cpu_seconds_total[5m])"
    found = read(importer, dashboard(panel("A", expr=expr), panel("B", x=12, expr=expr)))
    assert "signals" not in found.data
    assert compare_panels.query_texts(found.panels["B"]) == [expr]


def test_references_to_renamed_queries_are_updated(importer):
    targets = [{"refId": "X", "expr": "node_load1"}, {"refId": "Y", "expr": "node_load5"}]
    override = {
        "matcher": {"id": "byFrameRefID", "options": "Y"},
        "properties": [{"id": "custom.lineWidth", "value": 3}],
    }
    model = dashboard(panel("Load", targets=targets, fieldConfig={"defaults": {}, "overrides": [override]}))
    load = read(importer, model).panels["Load"]
    assert [one["refId"] for one in load["targets"]] == ["A", "B"]
    assert load["fieldConfig"]["overrides"][0]["matcher"]["options"] == "B"


def test_panels_with_equal_titles_unknown_metrics_and_invalid_promql_are_kept(importer):
    model = dashboard(panel("Same"), panel("Same", x=12, expr="nobody_knows_this"), panel("Broken", y=8, expr="sum(("))
    found = read(importer, model)
    assert found.made.kept == 3
    assert [one["title"] for one in panels_of(found.made.model)] == ["Same", "Same", "Broken"]


@pytest.mark.parametrize("data", [[], {}, "x", None, {"panels": 3}, {"spec": {"elements": {}}}, {"rows": None}])
def test_invalid_data_is_reported(importer, data):
    with pytest.raises(DeckwatchError, match="theirs"):
        importer.import_dashboard(data, "theirs")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["", "green", "short", "10s", "A"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["mode", "steps", "value", "id"]), inner, max_size=2)
    ),
    max_leaves=4,
)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.sampled_from(["timeseries", "stat", "gauge", "table", "graph", "heatmap", "nobody-knows"]),
    st.sampled_from(["unit", "decimals", "min", "max", "custom", "color", "noValue"]),
    st.sampled_from(["legend", "colorMode", "tooltip", "reduceOptions"]),
    st.tuples(JSON, JSON),
)
def test_a_panel_is_kept_with_any_fields_and_options(importer, kind, key, option, values):
    one, other = values
    model = dashboard(panel("P", kind, fieldConfig={"defaults": {key: one}, "overrides": []}, options={option: other}))
    before = copy.deepcopy(model)
    made = importer.import_dashboard(model, "theirs")
    assert model == before
    assert (made.kept, made.panels) == (1, 1)


@given(JSON, JSON)
def test_a_patch_turns_one_value_into_another(one, other):
    one, other = {"a": one, "b": 1}, {"a": other, "c": [1]}
    merged = merge(one, patch.make_patch(one, other))
    assert without_nulls(merged) == without_nulls(other)


def merge(value, change):
    """Merge as in RFC 7386."""
    if not isinstance(change, dict):
        return change
    made = dict(value) if isinstance(value, dict) else {}
    for key, inner in change.items():
        if inner is None:
            made.pop(key, None)
        else:
            made[key] = merge(made.get(key), inner)
    return made


def without_nulls(value):
    return (
        {key: without_nulls(one) for key, one in value.items() if one is not None} if isinstance(value, dict) else value
    )


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    from deckwatch.core.project import Project

    return stack.build(Project(tmp_path_factory.mktemp("shipped")))
