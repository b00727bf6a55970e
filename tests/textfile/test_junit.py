"""Test results: the dialects of JUnit's XML, and what continues from run to run."""

# ruff: noqa: E501 - documents as programs and people write them

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from deckwatch.core.problems import InvalidInput
from deckwatch.textfile import junit, prom_file, suite_record
from deckwatch.textfile.suite_record import Suite

# Reports in the forms that these programs write.
PYTEST = """<?xml version="1.0" encoding="utf-8"?>
<testsuites name="pytest tests"><testsuite name="pytest" errors="1" failures="2" skipped="1" tests="5" time="1.5"
  timestamp="2025-05-15T10:00:00.500000+00:00" hostname="ci">
  <testcase classname="tests.test_a" name="test_good" time="0.1"/>
  <testcase classname="tests.test_a" name="test_bad" time="0.2"><failure message="assert 1 == 2">assert…</failure></testcase>
  <testcase classname="tests.test_a" name="test_bad" time="0.2"><error message="failed on teardown">…</error></testcase>
  <testcase classname="tests.test_a" name="test_skipped" time="0"><skipped type="pytest.skip" message="later"/></testcase>
  <testcase classname="tests.test_b" name="test_raises" time="0.3"><error type="ValueError" message="x">…</error></testcase>
</testsuite></testsuites>"""
SUREFIRE = """<testsuite xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" name="com.example.StorageTest" time="1,234.5"
  tests="4" errors="0" skipped="1" failures="1">
  <properties><property name="java.version" value="21"/></properties>
  <testcase name="good" classname="com.example.StorageTest" time="0.004"><system-out><![CDATA[<testcase name="no"/>]]></system-out></testcase>
  <testcase name="flaky" classname="com.example.StorageTest" time="0.01"><flakyFailure type="X">once</flakyFailure></testcase>
  <testcase name="bad" classname="com.example.StorageTest" time="0.02">
    <failure message="expected" type="org.opentest4j.AssertionFailedError">…</failure><rerunFailure type="X"/></testcase>
  <testcase name="off" classname="com.example.StorageTest" time="0"><skipped/></testcase>
</testsuite>"""
GO = """<testsuites tests="3" failures="1" time="0.3"><testsuite name="example.com/a" tests="2" failures="1" errors="0" id="0"
  hostname="ci" time="0.100" timestamp="2025-05-15T12:00:00+02:00">
  <testcase name="TestGood" classname="example.com/a" time="0.050"></testcase>
  <testcase name="TestGood/sub" classname="example.com/a" time="0.050"><failure message="Failed" type="">a_test.go:9</failure></testcase>
</testsuite><testsuite name="example.com/b" tests="1" failures="0" time="0.200">
  <testcase name="TestOther" classname="example.com/b" time="0.200"></testcase></testsuite></testsuites>"""
JEST = """<testsuites name="jest tests" tests="2" failures="1" errors="0" time="2.5"><testsuite name="cart" errors="0"
  failures="1" skipped="0" timestamp="2025-05-15T10:00:00" time="1.25" tests="2">
  <testcase classname="cart adds" name="cart adds" time="0.01"></testcase>
  <testcase classname="cart adds" name="cart adds" time="0.01"><failure>Error: expect(received)</failure></testcase>
</testsuite></testsuites>"""
TAP = """<testsuites><testsuite name="a.tap" tests="3" failures="1"><testcase name="#1 works"/>
  <testcase name="#2 fails"><failure message="" type="TestFailed"/></testcase>
  <testcase name="#3 later"><skipped/></testcase></testsuite></testsuites>"""
GOOGLE = """<testsuites tests="3" failures="0" disabled="1" errors="0" time="0.5" name="AllTests">
  <testsuite name="Math" tests="3" failures="0" disabled="1" errors="0" time="0.5">
  <testcase name="Adds" status="run" result="completed" time="0.1"/>
  <testcase name="DISABLED_Later" status="notrun" result="suppressed" time="0"/>
  <testcase name="Skips" status="run" result="skipped" time="0"><skipped message="no GPU"/></testcase>
</testsuite></testsuites>"""
NESTED = """<testsuite name="all" tests="3" time="9"><testsuite name="a" tests="2" time="4"><testcase name="x"/>
  <testcase name="y"/></testsuite><testsuite name="b" tests="1" time="5"><testcase name="z"/></testsuite></testsuite>"""
TOTALS = """<testsuites><testsuite name="a" tests="10" failures="1" errors="1" skipped="3" time="2"/></testsuites>"""


@pytest.mark.parametrize(
    ("text", "counts", "seconds", "failing"),
    [
        (PYTEST, (1, 2, 1), 1.5, {"tests.test_a.test_bad": "AssertionError", "tests.test_b.test_raises": "ValueError"}),
        (SUREFIRE, (2, 1, 1), 1234.5, {"com.example.StorageTest.bad": "AssertionFailedError"}),
        (GO, (2, 1, 0), 0.3, {"example.com/a.TestGood/sub": ""}),
        (JEST, (1, 1, 0), 2.5, {"cart adds.cart adds": ""}),
        (TAP, (1, 1, 1), 0, {"#2 fails": "TestFailed"}),
        (GOOGLE, (1, 0, 2), 0.5, {}),
        (NESTED, (3, 0, 0), 9, {}),
        (TOTALS, (5, 2, 3), 2, {}),
        ("<testsuites/>", (0, 0, 0), 0, {}),
    ],
    ids=["pytest", "surefire", "go", "jest", "tap", "googletest", "nested", "totals", "empty"],
)
def test_dialects(tmp_path, text, counts, seconds, failing) -> None:
    path = tmp_path / "report.xml"
    path.write_text(text)
    run = junit.read_reports([path])
    assert (run.passed, run.failed, run.skipped) == counts
    assert run.seconds == pytest.approx(seconds)
    assert run.failing == failing


def test_a_report_of_the_installed_pytest(tmp_path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import pytest\n"
        "@pytest.fixture\ndef broken():\n    yield\n    raise KeyError\n"
        "def test_good(): pass\n"
        "def test_bad(broken): assert 0\n"
        "def test_torn(broken): pass\n"
        "@pytest.mark.skip\ndef test_skipped(): pass\n"
    )
    report = tmp_path / "report.xml"
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:randomly",
        "-p",
        "no:cacheprovider",
        f"--junitxml={report}",
    ]
    subprocess.run([*command, tmp_path], cwd=tmp_path, capture_output=True, check=False)
    run = junit.read_reports([report])
    assert (run.failed, run.skipped) == (2, 1)
    assert set(run.failing) == {"test_it.test_bad", "test_it.test_torn"}


@pytest.mark.parametrize(
    ("message", "name"),
    [
        ("assert 1 == 2", "AssertionError"),
        ("AssertionError: two records differ", "AssertionError"),
        ("psycopg.errors.UndefinedTable: no table", ""),
        ("requests.exceptions.ReadTimeoutError: Read timed out", "ReadTimeoutError"),
        ("ValueError", "ValueError"),
        ("Error in the name of a customer: Ann", ""),
        ("é" * 90 + "Error: x", ""),
    ],
)
def test_a_class_without_a_type_is_that_of_the_message(tmp_path, message, name) -> None:
    path = tmp_path / "report.xml"
    path.write_text(f'<testsuite><testcase name="a"><failure message="{message}"/></testcase></testsuite>')
    assert junit.read_reports([path]).failing == {"a": name}


def test_the_end_of_a_run_is_stated_with_an_offset_or_is_that_of_the_file(tmp_path) -> None:
    path = tmp_path / "report.xml"
    path.write_text(PYTEST)
    assert junit.read_reports([path]).ended == datetime.fromisoformat("2025-05-15T10:00:02+00:00").timestamp()
    path.write_text(JEST)
    os.utime(path, (5, 5))
    assert junit.read_reports([path]).ended == 5


def test_several_files_are_one_run(tmp_path) -> None:
    for name, text in (("a.xml", SUREFIRE), ("b.xml", GO)):
        (tmp_path / name).write_text(text)
    run = junit.read_reports(sorted(tmp_path.glob("*.xml")))
    assert (run.passed, run.failed, run.skipped) == (4, 2, 1)
    assert run.seconds == pytest.approx(1234.8)


def test_a_run_with_a_part_that_is_unreadable_has_no_result_and_all_faults_are_reported(tmp_path) -> None:
    for name, text in (("a.xml", GO), ("b.xml", "<testsuite>\n<x></testsuite>"), ("c.xml", "<html>\n</html>")):
        (tmp_path / name).write_text(text)
    with pytest.raises(InvalidInput) as caught:
        junit.read_reports(sorted(tmp_path.glob("*.xml")))
    assert [(Path(problem.place.file).name, problem.place.line) for problem in caught.value.problems] == [
        ("b.xml", 2),
        ("c.xml", 1),
    ]
    assert "the root element is <html>, expected <testsuites>" in caught.value.problems[1].message


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1.5", 1.5), ("1,234.5", 1234.5), ("0,5", 0.5), ("1,234", 1234), ("-1", 0), ("NaN", 0), ("", 0), ("1e99", 0)],
)
def test_durations(text, seconds) -> None:
    assert junit._parse_seconds(text) == seconds


def values(path):
    return {
        (one.name, one.labels.get("test", one.labels.get("result", ""))): one.value
        for one in prom_file.parse_series(path.read_text())
    }


def test_a_failure_lasts_until_the_test_passes(tmp_path) -> None:
    run = junit.TestRun(passed=1, failed=1, ended=100.0, failing={"a": "KeyError"})
    path = suite_record.write_run(tmp_path, Suite("unit"), run)
    run.ended, run.failing = 200.0, {"a": "ValueError", "b": ""}
    for _ in range(2):  # the same report twice is one run
        suite_record.write_run(tmp_path, Suite("unit"), run)
    shown = values(path)
    assert shown["test_case_failing_since_timestamp_seconds", "a"] == 100
    assert shown["test_case_failing_since_timestamp_seconds", "b"] == 200
    assert shown["test_case_failed_attempts", "a"] == 2
    assert shown["test_case_failed_attempts", "b"] == 1
    run.ended, run.failing = 300.0, {"b": ""}
    suite_record.write_run(tmp_path, Suite("unit"), run)
    run.ended, run.failing = 400.0, {"a": "", "b": ""}
    suite_record.write_run(tmp_path, Suite("unit"), run)
    shown = values(path)
    assert shown["test_case_failing_since_timestamp_seconds", "a"] == 400
    assert shown["test_case_failed_attempts", "a"] == 1
    assert shown["test_case_failed_attempts", "b"] == 3
    assert shown["test_suite_tests", "passed"] == 1


def test_thousands_of_failures_have_a_hundred_series_and_all_are_counted(tmp_path) -> None:
    path = tmp_path / "report.xml"
    cases = "".join(f'<testcase name="t{number}"><failure/></testcase>' for number in range(3000))
    path.write_text(f"<testsuite>{cases}</testsuite>")
    run = junit.read_reports([path])
    assert run.failed == 3000
    text = suite_record.write_run(tmp_path, Suite("unit"), run).read_text()
    assert text.count("\ntest_case_failing_since_timestamp_seconds{") == 100


def test_suites_and_components_have_files_of_their_own(tmp_path) -> None:
    for suite in (Suite("unit"), Suite("unit", component="api"), Suite("unit", "api"), Suite("unit@api")):
        suite_record.write_run(tmp_path, suite, junit.TestRun())
    assert len(list(tmp_path.glob("*.prom"))) == 4


@pytest.mark.slow
def test_a_huge_report_takes_little_memory(tmp_path) -> None:
    path = tmp_path / "report.xml"
    with path.open("w") as file:
        file.write("<testsuites><testsuite name='all'>")
        for number in range(400_000):
            file.write(f'<testcase classname="tests.some.module" name="test_{number}" time="0.01"/>\n')
            if number % 100 == 0:
                file.write(f"<system-out>{'x' * 10_000}</system-out>")
        file.write("</testsuite></testsuites>")
    code = (
        "import sys, resource, pathlib, json; from deckwatch.textfile import junit\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "run = junit.read_reports([pathlib.Path(sys.argv[1])])\n"
        "print(json.dumps([run.passed, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before]))"
    )
    printed = subprocess.run([sys.executable, "-c", code, path], capture_output=True, check=True).stdout
    passed, kilobytes = json.loads(printed)
    assert passed == 400_000
    assert kilobytes < 10_000
