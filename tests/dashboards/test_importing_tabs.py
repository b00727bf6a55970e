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


def query_variable(name, query, **spec):
    source = {"kind": "DataQuery", "group": "prometheus", "version": "v0", "spec": {"__legacyStringValue": query}}
    return {"kind": "QueryVariable", "spec": {"name": name, "label": name.title(), "query": source, **spec}}


def text_variable(name, value=""):
    return {"kind": "TextVariable", "spec": {"name": name, "label": name.title(), "query": value}}


def import_sections(importer, layout, names="abcd", variables=()):
    """Return the content of the file, its text generated in v2 by the names of variables, and all losses."""
    spec = {"title": "T", "elements": {name: element(i, name) for i, name in enumerate(names, 1)}, "layout": layout}
    model, losses = convert_to_classic({**spec, "variables": list(variables)}, keeps_sections=True)
    imported = importer.import_dashboard(model, "tabs")
    return yaml.safe_load(imported.text), [*map(str, losses), *(text for text in imported.lost if "variable" in text)]


def test_variables_of_tabs_and_rows_stay_theirs(importer):
    inner = rows(("R", grid("a")), ("S", grid("b")))
    inner["spec"]["rows"][1]["spec"]["variables"] = [text_variable("pattern", "x")]
    layout = tabs(("A", inner), ("B", grid("c", "d")))
    layout["spec"]["tabs"][0]["spec"]["variables"] = [query_variable("device", "label_values(node_disk_info, device)")]
    data, losses = import_sections(importer, layout)
    assert losses == []
    assert "choose" not in data
    first, second = data["tabs"]
    assert first["choose"] == [{"label": "device", "from": "node_disk_info", "title": "Device"}]
    assert [row.get("choose") for row in first["rows"]] == [
        None,
        [{"text": "pattern", "title": "Pattern", "default": "x"}],
    ]
    assert "choose" not in second


def test_a_variable_of_a_tab_without_a_keyword_keeps_its_settings(importer):
    layout = tabs(("A", grid("a", "b")), ("B", grid("c", "d")))
    shop = query_variable("shop", "label_values(shop_requests_total, shop)", multi=True)
    for tab in layout["spec"]["tabs"]:
        tab["spec"]["variables"] = [shop]
    data, losses = import_sections(importer, layout)
    assert losses == []
    assert [tab["choose"] for tab in data["tabs"]] == [[{"text": "shop", "title": "Shop"}]] * 2
    (variable,) = (each for each in data["raw"]["templating"]["list"] if each["type"] != "datasource")
    assert (variable["name"], variable["query"], variable["multi"]) == (
        "shop",
        "label_values(shop_requests_total, shop)",
        True,
    )


def test_variables_that_no_section_can_have_are_listed(importer):
    layout = rows(("R", grid("a")), ("S", grid("b")), ("T", rows(("U", grid("c")), ("V", grid("d")))))
    sections = [row["spec"] for row in layout["spec"]["rows"]]
    sections[0] |= {"variables": [text_variable("core")], "repeat": {"mode": "variable", "value": "core"}}
    sections[1]["variables"] = [text_variable("zone"), text_variable("pattern", "y")]
    sections[2]["variables"] = [text_variable("depth")]
    data, losses = import_sections(importer, layout, variables=[text_variable("zone"), text_variable("more")])
    place = "spec.layout.spec.rows"
    assert losses == [
        f"{place}[2].spec.layout.spec.rows: nested rows become rows named after all that contain them",
        f"{place}[1].spec.variables[0]: variable zone of a row or tab, dropped: the dashboard has one of this name",
        f"{place}[2].spec.variables[0]: variable depth of a row or tab, now one of the dashboard",
        "variable core of a row or tab, now one of the dashboard",
    ]
    assert [row.get("choose") for row in data["rows"]] == [
        None,
        [{"text": "pattern", "title": "Pattern", "default": "y"}],
        None,
        None,
    ]


def test_the_condition_of_a_row_without_a_header_is_not_that_of_its_tab(importer):
    inner = rows(("", grid("a")), ("S", grid("b")))
    inner["spec"]["rows"][0]["spec"] |= {"hideHeader": True, **condition(HAS_DATA)}
    data, losses = read_layout(importer, tabs(("A", inner), ("B", grid("c", "d"))))
    assert [tab.get("needs") for tab in data["tabs"]] == [None, None]
    assert [text.partition(": ")[2] for text in losses] == ["shown if there is data; always shown in the classic form"]
