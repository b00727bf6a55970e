"""Every panel type by its own example, and by every word that goes with it, as Grafana's own schemas want it."""

import json
import os
from pathlib import Path

import pytest

from deckwatch.core import promql, signal_file, yaml_file
from deckwatch.core.yaml_write import dump_yaml
from deckwatch.dashboards import panel_types
from deckwatch.dashboards.build import Settings, build_dashboards
from deckwatch.dashboards.read.files import Source

PEERS = os.environ.get("DECKWATCH_PEERS")
# Grafana publishes no schema of these.
WITHOUT_SCHEMA = {"alertlist", "alertGroups", "traces", "library-panel-ref", "news"}


@pytest.fixture(scope="module")
def types(child):
    return panel_types.load_types(child)


@pytest.fixture(scope="module")
def document(types):
    """One dashboard with the example of every panel type, and everything else that has a word."""
    rows = [[dict(one.example)] for _, one in sorted(types.items())]
    everything = Path(__file__).with_name("everything.yaml").read_text()
    data = yaml_file.parse_yaml(everything, "everything.yaml").data
    return yaml_file.parse_yaml(dump_yaml(data | {"rows": rows + data["rows"]}), "everything.yaml")


def made(document, catalog, child, engine="rjsonnet"):
    signals, problems = signal_file.load_signals([document], catalog)
    found = build_dashboards(
        [Source(document, "everything", ("everything",))], catalog, signals, Settings(engine=engine), child
    )
    assert [str(one) for one in problems + found.problems] == []
    return found


@pytest.fixture(scope="module")
def built(document, catalog, child):
    return made(document, catalog, child)


@pytest.fixture(scope="module")
def model(built):
    return json.loads(built.artifacts[0].text)


@pytest.fixture(scope="module")
def drawn(model):
    inner = [one for panel in model["panels"] for one in (panel, *panel.get("panels", []))]
    return [panel for panel in inner if panel["type"] != "row"]


def test_every_declared_panel_type_is_drawn(drawn, types):
    drawn_types = {panel["type"] for panel in drawn}
    declared = {panel_type.grafana.type for panel_type in types.values()} - {""}
    assert drawn_types == declared | {"news"}  # the keyword `panel` draws a type without a file
    assert drawn_types >= {
        *("timeseries", "stat", "gauge", "bargauge", "barchart", "table", "heatmap", "histogram", "piechart"),
        *("state-timeline", "status-history", "logs", "traces", "text", "alertlist", "alertGroups", "dashlist"),
        *("annolist", "nodeGraph", "library-panel-ref", "news"),
    }


def test_both_engines_give_the_same_bytes(built, document, catalog):
    with panel_types.start_renderer(engine="jsonnet") as other:
        assert made(document, catalog, other, "jsonnet").artifacts == built.artifacts


def test_every_query_of_prometheus_is_promql_and_holds_to_the_choices(drawn):
    for panel in drawn:
        for target in panel.get("targets", []):
            if target["datasource"]["type"] == "prometheus":
                promql.check_syntax(target["expr"])
                for selector in promql.find_selectors(target["expr"]):
                    has = {(one.label, one.op, one.value) for one in selector.matchers}
                    assert {("job", "=~", "$job"), ("instance", "=~", "$instance")} <= has, (
                        panel["title"],
                        target["expr"],
                    )


def test_each_kind_of_data_source_has_a_choice_and_panels_ask_by_it(model, drawn):
    chosen = {
        one["name"]: (one["label"], one["query"]) for one in model["templating"]["list"] if one["type"] == "datasource"
    }
    assert chosen == {
        "prometheus_datasource": ("Prometheus data source", "prometheus"),
        "loki_datasource": ("Loki data source", "loki"),
        "jaeger_datasource": ("Jaeger data source", "jaeger"),
        "postgres_datasource": ("Postgres data source", "postgres"),
    }
    for panel in drawn:
        if "targets" in panel:
            assert panel["datasource"]["uid"].strip("${}") in chosen
            assert {json.dumps(one["datasource"]) for one in panel["targets"]} == {json.dumps(panel["datasource"])}
    asked = {one["datasource"]["uid"] for one in model["templating"]["list"] if one["type"] == "query"}
    assert asked == {"${prometheus_datasource}"}


def test_every_query_and_event_is_told_to_verify(built, drawn):
    asked = {(one.title, one.ref) for one in built.queries if one.kind == "panel"}
    for panel in drawn:
        for target in panel.get("targets", []):
            if target["datasource"]["type"] == "prometheus" and target["refId"] != "Target":
                assert (panel["title"], target["refId"]) in asked
    assert [one.title for one in built.queries if one.kind == "annotation"] == ["Restarts", "Deploys", "Alerts"]
    for one in built.queries:
        promql.check_syntax(one.to_promql())


@pytest.mark.skipif(PEERS is None, reason="DECKWATCH_PEERS does not name the folder with Grafana's schemas")
def test_grafanas_own_schemas_accept_all_of_it(model, drawn, grafanas_schemas):
    assert grafanas_schemas.faults(model) == []
    for panel in drawn:
        assert grafanas_schemas.known(panel) or panel["type"] in WITHOUT_SCHEMA, panel["type"]
