"""The shipped dashboards hold the rules of Grafana's dashboard-linter, and of its own schemas, without exceptions."""

import json
import os
import re

import pytest

from deckwatch import dashboards
from deckwatch.core import promql, signal_file
from deckwatch.dashboards import grafana_units
from deckwatch.dashboards.read import files

PEERS = os.environ.get("DECKWATCH_PEERS")
OF_NO_TARGET = {"health", "objectives"}  # of recording rules for whole components, without a target
# Ids that Grafana 10.4 has and dashboard-linter does not know.
NOT_LINTED = set(
    "candela acres hectares currencyTRY currencyMYR currencyXPF currencyBGN currencyPYG mwatth mohm rotkhz rotmhz "
    "rotghz eps recps rowsps reqpm epm recpm rowspm sishort mps mpm currencyUYU currencyILS".split()
)


@pytest.fixture(scope="module")
def bundle(catalog, child):
    found = files.load_shipped()
    signals, problems = signal_file.load_signals([one.document for one in found], catalog)
    made = dashboards.build_dashboards(found, catalog, signals, None, child)
    assert problems + made.problems == []
    return made


@pytest.fixture(scope="module")
def models(bundle):
    return [json.loads(artifact.text) for artifact in bundle.artifacts]


def all_panels(model):
    return [inner for panel in model["panels"] for inner in (panel, *panel.get("panels", []))]


def drawn(model):
    return [panel for panel in all_panels(model) if panel["type"] != "row"]


def test_five_dashboards_are_there(models):
    expected = {"overview", "host", "containers", "postgres-database", "application"}
    assert {model["uid"] for model in models} >= expected


def test_panels_have_title_description_unit_and_datasource(models):
    units = grafana_units.load_ids() - NOT_LINTED
    for model in models:
        for panel in drawn(model):
            where = (model["title"], panel["title"])
            assert panel["title"], where
            assert panel["description"], where
            if panel["type"] == "alertlist":
                continue
            assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}, where
            assert panel["targets"], where
            if panel["type"] == "nodeGraph":
                continue  # its circles and arrows are no figures
            config = panel["fieldConfig"]
            used = [config["defaults"]["unit"]]
            used += [p["value"] for o in config["overrides"] for p in o["properties"] if p["id"] == "unit"]
            assert set(used) <= units, where


def test_every_selection_holds_to_the_choices_or_says_why_not(models):
    unscoped = []
    for model in (one for one in models if one["uid"] not in OF_NO_TARGET):
        for panel in drawn(model):
            for target in panel.get("targets", []):
                for selector in promql.find_selectors(target["expr"]):
                    has = {(one.label, one.op, one.value) for one in selector.matchers}
                    if not {("job", "=~", "$job"), ("instance", "=~", "$instance")} <= has:
                        unscoped.append((model["uid"], panel["title"]))
    assert set(unscoped) == {("overview", "Critical"), ("overview", "Firing")}


def test_the_dead_mans_switch_is_no_alert_that_fires(models):
    lists = [panel["options"] for model in models for panel in drawn(model) if panel["type"] == "alertlist"]
    assert lists
    assert all('alertname!="Watchdog"' in options["alertInstanceLabelFilter"] for options in lists)
    expressions = [target["expr"] for model in models for panel in drawn(model) for target in panel.get("targets", [])]
    expressions += [one["expr"] for model in models for one in model["annotations"]["list"] if "expr" in one]
    counted = [
        selector for expr in expressions for selector in promql.find_selectors(expr) if selector.metric == "ALERTS"
    ]
    assert len(counted) > len(models)
    for selector in counted:
        has = {(one.label, one.op, one.value) for one in selector.matchers}
        assert has & {("alertname", "!=", "Watchdog"), ("severity", "=", "critical")}


def test_figures_at_the_top_have_titles_that_fit_a_small_screen(models):
    (overview,) = [model for model in models if model["uid"] == "overview"]
    titles = [panel["title"] for panel in drawn(overview) if panel["type"] == "stat"]
    assert len(titles) >= 8
    assert [title for title in titles if len(title) > len("Unreachable")] == []


def test_rates_follow_the_zoom(models):
    for model in models:
        for panel in drawn(model):
            for target in panel.get("targets", []):
                promql.check_syntax(target["expr"])
                for selector in promql.find_selectors(target["expr"]):
                    if selector.function in ("rate", "irate"):
                        assert selector.window == "$__rate_interval", target["expr"]


def test_variables_reload_with_the_time(models):
    for model in models:
        for variable in model["templating"]["list"]:
            if variable["type"] == "query":
                assert variable["refresh"] == 2
                assert re.fullmatch(r"label_values\(.+, \w+\)", variable["query"])


def test_numbers_fit_and_nothing_overlaps(models):
    for model in models:
        numbers = [panel["id"] for panel in all_panels(model)]
        assert len(numbers) == len(set(numbers))
        assert max(numbers) <= 255
        taken = set()
        for panel in model["panels"]:
            grid = panel["gridPos"]
            assert grid["x"] + grid["w"] <= 24
            cells = {
                (x, y) for x in range(grid["x"], grid["x"] + grid["w"]) for y in range(grid["y"], grid["y"] + grid["h"])
            }
            assert not cells & taken
            taken |= cells


def test_a_panel_takes_four_lines_or_fewer(models):
    panels = sum(len(drawn(model)) for model in models)
    lines = 0
    for path in files.SPECS.rglob("*.yaml"):
        lines += sum(bool(line.strip()) for line in path.read_text().splitlines())
    assert lines / panels <= 4, f"{lines} lines for {panels} panels"


def test_colours_are_said_of_series_that_exist(models):
    for model in models:
        for panel in drawn(model):
            if panel["type"] == "table":
                continue
            for override in panel.get("fieldConfig", {}).get("overrides", []):
                if override["matcher"]["id"] == "byName":
                    names = " ".join(target["legendFormat"] for target in panel["targets"])
                    name = override["matcher"]["options"]
                    assert name in names or "{{" in names, (model["title"], panel["title"], name)


@pytest.mark.skipif(PEERS is None, reason="DECKWATCH_PEERS does not name the folder with Grafana's schemas")
def test_grafanas_own_schemas_accept_them(models, grafanas_schemas):
    assert [fault for model in models for fault in grafanas_schemas.faults(model)] == []
