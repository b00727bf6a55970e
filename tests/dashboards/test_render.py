"""The dashboard model: positions, ids, and identical bytes from both Jsonnet engines."""

import json

import pytest

from deckwatch.core import signal_file
from deckwatch.dashboards import panel_types
from deckwatch.dashboards.build import Settings, build_dashboards
from deckwatch.dashboards.read import files

ROWS = """\
dashboard: Shop
about: Is it well?
range: 6h
rows:
  - - {stat: up, title: A}
    - {stat: up, title: B, width: half}
  - row: Closed
    collapsed: true
    panels:
      - {lines: up, title: C}
  - row: Open
    panels:
      - {lines: up, title: D}
"""


def test_rows_are_laid_out_and_collapsed_rows_contain_their_panels(build):
    result = build(ROWS.replace("title:", "description: Up., title:"))
    assert result.problems == []
    assert [(p["title"], tuple(p["gridPos"].values())) for p in result.model["panels"]] == [
        ("A", (4, 12, 0, 0)),
        ("B", (4, 12, 12, 0)),
        ("Closed", (1, 24, 0, 4)),
        ("Open", (1, 24, 0, 5)),
        ("D", (8, 24, 0, 6)),
    ]
    closed = result.model["panels"][2]
    assert [panel["title"] for panel in closed["panels"]] == ["C"]
    assert result.model["panels"][3]["panels"] == []


def test_the_dashboard_has_the_fields_that_grafana_requires(build):
    model = build(ROWS.replace("title:", "description: Up., title:")).model
    assert model["uid"] == "shop"
    assert model["editable"] is False
    assert model["schemaVersion"] == 42
    assert model["time"] == {"from": "now-6h", "to": "now"}
    assert model["refresh"] == "30s"
    assert "id" not in model
    names = [(variable["name"], variable["type"]) for variable in model["templating"]["list"]]
    assert names == [("datasource", "datasource"), ("job", "query"), ("instance", "query")]
    assert all(variable["allValue"] == ".+" and variable["multi"] for variable in model["templating"]["list"][1:])
    assert model["templating"]["list"][2]["query"] == "label_values(up, instance)"


def test_a_panel_keeps_its_id_when_others_are_added(build):
    def numbers(text):
        return {title: panel["id"] for title, panel in build(text).panels.items()}

    panel = "    - {stat: up, title: X, description: Up.}\n"
    text = ROWS.replace("title:", "description: Up., title:")
    before = numbers(text)
    after = numbers(
        text.replace(
            "    - {stat: up, description: Up., title: B", panel + "    - {stat: up, description: Up., title: B"
        )
    )
    assert before.items() <= after.items()
    assert build(text).bundle.panels["shop"]["A"] == before["A"]


def test_raw_is_merged_last(build):
    result = build(
        "dashboard: Shop\nraw: {weekStart: monday}\nrows:\n"
        "  - - {lines: up, description: Up., raw: {options: {tooltip: {mode: single}}, transparent: true}}\n"
    )
    panel = result.panels["Up"]
    assert panel["options"]["tooltip"]["mode"] == "single"
    assert panel["options"]["tooltip"]["sort"] == "desc"
    assert panel["transparent"] is True
    assert result.model["weekStart"] == "monday"


@pytest.mark.parametrize(
    ("keys", "steps"),
    [
        ("bad: up, high: 80%, critical: 95%", [("#009E73", None), ("#E69F00", 0.8), ("#D55E00", 0.95)]),
        ("bad: up, critical: 95%", [("#009E73", None), ("#D55E00", 0.95)]),
        ("bad: down, low: 95%, critical: 80%", [("#D55E00", None), ("#E69F00", 0.8), ("#009E73", 0.95)]),
        ("bad: down, low: 95%", [("#E69F00", None), ("#009E73", 0.95)]),
        ("bad: down, critical: 80%", [("#D55E00", None), ("#009E73", 0.8)]),
        ("low: 20%, high: 80%", [("#E69F00", None), ("#009E73", 0.2), ("#E69F00", 0.8)]),
        ("bad: up", [("text", None)]),
    ],
)
def test_colours_follow_the_direction_in_which_values_get_worse(build, keys, steps):
    result = build(f"dashboard: Shop\nrows:\n  - - {{stat: up, unit: ratio, description: Up., {keys}}}\n")
    panels = result.panels["Up"]["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert [(step["color"], step["value"]) for step in panels] == steps


def test_texts_for_values_have_threshold_colours(build):
    result = build(
        "dashboard: Shop\nrows:\n"
        "  - - {states: up, description: Up., bad: down, critical: 1, values: {0: down, 1: up}}\n"
    )
    (mapping,) = result.panels["Up"]["fieldConfig"]["defaults"]["mappings"]
    assert mapping["options"] == {
        "0": {"text": "down", "index": 0, "color": "#D55E00"},
        "1": {"text": "up", "index": 1, "color": "#009E73"},
    }


def test_a_link_passes_the_labels_that_are_variables_of_its_target(build):
    text = (
        "dashboard: Shop\nrows:\n  - - {table: up, title: T, description: D, by: [instance, job], link: shop,"
        " names: {instance: Host}}\n    - {stat: node_load1, link: shop}\n"
    )
    result = build(text)
    (link,) = result.panels["T"]["fieldConfig"]["overrides"][-1]["properties"][0]["value"]
    assert link["url"] == (
        '/d/shop?${__url_time_range}&var-instance=${__data.fields["Host"]:percentencode}'
        '&var-job=${__data.fields["Job"]:percentencode}'
    )
    (link,) = result.panels["Node load1"]["fieldConfig"]["defaults"]["links"]
    assert link["url"].endswith("&var-instance=${__field.labels.instance:percentencode}")


def test_both_engines_give_the_same_bytes(catalog):
    sources = files.load_shipped()
    signals, _ = signal_file.load_signals([item.document for item in sources], catalog)
    first, second = (
        build_dashboards(sources, catalog, signals, Settings(engine=engine)).artifacts
        for engine in ("rjsonnet", "jsonnet")
    )
    assert first == second
    assert first


def test_the_bytes_are_sorted_and_end_with_a_newline(build):
    (artifact,) = build(ROWS.replace("title:", "description: Up., title:")).bundle.artifacts
    assert artifact.path == "grafana/dashboards/deckwatch/shop.json"
    assert artifact.text == json.dumps(json.loads(artifact.text), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def test_the_library_works_without_python(child):
    program = """
      local dashboard = import 'dashboards/dashboard.libsonnet';
      local panels = { stat: import 'dashboards/panels/stat.libsonnet' };
      function(load) dashboard.new({
        uid: 'mine', title: 'Mine', range: '1h', refresh: '1m', alerts: { expr: 'ALERTS' },
        rows: [{ id: 1, type: 'stat', word: 'stat', title: 'Load', unit: 'short', grid: { x: 0, y: 0, w: 24, h: 4 },
                 queries: [{ ref: 'A', expr: load }] }],
      }, panels)
    """
    model = child.evaluate(program, load="node_load1")
    assert model["panels"][0]["targets"][0]["expr"] == "node_load1"
    assert panel_types.LIBRARY.joinpath("README.md").is_file()
