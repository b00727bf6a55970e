"""`build: storage:`: remote write, rule files, the data source, and what is wrong in it."""

from __future__ import annotations

import subprocess

import pytest
import yaml

from deckwatch.cli import _project
from deckwatch.core.known_engines import load_engines
from deckwatch.core.problems import InvalidInput
from deckwatch.provisioning import stack

GET = "apt-get install prometheus"
HEAD = "build:\n  include: [host]\n  labels: {cluster: berlin}\n  storage: "


def build(folder, storage, head=HEAD):
    (folder / "deckwatch.yaml").write_text(f"{head}{storage}\n")
    return stack.build(_project.load_project(folder, keep_invalid=True))


def read_yaml(built, path):
    return yaml.safe_load(built.plan.file_text(path))


def data_source(built):
    return read_yaml(built, "grafana/provisioning/datasources/deckwatch.yaml")["datasources"][0]


def paths(built):
    return {file.path for file in built.plan.list_files()}


CASES = {
    "{engine: mimir, write: 'https://mimir.example/', tenant: berlin}": (
        "https://mimir.example/api/v1/push",
        "https://mimir.example/prometheus",
        "Mimir",
        {"X-Scope-OrgID": "berlin"},
    ),
    "{engine: thanos, write: 'http://receive:19291', query: 'http://query:10902', tenant: berlin}": (
        "http://receive:19291/api/v1/receive",
        "http://query:10902",
        "Thanos",
        {"THANOS-TENANT": "berlin"},
    ),
    "{engine: victoriametrics, write: 'http://vm:8428'}": (
        "http://vm:8428/api/v1/write",
        "http://vm:8428",
        "Prometheus",
        None,
    ),
    "{engine: victoriametrics-cluster, write: 'http://vminsert:8480', query: 'http://vmselect:8481', tenant: 7}": (
        "http://vminsert:8480/insert/7/prometheus/api/v1/write",
        "http://vmselect:8481/select/7/prometheus",
        "Prometheus",
        None,
    ),
}


@pytest.mark.parametrize(("storage", "expected"), CASES.items())
def test_prometheus_writes_to_the_engine_and_grafana_asks_it(tmp_path, need, storage, expected) -> None:
    built = build(tmp_path, storage)
    [entry] = read_yaml(built, "prometheus/prometheus.yml")["remote_write"]
    source = data_source(built)
    assert (entry["url"], source["url"], source["jsonData"]["prometheusType"], entry.get("headers")) == expected
    assert entry["queue_config"] == {"retry_on_http_429": True}
    if expected[3]:
        [(name, value)] = expected[3].items()
        assert (source["jsonData"]["httpHeaderName1"], source["secureJsonData"]) == (name, {"httpHeaderValue1": value})
    (tmp_path / "prometheus.yml").write_text(built.plan.file_text("prometheus/prometheus.yml"))
    checked = subprocess.run(
        [need("promtool", get=GET), "check", "config", "--syntax-only", tmp_path / "prometheus.yml"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert checked.returncode == 0, checked.stderr


def test_an_overview_gets_recorded_series_only_and_grafana_keeps_prometheus(tmp_path) -> None:
    built = build(tmp_path, "{engine: mimir, write: 'https://mimir.example', series: recorded}")
    [entry] = read_yaml(built, "prometheus/prometheus.yml")["remote_write"]
    assert entry["write_relabel_configs"] == [
        {"source_labels": ["__name__"], "regex": ".+:.+|ALERTS(_FOR_STATE)?", "action": "keep"}
    ]
    assert data_source(built)["url"] == "${DECKWATCH_PROMETHEUS_URL}"


def test_an_agent_has_no_rules_and_the_engine_has_them_in_its_format(tmp_path) -> None:
    mimir = build(tmp_path, "{engine: mimir, write: 'https://mimir.example', tenant: berlin, agent: true}")
    assert not {"rule_files", "alerting"} & read_yaml(mimir, "prometheus/prometheus.yml").keys()
    rules = read_yaml(mimir, "mimir/rules/host.yaml")
    plain = read_yaml(mimir, "prometheus/rules/host.yaml")
    assert rules["namespace"] == "deckwatch_host"
    assert rules["groups"] == [{"interval": "15s", **group} for group in plain["groups"]]
    [site] = read_yaml(mimir, "mimir/rules/host_site.yaml")["groups"]
    assert site["interval"] == "1m"  # its own
    assert {path for path in paths(mimir) if path.startswith("mimir/")} == {
        path.replace("prometheus/", "mimir/", 1)
        for path in paths(mimir)
        if path.startswith("prometheus/rules/") and "test" not in path
    }
    thanos = build(
        tmp_path, "{engine: thanos, write: 'http://receive', query: 'http://query', rules: engine, tenant: berlin}"
    )
    assert read_yaml(thanos, "thanos/rules/host.yaml")["groups"][0]["partial_response_strategy"] == "abort"


def test_the_engine_has_the_rules_of_dialects_too(tmp_path) -> None:
    scraped = "scrape: [{service: shop, url: 'http://a:1/metrics', speaks: caddy}]\n"
    built = build(tmp_path, "{engine: mimir, write: 'http://m', tenant: a, rules: engine}", scraped + HEAD)
    [group] = read_yaml(built, "mimir/rules/dialects.yaml")["groups"]
    assert [rule["record"] for rule in group["rules"]] == ["http_requests_total"]


def test_mimir_gets_a_large_group_of_a_mixin_in_parts() -> None:
    rules = [{"record": f"a:{number}", "expr": "up"} for number in range(41)]
    file = {"groups": [{"name": "node", "interval": "15s", "rules": rules}]}
    groups = load_engines()["mimir"].write_rules("mixin", file, (3, 0))["groups"]
    assert [(group["name"], group["interval"], len(group["rules"])) for group in groups] == [
        ("node", "15s", 20),
        ("node-2", "15s", 20),
        ("node-3", "15s", 1),
    ]
    assert [rule for group in groups for rule in group["rules"]] == rules


@pytest.mark.parametrize(("version", "kept"), [("1.79.5", False), ("1.92", True)])
def test_an_older_vmalert_gets_rules_that_it_loads(tmp_path, version, kept) -> None:
    built = build(
        tmp_path, f"{{engine: victoriametrics, write: 'http://vm:8428', rules: engine, version: '{version}'}}"
    )
    assert ("keep_firing_for" in built.plan.file_text("victoriametrics/rules/host.yaml")) is kept
    assert "keep_firing_for" in built.plan.file_text("prometheus/rules/host.yaml")


def test_without_storage_nothing_changes(tmp_path) -> None:
    (tmp_path / "deckwatch.yaml").write_text("build: {include: [host]}\n")
    built = stack.build(_project.load_project(tmp_path))
    assert "remote_write" not in read_yaml(built, "prometheus/prometheus.yml")
    assert not any(path.startswith(("mimir", "thanos", "victoria")) for path in paths(built))


@pytest.mark.parametrize(
    ("storage", "message"),
    [
        ("{engine: mimmir, write: 'http://m'}", "4:21: no engine is called mimmir (did you mean mimir?)"),
        ("{engine: thanos, write: 'http://r'}", "4:3: Thanos answers queries at another address than it is written to"),
        ("{engine: victoriametrics, write: 'http://v', tenant: a}", "4:57: VictoriaMetrics has no tenants"),
        (
            "{engine: victoriametrics-cluster, write: 'http://v', query: 'http://v', tenant: shop}",
            "4:92: not a tenant of VictoriaMetrics cluster: expected an account such as 7",
        ),
        (
            "{engine: mimir, write: 'http://m', agent: true, rules: prometheus}",
            "4:67: an agent does not evaluate rules",
        ),
        ("{engine: mimir, write: 'http://m', agent: true, series: recorded}", "4:68: an agent records no series"),
        ("{engine: mimir, write: 'http://m', tls_config: {}}", "4:47: tls_config has no effect over http"),
        ("{engine: mimir}", "write"),
    ],
)
def test_a_mistake_is_reported_at_its_position(tmp_path, storage, message) -> None:
    with pytest.raises(InvalidInput) as raised:
        build(tmp_path, storage)
    assert message in "\n".join(f"{one.place}: {one.message} ({one.hint})" for one in raised.value.problems)


def test_sites_that_would_be_mixed_are_warned_of(tmp_path) -> None:
    built = build(
        tmp_path, "{engine: mimir, write: 'http://m', rules: engine}", "build:\n  include: [host]\n  storage: "
    )
    messages = [one.message for one in built.warnings]
    assert any(message.startswith("series of two sites would be the same ones") for message in messages)
    assert any(message.startswith("rules in the engine read the series of all sites") for message in messages)


def test_debians_prometheus_sends_no_tenant(tmp_path) -> None:
    storage = "{engine: mimir, write: 'http://m', tenant: a}\n  remote_write: [{url: 'http://n', headers: {X-A: b}}]"
    for version, lines in (("2.42", [4, 5]), ("2.43", [])):
        built = build(tmp_path, f"{storage}\n  targets: {{prometheus: '{version}'}}")
        assert [one.place.line for one in built.warnings if "sends no headers" in one.message] == lines


def test_a_panel_with_a_function_that_the_engine_lacks_is_an_error(tmp_path) -> None:
    (tmp_path / "dashboards").mkdir()
    (tmp_path / "dashboards" / "mine.yaml").write_text(
        "dashboard: Mine\nrows:\n  - - {lines: 'limit_ratio(0.5, node_load1)', title: Load, description: Load.}\n"
    )
    head = HEAD.replace("[host]", "[host, dashboards/]")
    with pytest.raises(InvalidInput) as raised:
        build(tmp_path, "{engine: victoriametrics, write: 'http://vm:8428'}", head)
    [problem] = [one for one in raised.value.problems if one.severity == "error"]
    assert (problem.place.line, problem.message) == (3, "VictoriaMetrics does not know limit_ratio()")
    assert problem.hint == "use limitk()"
