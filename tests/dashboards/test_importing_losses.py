"""Import: every property of a foreign dashboard is in the generated one, or in the report."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest

from deckwatch.dashboards.importing import Importer


@pytest.fixture(scope="module")
def importer(catalog, child):
    return Importer(catalog, child)


def panel(title, kind, y=0, **more):
    target = {"refId": "A", "expr": "node_load1", "legendFormat": "{{instance}}", "step": 4}
    grid = {"x": 0, "y": y, "w": 24, "h": 8}
    return {"id": y + 1, "title": title, "type": kind, "gridPos": grid, "targets": [target], **more}


FIELDS = {
    "defaults": {
        "unit": "bytes",
        "decimals": 2,
        "min": 1,
        "displayName": "Name",
        "noValue": "nothing",
        "links": [{"title": "Elsewhere", "url": "https://shop.example"}],
        "mappings": [{"type": "value", "options": {"3": {"text": "three", "color": "blue", "index": 0}}}],
        "thresholds": {
            "mode": "percentage",
            "steps": [{"color": "blue", "value": None}, {"color": "pink", "value": 7}],
        },
        "custom": {"lineWidth": 3, "axisLabel": "Left", "unheardOf": {"deep": [1, {"deeper": "x"}]}},
        "filterable": True,
    },
    "overrides": [
        {"matcher": {"id": "byType", "options": "number"}, "properties": [{"id": "custom.width", "value": 77}]}
    ],
}
NOW = [
    panel("Lines", "timeseries", 8, fieldConfig=FIELDS, options={"legend": {"calcs": ["p99"], "width": 200}, "own": 5}),
    panel("Number", "stat", 16, fieldConfig=FIELDS, transformations=[{"id": "limit", "options": {"limitField": 3}}]),
    panel("Shape", "polystat", 24, polystat={"radius": 9}, savedOverrides=[{"metric": "x"}]),
    panel("Shifted", "timeseries", 32, timeFrom="2h", timeShift="1d", hideTimeOverride=True, cacheTimeout="60"),
    panel("Interval", "timeseries", 40, interval="5m", maxDataPoints=123, transparent=True, links=[{"title": "L"}]),
    panel(
        "Words", "text", 48, targets=[], options={"mode": "html", "content": "<b>x</b>", "code": {"language": "css"}}
    ),
]
GRAPH = {
    "yaxes": [
        {"format": "bytes", "label": "Left", "logBase": 2, "min": "1", "max": 9, "decimals": 3, "show": True},
        {"format": "percent", "label": "Right", "max": 100},
    ],
    "xaxis": {"mode": "series", "values": ["total"], "show": False},
    "yaxis": {"align": True},
    "legend": {"show": True, "hideEmpty": True, "sort": "max", "sideWidth": 300, "total": True, "values": True},
    "tooltip": {"shared": False, "sort": 2, "value_type": "cumulative"},
    "seriesOverrides": [{"alias": "x", "zindex": 3, "fill": 2}],
    "thresholds": [{"op": "gt", "value": 5}],
    "dashes": True,
    "fillGradient": 4,
    "minSpan": 6,
    "hideTimeOverride": True,
    "timeFrom": "1h",
    "hiddenSeries": True,
    "neverHeardOf": 5,
}
STYLE = {"pattern": "Value", "type": "date", "dateFormat": "YYYY", "alias": "When", "align": "right", "sanitize": True}
OLD_PANELS = [
    panel("Graph", "graph", 8, **GRAPH),
    panel("Dial", "singlestat", 16, prefix="a", postfix="b", valueFontSize="200%", sparkline={"lineColor": "red"}),
    panel(
        "Rows",
        "table",
        24,
        styles=[STYLE, {"pattern": "x", "valueMaps": [{"value": "1"}]}],
        pageSize=9,
        sort={"col": 2},
    ),
]
QUERIES = [
    {"refId": "A", "expr": "node_load1", "interval": "5m", "exemplar": True, "utcOffsetSec": 60, "legendFormat": "a"},
    {"refId": "B", "expr": "node_load5", "intervalFactor": 4, "hide": True, "adhocFilters": [{"key": "x"}]},
]
SETTINGS = {
    "title": "Theirs",
    "uid": "theirs1",
    "description": "What it is about.",
    "tags": ["shop"],
    "timezone": "utc",
    "weekStart": "monday",
    "liveNow": True,
    "fiscalYearStartMonth": 3,
    "graphTooltip": 2,
    "refresh": "",
    "preload": True,
    "time": {"from": "now-7d/d", "to": "now-1d/d"},
    "timepicker": {"hidden": True, "nowDelay": "1m", "refresh_intervals": ["7s"], "quick_ranges": [{"from": "now-3m"}]},
    "revision": 3,
    "author": "somebody",
    "__elements": {"one": {"name": "Library"}},
    "links": [{"title": "Runbook", "url": "https://shop.example", "type": "link"}],
    "annotations": {
        "list": [
            {"builtIn": 1, "name": "Annotations & Alerts", "type": "tags", "tags": ["deploy"], "iconColor": "red"},
            {"name": "Deployments", "expr": "changes(up[5m])", "datasource": "${ds}", "enable": False},
        ]
    },
    "templating": {
        "list": [
            {"name": "ds", "type": "datasource", "query": "prometheus", "regex": "/shop/", "hide": 2},
            {"name": "zone", "type": "custom", "query": "a,b", "allValue": ".*", "description": "Which?", "sort": 3},
        ]
    },
}
DASHBOARDS = {
    "now": {**SETTINGS, "panels": NOW},
    "old panels": {**SETTINGS, "panels": OLD_PANELS},
    "queries": {**SETTINGS, "panels": [panel("Two", "timeseries", targets=QUERIES)]},
    "rows": {
        **SETTINGS,
        "panels": [
            {"type": "row", "title": "Same", "gridPos": {"y": 0}, "panels": [], "links": [{"title": "Elsewhere"}]},
            panel("One", "stat", 1),
            {
                "type": "row",
                "title": "Same",
                "gridPos": {"y": 30},
                "collapsed": True,
                "panels": [panel("Two", "stat", 31)],
            },
            {"type": "row", "title": "Empty", "gridPos": {"y": 60}, "panels": []},
        ],
    },
    "rows of Grafana 4": {
        **SETTINGS,
        "rows": [
            {"title": "Hidden", "height": 300, "panels": [panel("One", "graph", span=6, gridPos={}, **GRAPH)]},
            {
                "title": "Shown",
                "showTitle": True,
                "repeat": "zone",
                "panels": [panel("Two", "table", span=12, gridPos={})],
            },
        ],
    },
}


@pytest.mark.parametrize("name", DASHBOARDS)
def test_every_property_is_in_the_result_or_in_the_report(importer, find_unaccounted, name):
    data = copy.deepcopy(DASHBOARDS[name])
    imported = importer.import_dashboard(data, "theirs")
    assert find_unaccounted(data, imported) == []


@pytest.mark.parametrize("name", DASHBOARDS)
def test_a_silent_loss_would_be_found(importer, find_unaccounted, name):
    """Without its report, or without a panel in the result, a dashboard has lost something."""
    imported = importer.import_dashboard(DASHBOARDS[name], "theirs")
    assert "author" in find_unaccounted(DASHBOARDS[name], replace(imported, lost={}))
    without_panels = replace(imported, model={**imported.model, "panels": []})
    assert any("panels.0" in path for path in find_unaccounted(DASHBOARDS[name], without_panels))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("timezone", "utc"),
        ("weekStart", "monday"),
        ("refresh", ""),
        ("graphTooltip", 2),
        ("time", {"from": "now/d", "to": "now"}),
        ("timepicker", {"hidden": True}),
    ],
)
def test_settings_without_a_keyword_are_kept(importer, key, value):
    model = importer.import_dashboard({"title": "T", "panels": [panel("A", "stat")], key: value}, "theirs").model
    assert model[key] == value


@pytest.mark.parametrize(
    ("old", "text"),
    [
        (panel("A", "graph", legend={"hideZero": True}), "legend.hideZero of a graph panel"),
        (panel("A", "graph", yaxes=[{"decimals": 3}, {}]), "yaxes.decimals of a graph panel"),
        (panel("A", "singlestat", valueFontSize="200%"), "valueFontSize of a singlestat panel"),
        (panel("A", "table-old", styles=[{"pattern": "x", "sanitize": True}]), "styles.sanitize of a table-old panel"),
    ],
)
def test_what_a_successor_lacks_is_reported_by_its_path(importer, old, text):
    assert importer.import_dashboard({"title": "T", "panels": [old]}, "theirs").lost[text] == 1


@pytest.mark.parametrize("kind", ["graph", "singlestat", "table-old"])
def test_defaults_of_old_panels_are_not_reported(importer, kind):
    defaults = {
        "graph": {"dashLength": 10, "renderer": "flot", "xaxis": {"mode": "time", "show": True}, "fill": 1},
        "singlestat": {"mappingTypes": [{"name": "value to text", "value": 1}], "valueFontSize": "80%"},
        "table-old": {"scroll": True, "fontSize": "100%", "styles": []},
    }[kind]
    lost = importer.import_dashboard({"title": "T", "panels": [panel("A", kind, **defaults)]}, "theirs").lost
    assert [text for text in lost if text.endswith(f"{kind} panel")] == []


def test_a_second_data_source_variable_of_a_kind_is_kept(importer):
    variables = [{"name": name, "type": "datasource", "query": "prometheus"} for name in ("first", "second")]
    panels = [panel("A", "stat", datasource="$first"), panel("B", "stat", 8, datasource="$first")]
    data = {
        "title": "T",
        "templating": {"list": variables},
        "panels": [*panels, panel("C", "stat", 16, datasource="$second")],
    }
    model = importer.import_dashboard(data, "theirs").model
    assert [variable["name"] for variable in model["templating"]["list"]] == ["datasource", "second"]
    assert [one["datasource"] for one in model["panels"]][2] == "$second"
