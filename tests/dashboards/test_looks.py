"""The screen that a dashboard is laid out for, and how large its figures are."""

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
def made(catalog, child):
    def run(text, *others, **settings):
        documents = [yaml_file.parse_yaml(one, f"{name}.yaml") for name, one in (("shop", text), *others)]
        signals, _ = signal_file.load_signals(documents, catalog)
        found = [Source(one, one.file.removesuffix(".yaml"), ()) for one in documents]
        return dashboards.build_dashboards(found, catalog, signals, Settings(**settings), child)

    return run


def models(bundle):
    assert bundle.problems == []
    return {one.path.rpartition("/")[2]: json.loads(one.text) for one in bundle.artifacts}


def drawn(model):
    return {panel["title"]: panel for panel in model["panels"] if panel["type"] != "row"}


def test_on_a_phone_each_panel_has_the_whole_width_below_the_one_before(made):
    (model,) = models(made(SHOP.replace("about:", "layout: phone\nabout:"))).values()
    places = [(panel["gridPos"]["x"], panel["gridPos"]["w"]) for panel in model["panels"]]
    assert places == [(0, 24)] * 7
    tops = [panel["gridPos"]["y"] for panel in model["panels"]]
    assert tops == sorted(set(tops))
    found = drawn(model)
    assert list(found) == ["A", "B", "C", "D", "E", "F"]
    assert found["A"]["repeatDirection"] == "v"
    assert found["C"]["options"]["legend"]["placement"] == found["D"]["options"]["legend"]["placement"] == "bottom"


def test_large_figures_are_larger_than_grafana_would_write_them(made):
    normal = drawn(models(made(SHOP))["shop.json"])
    large = drawn(models(made(SHOP, figures="large"))["shop.json"])
    by_keyword = drawn(models(made(SHOP.replace("about:", "text_size: large\nabout:")))["shop.json"])
    assert large == by_keyword
    assert "text" not in normal["A"]["options"]
    assert large["A"]["options"]["text"]["valueSize"] > 50  # Grafana's own most
    assert large["A"]["gridPos"]["h"] > normal["A"]["gridPos"]["h"]
    assert {title for title, panel in large.items() if "text" in panel["options"]} == {"A", "B", "F"}
    assert (normal["E"]["options"]["cellHeight"], large["E"]["options"]["cellHeight"]) == ("sm", "lg")


def test_both_are_two_dashboards_with_the_same_panels(made):
    bundle = made(SHOP, layout="both")
    found = models(bundle)
    assert [(one["uid"], one["title"]) for one in found.values()] == [("shop", "Shop"), ("shop-phone", "Shop (phone)")]
    wide, phone = found.values()
    assert wide == models(made(SHOP))["shop.json"]
    assert [(p["id"], p["title"]) for p in wide["panels"]] == [(p["id"], p["title"]) for p in phone["panels"]]
    assert {one.uid for one in bundle.queries} == {"shop"}  # the same queries need no second proof


def test_a_dashboard_says_for_itself_what_it_is_laid_out_for(made):
    assert list(models(made(SHOP.replace("about:", "layout: wide\nabout:"), layout="both"))) == ["shop.json"]


def test_the_address_of_the_phones_form_is_not_another_dashboards(made):
    (problem,) = made(SHOP, ("shop-phone", SHOP.replace("Shop", "Other")), layout="both").problems[:1]
    assert str(problem) == (
        "shop-phone.yaml:1:12: error: the phone variant of shop has the address shop-phone too "
        "(rename a file) [address]"
    )


@pytest.mark.skipif("DECKWATCH_PEERS" not in os.environ, reason="DECKWATCH_PEERS does not name Grafana's schemas")
@pytest.mark.parametrize("layout", ["wide", "phone"])
def test_grafanas_own_schemas_accept_large_figures_and_phones(made, grafanas_schemas, layout):
    for model in models(made(SHOP, layout=layout, figures="large")).values():
        assert grafanas_schemas.faults(model) == []
