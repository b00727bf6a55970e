"""The whole bundle: its content, its reproducibility, and the reporting of all errors."""

from __future__ import annotations

import gc
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from deckwatch.cli import _project
from deckwatch.core.contract import load_contract
from deckwatch.core.jsonnet import ENGINES
from deckwatch.core.problems import InvalidInput
from deckwatch.core.project import Project
from deckwatch.provisioning import metric_catalog, stack
from deckwatch.provisioning.examination import gc_paused
from deckwatch.provisioning.stack import Options
from deckwatch.provisioning.write import write_plan

ROOT = Path(__file__).parents[2]
DECKWATCH = Path(sys.executable).with_name("deckwatch")
SHIPPED = Project(Path("/nowhere"))


@pytest.fixture(scope="module")
def shipped() -> stack.Built:
    return stack.build(SHIPPED)


def project(folder: Path, **files: str) -> Project:
    """A project of these files; `__` in a name stands for `/`."""
    for name, text in {"deckwatch": "", **files}.items():
        path = folder / f"{name.replace('__', '/')}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return _project.load_project(folder)


def problems(folder: Path, **files: str) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        stack.build(project(folder, **files))
    return [str(one).replace(f"{folder}/", "") for one in caught.value.problems]


def prometheus(built: stack.Built) -> dict:
    return yaml.safe_load(built.plan.file_text("prometheus/prometheus.yml"))


def test_the_shipped_set_has_no_warnings(shipped: stack.Built) -> None:
    assert shipped.warnings == []


def test_the_bundle_in_the_repository_is_fresh(shipped: stack.Built) -> None:
    changes = shipped.plan.find_changes(ROOT / "provisioning" / "out")
    assert [change.path for change in changes] == [], "run `make generate`"


def test_both_engines_give_the_same_bytes(shipped: stack.Built) -> None:
    for engine in set(ENGINES) - {Options().engine}:
        assert stack.build(SHIPPED, Options(engine=engine)).plan.list_files() == shipped.plan.list_files()


def test_the_bytes_depend_only_on_the_project(tmp_path: Path) -> None:
    """Not on the working directory, nor on how the project is named, nor on the order in which Python hashes."""
    first, second = tmp_path / "one", tmp_path / "other" / "deep"
    alerts = (
        "alerts:\n  MineTooHigh:\n    expr: node_load1\n    above: 90\n    for: 5m\n    severity: warning\n"
        "    owner: operations\n    each: [instance]\n    summary: Too much.\n    means: It is.\n    do: [Look.]\n"
        "    proof:\n      - {give: [{value: 91, for: 10m}], fires: 5m}\n"
        "      - {give: [{value: 90, for: 10m}], silent: true}\n"
    )
    for folder in (first, second):
        project(folder, alerts__mine=alerts, signals__mine="signals: {load: {metric: node_load1}}\n")
    subprocess.run([DECKWATCH, "generate"], cwd=first, check=True, env={**os.environ, "PYTHONHASHSEED": "1"})
    arguments = [DECKWATCH, "--project", second, "generate", "--out", tmp_path / "out"]
    subprocess.run(arguments, cwd="/", check=True, env={**os.environ, "PYTHONHASHSEED": "2"})
    assert (first / "out" / "MANIFEST").read_text() == (tmp_path / "out" / "MANIFEST").read_text()
    assert "MineTooHigh" in (first / "out" / "prometheus" / "rules" / "mine.yaml").read_text()


def test_the_bundle_contains_nothing_of_this_machine(shipped: stack.Built) -> None:
    for file in shipped.plan.list_files():
        assert str(ROOT) not in file.text
        assert not re.search(r"/(home|root|tmp)/", file.text)


def test_promtool_and_amtool_accept_the_bundle(shipped: stack.Built, need, tmp_path: Path) -> None:
    promtool = need("promtool", get="apt-get install prometheus")
    amtool = need("amtool", get="apt-get install prometheus-alertmanager")
    out = tmp_path / "out"
    write_plan(shipped.plan, out)
    for argv in (
        [promtool, "check", "config", out / "prometheus" / "prometheus.yml"],
        [promtool, "check", "rules", *sorted((out / "prometheus" / "rules").glob("*.yaml"))],
        [amtool, "check-config", out / "alertmanager" / "alertmanager.yml"],
    ):
        ran = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr


def test_jobs_are_those_of_the_contract(shipped: stack.Built) -> None:
    jobs = {job["job_name"]: job for job in prometheus(shipped)["scrape_configs"]}
    agreed = load_contract()["jobs"]
    assert list(jobs) == [*agreed, "app", "prometheus", "alertmanager", "grafana"]
    for name, job_rule in agreed.items():
        wanted = {f"{word}[]": job_rule[word] for word in ("collect", "exclude") if word in job_rule}
        assert jobs[name]["params"] == wanted
        assert "honor_labels" not in jobs[name]
    for job in jobs.values():
        (config,) = job["file_sd_configs"]
        for path in config["files"]:
            assert shipped.plan.file_text(f"prometheus/{path}") is not None


def test_every_collector_is_scraped_by_one_job() -> None:
    """None is left out: the last job excludes what the others collect, of which only one is in three of them."""
    jobs = load_contract()["jobs"]
    collected = [word for job_rule in jobs.values() for word in job_rule.get("collect", ())]
    assert sorted(set(collected)) == sorted(jobs["deckwatch"]["exclude"])
    assert [word for word in sorted(set(collected)) if collected.count(word) > 1] == ["deckwatch_process"]


def test_the_scrape_interval_is_set_everywhere(tmp_path: Path) -> None:
    built = stack.build(project(tmp_path, deckwatch="build: {scrape_interval: 1m, labels: {cluster: a}}"))
    config = prometheus(built)["global"]
    assert config == {
        "scrape_interval": "1m",
        "evaluation_interval": "1m",
        "scrape_timeout": "10s",
        "external_labels": {"cluster": "a"},
    }
    sources = yaml.safe_load(built.plan.file_text("grafana/provisioning/datasources/deckwatch.yaml"))["datasources"]
    assert sources[0]["jsonData"]["timeInterval"] == "1m"
    assert '"refresh": "1m"' in built.plan.file_text("grafana/dashboards/operations/host.json")


def test_the_projects_data_sources_are_provisioned(tmp_path: Path) -> None:
    text = (
        'build: {data_sources: {loki: {url: "http://loki:3100/$tenant"}, jaeger: {url: "http://jaeger:16686"}, '
        'postgres: {address: "db:5432", database: shop, user: gra$fana, '
        "password_file: /run/secrets/shop, tls: require}}}"
    )
    built = stack.build(project(tmp_path, deckwatch=text))
    sources = yaml.safe_load(built.plan.file_text("grafana/provisioning/datasources/deckwatch.yaml"))["datasources"]
    assert [(one["uid"], one["type"], one["url"]) for one in sources[2:]] == [
        ("deckwatch-jaeger", "jaeger", "http://jaeger:16686"),
        ("deckwatch-loki", "loki", "http://loki:3100/$$tenant"),
        ("deckwatch-postgres", "grafana-postgresql-datasource", "db:5432"),
    ]
    assert sources[4]["user"] == "gra$$fana"
    assert sources[4]["secureJsonData"] == {"password": "$__file{/run/secrets/shop}"}
    assert sources[4]["jsonData"] == {"database": "shop", "sslmode": "require"}


def test_a_dollar_in_external_labels_and_folder_titles_is_not_expanded(tmp_path: Path) -> None:
    mixin = tmp_path / "mix" / "m.json"
    mixin.parent.mkdir()
    mixin.write_text('{"uid": "m", "title": "M", "panels": [], "schemaVersion": 39}')
    text = 'build: {labels: {cluster: "a$b"}, mixins: [{path: mix/, folder: "US$ per day"}]%s}'
    built = stack.build(project(tmp_path, deckwatch=text % ""))
    assert prometheus(built)["global"]["external_labels"] == {"cluster": "a$$b"}
    providers = yaml.safe_load(built.plan.file_text("grafana/provisioning/dashboards/deckwatch.yaml"))["providers"]
    assert "US$$ per day" in [one["folder"] for one in providers]
    older = stack.build(project(tmp_path, deckwatch=text % ', targets: {prometheus: "2.55"}'))
    assert prometheus(older)["global"]["external_labels"] == {"cluster": "a$b"}


def test_a_short_interval_shortens_the_timeout() -> None:
    config = prometheus(stack.build(SHIPPED, Options(every="5s")))["global"]
    assert config == {"scrape_interval": "5s", "evaluation_interval": "5s", "scrape_timeout": "5s"}


def test_dashboard_folders_have_fixed_uids(shipped: stack.Built) -> None:
    providers = yaml.safe_load(shipped.plan.file_text("grafana/provisioning/dashboards/deckwatch.yaml"))["providers"]
    assert [(one["folder"], one["folderUid"], one["options"]["path"]) for one in providers] == [
        (title, title.lower(), f"${{DECKWATCH_BUNDLE}}/grafana/dashboards/{title.lower()}")
        for title in ("Development", "On-call", "Operations")
    ]
    folders = {Path(file.path).parent.name for file in shipped.plan.list_files() if file.path.endswith(".json")}
    assert folders == {"development", "on-call", "operations"}


def test_a_set_can_be_left_out_and_a_folder_added(tmp_path: Path) -> None:
    dashboard = "dashboard: Mine\nfolder: My team\nneeds: node_load1\nrows:\n  - - lines: node_load1\n"
    dashboard += "      title: L\n      description: D.\n"
    text = "build: {include: [host, panels-of-mine/]}"
    built = stack.build(project(tmp_path, **{"deckwatch": text, "panels-of-mine__mine": dashboard}))
    paths = {file.path for file in built.plan.list_files()}
    assert {path for path in paths if path.endswith(".json")} == {
        *(f"grafana/dashboards/operations/{uid}.json" for uid in ("capacity", "historical", "monitoring", "overview")),
        *(f"grafana/dashboards/on-call/{uid}.json" for uid in ("alerts", "on-call")),
        "grafana/dashboards/operations/host.json",
        "grafana/dashboards/my-team/mine.json",
    }
    assert "prometheus/rules/host.yaml" in paths
    assert "prometheus/rules/host_day.yaml" in paths
    assert "prometheus/rules/deckwatch.yaml" in paths
    assert "prometheus/rules/postgres.yaml" not in paths
    assert "prometheus/rules/application.yaml" not in paths


def test_alerts_and_thresholds_are_changed_by_name(tmp_path: Path, shipped: stack.Built) -> None:
    text = "build: {disable: [HostClockSkew], set: {host.cpu.high: 71%, HostLoadHigh.for: 20m}}"
    built = stack.build(project(tmp_path, deckwatch=text))
    rules = yaml.safe_load(built.plan.file_text("prometheus/rules/host.yaml"))["groups"][0]["rules"]
    alerts = {rule["alert"]: rule for rule in rules if "alert" in rule}
    assert "HostClockSkew" not in alerts
    assert "> 0.71" in alerts["HostCpuHigh"]["expr"]
    assert alerts["HostLoadHigh"]["for"] == "20m"
    panels = built.plan.file_text("grafana/dashboards/operations/host.json")
    assert '"value": 0.71' in panels
    assert '"value": 0.71' not in shipped.plan.file_text("grafana/dashboards/operations/host.json")


def test_all_problems_of_all_files_are_reported_at_once(tmp_path: Path) -> None:
    messages = problems(
        tmp_path,
        deckwatch=(
            "build:\n  include: [hots, dashboards/, signals/, alerts/, elsewhere/]\n  disable: [ExporterDonw]\n"
            "  set: {host.cpu.hihg: 70%}\n"
            "hosts: [{name: a, address: a:1}, {name: a, address: b:1}]\n"
            "watch: {collectors: {off: [host_cpuu]}}\n"
        ),
        dashboards__mine="dashboard: Mine\nrows:\n  - - lines: node_laod1\n      title: L\n      description: D.\n",
        signals__mine="signals:\n  a: {metric: node_load1, untis: ratio}\n",
        signals__other="signls: {}\n",
        alerts__mine="alerts:\n  Mine: {expr: 'sum(', above: 1}\n",
    )
    text = "\n".join(messages)
    for part in (
        "deckwatch.yaml:2:13: error: no shipped set is called hots (did you mean host?)",
        "deckwatch.yaml:2:51: error: no such folder: elsewhere/",
        "deckwatch.yaml:3:13: error: no alert is called ExporterDonw (did you mean ExporterDown?)",
        "deckwatch.yaml:4:9: error: no threshold is called host.cpu.hihg (did you mean host.cpu.high?)",
        "deckwatch.yaml:5:34: error: duplicate host a",
        "deckwatch.yaml:6:28: error: unknown collector 'host_cpuu' (did you mean host_cpu?)",
        "dashboards/mine.yaml:3:14: error: no signal or metric is called node_laod1 (did you mean node_load1?)",
        "signals/mine.yaml:2:27: error: unknown key untis (did you mean unit?)",
        "signals/other.yaml:1:1: error: unknown key signls (did you mean signals?)",
        "alerts/mine.yaml:2:9: error: severity is missing",
    ):
        assert part in text, text


def test_a_misspelt_set_does_not_hide_other_problems(tmp_path: Path) -> None:
    assert len(problems(tmp_path, deckwatch="build: {include: [hots], disable: [Nope]}")) == 2


def test_without_a_project_file_the_content_of_the_folder_does_not_matter(tmp_path: Path, shipped: stack.Built) -> None:
    (tmp_path / "dashboards").mkdir()
    (tmp_path / "dashboards" / "x.yaml").write_text("nonsense")
    assert stack.build(Project(tmp_path)).plan.list_files() == shipped.plan.list_files()


def test_the_projects_metric_declarations_take_precedence(tmp_path: Path) -> None:
    text = "metrics: {up: {kind: gauge, unit: seconds}, shop_orders_total: {kind: counter, labels: [status]}}"
    catalog = metric_catalog.load_catalog(project(tmp_path, deckwatch=text))
    assert catalog.get("up").unit == "seconds"
    assert catalog.labels("shop_orders_total") == {"status"}
    assert catalog.get("shop_orders_total").source == "project"


def test_metrics_of_other_programs_are_known() -> None:
    catalog = metric_catalog.load_catalog(SHIPPED)
    for name in ("up", "ALERTS", "prometheus_tsdb_head_series", "alertmanager_alerts", "grafana_stat_totals_dashboard"):
        assert name in catalog
    assert catalog.labels("prometheus_rule_evaluation_failures_total") == {"rule_group"}
    assert "http_requests_total" in catalog
    assert "node_load1" in catalog


@pytest.mark.slow
def test_every_metric_in_the_tables_has_its_programs_prefix() -> None:
    for info in metric_catalog.read_metric_tables():
        if info.source in ("prometheus", "alertmanager", "grafana", "go"):
            assert info.name.startswith(f"{info.source}_")


def test_generating_without_changes_does_nothing(tmp_path: Path, shipped: stack.Built) -> None:
    write_plan(shipped.plan, tmp_path / "out")
    before = (tmp_path / "out").stat().st_ino
    time.sleep(0.01)
    assert write_plan(shipped.plan, tmp_path / "out") == []
    assert (tmp_path / "out").stat().st_ino == before


def test_what_was_built_is_not_visited_by_the_next_collection():
    collections = []

    def record_collection(phase, info):
        collections.append((phase, info))

    gc.callbacks.append(record_collection)
    try:
        with gc_paused():
            kept = [[] for _ in range(10_000)]
        assert gc.isenabled()
        assert [[] for _ in range(10)] != kept
        assert collections == []
    finally:
        gc.callbacks.remove(record_collection)
    assert gc.get_freeze_count() == 0
