"""Import of v2: tabs become tabs, automatic grids rows with `per_row`, and their panels are checked as all others."""

from __future__ import annotations

import pytest
import yaml

from deckwatch.dashboards.importing import Importer
from deckwatch.dashboards.schema_v2 import convert_to_classic


@pytest.fixture(scope="module")
def importer(catalog, child):
    return Importer(catalog, child)


def element(number, title):
    query = {"kind": "DataQuery", "group": "prometheus", "version": "v0", "spec": {"expr": f"node_load1 * {number}"}}
    data = {"queries": [{"kind": "PanelQuery", "spec": {"refId": "A", "hidden": False, "query": query}}]}
    return {
        "kind": "Panel",
        "spec": {
            "id": number,
            "title": title,
            "data": {"kind": "QueryGroup", "spec": data},
            "vizConfig": {"kind": "VizConfig", "group": "timeseries", "version": "", "spec": {}},
        },
    }


def grid(*names):
    items = [
        {
            "kind": "GridLayoutItem",
            "spec": {
                "x": 12 * i,
                "y": 0,
                "width": 12,
                "height": 8,
                "element": {"kind": "ElementReference", "name": name},
            },
        }
        for i, name in enumerate(names)
    ]
    return {"kind": "GridLayout", "spec": {"items": items}}


def auto_grid(columns, *names):
    items = [
        {"kind": "AutoGridLayoutItem", "spec": {"element": {"kind": "ElementReference", "name": name}}}
        for name in names
    ]
    return {"kind": "AutoGridLayout", "spec": {"maxColumnCount": columns, "items": items}}


def rows(*sections):
    entries = [{"kind": "RowsLayoutRow", "spec": {"title": title, "layout": layout}} for title, layout in sections]
    return {"kind": "RowsLayout", "spec": {"rows": entries}}


def tabs(*sections, **spec):
    entries = [
        {"kind": "TabsLayoutTab", "spec": {"title": title, "layout": layout, **spec}} for title, layout in sections
    ]
    return {"kind": "TabsLayout", "spec": {"tabs": entries}}


def read_layout(importer, layout, names="abcd"):
    """Return the content of the file, the titles by panel path, and the losses of the schema."""
    spec = {"title": "T", "elements": {name: element(i, name) for i, name in enumerate(names, 1)}, "layout": layout}
    model, losses = convert_to_classic(spec, keeps_sections=True)
    imported = importer.import_dashboard(model, "tabs")
    assert imported.kept == imported.panels == len(names)
    return yaml.safe_load(imported.text), [str(loss) for loss in losses]


def titles_of(section):
    return [
        {**{key: row[key] for key in row if key != "panels"}, "panels": [panel["title"] for panel in row["panels"]]}
        if isinstance(row, dict)
        else [panel["title"] for panel in row]
        for row in section["rows"]
    ]


def test_tabs_with_a_grid_and_with_rows_become_tabs(importer):
    data, losses = read_layout(
        importer, tabs(("Load", grid("a", "b")), ("More", rows(("One", auto_grid(2, "c")), ("Two", grid("d")))))
    )
    assert losses == []
    assert "rows" not in data
    assert [(tab["tab"], titles_of(tab)) for tab in data["tabs"]] == [
        ("Load", [["a", "b"]]),
        ("More", [{"row": "One", "per_row": 2, "panels": ["c"]}, {"row": "Two", "panels": ["d"]}]),
    ]
    assert "width" not in data["tabs"][1]["rows"][0]["panels"][0]


def test_a_check_that_a_panel_in_a_tab_fails_is_allowed(importer):
    data, _ = read_layout(importer, tabs(("Load", rows(("R", grid("a")))), ("More", grid("b", "c", "d"))))
    panels = [data["tabs"][0]["rows"][0]["panels"][0], *data["tabs"][1]["rows"][0]]
    assert [panel["allow"]["description"] for panel in panels] == ["imported as it was"] * 4


def test_tabs_and_rows_of_equal_titles_get_numbers(importer):
    data, losses = read_layout(
        importer, tabs(("A", rows(("R", grid("a")), ("R", grid("b")))), ("A", grid("c")), ("", grid("d")))
    )
    assert [tab["tab"] for tab in data["tabs"]] == ["A", "A 2", "Tab"]
    assert [row["row"] for row in data["tabs"][0]["rows"]] == ["R", "R 2"]
    assert losses == [
        "spec.layout.spec.tabs[1].spec.title: now 'A 2': tabs have a title of their own",
        "spec.layout.spec.tabs[2].spec.title: now 'Tab': tabs have a title of their own",
    ]


def test_repeated_tabs_and_tabs_inside_rows_become_rows(importer):
    repeat = {"mode": "variable", "value": "host"}
    data, losses = read_layout(importer, tabs(("A", grid("a")), ("B", grid("b")), repeat=repeat), "ab")
    assert [row["row"] for row in data["rows"]] == ["A", "B"]
    assert losses == ["spec.layout.spec.tabs: tabs become rows"]
    data, losses = read_layout(importer, rows(("Outer", tabs(("A", grid("a")), ("B", auto_grid(2, "b"))))), "ab")
    assert [row["row"] for row in data["rows"]] == ["Outer: A", "Outer: B"]
    assert data["rows"][1]["per_row"] == 2
    assert losses == ["spec.layout.spec.rows[0].spec.layout.spec.tabs: tabs become rows"]


def test_an_automatic_grid_outside_of_rows_gets_positions(importer):
    data, losses = read_layout(importer, auto_grid(4, "a", "b"), "ab")
    assert [panel["width"] for panel in data["rows"][0]] == ["quarter", "quarter"]
    assert losses == ["spec.layout: automatic grid with at most 4 columns, now a grid with positions"]


HAS_DATA = {"kind": "ConditionalRenderingData", "spec": {"value": True}}


def condition(*items, visibility="show"):
    spec = {"visibility": visibility, "condition": "and", "items": list(items)}
    return {"conditionalRendering": {"kind": "ConditionalRenderingGroup", "spec": spec}}


def test_a_row_and_a_tab_that_are_shown_only_if_there_is_data_need_a_metric(importer):
    inner = rows(("R", grid("a")), ("S", grid("b")))
    inner["spec"]["rows"][0]["spec"] |= condition(HAS_DATA)
    layout = tabs(("A", inner), ("B", grid("c", "d")))
    layout["spec"]["tabs"][1]["spec"] |= condition(HAS_DATA)
    data, losses = read_layout(importer, layout)
    assert losses == []
    assert [row.get("needs") for row in data["tabs"][0]["rows"]] == ["node_load1", None]
    assert [tab.get("needs") for tab in data["tabs"]] == [None, "node_load1"]


def test_other_conditions_are_listed(importer):
    layout = rows(("R", grid("a")), ("S", rows(("T", grid("b")), ("U", grid("c")))), ("V", grid("d")))
    sections = layout["spec"]["rows"]
    sections[0]["spec"] |= condition(HAS_DATA, visibility="hide")
    sections[1]["spec"] |= condition(HAS_DATA)
    sections[2]["spec"] |= condition(HAS_DATA, {"kind": "ConditionalRenderingTimeRangeSize", "spec": {"value": "7d"}})
    data, losses = read_layout(importer, layout)
    assert not any("needs" in row for row in data["rows"])
    assert [text.partition("conditionalRendering: ")[2] for text in losses if "conditionalRendering" in text] == [
        "hidden if there is data; always shown in the classic form",
        "shown if there is data; always shown in the classic form",
        "shown if there is data and the time range is at most 7d; always shown in the classic form",
    ]
