"""Panels that derive queries from others: texts of limits, comparisons, distributions, rows of a heat map."""

import json

import pytest

from deckwatch import dashboards
from deckwatch.core import promql, signal_file, yaml_file
from deckwatch.dashboards.read.files import Source

TEXT = """\
dashboard: Shop
about: Is it well?
rows:
  - - {stat: [host.cpu, application.availability, up], title: Limits, limit_text: true}
    - {stat: host.cpu, title: Own limit, limit_text: true, critical: 70%}
    - {stat: application.latency.p95, title: Compared, compared_to: 1w}
    - {stat: node_load1, title: Neither, description: Load., compared_to: 1d}
    - {distribution: http_request_duration_seconds, title: Distribution, description: Durations.}
    - {heatmap: http_request_duration_seconds, title: Buckets, description: Durations.}
    - {heatmap: application.handlers, title: Rows}
"""


@pytest.fixture(scope="module")
def bundle(catalog, child):
    document = yaml_file.parse_yaml(TEXT, "shop.yaml")
    shipped = dashboards.read.files.load_shipped([])
    sources = [*(each for each in shipped if not each.is_dashboard), Source(document, "shop", ())]
    signals, _ = signal_file.load_signals([source.document for source in sources], catalog)
    return dashboards.build_dashboards(sources, catalog, signals, None, child)


@pytest.fixture(scope="module")
def panels(bundle):
    assert [problem for problem in bundle.problems if problem.severity == "error"] == []
    (model,) = [json.loads(artifact.text) for artifact in bundle.artifacts if artifact.path.endswith("shop.json")]
    return {panel["title"]: panel for panel in model["panels"]}


def read_targets(panel):
    return {target["refId"]: target for target in panel["targets"]}


def read_override(panel, ref):
    (override,) = [each for each in panel["fieldConfig"]["overrides"] if each["matcher"]["options"] == ref]
    return {item["id"]: item["value"] for item in override["properties"]}


def test_all_queries_are_promql(panels):
    for panel in panels.values():
        for target in panel["targets"]:
            promql.check_syntax(target["expr"])


def test_a_text_says_which_limit_is_exceeded(panels):
    panel = panels["Limits"]
    assert list(read_targets(panel)) == ["A", "B", "C", "A_limit", "B_limit"]  # `up` as a metric has no limits
    rising = read_targets(panel)["A_limit"]
    assert rising["expr"].endswith(">= bool 0.95)")
    assert rising["instant"] is True
    (mapping,) = read_override(panel, "A_limit")["mappings"]
    assert [mapping["options"][key]["text"] for key in "012"] == ["below 80%", "above 80%", "above 95%"]
    falling = read_targets(panel)["B_limit"]["expr"]
    assert "< bool 0.999" in falling
    (mapping,) = read_override(panel, "B_limit")["mappings"]
    assert [mapping["options"][key]["text"] for key in "012"] == ["at least 99.9%", "below 99.9%", "below 99%"]


def test_the_limits_of_the_panel_replace_those_of_the_signal(panels):
    (mapping,) = read_override(panels["Own limit"], "A_limit")["mappings"]
    assert {key: each["text"] for key, each in mapping["options"].items()} == {"0": "below 70%", "1": "above 70%"}


def test_a_comparison_has_the_earlier_value_and_the_change_with_its_direction(panels):
    panel = panels["Compared"]
    assert list(read_targets(panel)) == ["A", "A_before", "A_rise", "A_fall"]
    assert "[5m:1m] offset 1w" in read_targets(panel)["A_before"]["expr"]
    assert read_targets(panel)["A_rise"]["expr"].endswith(">= 0")
    assert read_targets(panel)["A_fall"]["legendFormat"].startswith("▼")
    colors = [read_override(panel, ref)["color"]["fixedColor"] for ref in ("A_rise", "A_fall")]
    assert colors == ["#D55E00", "#009E73"]  # a rise of the response time is bad
    assert read_override(panel, "A_before")["unit"] == "s"
    assert read_override(panel, "A_rise")["unit"] == "percentunit"
    neutral = [read_override(panels["Neither"], ref)["color"]["fixedColor"] for ref in ("A_rise", "A_fall")]
    assert neutral == ["text", "text"]


def test_derived_queries_are_verified(bundle):
    derived = [query for query in bundle.queries if query.ref == "derived"]
    assert len(derived) == 9
    assert all(query.empty for query in derived)


def test_a_distribution_counts_the_observations_of_the_range(panels):
    panel = panels["Distribution"]
    (target,) = panel["targets"]
    assert target["expr"].startswith("sum by (le) (increase(http_request_duration_seconds_bucket{")
    assert target["expr"].endswith("[$__range]))")
    assert (target["format"], target["instant"], target["legendFormat"]) == ("heatmap", True, "{{le}}")
    assert panel["fieldConfig"]["defaults"]["unit"] == "short"
    assert panel["options"]["xField"] in panel["transformations"][1]["options"]["renameByName"].values()


def test_a_heat_map_of_no_histogram_has_a_row_for_each_series(panels):
    (buckets,), (rows,) = panels["Buckets"]["targets"], panels["Rows"]["targets"]
    assert (buckets["format"], rows["format"]) == ("heatmap", "time_series")
    assert rows["legendFormat"] == "{{handler}} {{service}}"
    assert panels["Rows"]["fieldConfig"]["defaults"]["unit"] == "reqps"
    assert panels["Buckets"]["options"]["yAxis"]["unit"] == "s"
