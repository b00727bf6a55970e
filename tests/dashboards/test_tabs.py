"""Tabs, rows with a number of panels per line, and variables of sections, in the classic form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deckwatch.core import yaml_file
from deckwatch.dashboards.draw import layout
from deckwatch.dashboards.read.adjust import Changes
from deckwatch.dashboards.read.expand_parts import expand_parts
from deckwatch.dashboards.read.files import Source
from deckwatch.dashboards.read.parts import list_parts
from deckwatch.dashboards.read.walk import walk_rows

TABS = """\
dashboard: Shop
about: How are the machines?
tabs:
  - tab: Load
    choose: [mode]
    rows:
      - - {lines: node_load1, title: A, description: A}
      - - {lines: 'sum by (mode) (rate(node_cpu_seconds_total[$__rate_interval]))', title: B, description: B}
      - row: Grid
        per_row: 3
        panels:
          - {stat: node_load1, title: C, description: C, width: half}
          - {stat: node_load5, title: D, description: D, height: 6}
          - {stat: node_load15, title: E, description: E}
          - {stat: up, title: F, description: F}
  - tab: Rest
    rows:
      - row: Grid
        panels:
          - lines: 'sum by (mode) (rate(node_cpu_seconds_total[$__rate_interval]))'
            title: G
            description: G
"""


def list_positions(model):
    grids = [(panel["title"], panel["gridPos"]) for panel in model["panels"]]
    return [(title, grid["x"], grid["y"], grid["w"], grid["h"]) for title, grid in grids]


def test_a_tab_is_a_row_and_its_rows_have_its_title(build):
    result = build(TABS)
    assert result.problems == []
    assert list_positions(result.model) == [
        ("Load", 0, 0, 24, 1),
        ("A", 0, 1, 24, 8),
        ("B", 0, 9, 24, 8),
        ("Load: Grid", 0, 17, 24, 1),
        ("C", 0, 18, 8, 6),
        ("D", 8, 18, 8, 6),
        ("E", 16, 18, 8, 6),
        ("F", 0, 24, 8, 6),
        ("Rest: Grid", 0, 30, 24, 1),
        ("G", 0, 31, 24, 8),
    ]
    assert len({panel["id"] for panel in result.model["panels"]}) == 10


def test_a_section_variable_filters_only_its_section(build):
    result = build(TABS)
    assert [variable["name"] for variable in result.model["templating"]["list"]] == [
        "datasource",
        "job",
        "instance",
        "mode",
    ]
    exprs = {title: panel["targets"][0]["expr"] for title, panel in result.panels.items() if "targets" in panel}
    assert 'mode=~"$mode"' in exprs["B"]
    assert "$mode" not in exprs["A"]
    assert "$mode" not in exprs["G"]


def test_on_a_phone_a_tab_is_a_collapsed_row(build):
    model = build(TABS, layout="phone").model
    assert [(panel["title"], panel["collapsed"]) for panel in model["panels"]] == [
        ("Load", True),
        ("Load: Grid", True),
        ("Rest: Grid", True),
    ]
    assert [panel["title"] for panel in model["panels"][0]["panels"]] == ["A", "B"]


def test_panels_and_rows_in_tabs_can_be_changed_and_disabled(build):
    text = "build: {set: {shop/A: {title: Load}, 'shop/row Load: Grid': {per_row: 4}}, disable: [shop/G]}"
    document = yaml_file.parse_yaml(text, "deckwatch.yaml")
    changes = Changes(
        document,
        {name: ("build", "set", name) for name in ("shop/A", "shop/row Load: Grid")},
        {"shop/G": ("build", "disable", 0)},
    )
    result = build(TABS, changes=changes)
    assert result.problems == []
    positions = {title: (x, w) for title, x, _, w, _ in list_positions(result.model)}
    assert positions == {
        "Load": (0, 24),
        "B": (0, 24),
        "Load: Grid": (0, 24),
        "C": (0, 6),
        "D": (6, 6),
        "E": (12, 6),
        "F": (18, 6),
    }  # the tab whose only panel is disabled is gone


def test_a_part_can_be_used_in_a_tab(build):
    text = "dashboard: Shop\nabout: Disks.\ntabs:\n  - tab: Machines\n    rows: [{use: host/disks}]\n"
    source = Source(yaml_file.parse_yaml(text, "shop.yaml"), "shop", ())
    expanded, problems = expand_parts(source, list_parts())
    assert problems == []
    (tab,) = expanded.document.data["tabs"]
    assert tab["tab"] == "Machines"
    assert [row["row"] for row in tab["rows"]] == ["Disks"]
    assert [row.tab for row in walk_rows(expanded.document)] == [("tabs", 0)]


@given(st.lists(st.integers(1, 20), min_size=1, max_size=30), st.integers(1, 8), st.integers(0, 50))
def test_a_grid_has_lines_of_equal_panels_that_fill_all_columns(heights, per_row, top):
    boxes = [layout.Box(None, height, 3) for height in heights]
    spots, below = layout.place_grid(boxes, top, per_row)
    assert {spot.h for spot in spots} == {max(heights)}
    assert below == top + -(-len(heights) // per_row) * max(heights)
    lines = {}
    for spot in spots:
        lines.setdefault(spot.y, []).append(spot)
    for line in list(lines.values())[:-1]:
        assert len(line) == per_row
        assert sum(spot.w for spot in line) == layout.COLUMNS
    for line in lines.values():
        assert [spot.x for spot in line[1:]] == [spot.x + spot.w for spot in line[:-1]]
        assert max(spot.w for spot in line) - min(spot.w for spot in line) <= 1


@pytest.mark.parametrize("form", ["importable", "public"])
def test_the_other_forms_have_the_same_rows(build, form):
    titles = [panel["title"] for panel in build(TABS, form=form).model["panels"] if panel["type"] == "row"]
    assert titles == ["Load", "Load: Grid", "Rest: Grid"]
