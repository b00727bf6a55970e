"""`sites:`: the job that federates, exactly the series that the bundle reads, and what is wrong in it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from deckwatch.alerting import sites
from deckwatch.cli import _project
from deckwatch.core.problems import InvalidInput
from deckwatch.provisioning import metric_catalog, sites_reference, stack
from deckwatch.provisioning.sites import select_series

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "thousand-hosts.md"
SITES = """\
build: {include: [host, dashboards/]}
sites:
  - {name: berlin, prometheus: 'https://berlin.example/prometheus/', grafana: 'https://grafana.berlin.example/'}
  - {name: paris, prometheus: 'http://paris.example:9091', interval: 30s, bearer_token_file: /run/secrets/paris}
  - {name: Rio de Janeiro}
"""
EMPTY = "dashboard: Other\nabout: Other.\nrows: [[{stat: up, title: T, description: D.}]]\n"
OWN = """\
dashboard: Mine
unscoped: Totals have no target.
rows: [[{stat: 'sum(cluster:containers:count)', title: Containers, description: All of them., unit: count}]]
"""


def build(folder, text=SITES, **dashboards):
    (folder / "deckwatch.yaml").write_text(text)
    (folder / "dashboards").mkdir(exist_ok=True)
    for name, content in dashboards.items():
        (folder / "dashboards" / f"{name}.yaml").write_text(content)
    (folder / "dashboards" / "other.yaml").write_text(EMPTY)
    return stack.build(_project.load_project(folder, keep_invalid=True))


def read_yaml(built, path):
    return yaml.safe_load(built.plan.file_text(path))


def jobs(built):
    configs = read_yaml(built, "prometheus/prometheus.yml")["scrape_configs"]
    return {config["job_name"]: config for config in configs if config["job_name"].startswith("sites")}


def test_the_shipped_dashboard_and_alerts_read_every_total_of_a_site_and_nothing_else_of_it(tmp_path) -> None:
    matched = jobs(build(tmp_path))["sites"]["params"]["match[]"]
    assert matched == sites.list_totals()
    known = {metric.name for metric in metric_catalog.read_metric_tables() if sites.LABEL in metric.labels}
    assert known - {"site:expected:info", "site:reports:state"} == set(matched)
    model = build(tmp_path).plan.file_text("grafana/dashboards/operations/sites.json")
    assert set(re.findall(r"\bcluster\w*:\w+:\w+", model)) == set(matched)


def test_the_job_keeps_labels_of_the_site_and_marks_series_that_end(tmp_path) -> None:
    built = build(tmp_path)
    plain, protected = jobs(built).values()
    assert (plain["honor_labels"], plain["honor_timestamps"], plain["scrape_interval"]) == (True, False, "1m")
    assert (protected["job_name"], protected["scrape_interval"]) == ("sites (paris)", "30s")
    assert protected["authorization"] == {"credentials_file": "/run/secrets/paris"}
    assert protected["params"] == plain["params"]
    assert read_yaml(built, "prometheus/targets/sites.yaml") == [
        {
            "targets": ["berlin.example:443"],
            "labels": {
                "instance": "berlin",
                "cluster": "berlin",
                "__metrics_path__": "/prometheus/federate",
                "__scheme__": "https",
            },
        },
        {
            "targets": ["paris.example:9091"],
            "labels": {"instance": "paris", "cluster": "paris", "__tmp_access": "1"},
        },
    ]


def test_sites_are_known_with_the_address_that_a_click_opens(tmp_path) -> None:
    [group] = read_yaml(build(tmp_path), "prometheus/rules/sites_listed.yaml")["groups"]
    links = re.findall(r'"grafana", "([^"]*)"', group["rules"][0]["expr"])
    assert links == [
        "https://grafana.berlin.example/d/overview",
        "/d/sites?var-cluster=paris",
        "/d/sites?var-cluster=Rio%20de%20Janeiro",
    ]


def test_a_panel_that_is_left_out_is_not_paid_for_and_one_of_your_own_is(tmp_path) -> None:
    left_out = SITES.replace(
        "[host, dashboards/]}", "[host, dashboards/], disable: [sites/Sites, sites/Applications and containers]}"
    )
    matched = jobs(build(tmp_path, left_out))["sites"]["params"]["match[]"]
    assert {"cluster:hosts:count", "cluster:containers_missing:count"} <= set(matched)
    assert "cluster:containers:count" not in matched
    assert "cluster:containers:count" in jobs(build(tmp_path, left_out, mine=OWN))["sites"]["params"]["match[]"]


def test_names_that_only_look_alike_are_not_read() -> None:
    assert select_series(['up{a="cluster:hosts:count"}', "cluster:hosts:counted"]) == []
    assert select_series(['sum(cluster:hosts:count{cluster=~"$cluster"})']) == ["cluster:hosts:count"]


def test_an_overview_records_no_totals_of_its_own_and_a_site_no_sites(tmp_path) -> None:
    overview = {file.path for file in build(tmp_path).plan.list_files()}
    assert "prometheus/rules/sites.yaml" in overview
    assert not [path for path in overview if path.endswith("site.yaml")]
    site = {file.path for file in build(tmp_path, "build: {labels: {cluster: berlin}}\n").plan.list_files()}
    assert {"prometheus/rules/site.yaml", "prometheus/rules/host_site.yaml"} <= site
    assert not {path for path in site if path.rpartition("/")[2].startswith("sites.")}


@pytest.mark.parametrize(
    "text",
    [
        "remote_write: [{url: 'https://overview.example/api/v1/write', series: site}]",
        "storage: {engine: mimir, write: 'https://mimir.example', tenant: overview, series: site}",
    ],
)
def test_a_site_writes_only_its_totals(tmp_path, text) -> None:
    built = build(tmp_path, f"build:\n  labels: {{cluster: rome}}\n  {text}\n")
    [entry] = read_yaml(built, "prometheus/prometheus.yml")["remote_write"]
    [kept] = entry["write_relabel_configs"]
    assert (kept["source_labels"], kept["action"]) == (["__name__"], "keep")
    assert kept["regex"].split("|") == sites.list_totals()
    assert "series" not in entry


def test_sites_that_all_write_need_no_job(tmp_path) -> None:
    built = build(tmp_path, "sites: [{name: rome}]\n")
    assert jobs(built) == {}
    assert "prometheus/targets/sites.yaml" not in {file.path for file in built.plan.list_files()}


PROBLEMS = {
    "{name: berlin, prometheus: 'http://a:1'}, {name: berlin}": "duplicate site berlin",
    "{name: berlin, prometheus: 'http://a:1', tls_config: {ca_file: /ca.pem}}": "tls_config has no effect over http",
    "{name: berlin, interval: 30s}": "interval",
    "{name: berlin, prometheus: 'http://a:1', timeout: 2m}": "the timeout is longer than the interval of 60 s",
    "{name: berlin, prometheus: 'a:9090'}": "is not an address",
    "{prometheus: 'http://a:1'}": "name",
    "{name: 'a\"b'}": "is not a name without quotes and $",
    "{name: berlin, prometheus: 'http://a:1', prometeus: x}": "prometeus",
}


@pytest.mark.parametrize(("entries", "message"), PROBLEMS.items())
def test_what_is_wrong_is_reported_at_its_place(tmp_path, entries, message) -> None:
    with pytest.raises(InvalidInput) as caught:
        build(tmp_path, f"sites: [{entries}]\n")
    [text] = map(str, caught.value.problems)
    assert message in text
    assert text.startswith(f"{tmp_path}/deckwatch.yaml:1:")


def test_a_long_interval_is_a_warning(tmp_path) -> None:
    built = build(tmp_path, "sites: [{name: berlin, prometheus: 'http://a:1', interval: 4m}]\n")
    assert "a single failed scrape leaves a gap" in " ".join(map(str, built.warnings))


def test_totals_that_no_label_names_are_a_warning(tmp_path) -> None:
    receiver = "remote_write: [{url: 'https://overview.example/api/v1/write', series: site}]"
    warned = build(tmp_path, f"build: {{{receiver}}}\n").warnings
    assert "nothing in these series names the site" in " ".join(map(str, warned))
    assert not build(tmp_path, f"build: {{labels: {{cluster: rome}}, {receiver}}}\n").warnings


def test_the_table_has_a_column_with_the_address_that_a_click_opens(tmp_path) -> None:
    model = json.loads(build(tmp_path).plan.file_text("grafana/dashboards/operations/sites.json"))
    [table] = [panel for panel in model["panels"] if panel["title"] == "Sites"]
    [organize] = [step["options"] for step in table["transformations"] if step["id"] == "organize"]
    assert organize["renameByName"]["grafana"] == "Grafana"
    assert "cluster, grafana" in table["targets"][0]["expr"]
    links = [
        item
        for override in table["fieldConfig"]["overrides"]
        for item in override["properties"]
        if item["id"] == "links"
    ]
    assert links[0]["value"][0]["url"] == "${__data.fields.Grafana:raw}"


def test_the_cost_in_the_guide_is_that_of_the_reference() -> None:
    fixed = sites_reference.count_fixed()
    text = GUIDE.read_text()
    assert f"{fixed} series per site" in text
    assert f"{fixed} + 4 + 3 = {fixed + 7}" in text
    assert f"{100 * (fixed + 7):,}" in text
    assert f"{round(100 * (fixed + 7) / 60)}" in text
    assert f"= {fixed} + O + A" in re.sub(r"\s+", " ", "\n".join(sites_reference.build_page()))
