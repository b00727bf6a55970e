"""The v2 form: what the classic form cannot say, and the same panels otherwise."""

import json
from pathlib import Path

import pytest

from deckwatch.core import yaml_file
from deckwatch.dashboards.draw import v2_form
from deckwatch.dashboards.schema_v2 import convert_to_classic

EVERYTHING = Path(__file__).with_name("everything.yaml")
TABS = """\
dashboard: Shop
about: How are the machines?
tabs:
  - tab: Load
    needs: node_load1
    choose: [mode, {pick: window, of: [5m, 1h]}]
    rows:
      - - {lines: node_load1, title: A, description: A, for each: instance, per_row: 3}
      - - {lines: 'sum by (mode) (rate(node_cpu_seconds_total[$__rate_interval]))', title: B, description: B}
      - row: Grid
        needs: node_load5
        per_row: 4
        for each: job
        panels:
          - {stat: node_load1, title: C, description: C, for each: instance}
          - {stat: node_load5, title: D, description: D, needs: node_load5, height: 6}
  - tab: Rest
    rows:
      - row: Closed
        collapsed: true
        choose: [{label: mode}]
        panels:
          - {lines: 'sum by (mode) (rate(node_cpu_seconds_total[$__rate_interval]))', title: G, description: G}
"""
CONDITION = {
    "kind": "ConditionalRenderingGroup",
    "spec": {
        "visibility": "show",
        "condition": "and",
        "items": [{"kind": "ConditionalRenderingData", "spec": {"value": True}}],
    },
}


@pytest.fixture
def to_v2(build):
    """Build a dashboard and return its v2 spec."""

    def run(text, **settings):
        result = build(text, **settings)
        assert [problem for problem in result.problems if problem.severity == "error"] == []
        return [v2_form.to_v2(model.classic, model.built, model.variant) for model in result.bundle.models]

    return run


def list_names(variables):
    return [variable["spec"]["name"] for variable in variables]


def title_of(spec, item):
    return spec["elements"][item["spec"]["element"]["name"]]["spec"]["title"]


def test_tabs_contain_rows_with_positions_of_their_own(to_v2):
    (spec,) = to_v2(TABS)
    assert spec["layout"]["kind"] == "TabsLayout"
    load, rest = (tab["spec"] for tab in spec["layout"]["spec"]["tabs"])
    assert (load["title"], rest["title"]) == ("Load", "Rest")
    first, grid = (row["spec"] for row in load["layout"]["spec"]["rows"])
    assert (first["hideHeader"], first["title"], first["collapse"]) == (True, "", False)
    items = [item["spec"] for item in first["layout"]["spec"]["items"]]
    assert [(item["x"], item["y"], item["width"], item["height"]) for item in items] == [(0, 0, 24, 8), (0, 8, 24, 8)]
    assert items[0]["repeat"] == {"mode": "variable", "value": "instance", "direction": "h", "maxPerRow": 3}
    assert (grid["title"], grid["repeat"]) == ("Grid", {"mode": "variable", "value": "job"})
    (closed,) = (row["spec"] for row in rest["layout"]["spec"]["rows"])
    assert (closed["title"], closed["collapse"]) == ("Closed", True)
    assert [title_of(spec, item) for item in closed["layout"]["spec"]["items"]] == ["G"]


def test_a_number_per_row_is_an_automatic_grid(to_v2):
    (spec,) = to_v2(TABS)
    row = spec["layout"]["spec"]["tabs"][0]["spec"]["layout"]["spec"]["rows"][1]["spec"]
    grid = row["layout"]
    assert grid["kind"] == "AutoGridLayout"
    options = {key: value for key, value in grid["spec"].items() if key != "items"}
    assert options == {
        "maxColumnCount": 4,
        "columnWidthMode": "narrow",
        "rowHeightMode": "custom",
        "rowHeight": 6 * 38 - 8,
    }
    first, second = grid["spec"]["items"]
    assert first["spec"]["repeat"] == {"mode": "variable", "value": "instance"}
    assert "conditionalRendering" not in first["spec"]
    assert second["spec"]["conditionalRendering"] == CONDITION


def test_what_needs_a_metric_is_shown_only_with_data(to_v2):
    (spec,) = to_v2(TABS)
    load, rest = (tab["spec"] for tab in spec["layout"]["spec"]["tabs"])
    assert (
        load["conditionalRendering"] == load["layout"]["spec"]["rows"][1]["spec"]["conditionalRendering"] == CONDITION
    )
    assert "conditionalRendering" not in rest
    assert "conditionalRendering" not in load["layout"]["spec"]["rows"][0]["spec"]


def test_sections_have_their_own_variables(to_v2):
    (spec,) = to_v2(TABS)
    assert list_names(spec["variables"]) == ["datasource", "job", "instance"]
    load, rest = (tab["spec"] for tab in spec["layout"]["spec"]["tabs"])
    assert list_names(load["variables"]) == ["mode", "window"]
    assert "variables" not in rest
    assert list_names(rest["layout"]["spec"]["rows"][0]["spec"]["variables"]) == ["mode"]


def test_every_element_is_in_the_layout_once(to_v2):
    for spec in to_v2(TABS, layout="both"):
        text = json.dumps(spec["layout"])
        assert [text.count(json.dumps({"kind": "ElementReference", "name": name})) for name in spec["elements"]] == [
            1
        ] * 5


def test_on_a_phone_panels_are_in_one_column_of_collapsed_rows(to_v2):
    (spec,) = to_v2(TABS, layout="phone")
    rows = [row["spec"] for tab in spec["layout"]["spec"]["tabs"] for row in tab["spec"]["layout"]["spec"]["rows"]]
    assert [row["collapse"] for row in rows] == [False, True, True]
    assert {row["layout"]["kind"] for row in rows} == {"GridLayout"}
    assert {item["spec"]["width"] for row in rows for item in row["layout"]["spec"]["items"]} == {24}


def test_a_dashboard_without_rows_is_one_grid(to_v2):
    text = "dashboard: A\nabout: B.\nrows: [[{lines: node_load1, title: T}], [{lines: node_load5, title: U}]]\n"
    (spec,) = to_v2(text)
    assert spec["layout"]["kind"] == "GridLayout"
    assert [item["spec"]["y"] for item in spec["layout"]["spec"]["items"]] == [0, 8]


def test_panels_after_an_open_row_are_outside_of_it(to_v2):
    text = (
        "dashboard: A\nabout: B.\nrows:\n  - {row: R, panels: [{lines: node_load1, title: T}]}\n"
        "  - [{lines: node_load5, title: U}]\n"
    )
    (spec,) = to_v2(text)
    rows = [row["spec"] for row in spec["layout"]["spec"]["rows"]]
    assert [(row["title"], row.get("hideHeader", False)) for row in rows] == [("R", False), ("", True)]
    assert [[item["spec"]["y"] for item in row["layout"]["spec"]["items"]] for row in rows] == [[0], [0]]


def test_back_in_the_classic_form_it_has_the_same_panels(build):
    """Titles, queries, units and thresholds survive v2, and so do positions where the classic form has them."""
    everything = yaml_file.read_text(EVERYTHING, EVERYTHING.name)
    for model in build(everything).bundle.models:
        spec = v2_form.to_v2(model.classic, model.built, model.variant)
        back = convert_to_classic(spec).model
        for panel in (each for item in model.classic["panels"] for each in (item, *item.get("panels", ()))):
            if panel["type"] != "row":
                (other,) = (
                    each
                    for item in back["panels"]
                    for each in (item, *item.get("panels", ()))
                    if each.get("id") == panel["id"] and each["type"] != "row"
                )
                for key in ("title", "type", "targets", "fieldConfig", "options", "transformations"):
                    assert other.get(key) == panel.get(key), (panel["title"], key)
