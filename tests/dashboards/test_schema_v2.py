"""The two schemas of Grafana's dashboards: conversions keep every panel, and what has no equivalent is listed."""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deckwatch.dashboards.grafana_model import list_variables, walk_panels
from deckwatch.dashboards.schema_v2 import build_resource, convert_to_classic, convert_to_v2

PEERS = os.environ.get("DECKWATCH_PEERS")
OUT = Path(__file__).parents[2] / "provisioning" / "out" / "grafana" / "dashboards"
FILES = [
    *sorted(OUT.rglob("*.json")),
    *sorted(path for path in Path(PEERS or "/nowhere").glob("*.json") if '"targets"' in path.read_text()),
]
EVERYTHING = Path(__file__).with_name("everything.yaml")


def panels_of(model):
    """Return the panels without rows, each with the title of its row and its position relative to that row."""
    found = []
    for panel in sorted(model["panels"], key=lambda each: (each["gridPos"]["y"], each["gridPos"]["x"])):
        if panel["type"] == "row":
            top = panel["gridPos"]["y"] + 1
            found += [("row", panel["title"], bool(panel["collapsed"]), panel.get("repeat"))]
            inner = panel.get("panels") or []
            first = min((each["gridPos"]["y"] for each in inner), default=0)
            found += [(panel["title"], position(each, first), each) for each in inner]
        else:
            titled = [entry[1] for entry in found if entry[0] == "row"]
            found.append((titled[-1] if titled else None, position(panel, top if titled else 0), panel))
    return found


def position(panel, top):
    grid = panel["gridPos"]
    return grid["x"], grid["y"] - top, grid["w"], grid["h"]


def described(entry):
    """Return the parts of a panel that a conversion must keep."""
    if entry[0] == "row":
        return entry
    row, place, panel = entry
    source = panel.get("datasource")
    config = panel.get("fieldConfig") or {}
    return (
        row,
        place,
        {key: panel.get(key) or None for key in ("type", "title", "description", "repeat", "repeatDirection")},
        [
            {"datasource": source, "hide": False, **{key: value for key, value in each.items() if value is not None}}
            for each in panel.get("targets") or []
        ],
        with_base_values(config.get("defaults") or {}),
        config.get("overrides") or [],
        panel.get("transformations") or [],
        panel.get("links") or [],
        panel.get("options") or {},
        {key: panel.get(key) for key in ("interval", "maxDataPoints", "timeFrom", "timeShift")},
    )


def with_base_values(defaults):
    defaults = copy.deepcopy(defaults)
    steps = (defaults.get("thresholds") or {}).get("steps") or []
    for index, step in enumerate(steps):
        step["value"] = step.get("value") if index else None  # of any value, it is minus infinity
    return defaults


def assert_kept(model):
    spec, losses = convert_to_v2(model)
    assert [str(loss) for loss in losses] == []
    restored, losses = convert_to_classic(spec)
    assert [str(loss) for loss in losses] == []
    assert list(map(described, panels_of(restored))) == list(map(described, panels_of(model)))
    for key in ("title", "tags", "time", "refresh", "graphTooltip"):
        assert restored.get(key) == model.get(key)
    for before, after in zip(list_variables(model), list_variables(restored), strict=True):
        kept = {key: value for key, value in before.items() if value not in (None, "", [], {}, False)}
        assert {key: after.get(key) for key in kept} == kept
    assert convert_to_v2(restored).model == spec


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_dashboard_keeps_every_panel_through_v2_and_back(path):
    model = json.loads(path.read_text())
    if "panels" in model:
        assert_kept(model)
        return
    spec, losses = convert_to_v2(model)  # of Grafana 4
    panels = [panel for row in model["rows"] for panel in row["panels"]]
    elements = [element["spec"] for element in spec["elements"].values()]
    assert [each["title"] for each in elements] == [panel["title"] for panel in panels]
    assert all("not in v2" in loss.text or "without a type" in loss.text for loss in losses)
    restored = [entry for entry in panels_of(convert_to_classic(spec).model) if entry[0] != "row"]
    assert [place[2] for _, place, _ in restored] == [2 * panel["span"] for panel in panels]
    for (_, _, after), before in zip(restored, panels, strict=True):
        expressions = [target.get("expr") for target in before["targets"]]
        assert [target.get("expr") for target in after["targets"]] == expressions


def test_every_keyword_is_kept_through_v2_and_back(build):
    assert_kept(build(EVERYTHING.read_text(), uid="everything", subjects=("everything",)).model)


@pytest.mark.skipif(not PEERS, reason="DECKWATCH_PEERS does not name the folder with other people's dashboards")
def test_foreign_dashboards_are_available():
    assert any("1860" in path.name for path in FILES)


def panel_of(panel, **model):
    """Return the only element of a classic dashboard with this panel, and the losses."""
    spec, losses = convert_to_v2({"title": "T", "panels": [panel], **model})
    (element,) = spec["elements"].values()
    return element["spec"], [str(loss) for loss in losses]


def variable_of(variable):
    """Return a variable in v2 and what it becomes in the classic form again."""
    spec, losses = convert_to_v2({"title": "T", "panels": [], "templating": {"list": [variable]}})
    assert losses == []
    restored = convert_to_classic(spec)
    assert restored.losses == []
    return spec["variables"][0], restored.model["templating"]["list"][0]


def test_a_resource_has_name_and_folder():
    assert build_resource({"title": "T"}, "shop", folder="ops") == {
        "apiVersion": "dashboard.grafana.app/v2",
        "kind": "Dashboard",
        "metadata": {"name": "shop", "annotations": {"grafana.app/folder": "ops"}},
        "spec": {"title": "T"},
    }


def test_a_query_takes_the_panels_source_and_a_free_name():
    source = {"type": "prometheus", "uid": "abc"}
    targets = [{"expr": "up"}, {"refId": "A", "expr": "down", "hide": True}]
    spec, losses = panel_of({"type": "stat", "datasource": source, "targets": targets})
    assert losses == []
    assert [(each["spec"]["refId"], each["spec"]["hidden"]) for each in spec["data"]["spec"]["queries"]] == [
        ("B", False),
        ("A", True),
    ]
    assert spec["data"]["spec"]["queries"][0]["spec"]["query"] == {
        "kind": "DataQuery",
        "group": "prometheus",
        "version": "v0",
        "datasource": {"name": "abc"},
        "spec": {"expr": "up"},
    }


@pytest.mark.parametrize(
    ("source", "group", "name"),
    [
        ("$source", "loki", "$source"),
        ({"uid": "${source}"}, "loki", "${source}"),
        ({"uid": "${DS_PROM}", "type": "prometheus"}, "prometheus", None),
        ({"uid": "-- Grafana --"}, "grafana", "-- Grafana --"),
        ({"type": "__expr__", "uid": "__expr__"}, "__expr__", "__expr__"),
        ("default", "prometheus", None),
        (None, "prometheus", None),
    ],
)
def test_data_sources_are_identified(source, group, name):
    inputs = [{"name": "DS_PROM", "type": "datasource", "pluginId": "prometheus"}]
    variables = {"list": [{"type": "datasource", "name": "source", "query": "loki"}]}
    spec, losses = panel_of(
        {"type": "stat", "targets": [{"refId": "A", "expr": "up", "datasource": source}]},
        templating=variables,
        __inputs=inputs,
    )
    query = spec["data"]["spec"]["queries"][0]["spec"]["query"]
    assert (query["group"], query.get("datasource", {}).get("name")) == (group, name)
    assert losses == []


def test_a_data_source_by_name_has_no_type_and_is_reported():
    spec, losses = panel_of({"type": "stat", "datasource": "Prod", "targets": [{"refId": "A", "expr": "up"}]})
    assert spec["data"]["spec"]["queries"][0]["spec"]["query"]["datasource"] == {"name": "Prod"}
    text = "data source Prod without a type, prometheus assumed because of its query; v2 identifies it by its uid"
    assert losses == [f"panels[0].targets[0]: {text}"]


def test_keys_that_v2_lacks_are_listed_with_their_path():
    _, losses = panel_of({"type": "graph", "yaxes": [{}], "links": [{"title": "a", "url": "b", "type": "absolute"}]})
    assert losses == [
        "panels[0].yaxes: not in v2; Grafana 13 does not read it in a panel",
        "panels[0].links[0].type: not in a panel's link in v2",
    ]


@pytest.mark.parametrize(
    ("variable", "kind", "expected"),
    [
        (
            {"type": "query", "query": "label_values(job)", "refresh": 2, "sort": 3, "hide": 1},
            "QueryVariable",
            {"refresh": "onTimeRangeChanged", "sort": "numericalAsc", "hide": "hideLabel"},
        ),
        (
            {"type": "custom", "query": "a,b", "options": [{"text": "a", "value": "a"}]},
            "CustomVariable",
            {"query": "a,b"},
        ),
        ({"type": "datasource", "query": "loki", "refresh": 1}, "DatasourceVariable", {"pluginId": "loki"}),
        (
            {"type": "interval", "query": "1m,5m", "auto": True, "auto_count": 30, "auto_min": "10s", "refresh": 2},
            "IntervalVariable",
            {"auto": True, "auto_count": 30, "auto_min": "10s"},
        ),
        ({"type": "constant", "query": "x", "hide": 2}, "ConstantVariable", {"query": "x"}),
        ({"type": "textbox", "query": "x"}, "TextVariable", {"query": "x"}),
        (
            {
                "type": "adhoc",
                "datasource": {"type": "prometheus", "uid": "p"},
                "filters": [{"key": "a", "operator": "=", "value": "b"}],
            },
            "AdhocVariable",
            {"filters": [{"key": "a", "operator": "=", "value": "b"}]},
        ),
        ({"type": "groupby", "datasource": {"type": "prometheus", "uid": "p"}}, "GroupByVariable", {"multi": True}),
        (
            {
                "type": "switch",
                "current": {"text": "on", "value": "on"},
                "options": [{"value": "on"}, {"value": "off"}],
            },
            "SwitchVariable",
            {"current": "on", "enabledValue": "on", "disabledValue": "off"},
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_kind_of_variable_is_kept(variable, kind, expected):
    variable = {"name": "v", "label": "V", **variable}
    converted, restored = variable_of(variable)
    assert converted["kind"] == kind
    assert {key: converted["spec"][key] for key in expected} == expected
    without_options = {key: value for key, value in variable.items() if key != "options"}
    assert {key: restored[key] for key in without_options} == without_options


def test_a_constant_stays_hidden_and_a_text_query_a_text():
    _, restored = variable_of({"type": "constant", "name": "c", "query": "x", "hide": 0})
    assert restored["hide"] == 2
    converted, restored = variable_of({"type": "query", "name": "q", "query": "label_values(job)"})
    assert converted["spec"]["query"]["spec"] == {"__legacyStringValue": "label_values(job)"}
    assert restored["query"] == "label_values(job)"


def grid(*items):
    return {"kind": "GridLayout", "spec": {"items": [item("GridLayoutItem", name, **box) for name, box in items]}}


def item(kind, name, **spec):
    return {"kind": kind, "spec": {**spec, "element": {"kind": "ElementReference", "name": name}}}


def auto_grid(*names, **spec):
    return {"kind": "AutoGridLayout", "spec": {**spec, "items": [item("AutoGridLayoutItem", name) for name in names]}}


def section(kind, title, layout, **spec):
    return {"kind": kind, "spec": {"title": title, "layout": layout, **spec}}


def tabs(*sections):
    return {"kind": "TabsLayout", "spec": {"tabs": [section("TabsLayoutTab", *each) for each in sections]}}


def rows(*sections, **spec):
    return {"kind": "RowsLayout", "spec": {"rows": [section("RowsLayoutRow", *each, **spec) for each in sections]}}


def classic_of(layout, names="abcdef", **spec):
    """Return the classic form of a spec with these elements: {model, panels by title, losses}."""
    elements = {
        name: {
            "kind": "Panel",
            "spec": {"id": number, "title": name, "vizConfig": {"group": "stat", "kind": "VizConfig"}},
        }
        for number, name in enumerate(names, 1)
    }
    model, losses = convert_to_classic({"title": "T", "elements": elements, "layout": layout, **spec})
    texts = [str(loss) for loss in losses if not loss.text.startswith("automatic grid")]
    return model, {panel["title"]: panel for panel in walk_panels(model)}, texts


def test_an_auto_grid_fills_the_width_with_equal_columns():
    _, panels, _ = classic_of(auto_grid(*"abcdef", maxColumnCount=5, rowHeightMode="short"))
    assert [tuple(panels[name]["gridPos"].values()) for name in "abcdef"] == [
        (0, 0, 5, 5), (5, 0, 5, 5), (10, 0, 4, 5), (14, 0, 5, 5), (19, 0, 5, 5), (0, 5, 5, 5)
    ]  # fmt: skip
    _, losses = convert_to_classic({"title": "T", "elements": {}, "layout": auto_grid(maxColumnCount=5)})
    assert [str(loss) for loss in losses] == [
        "spec.layout: automatic grid with at most 5 columns, now a grid with positions"
    ]


def test_tabs_in_rows_in_tabs_become_rows_with_all_titles():
    inner = tabs(("T1", auto_grid("a")), ("T2", auto_grid("b")))
    layout = tabs(("One", rows(("R", inner))), ("Two", grid(("c", {"x": 0, "y": 0, "width": 4, "height": 2}))))
    model, _, losses = classic_of(layout, "abc")
    deep = "spec.layout.spec.tabs[0].spec.layout.spec.rows[0].spec.layout.spec.tabs"
    assert [(row["title"], row["collapsed"]) for row in model["panels"] if row["type"] == "row"] == [
        ("One: R: T1", False),
        ("One: R: T2", False),
        ("Two", False),
    ]
    assert losses == [
        "spec.layout.spec.tabs: tabs become rows",
        "spec.layout.spec.tabs[0].spec.layout.spec.rows: nested rows become rows named after all that contain them",
        f"{deep}: tabs become rows",
    ]


def test_what_no_row_can_express_is_listed_by_name():
    condition = {
        "kind": "ConditionalRenderingGroup",
        "spec": {
            "visibility": "show",
            "condition": "and",
            "items": [
                {"kind": "ConditionalRenderingData", "spec": {"value": True}},
                {
                    "kind": "ConditionalRenderingVariable",
                    "spec": {"variable": "env", "operator": "equals", "value": "p"},
                },
            ],
        },
    }
    variables = [{"kind": "TextVariable", "spec": {"name": "depth", "query": "3"}}]
    layout = rows(("R", auto_grid("a")), conditionalRendering=condition, fillScreen=True, variables=variables)
    model, _, losses = classic_of(layout, "a")
    place = "spec.layout.spec.rows[0].spec"
    assert losses == [
        f"{place}.fillScreen: no equivalent in the classic form",
        f"{place}.conditionalRendering: shown if there is data and $env equals 'p'; always shown in the classic form",
        f"{place}.variables[0]: variable depth of a row or tab, now one of the dashboard",
    ]
    assert [variable["name"] for variable in model["templating"]["list"]] == ["depth"]


def test_elements_without_a_place_and_places_without_an_element_are_listed():
    model, panels, losses = classic_of(auto_grid("a", "gone"), "ab")
    assert list(panels) == ["a"]
    assert losses == [
        "spec.elements.b: no layout refers to it, so Grafana does not show it; dropped",
        "spec.layout.spec.items[1].spec: refers to the element 'gone', which does not exist; dropped",
    ]
    assert model["panels"][0]["gridPos"] == {"x": 0, "y": 0, "w": 8, "h": 9}


def test_unknown_kinds_are_kept_and_named():
    hologram = {"kind": "Hologram", "spec": {"id": 7, "title": "H", "depth": 3}}
    layout = {"kind": "SpiralLayout", "spec": {"turns": [item("Turn", "holo")]}}
    spec = {
        "title": "T",
        "elements": {"holo": hologram},
        "layout": layout,
        "variables": [{"kind": "DiceVariable", "spec": {"name": "d", "sides": 6}}],
    }
    model, losses = convert_to_classic(spec)
    assert [str(loss) for loss in losses] == [
        "spec.layout: unknown kind SpiralLayout, its panels are placed in a grid",
        "spec.variables[0]: unknown kind DiceVariable of a variable, kept with its keys",
        "spec.elements.holo: unknown kind Hologram, kept as it is; classic Grafana cannot draw it",
    ]
    restored, losses = convert_to_v2(model)
    assert restored["elements"] == {"panel-7": hologram}
    assert restored["variables"][0]["kind"] == "DiceVariable"
    assert restored["variables"][0]["spec"]["sides"] == 6
    assert [str(loss) for loss in losses] == [
        "templating.list[0].type: unknown type 'dice' of a variable, kept with its keys"
    ]


def test_the_drafts_of_grafana_12_are_read():
    query = {
        "kind": "PanelQuery",
        "spec": {
            "refId": "A",
            "hidden": False,
            "datasource": {"type": "prometheus", "uid": "p"},
            "query": {"kind": "prometheus", "spec": {"expr": "up"}},
        },
    }
    reduce = {"kind": "reduce", "spec": {"id": "reduce", "options": {"x": 1}}}
    panel = {
        "id": 1,
        "title": "a",
        "data": {"kind": "QueryGroup", "spec": {"queries": [query], "transformations": [reduce], "queryOptions": {}}},
        "vizConfig": {"kind": "stat", "spec": {"pluginVersion": "12.0.0", "fieldConfig": {"defaults": {"unit": "s"}}}},
    }
    items = [item("GridLayoutItem", "a", x=0, y=0, width=12, height=8)]
    row = {"kind": "GridLayoutRow", "spec": {"y": 0, "title": "R", "collapsed": True, "elements": items}}
    layout = {"kind": "GridLayout", "spec": {"items": [row]}}
    model, losses = convert_to_classic(
        {
            "title": "T",
            "cursorSync": "",
            "tags": None,
            "elements": {"a": {"kind": "Panel", "spec": panel}},
            "layout": layout,
        }
    )
    assert losses == []
    (row,) = model["panels"]
    assert (row["title"], row["collapsed"]) == ("R", True)
    (restored,) = row["panels"]
    source = {"type": "prometheus", "uid": "p"}
    assert restored["targets"] == [{"expr": "up", "refId": "A", "datasource": source}]
    assert restored["transformations"] == [{"id": "reduce", "options": {"x": 1}}]
    assert (restored["type"], restored["pluginVersion"], restored["datasource"]) == ("stat", "12.0.0", source)
    assert restored["fieldConfig"]["defaults"] == {"unit": "s"}


def test_library_panels_and_repetition_are_kept():
    panel = {
        "id": 4,
        "type": "library-panel-ref",
        "title": "L",
        "libraryPanel": {"uid": "u", "name": "n"},
        "gridPos": {"x": 0, "y": 0, "w": 24, "h": 4},
        "repeat": "host",
        "repeatDirection": "v",
        "maxPerRow": 3,
    }
    spec, losses = convert_to_v2({"title": "T", "panels": [panel]})
    assert losses == []
    assert spec["elements"]["panel-4"]["kind"] == "LibraryPanel"
    assert convert_to_classic(spec).model["panels"] == [panel]


def test_mixed_sources_are_named_in_the_panel():
    queries = [
        {"refId": name, "expr": "up", "datasource": {"type": "prometheus", "uid": uid}} for name, uid in ("Ab", "Bc")
    ]
    spec, _ = convert_to_v2({"title": "T", "panels": [{"type": "stat", "targets": queries}]})
    (panel,) = convert_to_classic(spec).model["panels"]
    assert panel["datasource"] == {"type": "mixed", "uid": "-- Mixed --"}
    assert panel["targets"] == queries


_KEYS = st.sampled_from(
    "panels type targets gridPos datasource kind spec elements layout items rows tabs variables element name id "
    "options fieldConfig links templating list annotations timeSettings title repeat query group data queries".split()
)
_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats()
    | st.sampled_from(
        ["", "x", "row", "Panel", "GridLayout", "AutoGridLayout", "RowsLayout", "TabsLayout", "query", "QueryVariable"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=5),
    max_leaves=30,
)


@given(st.dictionaries(_KEYS, _VALUES, max_size=8))
def test_any_structure_is_converted(model):
    spec, _ = convert_to_v2(model)
    classic, _ = convert_to_classic(spec)
    convert_to_v2(classic)
    convert_to_classic(model)


def shared_panel(number, label):
    query = {"kind": "DataQuery", "group": "prometheus", "labels": {"grafana.app/export-label": label}, "spec": {}}
    data = {"queries": [{"kind": "PanelQuery", "spec": {"refId": "A", "query": query}}]}
    return {"kind": "Panel", "spec": {"id": number, "title": label, "data": {"kind": "QueryGroup", "spec": data}}}


@pytest.mark.parametrize(("labels", "losses"), [(("prometheus-1",) * 2, 0), (("prometheus-1", "prometheus-2"), 2)])
def test_data_sources_that_only_a_label_distinguishes_become_the_default_one(labels, losses):
    elements = {f"panel-{i}": shared_panel(i, label) for i, label in enumerate(labels, 1)}
    model, found = convert_to_classic({"title": "T", "elements": elements, "layout": auto_grid(*elements)})
    assert [panel["targets"][0]["datasource"] for panel in model["panels"]] == [{"type": "prometheus"}] * 2
    texts = [str(loss) for loss in found if "data source" in loss.text]
    assert len(texts) == losses
    assert all("becomes the default of its type" in text for text in texts)


def test_inputs_of_one_type_are_distinguished_by_labels():
    inputs = [{"name": name, "type": "datasource", "pluginId": "prometheus"} for name in ("DS_ONE", "DS_TWO")]
    spec, losses = panel_of(
        {"type": "stat", "targets": [{"refId": "A", "expr": "up", "datasource": {"uid": "${DS_TWO}"}}]}, __inputs=inputs
    )
    assert losses == []
    query = spec["data"]["spec"]["queries"][0]["spec"]["query"]
    assert (query["group"], query["labels"]) == ("prometheus", {"grafana.app/export-label": "prometheus-2"})
    assert "datasource" not in query
