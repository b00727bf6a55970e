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
    return {panel["title"]: panel for panel in model["panels"] if panel["type"] != "row"}


def test_on_a_phone_panels_have_the_full_width_and_are_stacked(build_shop):
    (model,) = models(build_shop(SHOP.replace("about:", "layout: phone\nabout:"))).values()
    places = [(panel["gridPos"]["x"], panel["gridPos"]["w"]) for panel in model["panels"]]
    assert places == [(0, 24)] * 7
    tops = [panel["gridPos"]["y"] for panel in model["panels"]]
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
    assert [(p["id"], p["title"]) for p in wide["panels"]] == [(p["id"], p["title"]) for p in phone["panels"]]
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
