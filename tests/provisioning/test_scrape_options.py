"""Authentication, TLS, interval and relabelling of `scrape:`, compared with what promtool accepts."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from deckwatch.cli import _project
from deckwatch.core.problems import InvalidInput
from deckwatch.provisioning import stack

if TYPE_CHECKING:
    from pathlib import Path

PROJECT = """\
scrape:
  - {{service: open, url: http://open:8000/metrics}}
  - service: shop
    url: https://shop.internal/metrics
    basic_auth: {{username: prometheus, password_file: {folder}/secret}}
    tls_config:
      {{ca_file: {folder}/authority.crt, cert_file: {folder}/x.crt, key_file: {folder}/x.key, server_name: shop}}
    interval: 1m
    timeout: 20s
    relabel_configs:
      - {{target_label: environment, replacement: production}}
      - {{source_labels: [__address__], regex: '(.+):\\d+', target_label: machine, replacement: '$1'}}
    metric_relabel_configs:
      - {{source_labels: [__name__], regex: 'go_.*', action: drop}}
      - {{regex: pod_.*, action: labeldrop}}
  - service: bank
    url: http://bank:1/metrics
    authorization: {{credentials_file: {folder}/secret}}
  - service: bank
    url: http://bank:2/metrics
    authorization: {{credentials_file: {folder}/secret}}
  - docker: unix:///var/run/docker.sock
    tls_config: {{insecure_skip_verify: true}}
    authorization: {{type: Token, credentials_file: {folder}/secret}}
    relabel_configs: [{{source_labels: [service], action: uppercase, target_label: service}}]
"""


def build(tmp_path: Path, text: str) -> stack.Built:
    (tmp_path / "deckwatch.yaml").write_text(text)
    return stack.build(_project.load_project(tmp_path, keep_invalid=True))


def jobs_of(built: stack.Built) -> dict[str, dict[str, Any]]:
    configs = yaml.safe_load(built.plan.file_text("prometheus/prometheus.yml"))["scrape_configs"]
    return {config["job_name"]: config for config in configs if config["job_name"].startswith("app")}


def check_config(promtool: str, built: stack.Built, file: Path) -> None:
    file.write_text(built.plan.file_text("prometheus/prometheus.yml"))
    checked = subprocess.run([promtool, "check", "config", file], check=False, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_each_set_of_options_is_a_scrape_configuration(tmp_path: Path) -> None:
    built = build(tmp_path, PROJECT.format(folder=tmp_path))
    jobs = jobs_of(built)
    shop, bank = "app (shop shop.internal:443)", "app (bank bank:1)"
    assert list(jobs) == ["app", shop, bank, "app (unix:///var/run/docker.sock)"]
    assert jobs["app"]["relabel_configs"] == [{"source_labels": ["__tmp_access"], "regex": ".+", "action": "drop"}]
    assert jobs[shop]["basic_auth"] == {"username": "prometheus", "password_file": f"{tmp_path}/secret"}
    assert (jobs[shop]["scrape_interval"], jobs[shop]["scrape_timeout"]) == ("1m", "20s")
    keep, job, environment, _ = jobs[shop]["relabel_configs"]
    assert (keep["action"], job) == ("keep", {"target_label": "job", "replacement": "app"})
    assert environment == {"target_label": "environment", "replacement": "production"}
    assert [step["action"] for step in jobs[shop]["metric_relabel_configs"]] == ["drop", "labeldrop"]
    assert jobs[bank]["authorization"] == {"credentials_file": f"{tmp_path}/secret"}
    engine = jobs["app (unix:///var/run/docker.sock)"]
    assert engine["scheme"] == "https"
    assert engine["relabel_configs"][-1] == {
        "source_labels": ["service"],
        "action": "uppercase",
        "target_label": "service",
    }
    targets = yaml.safe_load(built.plan.file_text("prometheus/targets/applications.yaml"))
    assert [target["labels"].get("__tmp_access") for target in targets] == [None, "1", "2", "2"]


def test_parameters_that_no_label_can_hold_are_in_the_scrape_configuration(tmp_path: Path) -> None:
    """Prometheus before 3.0 rejects all targets of a file for one such label, and a label holds one value."""
    built = build(tmp_path, "scrape: [{service: shop, url: 'http://a:1/m?collect[]=a&x=1&x=2&format=prometheus'}]")
    assert jobs_of(built)["app (shop a:1)"]["params"] == {"collect[]": ["a"], "x": ["1", "2"]}
    [target] = yaml.safe_load(built.plan.file_text("prometheus/targets/applications.yaml"))
    assert [name for name in target["labels"] if name.startswith("__param")] == ["__param_format"]


@pytest.mark.parametrize(
    ("urls", "problem"),
    [
        ("[]", "1:31: error: must not be empty"),
        ("['http://a:1/m', 'http://a:1/n']", "1:48: error: duplicate shop a:1: both would produce the same series"),
        ("['http://a:1/m'], instance: a", "1:49: error: instance is not allowed here"),
        ("['http://a:1/m', 'http:/a']", "1:48: error: 'http:/a' is not an address"),
        ("{a: b}", "1:31: error: expected an address, or a list of addresses, not a mapping"),
    ],
)
def test_mistakes_in_several_addresses(tmp_path: Path, urls: str, problem: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        build(tmp_path, f"scrape: [{{service: shop, url: {urls}}}]")
    assert any(f"deckwatch.yaml:{problem}" in str(found) for found in raised.value.problems), str(raised.value)


def test_several_addresses_are_one_configuration_with_a_target_each(tmp_path: Path) -> None:
    text = (
        "scrape: [{service: shop, url: ['https://a:1/m', 'https://b/m'], bearer_token_file: /t, params: {x: [1, b]}}]"
    )
    built = build(tmp_path, text)
    config = jobs_of(built)["app (shop a:1)"]
    assert config["authorization"] == {"credentials_file": "/t"}
    assert config["params"] == {"x": ["1", "b"]}
    targets = yaml.safe_load(built.plan.file_text("prometheus/targets/applications.yaml"))
    assert [(target["targets"], target["labels"]["instance"]) for target in targets] == [
        (["a:1"], "a:1"),
        (["b:443"], "b:443"),
    ]
    assert {target["labels"]["__tmp_access"] for target in targets} == {"1"}


def test_headers_have_values_or_files(tmp_path: Path) -> None:
    text = "scrape: [{service: shop, url: 'http://a:1/m', headers: {X-Scope-OrgID: shop, X-Api-Key: {file: /k}}}]"
    headers = jobs_of(build(tmp_path, text))["app (shop a:1)"]["http_headers"]
    assert headers == {"X-Scope-OrgID": {"values": ["shop"]}, "X-Api-Key": {"files": ["/k"]}}


def test_parameters_of_url_and_params_are_merged(tmp_path: Path) -> None:
    text = "scrape: [{service: shop, url: 'http://a:1/m?x=1&x=2&y=3', params: {x: 4, z: 5}}]"
    assert jobs_of(build(tmp_path, text))["app (shop a:1)"]["params"] == {"x": ["1", "2", "4"], "z": ["5"]}


def test_promtool_accepts_the_configuration(tmp_path: Path, need, authority) -> None:
    promtool = need("promtool", get="apt-get install prometheus")
    authority.issue("x")
    (tmp_path / "secret").write_text("hunter2")
    built = build(tmp_path, PROJECT.format(folder=tmp_path))
    check_config(promtool, built, tmp_path / "prometheus.yml")


SHOP = "scrape:\n  - service: shop\n    url: http://shop:1/\n    "


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (
            "tls_config: {ca_file: x}",
            "4:5: error: tls_config has no effect over http (the address must begin with https:)",
        ),
        (
            "bearer_token_file: /t\n    authorization: {credentials_file: /x}",
            "5:5: error: authorization is not allowed here",
        ),
        (
            "headers: {Authorization: x}",
            "4:15: error: 'Authorization' is not the name of a header that Prometheus lets",
        ),
        ("headers: {X-Api-Key: x}", "4:26: error: expected a mapping (key: value), not a string"),
        ("headers: {X-A: {fiel: /x}}", "4:21: error: unknown key fiel (did you mean file?)"),
        (
            "headers: {X-A: b}\nbuild: {targets: {prometheus: '2.50'}}",
            "4:5: error: headers needs Prometheus 2.55, the target is 2.50",
        ),
        ("params: {api_key: x}", "4:14: error: 'api_key' is not a parameter's name; a secret belongs in a header"),
        ("params: {a: {}}", "4:17: error: expected"),
        ("basic_auth: {username: a}", "4:17: error: password_file is missing"),
        ("basic_auth: {username: a, password: x}", "4:31: error: unknown key password (did you mean password_file?)"),
        ("authorization: {credentials: x}", "4:21: error: unknown key credentials (did you mean credentials_file?)"),
        ("authorization: {type: Basic, credentials_file: /x}", "4:27: error: 'Basic' is not a scheme such as Bearer"),
        ("interval: 30s\n    timeout: 1m", "5:14: error: the timeout is longer than the interval of 30 s"),
        ("timeout: 20s", "4:14: error: the timeout is longer than the interval of 15 s"),
        ("interval: 3m", "4:15: warning: graphs and alerts on these metrics have gaps"),
        (
            "relabel_configs: [{action: dorp, source_labels: [a]}]",
            "4:32: error: unknown value 'dorp' (did you mean drop?)",
        ),
        ("relabel_configs: [{source_labels: [a]}]", "4:23: error: target_label is missing"),
        ("relabel_configs: [{action: labeldrop}]", "4:23: error: regex is missing"),
        (
            "relabel_configs: [{action: labeldrop, regex: a, target_label: b}]",
            "4:53: error: target_label is not allowed",
        ),
        (
            "relabel_configs: [{action: hashmod, source_labels: [a], target_label: b}]",
            "4:23: error: modulus is missing",
        ),
        ("relabel_configs: [{target_label: b-c}]", "4:38: error: 'b-c' is not a label's name"),
        ("metric_relabel_configs: [{action: drop, regex: '(a'}]", "4:52: error: not a regular expression"),
        (
            "metric_relabel_config: []",
            "4:5: error: unknown key metric_relabel_config (did you mean metric_relabel_configs?)",
        ),
    ],
)
def test_a_mistake_is_reported_at_its_place(tmp_path: Path, options: str, problem: str) -> None:
    try:
        problems = build(tmp_path, SHOP + options).warnings
    except InvalidInput as error:
        problems = error.problems
    assert any(f"deckwatch.yaml:{problem}" in str(found) for found in problems), list(map(str, problems))


@pytest.mark.parametrize(
    "step",
    [
        "{action: labelmap, regex: 'a_(.+)'}",
        "{action: keep, source_labels: [a], regex: b}",
        "{action: keepequal, source_labels: [a], target_label: b}",
        "{source_labels: [a, b], separator: '-', target_label: c, replacement: ''}",
        "{action: hashmod, source_labels: [a], modulus: 4, target_label: __tmp_hash}",
        "{target_label: 'a_${1}', replacement: x, source_labels: [a], regex: '(.+)'}",
    ],
)
def test_a_step_of_relabelling_is_accepted_as_by_prometheus(tmp_path: Path, need, step: str) -> None:
    promtool = need("promtool", get="apt-get install prometheus")
    built = build(tmp_path, f"{SHOP}relabel_configs: [{step}]\n    metric_relabel_configs: [{step}]")
    check_config(promtool, built, tmp_path / "prometheus.yml")
