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
from deckwatch.provisioning import stack, targets
from deckwatch.provisioning.targets import Host, Target, Targets

ROOT = Path(__file__).parents[2]


def project(text: str) -> Project:
    return Project(Path(), yaml_file.parse_yaml(text, "deckwatch.yaml"))


def files(found: Targets) -> dict[str, list]:
    return {Path(file.path).stem: yaml.safe_load(file.text) for file in found.files()}


def test_without_a_project_it_is_the_compose_files_exporter() -> None:
    found = files(targets.compose(Project(Path())))
    assert found["hosts"] == [{"targets": ["deckwatch:9877"], "labels": {"instance": "this-host"}}]
    assert found["postgres"] == []
    assert found["applications"] == []
    assert found["prometheus"] == [{"targets": ["prometheus:9090"], "labels": {"instance": "prometheus"}}]


def test_a_host_is_called_by_its_name() -> None:
    text = "hosts: [{name: web-1, address: web-1.internal:9877}, {name: db-1, address: '[::1]:9878'}]"
    assert files(targets.compose(project(text)))["hosts"] == [
        {"targets": ["web-1.internal:9877"], "labels": {"instance": "web-1"}},
        {"targets": ["[::1]:9878"], "labels": {"instance": "db-1"}},
    ]


def test_a_database_is_a_target_of_its_own_with_its_own_name() -> None:
    found = files(
        targets.compose(project("watch: {postgres: [{name: shop-db, dsn_env: A}, {name: crm-db, dsn_env: B}]}"))
    )
    assert found["postgres"] == [
        {"targets": ["deckwatch:9877"], "labels": {"instance": "shop-db", "__param_server": "shop-db"}},
        {"targets": ["deckwatch:9877"], "labels": {"instance": "crm-db", "__param_server": "crm-db"}},
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
def test_an_applications_page(url: str, address: str, extra: dict[str, str]) -> None:
    assert targets.application("shop", url) == Target(address, {"instance": address, "service": "shop", **extra})
    assert targets.application("shop", url, "shop-1").labels["instance"] == "shop-1"


def test_two_targets_of_one_identity_are_told() -> None:
    text = """\
hosts:
  - {name: web-1, address: a:1}
  - {name: web-1, address: b:1}
scrape:
  - {service: shop, url: http://a:1/metrics}
  - {service: shop, url: http://a:1/other}
  - {service: shop, url: http://a:1/third, instance: third}
"""
    assert [(str(one.place), one.message) for one in targets.problems(project(text))] == [
        ("deckwatch.yaml:3:5", "host web-1 stands above already: their figures would be the same series"),
        ("deckwatch.yaml:6:5", "shop a:1 stands above already: their figures would be the same series"),
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


def test_hosts_that_are_opened_alike_share_a_configuration() -> None:
    found = targets.accesses(project(PROTECTED))
    assert [(one.label, one.host, one.config["scheme"]) for one in found] == [
        ("1", "web-1", "https"),
        ("2", "web-2", "http"),
        ("3", "web-4", "https"),
    ]
    listed = files(targets.compose(project(PROTECTED)))["hosts"]
    assert [one["labels"].get("__tmp_access", "") for one in listed] == ["", "1", "2", "1", "3", ""]


def test_a_database_is_read_through_its_host_as_that_is_opened() -> None:
    text = PROTECTED.replace("  - {name: open, address: a:1}\n", "")
    [found] = files(targets.compose(project(text)))["postgres"]
    assert found["labels"] == {"instance": "shop-db", "__param_server": "shop-db", "__tmp_access": "1"}


def test_tls_without_tls_is_told() -> None:
    text = "hosts: [{name: a, address: a:1, scheme: http, tls_config: {ca_file: x}}]"
    assert [(str(one.place), one.message) for one in targets.problems(project(text))] == [
        ("deckwatch.yaml:1:41", "tls_config has no meaning over http")
    ]


def test_each_way_to_open_hosts_is_a_scrape_configuration_of_each_job(tmp_path: Path, need) -> None:
    (tmp_path / "deckwatch.yaml").write_text(PROTECTED)
    fragments = [ROOT / name / "project.schema.yaml" for name in ("exporter", "alerting", "provisioning")]
    plan = stack.build(load_project(tmp_path, fragments)).plan
    configs = yaml.safe_load(plan.text("prometheus/prometheus.yml"))["scrape_configs"]
    mine = [one for one in configs if one["job_name"].startswith("node")]
    assert [one["job_name"] for one in mine] == ["node", "node (web-1)", "node (web-2)", "node (web-4)"]
    assert mine[1]["scheme"] == "https"
    assert mine[1]["tls_config"] == {"ca_file": "ca.crt", "cert_file": "prometheus.crt", "key_file": "prometheus.key"}
    assert mine[2]["basic_auth"] == {"username": "prometheus", "password_file": "password"}
    assert all(one["params"] == mine[0]["params"] for one in mine)
    path = tmp_path / "prometheus.yml"
    path.write_text(plan.text("prometheus/prometheus.yml"))
    promtool = need("promtool", get="apt-get install prometheus")
    ran = subprocess.run(
        [promtool, "check", "config", "--syntax-only", path], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_names_that_yaml_would_read_as_something_else_stay_names() -> None:
    text = files(Targets([Host("on", "a:1"), Host("0755", "a:1")]))["hosts"]
    assert [one["labels"]["instance"] for one in text] == ["on", "0755"]


def test_an_engines_containers_are_a_job_of_their_own(tmp_path: Path, need) -> None:
    (tmp_path / "deckwatch.yaml").write_text(
        "scrape:\n"
        "  - {service: shop, url: http://shop:8000/metrics}\n"
        "  - {docker: 'unix:///var/run/docker.sock'}\n"
        "  - {docker: 'tcp://engine:2375', network: shop.net+1}\n"
    )
    built = stack.build(_project.load_project(tmp_path))
    text = built.plan.text("prometheus/prometheus.yml")
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
        one["labels"]["service"] for one in files(targets.compose(_project.load_project(tmp_path)))["applications"]
    ] == ["shop"]
    promtool = need("promtool", get="apt-get install prometheus")
    (tmp_path / "prometheus.yml").write_text(text)
    argv = [promtool, "check", "config", "--syntax-only", str(tmp_path / "prometheus.yml")]
    assert subprocess.run(argv, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("{docker: 'unix:///a', service: shop}", "service is not allowed here"),
        ("{service: shop, url: 'http://shop/', network: x}", "network is not allowed here"),
        ("{docker: /var/run/docker.sock}", "'/var/run/docker.sock' is not an address such as unix:///"),
        ("{network: x}", "service is missing"),
        ("{docker: 'unix:///a'}, {docker: 'unix:///a'}", "docker unix:///a stands above already"),
    ],
)
def test_what_is_wrong_with_an_engine_is_told(tmp_path: Path, entry: str, said: str) -> None:
    (tmp_path / "deckwatch.yaml").write_text(f"scrape: [{entry}]\n")
    with pytest.raises(InvalidInput, match=re.escape(said)):
        stack.build(_project.load_project(tmp_path, keep_invalid=True))
