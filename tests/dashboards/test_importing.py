"""Import: foreign dashboards keep the title, type and queries of every panel, and ours are restored unchanged."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from deckwatch.dashboards.importing import Importer, compare_panels, conversion, upgrade
from deckwatch.provisioning import stack

PEERS = os.environ.get("DECKWATCH_PEERS")
FILES = sorted(path for path in Path(PEERS or "/nowhere").glob("*.json") if '"panels"' in path.read_text())
EVERYTHING = Path(__file__).with_name("everything.yaml")


@pytest.fixture(scope="module")
def importer(catalog, child):
    return Importer(catalog, child)


def panels_of(model):
    panels = [inner for panel in model["panels"] for inner in (panel, *panel.get("panels", []))]
    return [panel for panel in panels if panel["type"] != "row"]


def panel_queries(panels):
    return [(panel.get("title") or "", panel["type"], compare_panels.query_texts(panel)) for panel in panels]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_peers_keep_every_panel_and_lose_nothing_silently(importer, find_unaccounted, path, capsys):
    data = json.loads(path.read_text())
    result = importer.import_dashboard(data, path.stem)
    wanted = upgrade.read_dashboard(data, path.stem)
    assert panel_queries(panels_of(result.model)) == panel_queries(wanted.panels())
    assert result.kept == result.panels == len(wanted.panels())
    assert find_unaccounted(data, result) == []
    with capsys.disabled():
        lines = len(result.text.splitlines())
        before = len(json.dumps(data, indent=2).splitlines())
        print(
            f"\n{path.stem:32} {result.kept:4} of {result.panels:4} panels, {before:6} lines of JSON, {lines:5} of YAML"
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
        result = importer.import_dashboard(model, model["uid"])
        assert result.model == model
        # Tiles, several values in one stat, are kept as they are.
        tiled = sum(panel["type"] == "stat" and len(panel["targets"]) > 1 for panel in panels_of(model))
        assert result.lost.pop(conversion.KEPT_AS_JSON, 0) <= tiled
        assert result.lost == {}


def test_the_link_to_a_report_is_restored_without_its_address(importer, build):
    text = "dashboard: Shop\nreport: services\nrows: [[{text: Nothing.}]]\n"
    built = build(text, reports="http://127.0.0.1:9879/api/v1/reports")
    document = yaml.safe_load(importer.import_dashboard(built.model, "shop").text)
    assert document["report"] == "services"
    assert "raw" not in document


def test_every_keyword_is_restored_to_the_same_json(importer, build):
    built = build(EVERYTHING.read_text(), uid="everything", subjects=("everything",))
    assert built.problems == []
    result = importer.import_dashboard(built.model, "everything")
    assert panel_queries(panels_of(result.model)) == panel_queries(panels_of(built.model))
    # A row has no `raw:`; its id may differ if other panels have other titles.
    for model in (result.model, built.model):
        for panel in model["panels"]:
            panel["id"] = 0 if panel["type"] == "row" else panel["id"]
    assert result.model == built.model


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
    result = importer.import_dashboard(model, "theirs")
    data = yaml.safe_load(result.text)
    return SimpleNamespace(
        imported=result, data=data, panels={panel["title"]: panel for panel in panels_of(result.model)}
    )


def test_a_foreign_data_source_is_replaced_everywhere(importer):
    source = {"type": "prometheus", "uid": "${DS_THEIRS}"}
    variable = {"name": "host", "type": "query", "datasource": source, "query": {"query": "label_values(up, instance)"}}
    model = dashboard(
        panel("Load", datasource=source, expr='node_load1{instance="$host"}'),
        variables=[{"name": "DS_THEIRS", "type": "datasource", "query": "prometheus"}, variable],
    )
    result = read(importer, model)
    assert result.panels["Load"]["targets"][0]["expr"] == 'node_load1{instance="$host"}'
    assert result.panels["Load"]["targets"][0]["datasource"]["uid"] == "${datasource}"
    listed = result.imported.model["templating"]["list"]
    assert [variable["name"] for variable in listed] == ["datasource", "host"]
    assert listed[1]["datasource"]["uid"] == "${datasource}"


@pytest.mark.parametrize("uid", ["-- Mixed --", "-- Dashboard --", "P1234"])
def test_a_panel_of_another_data_source_is_kept_unchanged(importer, uid):
    source = {"type": "influxdb", "uid": uid}
    target = {"refId": "A", "datasource": source, "query": "SELECT 1", "panelId": 7}
    model = dashboard(panel("Flux", expr="", targets=[target], datasource=source))
    result = read(importer, model)
    assert result.panels["Flux"]["targets"] == [target]
    assert result.panels["Flux"]["datasource"] == source
    assert "panel" in result.data["rows"][0][0]
    assert result.imported.lost[conversion.KEPT_AS_JSON] == 1


def test_panels_of_a_second_prometheus_keep_their_data_source(importer):
    first, second = ({"type": "prometheus", "uid": uid} for uid in ("first", "second"))
    model = dashboard(
        panel("A", datasource=first), panel("B", x=12, datasource=first), panel("C", y=8, datasource=second)
    )
    result = read(importer, model)
    assert result.panels["A"]["datasource"]["uid"] == "${datasource}"
    assert result.panels["C"]["datasource"] == second


def test_expanded_collapsed_and_repeated_rows(importer):
    variables = [{"name": "disk", "type": "custom", "query": "sda,sdb", "options": [], "current": {}}]
    model = dashboard(
        panel("Above"),
        {"type": "row", "title": "Open", "collapsed": False, "gridPos": {"y": 8}, "panels": [], "repeat": "disk"},
        panel("Inside", y=9, repeat="disk", maxPerRow=3),
        {"type": "row", "title": "Closed", "collapsed": True, "gridPos": {"y": 17}, "panels": [panel("Hidden", y=18)]},
        variables=variables,
    )
    result = read(importer, model)
    assert [row.get("row") if isinstance(row, dict) else None for row in result.data["rows"]] == [
        None,
        "Open",
        "Closed",
    ]
    rows = {panel["title"]: panel for panel in result.imported.model["panels"] if panel["type"] == "row"}
    assert rows["Open"]["repeat"] == "disk"
    assert [panel["title"] for panel in rows["Closed"]["panels"]] == ["Hidden"]
    assert (result.panels["Inside"]["repeat"], result.panels["Inside"]["maxPerRow"]) == ("disk", 3)


def test_library_panels_and_plugins_are_kept(importer):
    model = dashboard(
        panel("Shared", "stat", expr="", libraryPanel={"uid": "abc", "name": "Shared"}),
        panel("Map", "geomap", x=12, options={"view": {"zoom": 3}}),
    )
    result = read(importer, model)
    assert result.panels["Shared"]["libraryPanel"] == {"uid": "abc", "name": "Shared"}
    assert result.panels["Map"]["type"] == "geomap"
    assert result.panels["Map"]["options"] == {"view": {"zoom": 3}}
    assert compare_panels.query_texts(result.panels["Map"]) == ["node_load1"]


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
    result = read(importer, model)
    assert {name: panel["type"] for name, panel in result.panels.items()} == {
        "G": "timeseries",
        "S": "stat",
        "T": "table",
    }
    assert [panel["gridPos"]["w"] for panel in result.panels.values()] == [12, 6, 6]
    graph, number, table = result.panels.values()
    assert graph["fieldConfig"]["defaults"]["unit"] == "Bps"
    assert graph["fieldConfig"]["defaults"]["custom"]["stacking"]["mode"] == "normal"
    assert graph["fieldConfig"]["defaults"]["custom"]["fillOpacity"] == 30
    assert {"id": "custom.transform", "value": "negative-Y"} in graph["fieldConfig"]["overrides"][0]["properties"]
    steps = [(step["color"], step["value"]) for step in number["fieldConfig"]["defaults"]["thresholds"]["steps"]]
    assert [value for _, value in steps] == [None, 70, 90]
    panels = result.data["rows"][0]["panels"][1]
    assert (panels["high"], panels["critical"]) == (70, 90)
    assert number["options"]["colorMode"] == "background"
    assert number["fieldConfig"]["defaults"]["mappings"][0]["options"]["0"]["text"] == "down"
    assert {"id": "displayName", "value": "Size"} in table["fieldConfig"]["overrides"][0]["properties"]
    lost = result.imported.lost
    assert lost["graph panel, now timeseries"] == lost["singlestat panel, now stat"] == 1
    assert lost["table-old panel, now table"] == lost["seriesOverrides.zindex of a graph panel"] == 1


def test_a_shared_query_becomes_a_signal(importer):
    expr = "sum by (mode) (rate(node_cpu_seconds_total[$__rate_interval]))"
    result = read(importer, dashboard(panel("CPU time", expr=expr), panel("Again", "stat", x=12, expr=expr)))
    assert result.data["signals"] == {"cpu_time": {"title": "CPU time", "expr": expr}}
    assert result.data["rows"][0][0]["lines"] == "cpu_time"
    assert [compare_panels.query_texts(panel) for panel in result.panels.values()] == [[expr], [expr]]


def test_shared_queries_of_one_panel_are_numbered_in_their_order(importer):
    exprs = [f"{function}(node_load{minutes})" for function in ("sum", "max", "min") for minutes in (5, 1, 15)]
    targets = [{"refId": chr(ord("A") + i), "expr": expr} for i, expr in enumerate(exprs)]
    result = read(importer, dashboard(panel("Load", targets=targets), panel("Again", x=12, targets=targets)))
    assert [signal["expr"] for signal in result.data["signals"].values()] == exprs
    assert list(result.data["signals"]) == ["load", *(f"load_{number}" for number in range(2, 10))]


def test_a_query_with_a_fixed_window_is_not_a_signal_because_its_window_would_change(importer):
    expr = "rate(node_cpu_seconds_total[5m])"
    result = read(importer, dashboard(panel("A", expr=expr), panel("B", x=12, expr=expr)))
    assert "signals" not in result.data
    assert compare_panels.query_texts(result.panels["B"]) == [expr]


def test_references_to_renamed_queries_are_updated(importer):
    targets = [{"refId": "X", "expr": "node_load1"}, {"refId": "Y", "expr": "node_load5"}]
    override = {
        "matcher": {"id": "byFrameRefID", "options": "Y"},
        "properties": [{"id": "custom.lineWidth", "value": 3}],
    }
    model = dashboard(panel("Load", targets=targets, fieldConfig={"defaults": {}, "overrides": [override]}))
    load = read(importer, model).panels["Load"]
    assert [target["refId"] for target in load["targets"]] == ["A", "B"]
    assert load["fieldConfig"]["overrides"][0]["matcher"]["options"] == "B"


def test_a_renamed_query_wins_over_a_reference_to_a_removed_one(importer):
    targets = [{"refId": "X", "expr": "node_load1"}, {"refId": "B", "expr": "node_load5"}]
    for names in ({"Value #X": "new", "Value #A": "old"}, {"Value #A": "old", "Value #X": "new"}):
        transformations = [{"id": "organize", "options": {"renameByName": names}}]
        load = read(importer, dashboard(panel("Load", "table", targets=targets, transformations=transformations)))
        assert load.panels["Load"]["transformations"][0]["options"]["renameByName"] == {"Value #A": "new"}


def test_panels_with_equal_titles_unknown_metrics_and_invalid_promql_are_kept(importer):
    model = dashboard(panel("Same"), panel("Same", x=12, expr="nobody_knows_this"), panel("Broken", y=8, expr="sum(("))
    result = read(importer, model)
    assert result.imported.kept == 3
    assert [panel["title"] for panel in panels_of(result.imported.model)] == ["Same", "Same", "Broken"]


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    from deckwatch.core.project import Project

    return stack.build(Project(tmp_path_factory.mktemp("shipped")))
