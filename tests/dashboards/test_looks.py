"""Layouts for screens and phones, and text sizes."""

import json
import os

import pytest

from deckwatch import dashboards
from deckwatch.core import signal_file, yaml_file
from deckwatch.dashboards.build import Settings
from deckwatch.dashboards.read.files import Source

SHOP = """\
dashboard: Shop
about: Is it well?
rows:
  - - {stat: up, title: A, description: A., for each: instance}
    - {gauge: up, title: B, description: B., max: 1}
  - row: Below
    panels:
      - {lines: up, title: C, description: C., legend_at: right, width: half}
      - {pie: up, title: D, description: D.}
      - {table: up, title: E, description: E., by: [instance]}
      - {bargauge: up, title: F, description: F.}
"""


@pytest.fixture
def build_shop(catalog, child):
    def run(text, *others, **settings):
        documents = [yaml_file.parse_yaml(content, f"{name}.yaml") for name, content in (("shop", text), *others)]
        signals, _ = signal_file.load_signals(documents, catalog)
        result = [Source(document, document.file.removesuffix(".yaml"), ()) for document in documents]
        return dashboards.build_dashboards(result, catalog, signals, Settings(**settings), child)

    return run


def models(bundle):
    assert bundle.problems == []
    return {artifact.path.rpartition("/")[2]: json.loads(artifact.text) for artifact in bundle.artifacts}


def drawn(model):
    panels = [inner for panel in model["panels"] for inner in (panel, *panel.get("panels", []))]
    return {panel["title"]: panel for panel in panels if panel["type"] != "row"}


def test_on_a_phone_panels_have_the_full_width_and_are_stacked(build_shop):
    (model,) = models(build_shop(SHOP.replace("about:", "layout: phone\nabout:"))).values()
    panels = [inner for panel in model["panels"] for inner in (panel, *panel.get("panels", []))]
    places = [(panel["gridPos"]["x"], panel["gridPos"]["w"]) for panel in panels]
    assert places == [(0, 24)] * 7
    tops = [panel["gridPos"]["y"] for panel in panels]
    assert tops == sorted(set(tops))
    result = drawn(model)
    assert list(result) == ["A", "B", "C", "D", "E", "F"]
    assert result["A"]["repeatDirection"] == "v"
    assert result["C"]["options"]["legend"]["placement"] == result["D"]["options"]["legend"]["placement"] == "bottom"


def test_large_text_is_larger_than_grafanas_automatic_size(build_shop):
    normal = drawn(models(build_shop(SHOP))["shop.json"])
    large = drawn(models(build_shop(SHOP, figures="large"))["shop.json"])
    result = drawn(models(build_shop(SHOP.replace("about:", "text_size: large\nabout:")))["shop.json"])
    assert large == result
    assert "text" not in normal["A"]["options"]
    assert large["A"]["options"]["text"]["valueSize"] > 50  # Grafana's maximum
    assert large["A"]["gridPos"]["h"] > normal["A"]["gridPos"]["h"]
    assert {title for title, panel in large.items() if "text" in panel["options"]} == {"A", "B", "F"}
    assert (normal["E"]["options"]["cellHeight"], large["E"]["options"]["cellHeight"]) == ("sm", "lg")


def test_layout_both_generates_two_dashboards_with_the_same_panels(build_shop):
    bundle = build_shop(SHOP, layout="both")
    result = models(bundle)
    assert [(value["uid"], value["title"]) for value in result.values()] == [
        ("shop", "Shop"),
        ("shop-phone", "Shop (phone)"),
    ]
    wide, phone = result.values()
    assert wide == models(build_shop(SHOP))["shop.json"]
    assert [(p["id"], title) for title, p in drawn(wide).items()] == [
        (p["id"], title) for title, p in drawn(phone).items()
    ]
    assert {query.uid for query in bundle.queries} == {"shop"}  # the same queries need not be verified twice


def test_a_dashboard_can_set_its_own_layout(build_shop):
    assert list(models(build_shop(SHOP.replace("about:", "layout: wide\nabout:"), layout="both"))) == ["shop.json"]


def test_the_uid_of_a_phone_variant_must_be_free(build_shop):
    (problem,) = build_shop(SHOP, ("shop-phone", SHOP.replace("Shop", "Other")), layout="both").problems[:1]
    assert str(problem) == (
        "shop-phone.yaml:1:12: error: the phone variant of shop has the address shop-phone too "
        "(rename a file) [address]"
    )


@pytest.mark.skipif("DECKWATCH_PEERS" not in os.environ, reason="DECKWATCH_PEERS does not name Grafana's schemas")
@pytest.mark.parametrize("layout", ["wide", "phone"])
def test_grafanas_schemas_accept_large_text_and_phones(build_shop, grafanas_schemas, layout):
    for model in models(build_shop(SHOP, layout=layout, figures="large")).values():
        assert grafanas_schemas.faults(model) == []


def test_links_of_the_phone_variant_stay_on_the_phone(build_shop):
    linked = SHOP + "  - - {lines: up, title: G, description: G., link: other}\n"
    table = "    - {table: {show: up, link: other}, title: H, description: H., by: [instance]}\n"
    other = ("other", SHOP.replace("Shop", "Other"))
    result = models(build_shop(linked + table, other, layout="both"))
    for uid, tag in (("", "deckwatch"), ("-phone", "deckwatch-phone")):
        model = result[f"shop{uid}.json"]
        (link,) = drawn(model)["G"]["fieldConfig"]["defaults"]["links"]
        assert link["url"].startswith(f"/d/other{uid}?${{__url_time_range}}&var-instance=")
        assert f"/d/other{uid}?" in json.dumps(drawn(model)["H"])
        (dashboards_link,) = model["links"]
        assert dashboards_link["tags"] == [tag]
        assert tag in model["tags"]


def test_a_link_to_a_dashboard_without_phone_variant_opens_the_wide_one(build_shop):
    linked = SHOP + "  - - {lines: up, title: G, description: G., link: other}\n"
    other = ("other", SHOP.replace("Shop", "Other").replace("about:", "layout: wide\nabout:"))
    model = models(build_shop(linked, other, layout="both"))["shop-phone.json"]
    assert drawn(model)["G"]["fieldConfig"]["defaults"]["links"][0]["url"].startswith("/d/other?")


def test_a_gauge_keeps_its_name_and_colours_with_the_new_gauge_of_grafana_13(build_shop):
    options = drawn(models(build_shop(SHOP))["shop.json"])["B"]["options"]
    # `shape` marks options of the new gauge: with it, Grafana uses them as they are.
    assert options["shape"] == "gauge"
    assert options["textMode"] == "value_and_name"
    assert options["effects"] == {"gradient": False}
    assert options["sparkline"] is False


def test_the_percentage_of_change_is_an_option(build_shop):
    text = SHOP.replace("title: A, ", "title: A, change: true, ")
    stat = drawn(models(build_shop(text))["shop.json"])["A"]
    assert stat["options"]["showPercentChange"] is True
    assert stat["targets"][0]["range"] is True  # one value alone has no change
    assert drawn(models(build_shop(SHOP))["shop.json"])["A"]["options"]["showPercentChange"] is False


@pytest.mark.parametrize(
    ("direction", "mode"), [("bad: up, ", "inverted"), ("bad: down, ", "standard"), ("", "same_as_value")]
)
def test_the_colour_of_a_change_follows_its_direction(direction, mode, build_shop):
    text = SHOP.replace("title: A, ", f"title: A, change: true, {direction}")
    stat = drawn(models(build_shop(text))["shop.json"])["A"]
    assert stat["options"]["percentChangeColorMode"] == mode


TILES = """\
dashboard: Shop
about: Is it well?
rows:
  - - {stat: [up, node_load1, node_load5, node_load15], title: A, description: A.}
    - {gauge: [node_load1, node_load5, node_load15], title: B, description: B., max: 1}
  - row: Below
    panels: [{lines: up, title: C, description: C.}]
"""


def test_on_a_phone_values_are_side_by_side_and_never_cut_off(build_shop):
    model = models(build_shop(TILES, layout="both"))["shop-phone.json"]
    first, second = model["panels"][:2]
    assert first["gridPos"]["h"] == 7  # two by two
    assert second["gridPos"]["h"] <= 6  # one row
    for panel in (first, second):
        assert "text" not in panel["options"]  # Grafana chooses a size that fits


def test_on_a_phone_rows_are_opened_one_by_one(build_shop):
    wide, phone = models(build_shop(TILES, layout="both")).values()
    assert [panel.get("collapsed") for panel in wide["panels"] if panel["type"] == "row"] == [False]
    assert [panel.get("collapsed") for panel in phone["panels"] if panel["type"] == "row"] == [True]


def test_a_series_below_zero_shares_colour_and_legend_with_its_counterpart(build_shop):
    text = (
        'dashboard: Shop\nabout: Is it well?\nrows:\n  - - lines: [{show: node_load1, legend: "{{instance}}"}, '
        '{show: node_load5, legend: "{{instance}}", negative_y: true}]\n      title: A\n      description: A.\n'
    )
    panel = drawn(models(build_shop(text))["shop.json"])["A"]
    assert panel["fieldConfig"]["defaults"]["color"]["mode"] == "palette-classic-by-name"
    hidden = [
        override["matcher"]["options"]
        for override in panel["fieldConfig"]["overrides"]
        for item in override["properties"]
        if item["id"] == "custom.hideFrom" and item["value"]["legend"]
    ]
    assert hidden == ["B"]


def test_legends_of_graphs_have_values_and_an_empty_panel_its_reason(build_shop):
    text = SHOP.replace("title: C, ", "title: C, empty: Nothing may be up., ")
    panel = drawn(models(build_shop(text))["shop.json"])["C"]
    assert panel["options"]["legend"]["calcs"] == ["min", "mean", "max"]
    assert panel["fieldConfig"]["defaults"]["noValue"] == "Nothing may be up"


def test_an_axis_need_not_start_at_zero(build_shop):
    text = SHOP.replace("title: C, ", "title: C, zero: false, unit: ratio, ")
    custom = drawn(models(build_shop(text))["shop.json"])["C"]["fieldConfig"]["defaults"]["custom"]
    assert "axisSoftMin" not in custom
    assert "axisSoftMax" not in custom


def test_a_table_is_sorted_by_several_columns(build_shop):
    text = SHOP.replace("title: E, ", "title: E, sort: [Value, Instance], ").replace(
        "{table: up,", "{table: {show: up, title: Value},"
    )
    panel = drawn(models(build_shop(text))["shop.json"])["E"]
    assert panel["options"]["sortBy"] == [
        {"displayName": "Value", "desc": True},
        {"displayName": "Instance", "desc": True},
    ]
    (problem,) = build_shop(text.replace("Instance]", "Instnace]")).problems
    assert "no column is called Instnace (did you mean Instance?)" in str(problem)


def test_the_text_without_data_is_not_written_into_empty_labels_of_a_table(build_shop):
    text = SHOP.replace("title: E, ", "title: E, no_data_text: nothing, ")
    config = drawn(models(build_shop(text))["shop.json"])["E"]["fieldConfig"]
    assert config["defaults"]["noValue"] == "nothing"
    assert {"matcher": {"id": "byType", "options": "string"}, "properties": [{"id": "noValue", "value": ""}]} in config[
        "overrides"
    ]
