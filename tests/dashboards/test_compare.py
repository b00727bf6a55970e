"""Differences between two dashboards, as sentences."""

import copy

import pytest

from deckwatch.dashboards.compare import has_changes, list_changes, list_layout_changes

MODEL = {
    "title": "Shop",
    "id": 4,
    "version": 2,
    "templating": {"list": [{"name": "host", "type": "query", "query": {"query": "up"}, "current": {"text": "a"}}]},
    "annotations": {"list": [{"name": "Annotations & Alerts", "builtIn": 1}, {"name": "Deploys", "enable": True}]},
    "panels": [
        {
            "id": 1,
            "type": "stat",
            "title": "CPU",
            "gridPos": {"x": 0, "y": 0, "w": 6, "h": 4},
            "fieldConfig": {"defaults": {"unit": "short", "noValue": None}, "overrides": []},
            "targets": [{"refId": "A", "expr": "a", "legendFormat": "x"}],
        },
        {"id": 2, "type": "row", "title": "More", "panels": [{"id": 3, "type": "text", "title": "Words"}]},
    ],
}


def changed(change):
    other = copy.deepcopy(MODEL)
    change(other)
    return list_changes(MODEL, other)


def test_equal_dashboards_have_no_differences_whatever_ids_grafana_assigns():
    assert changed(lambda other: other.update(id=9, version=99)) == []
    assert changed(lambda other: other["templating"]["list"][0].update(current={"text": "b"})) == []
    assert changed(lambda other: other["panels"][0]["fieldConfig"]["defaults"].pop("noValue")) == []
    assert not has_changes(MODEL, MODEL)


def test_each_difference_is_a_sentence():
    def change(other):
        panel = other["panels"][0]
        panel["fieldConfig"]["defaults"]["unit"] = "percent"
        panel["targets"] = [{"refId": "A", "expr": "b", "legendFormat": "y"}, {"refId": "B", "expr": "c"}]
        panel["gridPos"] = {"x": 6, "y": 0, "w": 6, "h": 8}

    assert changed(change) == [
        "panel CPU: unit short → percent",
        "panel CPU: query A a → b",
        "panel CPU: query A legendFormat x → y",
        "panel CPU: query B nothing → c",
        "panel CPU: place 6x4 at 0,0 → 6x8 at 6,0",
    ]


def test_added_and_removed_panels_variables_and_events():
    def change(other):
        other["panels"][1]["panels"] = [{"id": 7, "type": "text", "title": "Others"}]
        other["templating"]["list"] = [{"name": "job", "type": "query"}]
        other["annotations"]["list"] = []
        other["title"] = "Store"

    assert changed(change) == [
        "title Shop → Store",
        "- variable host",
        "+ variable job",
        "- events Deploys",
        "- panel Words",
        "+ panel Others",
    ]


def test_a_panel_with_another_id_is_matched_by_title():
    assert changed(lambda other: other["panels"][0].update(id=77, description="More")) == [
        "panel CPU: description nothing → More"
    ]


def state_defaults(model):
    """Add what Grafana adds when it saves a dashboard."""
    model.update(preload=False, weekStart="", liveNow=False, fiscalYearStartMonth=0, timepicker={}, links=[])
    variable, panel = model["templating"]["list"][0], model["panels"][0]
    variable.update(allowCustomValue=True, skipUrlSync=False, multi=False, hide=0, regex="", options=[])
    variable.update(query={"qryType": 5, "query": "up", "refId": "PrometheusVariableQueryEditor-VariableQuery"})
    variable.update(definition="up")
    model["annotations"]["list"][1].update(hide=False, filter={"exclude": False, "ids": []})
    panel["fieldConfig"]["defaults"].update(mappings=[], links=[], custom={"axisBorderShow": False, "lineWidth": 1})
    panel.update(links=[], transparent=False, transformations=[], maxDataPoints=None)
    panel["options"] = {"legend": {"showLegend": True}, "percentChangeColorMode": "standard"}
    panel["targets"][0].update(hide=False, exemplar=False, instant=False, range=True, intervalFactor=1)


@pytest.mark.parametrize("direction", [1, -1])
def test_defaults_that_grafana_states_are_no_differences_and_a_real_one_stays_visible(direction):
    stated = copy.deepcopy(MODEL)
    state_defaults(stated)
    assert list_changes(*(MODEL, stated)[::direction]) == []
    stated["panels"][0]["fieldConfig"]["defaults"]["unit"] = "percent"
    stated["templating"]["list"][0]["multi"] = True
    lines = list_changes(*(MODEL, stated)[::direction])
    assert [line.partition(" ")[0] for line in lines] == ["variable", "panel"]


@pytest.mark.parametrize("value", [True, 1, "x", ["x"], {"a": 1}])
def test_a_value_that_is_not_a_default_is_a_difference(value):
    for key in ("preload", "somethingNew"):
        assert changed(lambda other, key=key: other.update({key: value})) != []
    assert changed(lambda other: other["panels"][0].update(transparent=value)) != []


def test_the_first_threshold_begins_at_minus_infinity_whatever_its_value():
    def with_steps(first, second):
        model = copy.deepcopy(MODEL)
        steps = [{"color": "green", "value": first}, {"color": "red", "value": second}]
        model["panels"][0]["fieldConfig"]["defaults"]["thresholds"] = {"mode": "absolute", "steps": steps}
        return model

    assert list_changes(with_steps(None, 5), with_steps(0, 5)) == []
    assert list_changes(with_steps(None, 5), with_steps(None, 6)) == ["panel CPU: thresholds 2 of them → 2 of them"]


def test_tabs_and_automatic_grids_are_layout_changes():
    def tab(title, layout):
        return {"kind": "TabsLayoutTab", "spec": {"title": title, "layout": layout}}

    rows = {"kind": "RowsLayout", "spec": {"rows": [{"kind": "RowsLayoutRow", "spec": {"title": "One"}}]}}
    tabs = {"kind": "TabsLayout", "spec": {"tabs": [tab("First", rows), tab("Second", {"kind": "AutoGridLayout"})]}}
    assert list_layout_changes(rows) == []
    assert list_layout_changes(tabs) == ["tabs First, Second → rows", "automatic grid → positions"]
    assert list_layout_changes({"kind": "RowsLayout", "spec": {"rows": [{"spec": {"layout": tabs}}]}})[0].startswith(
        "tabs"
    )
    for unusual in (None, 7, [], {"spec": 7}, {"kind": "TabsLayoutTab", "spec": None}):
        list_layout_changes(unusual)
