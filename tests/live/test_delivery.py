"""Jobs, a plan and test results on the dashboards of their templates, through an exporter and a real Prometheus."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deckwatch.cli import _project
from deckwatch.core import yaml_file
from deckwatch.core.http import Client
from deckwatch.provisioning.servers import EXPORTER, PROMETHEUS
from deckwatch.provisioning.up import LocalStack

pytestmark = [pytest.mark.live, pytest.mark.slow]

DECKWATCH = Path(sys.executable).with_name("deckwatch")
SECONDS = 90
# Panels whose metrics come from the migrated system itself or from its jobs.
ELSEWHERE = (
    "mdm",
    "migration_active",
    "migration_queue_depth",
    "migration_workers",
    "migration_rollbacks_total",
    "migration_attempts_total",
    "migration_integrity",
)
REPORT = """<testsuite name="unit" time="2.5"><testcase classname="a" name="good"/><testcase classname="a" name="fine"/>
<testcase classname="a" name="bad"><failure type="KeyError"/></testcase></testsuite>"""
LCOV = "SF:a.js\nDA:1,1\nDA:2,1\nDA:3,0\nDA:4,1\nend_of_record\n"


def day(offset):
    return (datetime.now(UTC) + timedelta(days=offset)).strftime("%Y-%m-%d")


def plan():
    """A plan that began ten weeks ago, with 150 of 400 datasets migrated."""
    return f"""
start: {day(-70)}
weeks: 21
phases:
  config: {{start: {day(-70)}, end: {day(-40)}, done: {day(-41)}, risk: low}}
  storage: {{start: {day(-40)}, end: {day(30)}, needs: [config], risk: high}}
  cleanup: {{start: {day(30)}, end: {day(60)}, needs: [storage]}}
milestones:
  first: {{phase: storage, due: {day(-30)}, done: {day(-31)}, title: First copy}}
  half: {{phase: storage, due: {day(-1)}, title: Half}}
blockers:
  - {{id: B-1, phase: storage, severity: critical, title: No space, since: {day(-2)}}}
issues:
  - {{id: I-1, severity: error, component: storage, title: Accents, detected: {day(-3)}, datasets: 12, users: 30,
     test: a.bad}}
  - {{id: I-2, severity: error, detected: {day(-9)}, resolved: {day(-8)}, resolution: rollback, resolved_by: Ann}}
components:
  storage: {{old: "1.4", new: "2.0", datasets: {{total: 400, migrated: 150, failed: 10}}}}
objectives:
  satisfaction: {{target: 4.5, value: 4.2, due: {day(-1)}}}
"""


def run(*words, code=0):
    ran = subprocess.run([DECKWATCH, *words], capture_output=True, text=True, check=False)
    assert ran.returncode == code, ran.stderr
    return ran.stdout


def run_job(textfile, name, code=0):
    run(
        "job",
        "run",
        "--name",
        name,
        "--every",
        "1h",
        "--textfile",
        textfile,
        "--",
        "sh",
        "-c",
        f"exit {code}",
        code=code,
    )


@pytest.fixture(scope="module")
def textfile(tmp_path_factory):
    folder = tmp_path_factory.mktemp("delivery")
    for name, text in (("plan.yml", plan()), ("report.xml", REPORT), ("cart.info", LCOV)):
        (folder / name).write_text(text)
    target = folder / "textfile"
    run_job(target, "backup")
    run_job(target, "import")
    write = ("--textfile", target)
    run("collect", "plan", folder / "plan.yml", *write)
    run("collect", "junit", folder / "report.xml", "--suite", "unit", "--component", "storage", *write)
    run("collect", "coverage", folder / "cart.info", "--component", "storage", *write)
    run("collect", "git", Path(__file__).parent, *write)
    run("collect", "deploy", "--service", "mdm", "--version", "2.0", *write)
    return target


@pytest.fixture(scope="module")
def stack(textfile, tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    run("new", "workflow", "migration", folder)
    settings = folder / "deckwatch.yaml"
    settings.write_text(settings.read_text() + f"watch: {{host: {{textfile: {textfile}}}}}\n")
    with LocalStack(
        _project.load_project(folder),
        folder / "state",
        programs=(EXPORTER, PROMETHEUS),
        every="1s",
        ports={},
        exporter_arguments=("--docker-host", ""),
    ) as running:
        deadline = time.monotonic() + SECONDS
        while not query(running, 'workflow_executions_total{status="succeeded"}'):
            assert time.monotonic() < deadline
            time.sleep(0.5)
        time.sleep(5)  # several scrapes, and evaluations of the recorded signals
        run_job(textfile, "backup", 3)
        run_job(textfile, "import")
        yield running


@pytest.fixture(autouse=True)
def programs(need):
    need("prometheus", get="apt-get install prometheus")


def query(stack, expr):
    data = Client(stack.url(PROMETHEUS)).get("/api/v1/query", query=expr)["data"]["result"]
    return {
        tuple(value for key, value in sorted(one["metric"].items()) if key in LABELS): float(one["value"][1])
        for one in data
    }


LABELS = (
    "component",
    "id",
    "milestone",
    "objective",
    "phase",
    "severity",
    "state",
    "status",
    "suite",
    "title",
    "workflow",
)


def wait_for(stack, expr, expected):
    deadline = time.monotonic() + SECONDS
    while (found := query(stack, expr)) != expected:
        assert time.monotonic() < deadline, found
        time.sleep(0.5)


def signal(stack, name):
    """Return the expression of a signal as the project's templates declare it."""
    file, _, key = name.partition(".")
    return yaml_file.read_yaml(stack.project.folder / "signals" / f"{file}.yaml").data["signals"][key]["expr"]


def panel(stack, name, title):
    """Return a panel of a dashboard of the project's templates."""
    rows = yaml_file.read_yaml(stack.project.folder / "dashboards" / f"{name}.yaml").data["rows"]
    panels = [each for row in rows for each in (row if isinstance(row, list) else row["panels"])]
    return next(each for each in panels if each.get("title") == title)


def test_signals_of_workflows(stack) -> None:
    wait_for(stack, signal(stack, "workflow.last_failed"), {("backup",): 1, ("import",): 0})
    assert query(stack, signal(stack, "workflow.overdue")) == {(): 0}
    late = query(stack, signal(stack, "workflow.late"))
    assert set(late) == {("backup",), ("import",)}
    assert all(0 < value < 0.1 for value in late.values())
    failed = 'sum by (workflow) (increase(workflow_executions_total{status="failed"}[1m])) > 0'
    assert set(query(stack, failed)) == {("backup",)}


def test_signals_of_the_migration(stack) -> None:
    def value(name):
        (found,) = query(stack, signal(stack, f"migration.{name}")).values()
        return found

    wait_for(stack, 'migration_datasets{state="migrated"}', {("storage", "migrated"): 150})
    assert value("progress") == 150 / 400
    assert value("week") == 11
    assert value("blockers") == 1
    # The plan starts at midnight, up to a day before 70 days ago.
    elapsed_days = (time.time() - datetime.fromisoformat(day(-70)).replace(tzinfo=UTC).timestamp()) / 86400
    end_days = elapsed_days * 400 / 150
    assert value("end") / 1000 == pytest.approx(time.time() + (end_days - elapsed_days) * 86400, abs=3600)
    assert value("delay") / 86400 == pytest.approx(end_days - 21 * 7, abs=0.05)
    assert query(stack, signal(stack, "migration.phase")) == {("config",): 2, ("storage",): 3, ("cleanup",): 0}
    assert query(stack, signal(stack, "migration.milestone")) == {("first", "storage"): 1, ("half", "storage"): 2}
    assert query(stack, signal(stack, "migration.objective")) == {("satisfaction",): 2}
    assert query(stack, signal(stack, "migration.suite_passed")) == {("unit",): 2 / 3}
    assert query(stack, signal(stack, "migration.tests_passed")) == {("storage",): 2 / 3}
    assert query(stack, signal(stack, "migration.component_issues")) == {("storage",): 1}
    assert query(stack, signal(stack, "migration.component_health")) == {("storage",): 0}  # alerts take minutes to fire
    _, runs = panel(stack, "migration-work", "Failing tests")["table"]
    with_issue = f'count by (id) (label_replace({runs["show"]}, "id", "$1", "issue", "(.+)"))'
    assert query(stack, runs["show"]) == {("unit",): 1}
    assert query(stack, with_issue) == {("I-1",): 1}
    assert query(stack, 'max by (id) (migration_issue_resolver_info{resolved_by="Ann"})').keys() == {("I-2",)}
    assert query(stack, "max by (component) (test_coverage_ratio)") == {("storage",): 0.75}
    assert query(stack, "max by (phase) (migration_phase_progress_ratio)") == {
        ("config",): 1,
        ("storage",): 0.5,
        ("cleanup",): 0,
    }
    assert query(stack, "count(git_head_info)") == {(): 1}
    assert query(stack, 'count(deployment_timestamp_seconds{service="mdm", version="2.0"})') == {(): 1}


def test_an_open_blocker_means_at_risk_and_a_critical_alert_critical(stack) -> None:
    # MigrationBlocked and MigrationIssueOpen take five minutes to fire, so the state is that of the blocker.
    wait_for(stack, signal(stack, "migration.health"), {(): 1})


def test_every_panel_that_these_commands_feed_has_data(stack) -> None:
    command = ["verify", "--project", stack.project.folder, "--timeout", "20", "--format", "json"]
    ran = subprocess.run(
        [DECKWATCH, *command, "--prometheus", stack.url(PROMETHEUS)], capture_output=True, text=True, check=False
    )
    results = [one for one in json.loads(ran.stdout) if one["page"] in ("Migration", "Migration progress", "Workflows")]
    assert {one["page"] for one in results} == {"Migration", "Migration progress", "Workflows"}
    faults = [one for one in results if not one["good"] and not any(name in one["expression"] for name in ELSEWHERE)]
    assert [(one["title"], one["expression"], one["detail"]) for one in faults] == []
    fed = {one["title"].rpartition(" (")[0] for one in results if one["status"] == "data"}
    assert fed >= {
        *("Progress", "Ends", "Delay", "Critical blockers", "Phases over time", "Milestones", "Blockers", "Objectives"),
        *("Risks", "Phase dependencies", "Open issues", "Impact", "Suites", "Failing tests"),
        *("Workflows", "Overdue", "Executions by result"),
    }


def test_a_plan_without_datasets_takes_them_from_prometheus(stack, tmp_path) -> None:
    wait_for(stack, 'migration_datasets{state="migrated"}', {("storage", "migrated"): 150})
    path = tmp_path / "plan.yml"
    path.write_text(f"phases: {{a: {{start: {day(-70)}, end: {day(77)}}}}}")
    run("collect", "plan", path, "--textfile", tmp_path, "--prometheus", stack.url(PROMETHEUS))
    text = (tmp_path / "plan@plan.prom").read_text()
    (end,) = [float(line.split()[1]) for line in text.splitlines() if line.startswith("migration_estimated")]
    assert end == pytest.approx(time.time() + 250 / 150 * 70 * 86400, rel=0.001)
    assert "migration_datasets" not in text


def test_the_exporter_finds_no_fault_in_the_files(stack) -> None:
    assert query(stack, "node_textfile_scrape_error") == {(): 0}
