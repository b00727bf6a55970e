"""The shipped dashboards follow the rules of Grafana's dashboard-linter and its schemas, without exceptions."""

import json
import os
import re

import pytest

from deckwatch import dashboards
from deckwatch.core import promql, signal_file
from deckwatch.dashboards import grafana_units
from deckwatch.dashboards.read import files

PEERS = os.environ.get("DECKWATCH_PEERS")
# Recordings of whole components and sites, and alerts about whole services, belong to no single target.
WITHOUT_TARGET = {"health", "objectives", "alerts", "on-call", "historical", "sites"}
MAX_QUERIES = 25  # on opening
# Ids that Grafana 10.4 has and dashboard-linter does not know.
NOT_LINTED = set(
    "candela acres hectares currencyTRY currencyMYR currencyXPF currencyBGN currencyPYG mwatth mohm rotkhz rotmhz "
    "rotghz eps recps rowsps reqpm epm recpm rowspm sishort mps mpm currencyUYU currencyILS".split()
)


@pytest.fixture(scope="module")
def bundle(catalog, child):
    sources = files.load_shipped()
    signals, problems = signal_file.load_signals([item.document for item in sources], catalog)
    result = dashboards.build_dashboards(sources, catalog, signals, None, child)
    assert problems + result.problems == []
    return result


@pytest.fixture(scope="module")
def models(bundle):
    return [json.loads(artifact.text) for artifact in bundle.artifacts]


def all_panels(model):
    return [inner for panel in model["panels"] for inner in (panel, *panel.get("panels", []))]


def drawn(model):
    return [panel for panel in all_panels(model) if panel["type"] != "row"]


def list_targets(panel):
    """Return the queries of a panel in PromQL."""
    return [one for one in panel.get("targets", []) if one.get("datasource", {}).get("type") == "prometheus"]


def test_the_five_dashboards_are_shipped(models):
    expected = {"overview", "host", "containers", "postgres-database", "application"}
    assert {model["uid"] for model in models} >= expected


def test_panels_have_title_description_unit_and_datasource(models):
    units = grafana_units.load_ids() - NOT_LINTED
    for model in models:
        for panel in drawn(model):
            where = (model["title"], panel["title"])
            assert panel["title"], where
            assert panel["description"], where
            if panel["type"] in ("alertlist", "alertGroups"):
                continue
            sources = {one["name"] for one in model["templating"]["list"] if one["type"] == "datasource"}
            assert panel["datasource"]["uid"].strip("${}") in sources, where
            assert panel["targets"], where
            if panel["type"] in ("nodeGraph", "logs") or panel["datasource"]["type"] == "jaeger":
                continue  # nodes, edges and lines have no unit, and Jaeger returns its own
            config = panel["fieldConfig"]
            result = [config["defaults"]["unit"]]
            result += [p["value"] for o in config["overrides"] for p in o["properties"] if p["id"] == "unit"]
            assert set(result) <= units, where


def test_every_selector_uses_the_variables_or_has_a_reason_not_to(models):
    unscoped = []
    for model in (model for model in models if model["uid"] not in WITHOUT_TARGET):
        for panel in drawn(model):
            for target in list_targets(panel):
                for selector in promql.find_selectors(target["expr"]):
                    if ":" in selector.metric:
                        continue  # a recorded series has no target
                    has = {(matcher.label, matcher.op, matcher.value) for matcher in selector.matchers}
                    # An expression about certain programs names their jobs itself.
                    own = any(matcher.label == "job" and "|" in matcher.value for matcher in selector.matchers)
                    wanted = {("instance", "=~", "$instance")} | (set() if own else {("job", "=~", "$job")})
                    if not wanted <= has:
                        unscoped.append((model["uid"], panel["title"]))
    monitoring = [("monitoring", "Share of the team")] * 2 + [("monitoring", "Found by monitoring")] * 2
    assert unscoped == monitoring + [("overview", "What is wrong now")] * 2 + [("overview", "Alerts")] * 4


def test_the_dead_mans_switch_is_not_shown_as_a_firing_alert(models):
    lists = [panel["options"] for model in models for panel in drawn(model) if panel["type"] == "alertlist"]
    assert lists
    assert all('alertname!="Watchdog"' in options["alertInstanceLabelFilter"] for options in lists)
    expressions = [target["expr"] for model in models for panel in drawn(model) for target in list_targets(panel)]
    expressions += [
        annotation["expr"] for model in models for annotation in model["annotations"]["list"] if "expr" in annotation
    ]
    counted = [
        selector for expr in expressions for selector in promql.find_selectors(expr) if selector.metric == "ALERTS"
    ]
    assert len(counted) > len(models)
    for selector in counted:
        has = {(matcher.label, matcher.op, matcher.value) for matcher in selector.matchers}
        assert has & {("alertname", "!=", "Watchdog"), ("severity", "=", "critical")}


def test_titles_of_the_top_panels_fit_a_small_screen(models):
    (overview,) = [model for model in models if model["uid"] == "overview"]
    (stat,) = [panel for panel in drawn(overview) if panel["type"] == "stat"]
    titles = [target["legendFormat"] for target in stat["targets"]]
    assert len(titles) >= 7
    assert [title for title in titles if len(title) > len("Restarts, 1 h")] == []


def test_rates_use_the_rate_interval(models):
    for model in models:
        for panel in drawn(model):
            for target in list_targets(panel):
                promql.check_syntax(target["expr"])
                for selector in promql.find_selectors(target["expr"]):
                    if selector.function in ("rate", "irate"):
                        assert selector.window == "$__rate_interval", target["expr"]


def test_variables_are_refreshed_with_the_time_range(models):
    for model in models:
        for variable in model["templating"]["list"]:
            if variable["type"] == "query":
                assert variable["refresh"] == 2
                assert re.fullmatch(r"label_values\(.+, \w+\)", variable["query"])


def test_ids_fit_a_byte_and_panels_do_not_overlap(models):
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
    # Each figure of the historical analysis is written once for each of three units.
    panels = sum(len(drawn(model)) for model in models if model["uid"] != "historical")
    lines = 0
    for path in set(files.SPECS.rglob("*.yaml")) - {files.SPECS / "historical.yaml"}:
        lines += sum(bool(line.strip()) for line in path.read_text().splitlines())
    assert lines / panels <= 4, f"{lines} lines for {panels} panels"


def test_colours_are_set_for_series_that_exist(models):
    for model in models:
        for panel in drawn(model):
            if panel["type"] == "table":
                continue
            for override in panel.get("fieldConfig", {}).get("overrides", []):
                if override["matcher"]["id"] == "byName":
                    names = " ".join(target["legendFormat"] for target in panel["targets"])
                    name = override["matcher"]["options"]
                    assert name in names or "{{" in names, (model["title"], panel["title"], name)


FIRST_SCREEN = 28  # steps of the grid that Grafana loads in a window of 1080 pixels: down to 100 below its edge
MAX_FIRST_PANELS = 8


def test_the_first_screen_has_few_panels_and_no_table_of_alerts(models):
    """A browser spends its time on panels: those below the fold are loaded when they are scrolled to."""
    for model in models:
        titles = [
            panel["title"]
            for panel in model["panels"]
            if panel["type"] != "row" and panel["gridPos"]["y"] < FIRST_SCREEN
        ]
        assert 4 <= len(titles) <= MAX_FIRST_PANELS, (model["uid"], titles)


def test_no_query_runs_twice_on_a_dashboard(models):
    for model in models:
        queries = [
            (target["expr"], target["instant"], panel.get("timeShift"))
            for panel in drawn(model)
            for target in list_targets(panel)
        ]
        assert sorted({query[0] for query in queries if queries.count(query) > 1}) == [], model["uid"]


def test_values_of_a_row_have_one_size(models):
    """Grafana chooses the size of the text per panel: the values of a row are tiles of one panel."""
    for model in models:
        rows = {}
        for panel in drawn(model):
            if panel["type"] == "stat":
                rows.setdefault(panel["gridPos"]["y"], []).append(panel["title"])
        assert all(len(titles) <= 3 for titles in rows.values()), (model["uid"], rows)


def test_titles_are_not_cut_off(models):
    """A column of the grid has at least 64 pixels in a window of 1920 with the menu open, a letter about 8."""
    for model in models:
        for panel in drawn(model):
            assert len(panel["title"]) <= (panel["gridPos"]["w"] * 64 - 60) // 8, (model["uid"], panel["title"])


def test_units_are_words_that_readers_know(models):
    """Grafana writes cps as c/s, rps as rd/s, wps as wr/s, ops as ops/s, and four weeks as 4.29 weeks."""
    for model in models:
        text = json.dumps(model)
        for unit in ("cps", "rps", "wps", "ops"):
            assert f'"{unit}"' not in text, (model["uid"], unit)
        for panel in drawn(model):
            units = [(panel["title"], panel.get("fieldConfig", {}).get("defaults", {}).get("unit"))]
            units += [
                (override["matcher"]["options"], item["value"])
                for override in panel.get("fieldConfig", {}).get("overrides", [])
                for item in override["properties"]
                if item["id"] == "unit"
            ]
            whole = panel["type"] == "stat"  # its uptimes have no decimals: 4 weeks
            assert whole or not [name for name, unit in units if name in {"Uptime", "Period, days"} and unit == "s"]


def test_the_overview_has_no_marks_of_alerts(models):
    shown = {model["uid"]: model["annotations"]["list"][0]["enable"] for model in models}
    assert {uid for uid, enabled in shown.items() if not enabled} == {
        "overview",
        "alerts",
        "on-call",
        "historical",
        "capacity",
        "sites",
    }


def test_months_have_no_time_range_in_their_heading(models):
    (objectives,) = [model for model in models if model["uid"] == "objectives"]
    months = [panel for panel in drawn(objectives) if "timeFrom" in panel]
    assert [panel["title"] for panel in months] == ["This month", "Last month", "Two months ago"]
    assert all(panel["hideTimeOverride"] for panel in months)


def test_legends_below_the_axis_are_not_repeated(models):
    """Received and sent of one device have one colour and one entry in the legend."""
    mirrored = 0
    for model in models:
        for panel in drawn(model):
            overrides = panel.get("fieldConfig", {}).get("overrides", [])
            below = {
                override["matcher"]["options"]
                for override in overrides
                if any(item["id"] == "custom.transform" for item in override["properties"])
            }
            for target in panel.get("targets", []):
                if target["refId"] in below:
                    others = [other["legendFormat"] for other in panel["targets"] if other is not target]
                    assert target["legendFormat"] in others, panel["title"]
                    mirrored += 1
    assert mirrored >= 6


def test_an_ended_container_is_grey_and_comes_first(models):
    (containers,) = [model for model in models if model["uid"] == "containers"]
    (table,) = [panel for panel in drawn(containers) if panel["title"] == "All containers"]
    assert [entry["displayName"] for entry in table["options"]["sortBy"]] == ["Missing", "State", "CPU"]
    (mappings,) = [
        item["value"]
        for override in table["fieldConfig"]["overrides"]
        for item in override["properties"]
        if item["id"] == "mappings" and override["matcher"]["options"] == "State"
    ]
    (values,) = [mapping["options"] for mapping in mappings if mapping["type"] == "value"]
    assert values["6"] | {"text": "exited", "color": "#73767e"} == values["6"]


def test_few_queries_run_on_opening(models):
    counts = {
        model["uid"]: sum(len(panel.get("targets", [])) for panel in model["panels"] if panel["type"] != "row")
        for model in models
    }
    assert {uid: count for uid, count in counts.items() if count > MAX_QUERIES} == {}


STATES_A_LIMIT = re.compile(
    r"needs (attention|action)|[Aa]bove|[Bb]elow|worse|[Ll]ess than|[Mm]ore than|At 100 %|while", re.ASCII
)


def test_every_panel_with_limits_says_from_which_value_it_is_bad(models):
    silent = []
    for model in models:
        for panel in drawn(model):
            config = panel.get("fieldConfig", {"defaults": {}, "overrides": []})
            settings = [config["defaults"]]
            settings += [{item["id"]: item["value"] for item in one["properties"]} for one in config["overrides"]]
            limited = [each for each in settings if len(each.get("thresholds", {}).get("steps", [])) > 1]
            # Texts for values, such as down and up, say it in the panel itself.
            limited = [each for each in limited if not each.get("mappings")]
            if limited and not STATES_A_LIMIT.search(panel["description"]):
                silent.append((model["uid"], panel["title"], panel["description"]))
    assert silent == []


def test_each_option_of_the_historical_analysis_has_one_unit(models):
    (model,) = [model for model in models if model["uid"] == "historical"]
    (metric,) = [variable for variable in model["templating"]["list"] if variable["name"] == "metric"]
    (development,) = [panel for panel in drawn(model) if panel["title"] == "Development"]
    patterns = [
        next(m.value for m in selector.matchers if m.label == "__name__" and m.op == "=~")
        for target in development["targets"]
        for selector in promql.find_selectors(target["expr"])
    ]
    assert len(patterns) == 3
    options = [option["value"] for option in metric["options"]]
    assert len(options) > 10
    assert [name for name in options if sum(bool(re.fullmatch(p, name)) for p in patterns) != 1] == []


@pytest.mark.skipif(PEERS is None, reason="DECKWATCH_PEERS does not name the folder with Grafana's schemas")
def test_grafanas_schemas_accept_the_dashboards(models, grafanas_schemas):
    assert [fault for model in models for fault in grafanas_schemas.faults(model)] == []
