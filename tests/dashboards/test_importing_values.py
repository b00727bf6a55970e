"""Import: unusual JSON is accepted, and values that Grafana does not read are dropped."""

from __future__ import annotations

import copy

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deckwatch.core.problems import DeckwatchError
from deckwatch.dashboards.importing import Importer


@pytest.fixture(scope="module")
def importer(catalog, child):
    return Importer(catalog, child)


def panel(title, kind="timeseries", *, expr="node_load1", **more):
    grid = {"x": 0, "y": 0, "w": 12, "h": 8}
    return {"id": 7, "title": title, "type": kind, "gridPos": grid, "targets": [{"refId": "A", "expr": expr}], **more}


def dashboard(*panels, **more):
    return {"title": "Theirs", "panels": list(panels), "templating": {"list": []}, **more}


def nested(levels):
    value = {}
    for _ in range(levels):
        value = {"a": value}
    return value


ROW_IN_ROW = {"type": "row", "title": "Inner", "panels": [panel("Deep")]}


@pytest.mark.parametrize(
    "unusual",
    [
        {**panel("A"), "gridPos": {"x": 0, "y": 0, "w": float("inf"), "h": 8}},
        {**panel("A"), "gridPos": {"x": "a", "y": None, "w": [], "h": 10**30}},
        {**panel("A"), "targets": 7},
        {**panel("A"), "targets": [7, {"refId": "A", "expr": "up"}]},
        {**panel("A"), "fieldConfig": 5, "options": 3, "gridPos": 7, "links": 1},
        {**panel("A"), "fieldConfig": {"defaults": 7, "overrides": [5, {"matcher": 3, "properties": [7]}]}},
        {**panel("A"), "fieldConfig": {"defaults": {"mappings": [{"type": "value", "options": 5}]}}},
        {**panel("A"), "fieldConfig": {"defaults": {"mappings": [{"type": "range", "options": {"from": []}}]}}},
        {**panel("A"), "fieldConfig": {"defaults": {"thresholds": {"steps": [{"color": ["red"], "value": None}]}}}},
        {**panel("A"), "options": {"a": 10**30, "b": -(10**400)}},
        {**panel("A"), "title": "\ud800x"},
        {"type": "row", "title": "R", "panels": 5},
        {"type": "row", "title": "R", "panels": [5]},
        {"type": "row", "title": "R", "panels": [{"type": "row", "title": "S", "panels": [ROW_IN_ROW]}]},
    ],
)
def test_values_of_other_types_are_dropped(importer, unusual):
    imported = importer.import_dashboard(dashboard(panel("B"), unusual), "unusual")
    imported.text.encode()
    assert "title: B" in imported.text
    if "Deep" in str(unusual):
        assert "title: Deep" in imported.text


@pytest.mark.parametrize("key", ["templating", "annotations", "time", "links", "tags", "refresh"])
def test_settings_of_other_types_are_dropped(importer, key):
    assert "title: B" in importer.import_dashboard({**dashboard(panel("B")), key: 7}, "unusual").text


@pytest.mark.parametrize(("refresh", "line"), [("1s", "refresh: 5s"), ("5s", "refresh: 5s"), ("1m", "refresh: 1m")])
def test_a_refresh_interval_below_the_minimum_is_raised(importer, refresh, line):
    imported = importer.import_dashboard({**dashboard(panel("B")), "refresh": refresh}, "fast")
    assert line in imported.text.splitlines()
    assert bool(imported.lost.get("refresh interval below Grafana's minimum, now 5s")) == (refresh == "1s")


def test_a_dashboard_that_is_nested_too_deeply_is_rejected(importer):
    with pytest.raises(DeckwatchError, match="is nested more than 100 levels deep"):
        importer.import_dashboard(dashboard({**panel("A"), "options": nested(900)}), "deep")


@pytest.mark.parametrize("kind", ["timeseries", "stat", "gauge", "table", "bargauge", "piechart"])
@pytest.mark.parametrize("colors", [["green"], ["green", "red"], ["green", "orange", "red"], ["#009E73"]])
def test_a_first_threshold_of_zero_is_the_base(importer, kind, colors):
    texts = []
    for first in (0, None):
        steps = [{"color": color, "value": 10 * i if i else first} for i, color in enumerate(colors)]
        defaults = {"thresholds": {"mode": "absolute", "steps": steps}}
        model = dashboard({**panel("A", kind), "fieldConfig": {"defaults": defaults, "overrides": []}})
        texts.append(importer.import_dashboard(model, "steps").text)
    assert texts[0] == texts[1]


def steps(*values):
    return {
        "defaults": {"thresholds": {"mode": "absolute", "steps": [{"color": "red", "value": one} for one in values]}}
    }


@pytest.mark.parametrize(
    "unusual",
    [
        panel("A", "stat", fieldConfig=steps(None, "")),
        panel("A", "stat", fieldConfig={"defaults": {"thresholds": ""}}),
        *(panel("A", kind, thresholds=value) for kind in ("graph", "singlestat") for value in ("", ",", 7, [""], None)),
        *(
            panel("A", "table-old", styles=[{"pattern": "Value", "colorMode": "cell", "thresholds": value}])
            for value in ("", [""], ["5", "x", None], 7)
        ),
        panel("A", "singlestat", valueMaps=[7, {"text": "x"}, {"value": "null", "text": "none"}], rangeMaps=7),
        panel(
            "A", "graph", yaxes=[7], seriesOverrides=[7, {"alias": "x", "fill": "y"}], legend=7, tooltip=[], fill="x"
        ),
        panel("A", "graph", yaxes=[{"format": 7, "min": {}, "logBase": "x"}], aliasColors=7, pointradius=None),
        panel("A", targets=[{"expr": "up"}]),
        panel("A", targets=[{"expr": "up"}, {"expr": "node_load1"}]),
        panel("A", targets=[{"expr": "up"}, {"expr": "node_load1", "refId": "A"}]),
    ],
)
def test_unusual_thresholds_and_queries_are_imported(importer, unusual):
    imported = importer.import_dashboard(dashboard(panel("B"), unusual), "unusual")
    assert imported.kept == imported.panels == 2


@pytest.mark.parametrize(
    "panels",
    [
        [panel("A", expr="rate(node_load1[5m]) + rate(node_load5[5m])")],
        [panel("A", targets=[{"expr": "rate(node_load1[5m])"}, {"expr": "rate(node_load5[5m])"}])],
        [panel(title, expr="rate(node_load1[$__rate_interval])") for title in "AB"],
        [panel("A", targets=[{"expr": f"shop:latency:p{n}"} for n in (50, 95, 99)])],
        [panel(title, expr="shop:latency:p50") for title in "AB"],
        [panel(title, expr="UnknownMetric") for title in "AB"],
        [panel("A") for _ in range(5)],
        [
            {"type": "row", "title": "R"},
            panel("A"),
            {"type": "row", "title": "R"},
            panel("B"),
            {"type": "row"},
            panel("C"),
        ],
        [
            {"type": "row", "title": "R 2"},
            panel("A"),
            {"type": "row", "title": "R"},
            panel("B"),
            {"type": "row", "title": "R"},
            panel("C"),
        ],
    ],
)
def test_several_problems_in_a_panel_or_in_a_shared_query_are_repaired(importer, panels):
    stacked = [{**one, "gridPos": {"x": 0, "y": 9 * i, "w": 24, "h": 8}} for i, one in enumerate(panels)]
    imported = importer.import_dashboard(dashboard(*stacked), "several")
    assert imported.kept == imported.panels == sum(one["type"] != "row" for one in panels)


def test_a_dashboard_without_panels_is_rejected_with_the_reason(importer):
    with pytest.raises(DeckwatchError, match="empty has no panels"):
        importer.import_dashboard(dashboard({"type": "row", "title": "R"}), "empty")


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
    first, second = values
    model = dashboard(
        panel("P", kind, fieldConfig={"defaults": {key: first}, "overrides": []}, options={option: second})
    )
    before = copy.deepcopy(model)
    result = importer.import_dashboard(model, "theirs")
    assert model == before
    assert (result.kept, result.panels) == (1, 1)
