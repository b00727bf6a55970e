"""Addresses in a project: links of notifications, servers; no secrets, since everyone can read generated files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from deckwatch.cli import _project
from deckwatch.core.problems import InvalidInput
from deckwatch.provisioning import addresses, stack
from deckwatch.provisioning.up import LocalStack

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "text",
    [
        'build: {data_sources: {loki: {url: "http://me:hunter2@loki:3100"}}}',
        'build: {data_sources: {loki: {url: "http://loki:3100/?token=hunter2"}}}',
        'addresses: {grafana: "https://me:hunter2@grafana.example"}',
        'scrape: [{service: shop, url: "http://shop:8000/metrics?access_token=hunter2"}]',
        'scrape: [{service: shop, url: "http://me:hunter2@shop:8000/metrics"}]',
        'verify: {prometheus: "http://me:hunter2@prometheus:9090"}',
        'verify: {prometheus: "http://prometheus:9090/?token=hunter2"}',
        'watch: {probes: [{service: shop, http: "https://me:hunter2@shop/"}]}',
        'watch: {probes: [{service: shop, http: "https://shop/?apiToken=hunter2"}]}',
        'addresses: {runbooks: "https://hunter2@wiki.example/"}',
    ],
)
def test_an_address_with_a_secret_is_rejected(tmp_path: Path, text: str) -> None:
    (tmp_path / "deckwatch.yaml").write_text(text)
    with pytest.raises(InvalidInput) as caught:
        stack.build(_project.load_project(tmp_path))
    assert "hunter2" not in str(caught.value)
    assert "is not an address" in str(caught.value)


TEAMS = 'teams: {shop: {slack: {channel: "#shop", url_file: /run/secrets/slack}}}\n'


def build(tmp_path: Path, text: str, **options: Any) -> stack.Built:
    (tmp_path / "deckwatch.yaml").write_text(text)
    return stack.build(_project.load_project(tmp_path), stack.Options(**options))


def read_yaml(built: stack.Built, path: str) -> Any:
    return yaml.safe_load(built.plan.file_text(path))


def annotations(built: stack.Built) -> dict[str, str]:
    (rule,) = [
        rule
        for rule in read_yaml(built, "prometheus/rules/host.yaml")["groups"][0]["rules"]
        if rule.get("alert") == "HostCpuHigh"
    ]
    found: dict[str, str] = rule["annotations"]
    return found


def test_links_come_from_the_addresses(tmp_path: Path) -> None:
    built = build(
        tmp_path,
        f"{TEAMS}addresses: {{grafana: https://g.example/, alertmanager: 'https://a.example/am',"
        " runbooks: https://w.example/books}",
    )
    links = annotations(built)
    assert links["dashboard_url"].startswith("https://g.example/d/")
    assert links["runbook_url"] == "https://w.example/books/HostCpuHigh.md"
    assert "runbook" not in links
    templates = built.plan.file_text("alertmanager/templates/deckwatch.tmpl")
    assert '{{ define "deckwatch.alertmanager" }}https://a.example/am{{ end }}' in templates
    assert ".ExternalURL" not in templates + built.plan.file_text("alertmanager/alertmanager.yml")
    assert built.warnings == []


def test_runbooks_that_are_not_published_are_no_link(tmp_path: Path) -> None:
    links = annotations(build(tmp_path, ""))
    assert "runbook_url" not in links
    assert links["runbook"] == "runbooks/HostCpuHigh.md"


@pytest.mark.parametrize(("form", "count"), [("provisioned", 1), ("importable", 0), ("mixin", 0)])
def test_dashboards_link_to_reports_but_not_those_for_others(tmp_path: Path, form: Any, count: int) -> None:
    text = "addresses: {views: https://views.example/}\nbuild: {include: [containers]}\n"
    texts = [file.text for file in build(tmp_path, text, form=form).plan.list_files()]
    assert sum("https://views.example/api/v1/reports/containers?from=" in text for text in texts) == count


LOCAL = "which only this machine reaches"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            TEAMS,
            [
                (
                    f"deckwatch.yaml:1:9: warning: notifications link to grafana at http://127.0.0.1:3000 and "
                    f"alertmanager at http://127.0.0.1:9093, {LOCAL} (set addresses: {{grafana: "
                    "https://grafana.example, alertmanager: https://alertmanager.example} in deckwatch.yaml) [address]"
                )
            ],
        ),
        (
            (
                f"{TEAMS}addresses:\n  grafana: http://localhost:3000\n  alertmanager: https://a.example\n"
                "  runbooks: 'http://[::1]/books'\n"
            ),
            [
                (
                    f"deckwatch.yaml:3:12: warning: notifications link to grafana at http://localhost:3000, {LOCAL} "
                    "(set addresses: {grafana: https://grafana.example} in deckwatch.yaml) [address]"
                ),
                (
                    f"deckwatch.yaml:5:13: warning: notifications link to runbooks at http://[::1]/books, {LOCAL} "
                    "(set addresses: {runbooks: https://runbooks.example} in deckwatch.yaml) [address]"
                ),
            ],
        ),
        # An Alertmanager that someone else runs knows its address.
        (
            f"{TEAMS}addresses: {{grafana: https://g.example, internal: {{alertmanager: 'http://am.internal:9093'}}}}",
            [],
        ),
        # Nothing is sent.
        ("addresses: {grafana: http://localhost:3000}", []),
    ],
)
def test_a_link_that_only_this_machine_reaches_is_reported(tmp_path: Path, text: str, expected: list[str]) -> None:
    warnings = build(tmp_path, text).warnings
    assert [str(warning).removeprefix(f"{tmp_path}/") for warning in warnings] == expected


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://127.0.0.1:3000", True),
        ("http://127.1.2.3", True),
        ("https://localhost/grafana", True),
        ("http://grafana.localhost.:3000", True),
        ("http://[::1]:3000", True),
        ("http://0.0.0.0:3000", True),
        ("http://10.0.0.1:3000", False),
        ("https://localhost.example", False),
        ("http://grafana:3000", False),
    ],
)
def test_local_addresses(url: str, local: bool) -> None:
    assert addresses.is_local(url) is local


def test_servers_that_someone_else_runs(tmp_path: Path) -> None:
    built = build(
        tmp_path,
        "addresses: {internal: {prometheus: 'https://prom.internal', alertmanager: 'http://am.internal:19093/am/'}}",
    )
    sources = read_yaml(built, "grafana/provisioning/datasources/deckwatch.yaml")["datasources"]
    assert [source["url"] for source in sources] == ["https://prom.internal", "http://am.internal:19093/am"]
    assert read_yaml(built, "prometheus/targets/prometheus.yaml") == [
        {"targets": ["prom.internal:443"], "labels": {"instance": "prom.internal"}}
    ]
    assert read_yaml(built, "prometheus/targets/alertmanager.yaml") == [
        {"targets": ["am.internal:19093"], "labels": {"instance": "am.internal"}}
    ]
    assert read_yaml(built, "prometheus/targets/grafana.yaml") == []
    config = read_yaml(built, "prometheus/prometheus.yml")
    (alertmanagers,) = config["alerting"]["alertmanagers"]
    assert (alertmanagers["path_prefix"], "scheme" in alertmanagers) == ("/am", False)
    jobs = {job["job_name"]: job for job in config["scrape_configs"]}
    assert jobs["alertmanager"]["metrics_path"] == "/am/metrics"
    assert jobs["prometheus"]["scheme"] == "https"
    assert "metrics_path" not in jobs["prometheus"]


def test_grafana_is_scraped_where_it_is_known(tmp_path: Path) -> None:
    def targets(text: str) -> list[str]:
        return [each["targets"][0] for each in read_yaml(build(tmp_path, text), "prometheus/targets/grafana.yaml")]

    assert targets("addresses: {grafana: https://g.example}") == ["grafana:3000"]
    assert targets("addresses: {internal: {grafana: 'https://g.internal/monitoring/'}}") == ["g.internal:443"]
    assert targets("addresses: {internal: {alertmanager: http://am:9093}}") == []
    assert targets("addresses: {internal: {alertmanager: http://am:9093, grafana: http://g:80}}") == ["g:80"]
    text = "addresses: {internal: {grafana: 'https://g.internal/monitoring'}}"
    jobs = read_yaml(build(tmp_path, text), "prometheus/prometheus.yml")["scrape_configs"]
    (job,) = [job for job in jobs if job["job_name"] == "grafana"]
    assert (job["scheme"], job["metrics_path"]) == ("https", "/monitoring/metrics")


@pytest.mark.parametrize("url", ["https://g.example/{{ .X }}", "https://g.example/?x=1", "https://g.example/'a"])
def test_an_address_with_the_syntax_of_templates_is_rejected(tmp_path: Path, url: str) -> None:
    with pytest.raises(InvalidInput, match="is not an address"):
        build(tmp_path, f'addresses: {{grafana: "{url}"}}')
    with pytest.raises(ValueError, match="is not an address"):
        addresses.parse_link(f"grafana={url}")


@pytest.mark.parametrize(
    ("section", "key"), [("build: {grafana_url: https://g.example}", "grafana"), ("runbooks: x", "runbooks")]
)
def test_a_former_key_names_its_new_place(tmp_path: Path, section: str, key: str) -> None:
    with pytest.raises(InvalidInput, match=rf"moved to the top of the file, as `addresses: {{{key}: \.\.\.}}`"):
        build(tmp_path, section)


def test_links_on_the_command_line() -> None:
    assert addresses.parse_link("grafana=https://g.example/") == ("grafana", "https://g.example")
    with pytest.raises(ValueError, match="did you mean grafana"):
        addresses.parse_link("grafna=https://g.example")


def test_the_local_stack_takes_links_from_the_caller_then_the_project(tmp_path: Path) -> None:
    (tmp_path / "deckwatch.yaml").write_text("addresses: {grafana: https://g.example, runbooks: https://w.example}")
    local = LocalStack(_project.load_project(tmp_path), tmp_path / "state", links={"runbooks": "https://books.example"})
    chosen = local.choose_addresses({"grafana": "http://127.0.0.1:1", "alertmanager": "http://127.0.0.1:2"})
    assert chosen == addresses.Addresses(
        grafana="https://g.example", alertmanager="http://127.0.0.1:2", runbooks="https://books.example"
    )
