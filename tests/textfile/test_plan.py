"""Plans: what is derived from them, and that a mistake costs only its own item."""

# ruff: noqa: E501 - documents as programs and people write them

from __future__ import annotations

import subprocess
from datetime import UTC, datetime

import pytest

from deckwatch.core.problems import InvalidInput
from deckwatch.exporter.sources import textformat
from deckwatch.textfile import plan_reader, plan_record
from deckwatch.textfile.plan_progress import Migrated, estimate_end, extend_history

DAY = 86_400
PLAN = """
start: 2025-03-03
weeks: 21
phases:
  tests: {start: 2025-03-03, end: 2025-03-23, progress: 100%}
  config: {start: 2025-03-10, end: 2025-04-06, done: 2025-04-05, needs: [tests], risk: low}
  storage: {title: Move the storage, start: 2025-03-24, end: 2025-05-04, needs: [config], risk: high}
  feature: {start: 2025-04-07, end: 2025-05-11, progress: 0.25}
  cleanup: {start: 2025-05-19, end: 2025-05-25, needs: [storage, feature]}
milestones:
  first_copy: {phase: storage, due: 2025-04-13, done: 2025-04-12, title: First copy}
  half: {phase: storage, due: 2025-04-20}
  all: {phase: storage, due: 2025-05-04}
  gone: {phase: cleanup, due: 2025-05-25}
blockers:
  - {id: B-1, phase: storage, severity: critical, title: "No space\\non disk", since: 2025-04-18}
  - {id: B-2, phase: feature, severity: warning, since: 2025-04-21}
  - {id: B-3, phase: feature, severity: critical, since: 2025-04-09, resolved: 2025-04-10}
issues:
  - {id: 42, severity: error, component: storage, title: Loses accents, detected: 2025-04-20, datasets: 12, users: 30, downtime: 15m,
     description: "Names from\\n1999", test: a.test_names}
  - {id: MIG-43, severity: warning, detected: 2025-04-21}
  - {id: MIG-1, severity: critical, detected: 2025-04-01, resolved: 2025-04-02, resolution: rollback, resolved_by: Storage team}
  - {id: MIG-2, severity: critical, detected: 2025-04-01, resolved: 2025-04-02}
components:
  storage: {old: "1.4", new: 2.0, datasets: {total: 300, migrated: 120, failed: 6}}
  api: {progress: 92%, datasets: {pending: 76, migrated: 36}}
objectives:
  satisfaction: {target: 4.5, value: 4.6}
  latency: {target: 0.2, value: 0.3, better: lower, due: 2025-04-01}
  uptime: {target: 99.9%}
"""


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


NOW = at("2025-04-28T12:00")


def read(tmp_path, text):
    path = tmp_path / "plan.yaml"
    path.write_text(text)
    return plan_reader.read_plan(path)


def write(tmp_path, text, now=NOW):
    """Return the values of the file by series."""
    plan, problems = read(tmp_path, text)
    assert problems == []
    path, _ = plan_record.write_plan(tmp_path / "out", plan, now)
    return values(path)


def values(path):
    return {
        " ".join((sample.metric.name.removeprefix("migration_"), *sample.labels)): sample.value
        for sample in textformat.parse_samples(path.read_text())
    }


def test_states_follow_from_the_date(tmp_path) -> None:
    shown = write(tmp_path, PLAN)
    states = {
        phase: state
        for phase in ("tests", "config", "storage", "feature", "cleanup")
        for state in ("not_started", "in_progress", "completed", "blocked")
        if shown[f"phase_status {phase} {state}"] == 1
    }
    assert states == {
        "tests": "completed",
        "config": "completed",
        "storage": "blocked",
        "feature": "in_progress",
        "cleanup": "not_started",
    }
    assert sum(value for name, value in shown.items() if name.startswith("phase_status ")) == 5
    states = {
        name: state
        for name in ("first_copy", "half", "all", "gone")
        for state in ("pending", "completed", "missed")
        if any(shown.get(f"milestone_status {phase} {name} {state}") == 1 for phase in ("storage", "cleanup"))
    }
    assert states == {"first_copy": "completed", "half": "missed", "all": "pending", "gone": "pending"}


def test_progress_of_phases(tmp_path) -> None:
    shown = write(tmp_path, PLAN)
    progress = {name.split()[1]: value for name, value in shown.items() if name.startswith("phase_progress_ratio")}
    assert progress == {"tests": 1, "config": 1, "storage": 1 / 3, "feature": 0.25, "cleanup": 0}


def test_schedule(tmp_path) -> None:
    shown = write(tmp_path, PLAN)
    assert shown["start_timestamp_seconds"] == at("2025-03-03")
    assert shown["planned_end_timestamp_seconds"] == at("2025-03-03") + 147 * DAY - 1
    assert shown["weeks_total"] == 21
    assert shown["phase_start_timestamp_seconds cleanup"] == at("2025-05-19")
    assert shown["phase_end_timestamp_seconds cleanup"] == at("2025-05-25T23:59:59")
    assert shown["milestone_due_timestamp_seconds cleanup gone"] == at("2025-05-25T23:59:59")
    assert shown["phase_dependency_info cleanup feature"] == 1
    assert shown["phase_risk storage high"] == 1
    assert shown["phase_info storage Move the storage"] == 1


def test_weeks_and_dates_follow_from_the_phases(tmp_path) -> None:
    shown = write(
        tmp_path, "phases: {a: {start: 2025-03-10, end: 2025-03-30}, b: {start: 2025-03-03, end: 2025-03-05}}"
    )
    assert shown["start_timestamp_seconds"] == at("2025-03-03")
    assert shown["planned_end_timestamp_seconds"] == at("2025-03-30T23:59:59")
    assert shown["weeks_total"] == 4
    assert not any("estimated" in name or "delay" in name for name in shown)


def test_blockers_issues_components_and_objectives(tmp_path) -> None:
    shown = write(tmp_path, PLAN)
    assert shown["blockers storage critical"] == 1
    assert shown["blockers feature warning"] == 1
    assert shown["blockers feature critical"] == 0
    assert shown["blocker_since_timestamp_seconds B-1 storage critical"] == at("2025-04-18")
    assert shown["blocker_info B-1 No space on disk"] == 1
    assert shown["issue_detected_timestamp_seconds 42 error storage"] == at("2025-04-20")
    assert shown["issue_info 42 Loses accents Names from 1999"] == 1
    assert shown["issue_test_info 42 a.test_names"] == 1
    assert shown["issue_resolved_timestamp_seconds MIG-1 critical rollback"] == at("2025-04-02")
    assert shown["issue_resolved_timestamp_seconds MIG-2 critical manual"] == at("2025-04-02")
    assert [name for name in shown if "resolver" in name] == ["issue_resolver_info MIG-1 Storage team"]
    assert shown["issue_affected_datasets 42"] == 12
    assert shown["issue_affected_users 42"] == 30
    assert shown["issue_estimated_downtime_seconds 42"] == 900
    assert {name: shown[f"issues_open {name}"] for name in ("info", "warning", "error", "critical")} == {
        "info": 0,
        "warning": 1,
        "error": 1,
        "critical": 0,
    }
    assert (shown["issues_resolved_total rollback"], shown["issues_resolved_total manual"]) == (1, 1)
    assert shown["datasets storage pending"] == 174
    assert (shown["component_progress_ratio storage"], shown["component_progress_ratio api"]) == (0.4, 0.92)
    assert shown["component_version_info storage new 2.0"] == 1
    for name, state in (("satisfaction", "met"), ("latency", "missed"), ("uptime", "open")):
        assert shown[f"objective_status {name} {state}"] == 1
    assert shown["objective_target uptime"] == 0.999
    assert "objective_value uptime" not in shown


def test_the_end_is_estimated_from_the_rate_since_the_start(tmp_path) -> None:
    shown = write(tmp_path, PLAN)
    elapsed = NOW - at("2025-03-03")
    assert shown["estimated_completion_timestamp_seconds"] == pytest.approx(NOW + 256 / (156 / elapsed))
    assert shown["schedule_delay_seconds"] == pytest.approx(
        shown["estimated_completion_timestamp_seconds"] - shown["planned_end_timestamp_seconds"]
    )


def migrated(number):
    return f"phases: {{a: {{start: 2025-03-03, end: 2025-07-27}}}}\ncomponents: {{a: {{datasets: {{total: 412, migrated: {number}}}}}}}"


def test_the_end_is_estimated_from_the_rate_of_four_weeks(tmp_path) -> None:
    for day in range(60):  # one a day, then four a day
        shown = write(tmp_path, migrated(day if day < 30 else 30 + 4 * (day - 30)), NOW + day * DAY)
    assert shown["estimated_completion_timestamp_seconds"] == pytest.approx(NOW + 59 * DAY + (412 - 146) / 4 * DAY)
    assert (tmp_path / "out" / "plan@plan.prom").read_text().count("# migrated ") < 40


def test_an_estimate_stays_once_all_are_migrated(tmp_path) -> None:
    write(tmp_path, migrated(400), NOW)
    assert write(tmp_path, migrated(412), NOW + DAY)["estimated_completion_timestamp_seconds"] == NOW + DAY
    assert write(tmp_path, migrated(412), NOW + 90 * DAY)["estimated_completion_timestamp_seconds"] == NOW + DAY


@pytest.mark.parametrize("number", [0, 5])
def test_without_a_rate_there_is_no_estimate(tmp_path, number) -> None:
    write(tmp_path, migrated(number), NOW)
    shown = write(tmp_path, migrated(number), NOW + 10 * DAY)
    assert "estimated_completion_timestamp_seconds" not in shown


def test_a_history_stays_short_however_often_it_is_extended(tmp_path) -> None:
    plan, _ = read(tmp_path, migrated(1))
    history: list[Migrated] = []
    for minute in range(0, 60 * 24 * 90, 10):
        history = extend_history(history, minute, 10**6, plan, NOW + minute * 60)
    assert len(history) < 250
    now = NOW + (60 * 24 * 90 - 10) * 60
    assert estimate_end(plan, history, 10**6, now) == pytest.approx(now + (10**6 - history[-1].number) * 60, rel=1e-6)


def test_counters_of_resolved_issues_never_decrease(tmp_path) -> None:
    write(tmp_path, PLAN)
    assert (
        write(
            tmp_path,
            PLAN.replace("  - {id: MIG-1,", "  - {id: MIG-9,").replace(
                "resolved: 2025-04-02, resolution: rollback", "resolved: 2025-04-02, resolution: manual"
            ),
        )["issues_resolved_total rollback"]
        == 1
    )


def test_thousands_of_issues_are_counted_and_the_gravest_are_listed(tmp_path) -> None:
    issues = "\n".join(
        f"  - {{id: I-{number}, severity: {'critical' if number % 100 == 7 else 'info'}, detected: 2025-04-{1 + number % 28}}}".replace(
            "2025-04-1}", "2025-04-01}"
        )
        for number in range(3000)
    )
    issues = issues.replace("detected: 2025-04-", "detected: April ").replace("}\n", " 2025}\n").rstrip("}") + " 2025}"
    shown = write(tmp_path, f"phases: {{a: {{start: 2025-03-03, end: 2025-07-27}}}}\nissues:\n{issues}\n")
    listed = [name for name in shown if name.startswith("issue_detected")]
    assert len(listed) == 100
    assert sum("critical" in name for name in listed) == 30
    assert (shown["issues_open critical"], shown["issues_open info"]) == (30, 2970)


def problems_of(tmp_path, text):
    plan, problems = read(tmp_path, text)
    return plan, [f"{one.place.line}:{one.place.column}: {one.one_sentence}" for one in problems]


MISTAKES = """phases:
  a: {start: 2025-03-03, end: 2025-03-10, needs: [a, b, nowhere]}
  b: {start: 2025-03-10, end: 2025-03-20, needs: [a, c]}
  c: {start: 2025-03-20, end: 2025-03-10}
  d: {start: 03/04/2025, end: 2025-05-01}
  e: {start: 2025-03-10, end: 2025-03-20, staus: blocked}
  f: {start: 2025-03-10, end: 2025-03-20, progress: 40}
milestones:
  early: {phase: b, due: 2025-03-01}
  lost: {phase: bb, due: 2025-03-15}
  good: {phase: b, due: 15 March 2025}
issues:
  - {id: 1, severity: error, detected: 2025-03-01}
  - {id: 1, severity: error, detected: 2025-03-01}
  - {id: 2, severity: fatal, detected: 2025-03-01}
  - {id: 3, severity: error, detected: 2025-03-05, resolved: 2025-03-01}
components:
  x: {datasets: {total: 5, migrated: 6}}
  y: {datasets: {total: 5, migrated: 4}}
zone: Europe/Berlni
"""


def test_each_mistake_is_reported_with_its_position_and_costs_its_own_item(tmp_path) -> None:
    plan, lines = problems_of(tmp_path, MISTAKES)
    assert lines == [
        "2:51: phase a depends on itself",
        "2:57: no phase is called nowhere (one of a, b, c, d, e, f)",
        "3:51: phases b and a depend on each other",
        "4:31: phase c ends before it starts",
        "5:14: '03/04/2025' can be read in two ways: write 2025-04-03 or 2025-03-04",
        "6:43: unknown key staus (did you mean status?)",
        "7:53: a share is between 0 and 100% (did you mean 40%?)",
        "9:26: milestone early is due before its phase b starts",
        "10:17: no valid phase is called bb (did you mean b?)",
        "14:10: the id 1 is used twice",
        "15:23: unknown value 'fatal' (one of info, warning, error, critical)",
        "16:62: this is before it began",
        "18:25: total is not the sum of migrated, pending and failed",
        "20:7: no time zone is called Europe/Berlni (did you mean Europe/Berlin?)",
    ]
    assert [phase.name for phase in plan.phases] == ["a", "b"]
    assert [milestone.name for milestone in plan.milestones] == ["good"]
    assert [issue.id for issue in plan.issues] == ["1"]
    assert [component.name for component in plan.components] == ["y"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected|at least one|mapping"),
        ("phases: {}", "must not be empty"),
        ("phases: [a]", "mapping"),
        ("phases: {a: {start: 2025-03-03}}", "end"),
        ("phases: {a: [", "is not closed"),
        ("just text", "mapping"),
    ],
)
def test_a_plan_without_a_phase_is_refused(tmp_path, text, message) -> None:
    with pytest.raises(InvalidInput, match=message):
        read(tmp_path, text)


def test_a_file_that_does_not_exist_is_a_problem(tmp_path) -> None:
    with pytest.raises(InvalidInput, match="cannot be read: No such file"):
        plan_reader.read_plan(tmp_path / "plan.yaml")


# The name is that of the requirements and of projects made from the template.
REMARKS = b"""migration_weeks_total non-counter metrics should not have "_total" suffix
migration_weeks_total use base unit "seconds" instead of "weeks"
"""


def test_promtool_finds_no_other_fault_than_in_a_name_that_is_given(tmp_path, need) -> None:
    need("promtool", get="apt-get install prometheus")
    write(tmp_path, PLAN)
    page = (tmp_path / "out" / "plan@plan.prom").read_bytes()
    checked = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (3, b"", REMARKS)
