"""Each documented rule of dashboard-linter and mixtool, for every shipped dashboard and alert.

Written from their documentation and applied to the generated files. Panels with a reason in YAML are exempt.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
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
# Dashboard and title of panels whose selectors ignore the variables; each has a reason in YAML.
UNSCOPED = {
    ("overview", "What is wrong now"),
    ("overview", "Alerts"),
    ("monitoring", "Share of the team"),
    ("monitoring", "Found by monitoring"),
}
# Dashboards of recordings of components, objectives and sites, or of all targets at once, which belong to no one.
WITHOUT_TARGET = {"health", "objectives", "alerts", "on-call", "historical", "sites"}
WITHOUT_VARIABLES = {"health", "alerts", "on-call", "historical", "sites"}
MAX_LETTERS, MAX_RULES = 40, 20


@pytest.fixture(scope="module")
def models(catalog, child):
    sources = files.load_shipped()
    signals, _ = signal_file.load_signals([item.document for item in sources], catalog)
    result = dashboards.build_dashboards(sources, catalog, signals, None, child)
    return [json.loads(artifact.text) for artifact in result.artifacts]


@pytest.fixture(scope="module")
def groups():
    rule_files = sorted((OUT / "prometheus" / "rules").glob("*.yaml"))
    result = [group for file in rule_files for group in yaml.safe_load(file.read_text())["groups"]]
    assert len(result) >= 6
    return result


def panels(model):
    every = [inner for panel in model["panels"] for inner in (panel, *panel.get("panels", []))]
    return [panel for panel in every if panel["type"] != "row"]


def variables(model, kind="query"):
    return [variable for variable in model["templating"]["list"] if variable["type"] == kind]


def targets(model, kind="prometheus"):
    """Return the queries in the language of a kind of data source, each with its panel."""
    every = [(panel, target) for panel in panels(model) for target in panel.get("targets", []) if "expr" in target]
    return [(panel, target) for panel, target in every if target["datasource"]["type"] == kind]


def template_datasource_rule(model):
    result = {variable["name"]: (variable["label"], variable["query"]) for variable in variables(model, "datasource")}
    if len(result) == 1:
        return result == {"datasource": ("Data source", "prometheus")}
    return result == {f"{kind}_datasource": (f"{kind.capitalize()} data source", kind) for _, kind in result.values()}


def _prometheus_uid(model):
    (name,) = [one["name"] for one in variables(model, "datasource") if one["query"] == "prometheus"]
    return f"${{{name}}}"


def _template(model, name):
    if model["uid"] in WITHOUT_VARIABLES:
        return True
    (variable,) = [variable for variable in variables(model) if variable["name"] == name]
    wanted = {"label": name.capitalize(), "multi": True, "allValue": ".+", "type": "query"}
    return {key: variable[key] for key in wanted} == wanted and variable["datasource"]["uid"] == _prometheus_uid(model)


def template_job_rule(model):
    return _template(model, "job")


def template_instance_rule(model):
    return _template(model, "instance")


def template_label_promql_rule(model):
    matches = [re.fullmatch(r"label_values\((.+), ?(\w+)\)", _query(variable)) for variable in variables(model)]
    for item in matches:
        promql.check_syntax(item[1])
    return all(matches)


def _query(variable):
    return variable["query"] if isinstance(variable["query"], str) else variable["query"]["query"]


def template_on_time_change_reload_rule(model):
    return all(variable["refresh"] == 2 for variable in variables(model))


def panel_datasource_rule(model):
    known = {f"${{{variable['name']}}}" for variable in variables(model, "datasource")}
    return all(panel["datasource"]["uid"] in known for panel in panels(model) if "targets" in panel)


def panel_title_description_rule(model):
    return all(panel["title"] and panel["description"] for panel in panels(model) if panel["type"] != "text")


def panel_units_rule(model):
    known = grafana_units.load_ids() - NOT_LINTED
    result = {
        unit
        for panel in panels(model)
        # Nodes, edges and lines have no unit, and Jaeger returns its own.
        if "targets" in panel and panel["type"] not in ("nodeGraph", "logs") and panel["datasource"]["type"] != "jaeger"
        for unit in (
            panel["fieldConfig"]["defaults"]["unit"],
            *(p["value"] for o in panel["fieldConfig"]["overrides"] for p in o["properties"] if p["id"] == "unit"),
        )
    }
    return result <= known


def panel_no_targets_rule(model):
    drawn = ("stat", "table", "timeseries", "gauge", "bargauge", "heatmap", "state-timeline", "piechart")
    return all(panel["targets"] for panel in panels(model) if panel["type"] in drawn)


def target_promql_rule(model):
    for _, target in targets(model):
        promql.check_syntax(target["expr"])
    return bool(targets(model))


def target_rate_interval_rule(model):
    return all(
        selector.window == "$__rate_interval"
        for _, target in targets(model)
        for selector in promql.find_selectors(target["expr"])
        if selector.function in ("rate", "irate")
    )


def _uses_variable(model, label):
    """Return whether all selectors have the variable, or name the targets themselves; recordings may lack the label."""
    return all(
        f"${label}" in {matcher.value for matcher in selector.matchers if matcher.label == label}
        or (label == "job" and label in {matcher.label for matcher in selector.matchers})
        for panel, target in targets(model)
        if (model["uid"], panel["title"]) not in UNSCOPED and model["uid"] not in WITHOUT_TARGET
        for selector in promql.find_selectors(target["expr"])
        if ":" not in (selector.metric or "")
    )


def target_job_rule(model):
    return _uses_variable(model, "job")


def target_instance_rule(model):
    return _uses_variable(model, "instance")


def target_counter_agg_rule(model):
    return all(
        selector.function in ("rate", "irate", "increase", "count", "resets", "changes", "absent")
        for panel, target in targets(model)
        if (model["uid"], panel["title"]) not in UNSCOPED
        for selector in promql.find_selectors(target["expr"])
        if (selector.metric or "").endswith("_total")
    )


def target_logql_rule(model):
    return all('{service=~"$service"}' in target["expr"] for _, target in targets(model, "loki"))


def target_logql_auto_rule(model):
    windows = [re.findall(r"\[(.+?)\]", target["expr"]) for _, target in targets(model, "loki")]
    return {window for found in windows for window in found} <= {"$__auto"}


def uneditable_dashboard(model):
    return model["editable"] is False


def alerts(group):
    return [rule for rule in group["rules"] if "alert" in rule]


def alert_name_camelcase(group):
    return all(re.fullmatch(r"([A-Z]+[a-z0-9]+)+", alert["alert"]) for alert in alerts(group))


def alert_name_length(group):
    return all(len(alert["alert"]) <= MAX_LETTERS for alert in alerts(group))


def group_name_length(group):
    return len(group["name"]) <= MAX_LETTERS


def group_size(group):
    return len(group["rules"]) <= MAX_RULES


def alert_severity(group):
    return {alert["labels"]["severity"] for alert in alerts(group)} <= {"info", "warning", "error", "critical"}


def alert_description(group):
    fixed = {"Watchdog"}  # always fires and has neither a value nor labels
    result = {alert["alert"]: alert["annotations"]["description"] for alert in alerts(group)}
    return all(text and ("{{" in text or name in fixed) for name, text in result.items())


def alert_summary(group):
    result = [alert["annotations"]["summary"] for alert in alerts(group)]
    return all(text[0].isupper() and text.endswith(".") and "{{" not in text for text in result)


def dashboard_title_and_uid(model):
    return bool(model["title"] and model["uid"])


def test_every_documented_rule_has_a_function() -> None:
    assert len(RULES["dashboard-linter"]) == 17
    for rule in (*RULES["dashboard-linter"], *RULES["mixtool"]):
        assert callable(globals()[rule.replace("-", "_")])


def test_the_checks_named_for_rules_exist() -> None:
    known = set(plugins.module_names(checks)) | {"choose", "size", "summary"}
    for text in (*RULES["dashboard-linter"].values(), *RULES["mixtool"].values()):
        named = re.findall(r"Checks? `(\w+)`(?: and `(\w+)`)?", text)
        assert {item for pair in named for item in pair if item} <= known, text


@pytest.mark.parametrize("rule", [*RULES["dashboard-linter"], "dashboard-title-and-uid"])
def test_every_shipped_dashboard_follows_the_rule(rule, models) -> None:
    assert len(models) >= 5
    assert [model["uid"] for model in models if not globals()[rule.replace("-", "_")](model)] == []


@pytest.mark.parametrize("rule", [rule for rule in RULES["mixtool"] if rule != "dashboard-title-and-uid"])
def test_every_shipped_alert_follows_the_rule(rule, groups) -> None:
    assert [group["name"] for group in groups if not globals()[rule.replace("-", "_")](group)] == []


@pytest.fixture
def dashboard_linter():
    return shutil.which("dashboard-linter") or pytest.skip("dashboard-linter is not installed")


def _run_linter(program, *arguments):
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=True, timeout=60)
    return re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)


def test_dashboard_linter_has_the_documented_rules(dashboard_linter) -> None:
    rules = re.findall(r"^\* `([\w-]+)` - ", _run_linter(dashboard_linter, "rules"), re.MULTILINE)
    assert sorted(rules) == sorted(RULES["dashboard-linter"])


def test_dashboard_linter_reports_what_is_documented(dashboard_linter, models, tmp_path) -> None:
    """A rule's results follow its description; an exception of a dashboard stands for all of its panels."""
    described = re.findall(r"^\* `([\w-]+)` - (.+)$", _run_linter(dashboard_linter, "rules"), re.MULTILINE)
    names = {text: name for name, text in described}
    found = set()
    for model in models:
        path = tmp_path / f"{model['uid']}.json"
        path.write_text(json.dumps(model))
        rule = ""
        for line in _run_linter(dashboard_linter, "lint", "--verbose", str(path)).splitlines():
            rule = names.get(line, rule)
            if (
                match := re.match(r"\[.*\] Dashboard '(.*?)'(?:, panel '(.*?)')?[, ]", line)
            ) and "(Excluded)" not in line:
                found.add((rule, match[1], match[2] or ""))
    entries = [(rule, entry) for entry in RULES["reported"] for rule in entry["rules"]]
    covered = {
        (rule, title, panel)
        for rule, title, panel in found
        for name, entry in entries
        if (name, entry["dashboard"]) == (rule, title) and entry.get("panel", panel) == panel
    }
    assert found - covered == set()
    expected = {(rule, entry["dashboard"]) for rule, entry in entries}
    assert {(rule, title) for rule, title, _ in found} == expected, "nothing is listed that is not reported"


def _list_queries(panel):
    """Return the queries of a panel that have options."""
    return [query for value in panel.values() if isinstance(value, list) for query in value if isinstance(query, dict)]


def test_exceptions_have_reasons() -> None:
    sources = {
        (source.uid, panel.get("title", "Share of the team"))  # the title of the only signal alone
        for source in files.load_shipped()
        if source.is_dashboard
        for row in source.document.data["rows"]
        for panel in (row if isinstance(row, list) else row.get("panels", []))
        if "unscoped" in panel or any("unscoped" in query for query in _list_queries(panel))
    }
    assert sources == UNSCOPED
