"""Retention, remote_write, further scrape configurations and rule files in prometheus.yml, and the live profile."""

from __future__ import annotations

import subprocess

import pytest
import yaml

from deckwatch.core import plugins, project
from deckwatch.core.problems import InvalidInput
from deckwatch.provisioning import check_project, prometheus_settings, servers, stack
from deckwatch.provisioning.build_settings import Options, read_settings

FRAGMENTS = plugins.schema_fragments()
TEXT = """\
build:
  include: [health, dashboards/]
  retention: 90d
  retention_size: 50GB
  rule_files: [/etc/prometheus/rules/*.yaml]
  scrape_configs:
    - job_name: kubernetes
      dns_sd_configs: [{names: [_metrics._tcp.shop.internal]}]
      basic_auth: {username: x, password_file: /run/secrets/k8s}
  remote_write:
    - url: https://metrics.example/api/v1/write
      name: archive
      bearer_token_file: /run/secrets/metrics
      headers: {X-Scope-OrgID: shop}
      write_relabel_configs: [{source_labels: [__name__], regex: go_.*, action: drop}]
    - {url: 'https://other.example/write', basic_auth: {username: deckwatch, password_file: /run/secrets/other}}
"""
OLD = "  targets: {prometheus: '2.42'}\n"
DASHBOARD = """\
dashboard: Timeline
range: 147d
rows:
  - - {stat: up, title: Now, description: Now., range: 14w}
    - {stat: 'max_over_time(up[100d])', title: Windowed, description: A window.}
    - {stat: 'up offset 90d', title: Shifted, description: As long as samples are kept.}
    - {stat: up, title: Allowed, description: Allowed., range: 52w, allow: {retention: Its samples are imported.}}
"""


def load(folder, text=TEXT, dashboard=""):
    (folder / project.FILE).write_text(text)
    (folder / "dashboards").mkdir(exist_ok=True)
    if dashboard:
        (folder / "dashboards" / "timeline.yaml").write_text(dashboard)
    return project.load_project(folder, FRAGMENTS)


def render(loaded) -> dict:
    files = {file.path: file.text for file in stack.build(loaded).plan.list_files()}
    return yaml.safe_load(files["prometheus/prometheus.yml"])


def test_prometheus_gets_what_the_project_says(tmp_path, need) -> None:
    rendered = render(load(tmp_path))
    assert rendered["storage"] == {"tsdb": {"retention": {"time": "90d", "size": "50GB"}}}
    assert rendered["rule_files"] == ["rules/*.yaml", "/etc/prometheus/rules/*.yaml"]
    assert rendered["scrape_configs"][-1]["job_name"] == "kubernetes"
    first, second = rendered["remote_write"]
    assert first["authorization"] == {"credentials_file": "/run/secrets/metrics"}
    assert first["headers"] == {"X-Scope-OrgID": "shop"}
    assert second["basic_auth"]["password_file"] == "/run/secrets/other"
    loaded = load(tmp_path, TEXT + OLD)
    old = render(loaded)
    assert "storage" not in old
    path = tmp_path / "prometheus.yml"
    path.write_text(yaml.safe_dump(old).replace("/run/secrets/", "secrets/"))
    (tmp_path / "secrets").mkdir()
    for name in ("k8s", "metrics", "other"):
        (tmp_path / "secrets" / name).write_text("x")
    promtool = need("promtool", get="apt-get install prometheus")
    ran = subprocess.run([promtool, "check", "config", path], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    flags = ["--storage.tsdb.retention.time=90d", "--storage.tsdb.retention.size=50GB"]
    targets = read_settings(loaded, Options()).targets
    assert prometheus_settings.retention_flags(loaded, targets) == flags
    found = list(prometheus_settings.find_problems(loaded, targets, sets_flags=False))
    assert [(problem.place.line, problem.hint) for problem in found] == [
        (3, f"start it with {flags[0]}"),
        (4, f"start it with {flags[1]}"),
        (14, "use a release of prometheus.io"),  # Debian's sends no headers
    ]
    [unsent] = prometheus_settings.find_problems(loaded, targets, sets_flags=True)
    assert unsent == found[-1]


def test_names_that_prometheus_rejects_and_secrets_are_reported_without_them(tmp_path) -> None:
    text = """\
build:
  scrape_configs:
    - {job_name: node}
    - {job_name: x, basic_auth: {username: u, password: hunter2}}
    - {job_name: x}
  remote_write: [{url: 'http://a/w', name: a}, {url: 'http://b/w', name: a}]
"""
    with pytest.raises(InvalidInput) as error:
        check_project.check_project(load(tmp_path, text))
    assert [(problem.place.line, problem.message) for problem in error.value.problems] == [
        (3, "duplicate job_name node"),
        (4, "a secret in this file would be in the bundle"),
        (5, "duplicate job_name x"),
        (6, "duplicate name a"),
    ]
    assert "hunter2" not in str(error.value)


def test_what_is_longer_than_the_retention_is_reported(tmp_path) -> None:
    text = "build: {include: [dashboards/], retention: 90d}\nmetrics: {up: {kind: gauge, labels: [instance]}}\n"
    checked = check_project.check_project(load(tmp_path, text, DASHBOARD))
    found = [
        (problem.place.line, problem.place.column, problem.message.split()[0])
        for problem in checked.warnings
        if problem.check == "retention"
    ]
    assert found == [(2, 8, "147d"), (4, 56, "14w"), (5, 32, "100d")]
    text = text.replace("90d", "2y")
    again = check_project.check_project(load(tmp_path, text, DASHBOARD))
    assert "retention" not in {problem.check for problem in again.warnings}


def test_the_live_profile_sets_scrape_minimum_and_refresh(tmp_path) -> None:
    text = "build: {include: [dashboards/], live: true}\nmetrics: {up: {kind: gauge, labels: [instance]}}\n"
    dashboard = DASHBOARD.replace("range: 147d", "refresh: 1s")
    loaded = load(tmp_path, text, dashboard)
    settings = read_settings(loaded, Options())
    assert (settings.interval, settings.refresh, settings.min_refresh) == ("1s", "1s", "1s")
    assert check_project.check_project(loaded)
    site = servers.Site(tmp_path, tmp_path, dict.fromkeys(servers.PORTS, 1), min_refresh=settings.min_refresh)
    assert servers._grafana_settings(tmp_path, site)["GF_DASHBOARDS_MIN_REFRESH_INTERVAL"] == "1s"
    with pytest.raises(InvalidInput) as error:
        check_project.check_project(load(tmp_path, text.replace("live: true", "live: false"), dashboard))
    assert [(problem.place.line, problem.check) for problem in error.value.problems] == [(2, "refresh")]


def test_an_interval_in_milliseconds_is_written_in_seconds(tmp_path) -> None:
    assert render(load(tmp_path, "build: {scrape_interval: 10000ms}\n"))["global"]["scrape_interval"] == "10s"
