"""The example of a migration: its progress, weeks, tests, rollbacks and differences are those of its databases."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import psycopg
import pytest

pytestmark = [pytest.mark.live, pytest.mark.slow]

DATES = ("15 September 2026", "September 16, 2026", "2026/09/17", "18.09.2026")  # of issues, in four formats
ATTEMPTS = "sum by (component, result) (migration_attempts_total)"
CHECKS = "sum by (result) (migration_integrity_checks_total)"


def select(example, statement):
    """Return the rows of a query on the new system's database, by all columns but the last."""
    with psycopg.connect(example.application.database.url) as connection:
        return {tuple(row[:-1]): float(row[-1]) for row in connection.execute(statement)}


def count_tests(folder):
    """Return the numbers of tests in the reports that pytest wrote, by component and result."""
    counts = {}
    for path in folder.glob("*.xml"):
        (suite,) = ET.parse(path).getroot()
        total, failed, skipped = (int(suite.attrib[name]) for name in ("tests", "failures", "skipped"))
        for result, number in (("passed", total - failed - skipped), ("failed", failed), ("skipped", skipped)):
            counts[path.stem, result] = float(number)
    return counts


def spoil_plan(path):
    """Add a milestone that is due before its phase starts, a phase that depends on itself, and 3,000 issues."""
    issues = [
        f"  - {{id: I-{number}, severity: info, component: customers, detected: '{DATES[number % 4]}'}}"
        for number in range(3000)
    ]
    text = path.read_text()
    for key, lines in (
        ("phases", ["  loop: {start: 2026-11-30, end: 2026-12-06, needs: [loop]}"]),
        ("milestones", ["  early: {phase: storage, due: 2026-09-08}"]),
        ("issues", issues),
    ):
        text = text.replace(f"\n{key}:\n", "\n" + "\n".join([f"{key}:", *lines]) + "\n")
    path.write_text(text)


def test_the_figures_are_those_of_the_migration(run_example, eventually) -> None:
    example = run_example("migration", "--docker-host", "")

    # 156 of 412 datasets, week 8 of 21, three names that the new system refuses.
    example.await_value("sum(migration_datasets{state='migrated'})", 156)
    example.await_value("round(1000 * migration:progress:ratio)", 379)
    assert example.value("sum(migration_datasets)") == 412
    assert example.query("sum by (state) (migration_datasets)") == {
        ("migrated",): 156,
        ("pending",): 253,
        ("failed",): 3,
    }
    assert example.value("ceil((time() - max(migration_start_timestamp_seconds)) / 604800)") == 8
    assert example.value("max(migration_weeks_total)") == 21
    attempts = select(example, "SELECT component, result, count(*) FROM attempts GROUP BY 1, 2")
    assert attempts == {("customers", "success"): 156, ("customers", "failure"): 3}
    eventually(lambda: attempts.items() <= example.query(ATTEMPTS).items(), 120)

    # Under load every query has data; the tests that pytest ran pass.
    assert (
        example.find_faults("Migration", "Migration comparison", "Migration progress", "Rules: mdm", "Rules: migration")
        == []
    )
    tests = "sum by (component, result) (test_suite_tests)"
    eventually(lambda: example.query(tests) == count_tests(example.application.folder / "state"), 120)

    # Mistakes in the plan cost their own items, and 3,000 issues are counted, of which the gravest hundred are listed.
    spoil_plan(example.application.folder / "plan.yml")
    example.await_value('sum(migration_issues_open{severity="info"})', 3000)
    assert example.value("count(migration_issue_detected_timestamp_seconds)") == 100
    assert example.value('count(migration_milestone_status{milestone="half"})') > 0
    assert example.query('migration_milestone_status{milestone="early"}') == {}
    assert example.query('migration_phase_dependency_info{phase="loop"}') == {}

    with example.simulate("rollback"):
        example.await_value('sum(migration_rollbacks_total{type="manual"})', 10)
        assert select(example, "SELECT type, count(*) FROM rollbacks GROUP BY 1") == {("manual",): 10}

    # Five datasets with eight records each differ, until they are repaired.
    with example.simulate("integrity-fault"):
        example.await_value("sum(migration_integrity_mismatches) > bool 0", 1)
        (found,) = select(example, "SELECT count(*) FROM checks WHERE result = 'mismatch'").values()
        assert found % 8 == 0
        eventually(lambda: example.query(CHECKS)[("mismatch",)] >= found, 120)

    # Without its database the new system fails, and the old one does not.
    failed = "sum by (system) (mdm_errors_total)"
    before = example.query(failed)
    with example.simulate("outage"):
        example.await_value('sum(mdm_errors_total{system="new"}) > bool ' + str(before["new",]), 1)
        assert example.query(failed)["old",] == 0
