"""Differences of dashboards in the v2 schema, in our keywords."""

import copy

import pytest

from deckwatch.dashboards.compare_layout import list_v2_changes
from deckwatch.dashboards.draw import v2_form

TABS = """\
dashboard: Shop
about: How are the machines?
tabs:
  - tab: Load
    choose: [mode]
    rows:
      - - {lines: node_load1, title: A, description: A}
        - {lines: 'sum by (mode) (rate(node_cpu_seconds_total[$__rate_interval]))', title: B, description: B}
      - row: Grid
        needs: node_load5
        per_row: 4
        panels:
          - {stat: node_load1, title: C, description: C, for each: instance}
          - {stat: node_load5, title: D, description: D, needs: node_load5}
  - tab: Rest
    rows:
      - {row: Closed, collapsed: true, panels: [{lines: node_load15, title: E, description: E}]}
"""


@pytest.fixture
def to_v2(build):
    def run(text):
        (model,) = build(text).bundle.models
        return v2_form.to_v2(model.classic, model.built, model.variant)

    return run


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        ("", "", []),
        ("per_row: 4", "per_row: 3", ["tab Load, row Grid: per_row 4 → 3"]),
        ("        needs: node_load5\n", "", ["tab Load, row Grid: needs data → nothing"]),
        (", needs: node_load5", "", ["panel D: needs data → nothing"]),
        (", collapsed: true", "", ["tab Rest, row Closed: collapsed true → nothing"]),
        (", for each: instance", "", ["panel C: for each instance → nothing"]),
        (
            "description: B}",
            "description: B, height: 9}",
            ["panel A: place 12x8 at 0,0 → 12x9 at 0,0", "panel B: place 12x8 at 12,0 → 12x9 at 12,0"],
        ),
        ("title: A, description: A}", "title: Load, description: A}", ["- panel A", "+ panel Load"]),
        (
            "tab: Rest",
            "tab: More",
            [
                *("- tab Rest", "- tab Rest, row Closed", "+ tab More", "+ tab More, row Closed"),
                "panel E: in tab Rest, row Closed → tab More, row Closed",
            ],
        ),
    ],
)
def test_a_change_is_described_in_keywords(to_v2, old, new, lines):
    assert list_v2_changes(to_v2(TABS), to_v2(TABS.replace(old, new) if old else TABS)) == lines


def test_a_variable_of_a_section_and_the_queries_that_it_filters(to_v2):
    query, section = list_v2_changes(to_v2(TABS), to_v2(TABS.replace("    choose: [mode]\n", "")))
    assert query.startswith("panel B: query A")
    assert section == "tab Load: choose mode → nothing"


def test_values_that_a_server_adds_are_no_changes(to_v2):
    ours = to_v2(TABS)
    theirs = copy.deepcopy(ours)
    for tab in theirs["layout"]["spec"]["tabs"]:
        for row in tab["spec"]["layout"]["spec"]["rows"]:
            row["spec"].setdefault("hideHeader", False)
            row["spec"]["fillScreen"] = False
    for element in theirs["elements"].values():
        element["spec"].setdefault("transparent", False)
        element["spec"]["vizConfig"]["version"] = "13.0.2"
    assert list_v2_changes(theirs, ours) == []
    assert list_v2_changes(ours, theirs) == []


def test_other_conditions_are_named():
    layout = {"kind": "RowsLayout", "spec": {"rows": [{"kind": "RowsLayoutRow", "spec": {"title": "R", "layout": {}}}]}}
    hidden = copy.deepcopy(layout)
    items = [
        {"kind": "ConditionalRenderingVariable", "spec": {"variable": "env", "operator": "equals", "value": "prod"}},
        {"kind": "ConditionalRenderingTimeRangeSize", "spec": {"value": "7d"}},
    ]
    group = {"visibility": "hide", "condition": "or", "items": items}
    hidden["spec"]["rows"][0]["spec"]["conditionalRendering"] = {"kind": "ConditionalRenderingGroup", "spec": group}
    spec = {"title": "S", "elements": {}, "layout": layout}
    assert list_v2_changes({**spec, "layout": hidden}, spec) == [
        "row R: needs hidden if variable env equals prod or timerangesize 7d → nothing"
    ]
