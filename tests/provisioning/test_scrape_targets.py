from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from deckwatch.cli import _project
from deckwatch.core import yaml_file
from deckwatch.core.problems import InvalidInput
from deckwatch.core.project import Project, load_project
from deckwatch.provisioning import host_targets, scrape_targets, stack
from deckwatch.provisioning.host_targets import Host, Target
from deckwatch.provisioning.scrape_targets import ScrapeTargets

ROOT = Path(__file__).parents[2]


def project(text: str) -> Project:
    return Project(Path(), yaml_file.parse_yaml(text, "deckwatch.yaml"))


def files(listed: ScrapeTargets) -> dict[str, list]:
    return {Path(file.path).stem: yaml.safe_load(file.text) for file in listed.target_files()}


def test_without_a_project_the_target_is_the_compose_files_exporter() -> None:
    listed = files(scrape_targets.compose_targets(Project(Path())))
    assert listed["hosts"] == [{"targets": ["deckwatch:9877"], "labels": {"instance": "this-host"}}]
    assert listed["postgres"] == []
    assert listed["applications"] == []
    assert listed["prometheus"] == [{"targets": ["prometheus:9090"], "labels": {"instance": "prometheus"}}]


def test_the_instance_of_a_host_is_its_name() -> None:
    text = "hosts: [{name: web-1, address: web-1.internal:9877}, {name: db-1, address: '[::1]:9878'}]"
    assert files(scrape_targets.compose_targets(project(text)))["hosts"] == [
        {"targets": ["web-1.internal:9877"], "labels": {"instance": "web-1"}},
        {"targets": ["[::1]:9878"], "labels": {"instance": "db-1"}},
    ]


def database_labels(name: str, host: str = "this-host") -> dict[str, str]:
    return {"instance": name, "host": host, "__param_server": name}


HOSTS = """
hosts:
  - {name: web-1, address: a:1}
  - {name: web-2, address: b:1, tls_config: {ca_file: ca.crt}}
  - {name: web-3, address: c:1}
"""


def probed(hosts: str, *entries: str) -> list[dict]:
    text = hosts + "watch:\n  probes:\n" + "".join(f"    - {entry}\n" for entry in entries)
    assert list(scrape_targets.find_problems(project(text))) == []
    return files(scrape_targets.compose_targets(project(text)))["blackbox"]


def test_each_probe_is_a_target_with_its_address_as_instance() -> None:
    assert probed("", "{service: shop, http: 'https://shop.example/health'}") == [
        {
            "targets": ["deckwatch:9877"],
            "labels": {"instance": "https://shop.example/health", "host": "this-host", "__param_probe": "shop"},
        }
    ]


def test_a_probe_runs_on_the_first_host_or_on_those_that_it_names() -> None:
    listed = probed(
        HOSTS,
        "{service: shop, tcp: 'shop:1'}",
        "{service: bank, tcp: 'bank:1', from: web-3}",
        "{service: till, name: login, tcp: 'till:1', from: [web-2, web-3]}",
    )
    assert [(one["targets"], one["labels"]) for one in listed] == [
        (["a:1"], {"instance": "shop:1", "host": "web-1", "__param_probe": "shop"}),
        (["c:1"], {"instance": "bank:1", "host": "web-3", "__param_probe": "bank"}),
        (["b:1"], {"instance": "till:1", "host": "web-2", "__param_probe": "till/login", "__tmp_access": "1"}),
        (["c:1"], {"instance": "till:1", "host": "web-3", "__param_probe": "till/login"}),
    ]


def test_no_two_probes_from_one_host_have_the_same_instance() -> None:
    listed = probed(
        "",
        "{service: shop, http: 'https://me:hunter2@a/x?token=1#here'}",
        "{service: shop, name: other, http: 'https://a/x?token=2'}",
        "{service: till, tcp: 'a:1'}",
    )
    instances = [one["labels"]["instance"] for one in listed]
    assert instances == ["https://a/x (shop)", "https://a/x (shop/other)", "a:1"]


@pytest.mark.parametrize(
    ("value", "place", "hint"),
    [
        ("wbe-1", "7:41", "did you mean web-1?"),
        ("[web-1, web2]", "7:49", "did you mean web-2?"),
    ],
)
def test_a_probe_from_an_unknown_host_is_a_problem(value: str, place: str, hint: str) -> None:
    text = f"{HOSTS}watch: {{probes: [\n  {{service: shop, tcp: 'shop:1',  from: {value}}}]}}"
    [problem] = scrape_targets.find_problems(project(text))
    assert (f"{problem.place.line}:{problem.place.column}", problem.hint) == (place, hint)
    assert problem.message.startswith("no host is called ")


def test_a_server_is_read_by_the_first_host_or_by_the_one_that_it_names() -> None:
    text = f"{HOSTS}watch: {{postgres: [{{name: one, dsn_env: A}}, {{name: two, dsn_env: B, from: web-3}}]}}"
    listed = files(scrape_targets.compose_targets(project(text)))["postgres"]
    assert [(one["targets"], one["labels"]) for one in listed] == [
        (["a:1"], database_labels("one", "web-1")),
        (["c:1"], database_labels("two", "web-3")),
    ]
    [problem] = scrape_targets.find_problems(project(text.replace("web-3}]", "wbe-3}]")))
    assert (problem.message, problem.hint) == ("no host is called 'wbe-3'", "did you mean web-3?")


def test_a_probe_from_a_host_in_a_project_without_hosts_is_a_problem() -> None:
    [problem] = scrape_targets.find_problems(project("watch: {probes: [{service: a, tcp: 'a:1', from: web-1}]}"))
    assert problem.hint == "declare the machines in `hosts:`"


def test_each_database_is_a_separate_target() -> None:
    listed = files(
        scrape_targets.compose_targets(
            project("watch: {postgres: [{name: shop-db, dsn_env: A}, {name: crm-db, dsn_env: B}]}")
        )
    )
    assert listed["postgres"] == [
        {"targets": ["deckwatch:9877"], "labels": database_labels("shop-db")},
        {"targets": ["deckwatch:9877"], "labels": database_labels("crm-db")},
    ]


@pytest.mark.parametrize(
    ("url", "address", "extra"),
    [
        ("http://shop:8000/metrics", "shop:8000", {"__metrics_path__": "/metrics"}),
        ("http://shop", "shop:80", {"__metrics_path__": "/metrics"}),
        ("https://shop/own/page", "shop:443", {"__metrics_path__": "/own/page", "__scheme__": "https"}),
        ("http://[::1]:8000/m", "[::1]:8000", {"__metrics_path__": "/m"}),
        (
            "http://shop:80/m?kind=all&empty=",
            "shop:80",
            {"__metrics_path__": "/m", "__param_kind": "all", "__param_empty": ""},
        ),
    ],
)
def test_the_target_of_an_application(url: str, address: str, extra: dict[str, str]) -> None:
    assert scrape_targets.application_target("shop", url) == Target(
        address, {"instance": address, "service": "shop", **extra}
    )
    assert scrape_targets.application_target("shop", url, "shop-1").labels["instance"] == "shop-1"


def test_two_targets_with_one_identity_are_an_error() -> None:
    text = """\
hosts:
  - {name: web-1, address: a:1}
  - {name: web-1, address: b:1}
scrape:
  - {service: shop, url: http://a:1/metrics}
  - {service: shop, url: http://a:1/other}
  - {service: shop, url: http://a:1/third, instance: third}
"""
    assert [(str(one.place), one.message) for one in scrape_targets.find_problems(project(text))] == [
        ("deckwatch.yaml:3:5", "duplicate host web-1: both would produce the same series"),
        ("deckwatch.yaml:6:5", "duplicate shop a:1: both would produce the same series"),
    ]


PROTECTED = """\
hosts:
  - {name: open, address: a:1}
  - name: web-1
    address: b:1
    tls_config: {ca_file: ca.crt, cert_file: prometheus.crt, key_file: prometheus.key}
    basic_auth: {username: prometheus, password_file: password}
  - {name: web-2, address: c:1, basic_auth: {username: prometheus, password_file: password}}
  - name: web-3
    address: d:1
    basic_auth: {username: prometheus, password_file: password}
    tls_config: {ca_file: ca.crt, cert_file: prometheus.crt, key_file: prometheus.key}
  - {name: web-4, address: e:1, scheme: https}
  - {name: web-5, address: f:1, scheme: http}
watch: {postgres: [{name: shop-db, dsn_env: A}]}
"""


def test_hosts_with_the_same_access_share_a_configuration() -> None:
    listed = host_targets.read_accesses(project(PROTECTED))
    assert [(one.label, one.name, one.config["scheme"]) for one in listed] == [
        ("1", "web-1", "https"),
        ("2", "web-2", "http"),
        ("3", "web-4", "https"),
    ]
    listed = files(scrape_targets.compose_targets(project(PROTECTED)))["hosts"]
    assert [one["labels"].get("__tmp_access", "") for one in listed] == ["", "1", "2", "1", "3", ""]


def test_a_database_has_the_access_of_its_host() -> None:
    text = PROTECTED.replace("  - {name: open, address: a:1}\n", "")
    [listed] = files(scrape_targets.compose_targets(project(text)))["postgres"]
    assert listed["labels"] == database_labels("shop-db", "web-1") | {"__tmp_access": "1"}


def test_tls_config_with_http_is_an_error() -> None:
    text = "hosts: [{name: a, address: a:1, scheme: http, tls_config: {ca_file: x}}]"
    assert [(str(one.place), one.message) for one in scrape_targets.find_problems(project(text))] == [
        ("deckwatch.yaml:1:41", "tls_config has no effect over http")
    ]


def test_each_access_is_a_scrape_configuration_of_each_job(tmp_path: Path, need) -> None:
    (tmp_path / "deckwatch.yaml").write_text(PROTECTED)
    fragments = [ROOT / name / "project.schema.yaml" for name in ("exporter", "alerting", "provisioning")]
    plan = stack.build(load_project(tmp_path, fragments)).plan
    configs = yaml.safe_load(plan.file_text("prometheus/prometheus.yml"))["scrape_configs"]
    mine = [one for one in configs if one["job_name"].startswith("node")]
    assert [one["job_name"] for one in mine] == ["node", "node (web-1)", "node (web-2)", "node (web-4)"]
    assert mine[1]["scheme"] == "https"
    assert mine[1]["tls_config"] == {"ca_file": "ca.crt", "cert_file": "prometheus.crt", "key_file": "prometheus.key"}
    assert mine[2]["basic_auth"] == {"username": "prometheus", "password_file": "password"}
    assert all(one["params"] == mine[0]["params"] for one in mine)
    path = tmp_path / "prometheus.yml"
    path.write_text(plan.file_text("prometheus/prometheus.yml"))
    promtool = need("promtool", get="apt-get install prometheus")
    ran = subprocess.run(
        [promtool, "check", "config", "--syntax-only", path], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_names_that_look_like_other_yaml_types_stay_text() -> None:
    text = files(ScrapeTargets([Host("on", "a:1"), Host("0755", "a:1")]))["hosts"]
    assert [one["labels"]["instance"] for one in text] == ["on", "0755"]


def test_the_containers_of_each_engine_are_a_separate_job(tmp_path: Path, need) -> None:
    (tmp_path / "deckwatch.yaml").write_text(
        "scrape:\n"
        "  - {service: shop, url: http://shop:8000/metrics}\n"
        "  - {docker: 'unix:///var/run/docker.sock'}\n"
        "  - {docker: 'tcp://engine:2375', network: shop.net+1}\n"
    )
    built = stack.build(_project.load_project(tmp_path))
    text = built.plan.file_text("prometheus/prometheus.yml")
    jobs = [job for job in yaml.safe_load(text)["scrape_configs"] if "docker_sd_configs" in job]
    assert [job["job_name"] for job in jobs] == ["app (unix:///var/run/docker.sock)", "app (tcp://engine:2375)"]
    assert [job["docker_sd_configs"][0]["host"] for job in jobs] == ["unix:///var/run/docker.sock", "tcp://engine:2375"]
    networks = [
        rule["regex"]
        for job in jobs
        for rule in job["relabel_configs"]
        if rule.get("source_labels") == ["__meta_docker_network_name"]
    ]
    assert networks == [r"shop\.net\+1"]
    assert [
        one["labels"]["service"]
        for one in files(scrape_targets.compose_targets(_project.load_project(tmp_path)))["applications"]
    ] == ["shop"]
    promtool = need("promtool", get="apt-get install prometheus")
    (tmp_path / "prometheus.yml").write_text(text)
    argv = [promtool, "check", "config", "--syntax-only", str(tmp_path / "prometheus.yml")]
    assert subprocess.run(argv, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{docker: 'unix:///a', service: shop}", "service is not allowed here"),
        ("{service: shop, url: 'http://shop/', network: x}", "network is not allowed here"),
        ("{docker: /var/run/docker.sock}", "'/var/run/docker.sock' is not an address such as unix:///"),
        ("{network: x}", "service is missing"),
        ("{docker: 'unix:///a'}, {docker: 'unix:///a'}", "duplicate docker unix:///a"),
    ],
)
def test_invalid_engines_are_errors(tmp_path: Path, entry: str, message: str) -> None:
    (tmp_path / "deckwatch.yaml").write_text(f"scrape: [{entry}]\n")
    with pytest.raises(InvalidInput, match=re.escape(message)):
        stack.build(_project.load_project(tmp_path, keep_invalid=True))
