"""Each documented rule of dashboard-linter and mixtool, asked of every shipped dashboard and alert.

Written from their documentation, on what was generated and not on YAML. An exception is a panel whose YAML says why.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from deckwatch import dashboards
from deckwatch.core import plugins, promql, signal_file, yaml_file
from deckwatch.dashboards import checks, grafana_units
from deckwatch.dashboards.read import files

OUT = Path(__file__).parents[2] / "provisioning" / "out"
RULES = yaml_file.read_yaml(Path(dashboards.__path__[0], "linter.yaml")).data
# Ids that Grafana 10.4 has and dashboard-linter does not know.
NOT_LINTED = set(
    "candela acres hectares currencyTRY currencyMYR currencyXPF currencyBGN currencyPYG mwatth mohm rotkhz rotmhz "
    "rotghz eps recps rowsps reqpm epm recpm rowspm sishort mps mpm currencyUYU currencyILS".split()
)
# Panels whose selections do not hold to the choices: dashboard and title, each with the reason that its YAML gives.
UNSCOPED = {("overview", "Critical"), ("overview", "Firing")}
# Dashboards of recording rules for whole components and objectives, without a target.
OF_NO_TARGET = {"health", "objectives"}
MOST_LETTERS, MOST_RULES = 40, 20


@pytest.fixture(scope="module")
def models(catalog, child):
    found = files.load_shipped()
    signals, _ = signal_file.load_signals([one.document for one in found], catalog)
    made = dashboards.build_dashboards(found, catalog, signals, None, child)
    return [json.loads(artifact.text) for artifact in made.artifacts]


@pytest.fixture(scope="module")
def groups():
    rule_files = sorted((OUT / "prometheus" / "rules").glob("*.yaml"))
    found = [group for file in rule_files for group in yaml.safe_load(file.read_text())["groups"]]
    assert len(found) >= 6
    return found


def panels(model):
    every = [inner for panel in model["panels"] for inner in (panel, *panel.get("panels", []))]
    return [panel for panel in every if panel["type"] != "row"]


def variables(model, kind="query"):
    return [one for one in model["templating"]["list"] if one["type"] == kind]


def targets(model):
    return [(panel, target) for panel in panels(model) for target in panel.get("targets", []) if "expr" in target]


def template_datasource_rule(model):
    found = variables(model, "datasource")
    (one,) = found
    return (one["name"], one["label"], one["query"]) == ("datasource", "Data source", "prometheus")


def _template(model, name):
    if model["uid"] in OF_NO_TARGET:
        return True
    (one,) = [one for one in variables(model) if one["name"] == name]
    wanted = {"label": name.capitalize(), "multi": True, "allValue": ".+", "type": "query"}
    return {key: one[key] for key in wanted} == wanted and one["datasource"]["uid"] == "${datasource}"


def template_job_rule(model):
    return _template(model, "job")


def template_instance_rule(model):
    return _template(model, "instance")


def template_label_promql_rule(model):
    found = [re.fullmatch(r"label_values\((.+), ?(\w+)\)", _query(one)) for one in variables(model)]
    for one in found:
        promql.check_syntax(one[1])
    return all(found)


def _query(variable):
    return variable["query"] if isinstance(variable["query"], str) else variable["query"]["query"]


def template_on_time_change_reload_rule(model):
    return all(one["refresh"] == 2 for one in variables(model))


def panel_datasource_rule(model):
    return all(panel["datasource"]["uid"] == "${datasource}" for panel in panels(model) if "targets" in panel)


def panel_title_description_rule(model):
    return all(panel["title"] and panel["description"] for panel in panels(model) if panel["type"] != "text")


def panel_units_rule(model):
    known = grafana_units.load_ids() - NOT_LINTED
    used = {
        unit
        for panel in panels(model)
        if "targets" in panel and panel["type"] != "nodeGraph"  # its circles and arrows are no figures
        for unit in (
            panel["fieldConfig"]["defaults"]["unit"],
            *(p["value"] for o in panel["fieldConfig"]["overrides"] for p in o["properties"] if p["id"] == "unit"),
        )
    }
    return used <= known


def panel_no_targets_rule(model):
    drawn = ("stat", "table", "timeseries", "gauge", "bargauge", "heatmap", "state-timeline", "piechart")
    return all(panel["targets"] for panel in panels(model) if panel["type"] in drawn)


def target_promql_rule(model):
    for _, target in targets(model):
        promql.check_syntax(target["expr"])
    return bool(targets(model))


def target_rate_interval_rule(model):
    return all(
        one.window == "$__rate_interval"
        for _, target in targets(model)
        for one in promql.find_selectors(target["expr"])
        if one.function in ("rate", "irate")
    )


def _held(model, label):
    return all(
        (label, "=~", f"${label}") in {(one.label, one.op, one.value) for one in selector.matchers}
        for panel, target in targets(model)
        if (model["uid"], panel["title"]) not in UNSCOPED and model["uid"] not in OF_NO_TARGET
        for selector in promql.find_selectors(target["expr"])
    )


def target_job_rule(model):
    return _held(model, "job")


def target_instance_rule(model):
    return _held(model, "instance")


def target_counter_agg_rule(model):
    return all(
        one.function in ("rate", "irate", "increase", "count", "resets", "changes", "absent")
        for _, target in targets(model)
        for one in promql.find_selectors(target["expr"])
        if (one.metric or "").endswith("_total")
    )


def target_logql_rule(model):
    return all(panel.get("datasource", {}).get("type") != "loki" for panel in panels(model))


target_logql_auto_rule = target_logql_rule


def uneditable_dashboard(model):
    return model["editable"] is False


def alerts(group):
    return [rule for rule in group["rules"] if "alert" in rule]


def alert_name_camelcase(group):
    return all(re.fullmatch(r"([A-Z]+[a-z0-9]+)+", one["alert"]) for one in alerts(group))


def alert_name_length(group):
    return all(len(one["alert"]) <= MOST_LETTERS for one in alerts(group))


def group_name_length(group):
    return len(group["name"]) <= MOST_LETTERS


def group_size(group):
    return len(group["rules"]) <= MOST_RULES


def alert_severity(group):
    return {one["labels"]["severity"] for one in alerts(group)} <= {"info", "warning", "error", "critical"}


def alert_description(group):
    fixed = {"Watchdog"}  # always fires, and has no value or label to report
    descriptions = {one["alert"]: one["annotations"]["description"] for one in alerts(group)}
    return all(text and ("{{" in text or name in fixed) for name, text in descriptions.items())


def alert_summary(group):
    summaries = [one["annotations"]["summary"] for one in alerts(group)]
    return all(text[0].isupper() and text.endswith(".") and "{{" not in text for text in summaries)


def dashboard_title_and_uid(model):
    return bool(model["title"] and model["uid"])


def test_every_documented_rule_is_here() -> None:
    assert len(RULES["dashboard-linter"]) == 17
    for rule in (*RULES["dashboard-linter"], *RULES["mixtool"]):
        assert callable(globals()[rule.replace("-", "_")])


def test_what_holds_a_rule_is_there() -> None:
    known = set(plugins.module_names(checks)) | {"choose", "size", "summary"}
    for text in (*RULES["dashboard-linter"].values(), *RULES["mixtool"].values()):
        named = re.findall(r"Checks? `(\w+)`(?: and `(\w+)`)?", text)
        assert {one for pair in named for one in pair if one} <= known, text


@pytest.mark.parametrize("rule", [*RULES["dashboard-linter"], "dashboard-title-and-uid"])
def test_every_shipped_dashboard_holds_it(rule, models) -> None:
    assert len(models) >= 5
    assert [model["uid"] for model in models if not globals()[rule.replace("-", "_")](model)] == []


@pytest.mark.parametrize("rule", [one for one in RULES["mixtool"] if one != "dashboard-title-and-uid"])
def test_every_shipped_alert_holds_it(rule, groups) -> None:
    assert [group["name"] for group in groups if not globals()[rule.replace("-", "_")](group)] == []


def test_exceptions_have_reasons() -> None:
    used = {
        (source.uid, panel.get("title"))
        for source in files.load_shipped()
        if source.is_dashboard
        for row in source.document.data["rows"]
        for panel in (row if isinstance(row, list) else row.get("panels", []))
        if "unscoped" in panel
    }
    assert used == UNSCOPED
