"""Queries, legends, titles, units and descriptions of panels."""

import pytest

SIGNALS = """\
signals:
  requests: {metric: http_requests_total, by: [service], unit: requests/s}
  errors: {metric: http_requests_total, where: {code: "5.."}, share_of: requests, bad: up, high: 5%, critical: 10%}
  latency: {metric: http_request_duration_seconds, by: [service], bad: up, high: 1s, about: How long it takes.}
  busy: {title: CPU, expr: '1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[5m]))', unit: ratio}
"""
SCOPE = 'job=~"$job", instance=~"$instance"'


def build_panel(build, panel, *, choose=""):
    result = build(f"{SIGNALS}dashboard: Shop\n{choose}rows:\n  - - {panel}\n")
    assert result.problems == []
    (panel,) = result.panels.values()
    return panel


def expressions(panel):
    return [target["expr"] for target in panel["targets"]]


def test_a_signal_gives_query_title_unit_legend_and_thresholds(build):
    panel = build_panel(build, "lines: errors")
    requests = f"sum by (service) (rate(http_requests_total{{{SCOPE}}}[$__rate_interval]))"
    errors = f'sum by (service) (rate(http_requests_total{{{SCOPE}, code="5.."}}[$__rate_interval]))'
    known = errors.replace('code="5.."', 'code!=""')
    errors = errors.replace('code="5.."', 'code=~"5.."')
    assert expressions(panel) == [f"({errors} or 0 * {known}) / ({requests} > 0)"]
    assert panel["title"] == "Errors"
    assert panel["targets"][0]["legendFormat"] == "{{service}}"
    defaults = panel["fieldConfig"]["defaults"]
    assert defaults["unit"] == "percentunit"
    assert [(step["color"], step["value"]) for step in defaults["thresholds"]["steps"]] == [
        ("#009E73", None),
        ("#E69F00", 0.05),
        ("#D55E00", 0.1),
    ]


def test_a_bare_metric_is_queried_by_its_kind(build):
    panel = build_panel(build, "lines: node_network_receive_bytes_total")
    assert expressions(panel) == [f"rate(node_network_receive_bytes_total{{{SCOPE}}}[$__rate_interval])"]
    assert panel["fieldConfig"]["defaults"]["unit"] == "binBps"
    assert panel["targets"][0]["legendFormat"] == "{{device}} {{instance}}"
    assert panel["description"]


def test_plain_promql_is_accepted(build):
    panel = build_panel(
        build, "{lines: 'sum by (mode) (rate(node_cpu_seconds_total[$__rate_interval]))', title: T, description: D}"
    )
    assert expressions(panel) == [f"sum by (mode) (rate(node_cpu_seconds_total{{{SCOPE}}}[$__rate_interval]))"]
    assert panel["targets"][0]["legendFormat"] == "{{mode}}"


def test_aspects_of_one_signal_are_named_by_aspect(build):
    panel = build_panel(build, "{lines: [latency.p50, latency.p99], title: Response time}")
    assert [target["legendFormat"] for target in panel["targets"]] == ["p50 {{service}}", "p99 {{service}}"]
    assert panel["description"] == "How long it takes. From 1s it needs attention."
    assert panel["fieldConfig"]["overrides"] == []


def test_several_signals_have_their_titles_as_legend(build):
    panel = build_panel(build, "{lines: [busy, {show: requests, title: Asked, unit: none}], title: Both}")
    assert [target["legendFormat"] for target in panel["targets"]] == ["CPU {{instance}}", "Asked {{service}}"]
    assert [target["refId"] for target in panel["targets"]] == ["A", "B"]
    assert panel["fieldConfig"]["defaults"]["unit"] == "percentunit"
    (override,) = panel["fieldConfig"]["overrides"]
    assert override["matcher"] == {"id": "byFrameRefID", "options": "B"}
    assert override["properties"] == [{"id": "unit", "value": "none"}]


def test_variables_apply_to_metrics_with_the_label(build):
    result = build(
        f"{SIGNALS}dashboard: Shop\nchoose: [handler]\nrows:\n  - - lines: requests\n    - lines: busy\n"
        "      description: Busy.\n"
    )
    assert result.problems == []
    assert f'{{{SCOPE}, handler=~"$handler"}}' in result.panels["Requests"]["targets"][0]["expr"]
    assert "$handler" not in result.panels["CPU"]["targets"][0]["expr"]


def test_a_negative_condition_does_not_replace_the_variable(build):
    panel = build_panel(
        build, "{lines: 'node_network_up{device!=\"lo\"}', title: T, description: D}", choose="choose: [device]\n"
    )
    assert expressions(panel) == [f'node_network_up{{{SCOPE}, device=~"$device", device!="lo"}}']


def test_unscoped_queries_are_unchanged(build):
    panel = build_panel(
        build, "{stat: 'count(ALERTS)', title: T, description: D, unscoped: Alerts may lack both labels.}"
    )
    assert expressions(panel) == ["count(ALERTS)"]


@pytest.mark.parametrize(
    ("panel", "expected"),
    [
        ("{lines: requests, by: [code]}", "sum by (code)"),
        ("{lines: requests, by: []}", "sum(rate("),
        ("{bargauge: requests, top: 3}", "sort_desc(topk(3, sum by (service)"),
        ("{lines: requests, top: 3}", "topk(3, sum by (service)"),
        ("{stat: requests, lowest: 1}", "sort(bottomk(1, sum by (service)"),
    ],
)
def test_a_panel_can_set_labels_and_ranking(build, panel, expected):
    result = build_panel(build, panel)
    assert expressions(result)[0].startswith(expected)


def test_the_columns_of_a_table_are_merged_by_labels(build):
    panel = build_panel(build, "{table: [requests, busy], title: T, by: [instance], sort: CPU, description: D}")
    first, second = expressions(panel)
    assert first.startswith("sum by (instance) (")
    assert second.startswith("1 - avg by (instance) (")
    assert all(target["format"] == "table" and target["instant"] for target in panel["targets"])
    merge, organize = panel["transformations"]
    assert merge["id"] == "merge"
    assert organize["options"]["renameByName"] == {"instance": "Instance", "Value #A": "Requests", "Value #B": "CPU"}
    assert organize["options"]["indexByName"] == {"instance": 0, "Value #A": 1, "Value #B": 2}
    assert panel["options"]["sortBy"] == [{"displayName": "CPU", "desc": True}]


def test_promql_is_aggregated_by_the_labels_of_the_table(build):
    panel = build_panel(build, "{table: node_filesystem_avail_bytes, title: T, by: [instance], description: D}")
    assert expressions(panel)[0].startswith("sum by (instance) (node_filesystem_avail_bytes")
    panel = build_panel(build, "{table: {show: 'node_load1 * 2', title: L}, title: T, by: [instance], description: D}")
    assert expressions(panel) == [f"max by (instance) (node_load1{{{SCOPE}}} * 2)"]


def test_numbers_in_label_columns_of_tables_are_not_rounded(build):
    panel = build_panel(build, "{table: latency.p50, title: Times, by: [service]}")
    assert panel["fieldConfig"]["defaults"]["unit"] == "string"
    overrides = panel["fieldConfig"]["overrides"]
    (override,) = [item for item in overrides if item["matcher"]["options"] != "Service"]
    assert {"id": "unit", "value": "s"} in override["properties"]
