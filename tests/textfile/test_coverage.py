"""Coverage reports: three formats, each source counted once, and every mistake with its position."""

# ruff: noqa: E501 - documents as programs and people write them

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from deckwatch.core.problems import InvalidInput
from deckwatch.textfile import coverage, prom_file

COBERTURA = """<?xml version="1.0" ?>
<!DOCTYPE coverage SYSTEM "http://cobertura.sourceforge.net/xml/coverage-04.dtd">
<coverage version="7.6" line-rate="0.5" branch-rate="0.5"><packages><package name="shop"><classes>
  <class name="cart.py" filename="shop/cart.py"><methods><method name="add"><lines><line number="1" hits="9"/></lines></method></methods>
    <lines><line number="1" hits="1"/><line number="2" hits="0"/>
      <line number="3" hits="2" branch="true" condition-coverage="50% (1/2)" missing-branches="5"/><line number="4" hits="0"/></lines>
  </class></classes></package></packages></coverage>"""
JACOCO = """<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<!DOCTYPE report PUBLIC "-//JACOCO//DTD Report 1.1//EN" "report.dtd"><report name="shop"><sessioninfo id="a" start="1" dump="2"/>
<package name="com/example"><class name="com/example/Cart" sourcefilename="Cart.java"><counter type="LINE" missed="1" covered="2"/></class>
<sourcefile name="Cart.java"><line nr="7" mi="0" ci="3" mb="0" cb="0"/><line nr="8" mi="2" ci="1" mb="1" cb="1"/>
<line nr="9" mi="4" ci="0" mb="2" cb="0"/><counter type="LINE" missed="1" covered="2"/></sourcefile></package></report>"""
LCOV = """TN:
SF:src/cart.js
FN:1,add
DA:1,5
DA:2,0
DA:3,1,checksum
BRDA:3,0,0,1
BRDA:3,0,1,-
LF:3
LH:2
end_of_record
SF:src/order.js
DA:1,0
end_of_record
"""


def measure(tmp_path, *texts):
    paths = []
    for number, text in enumerate(texts):
        paths.append(tmp_path / f"report{number}")
        paths[-1].write_text(text)
    return coverage.read_reports(paths)


@pytest.mark.parametrize(
    ("text", "lines", "branches"),
    [
        (COBERTURA, (2, 4), (1, 2)),
        (JACOCO, (2, 3), (1, 4)),
        (LCOV, (2, 4), (1, 2)),
        ("# a comment\n" + LCOV, (2, 4), (1, 2)),
    ],
    ids=["cobertura", "jacoco", "lcov", "lcov with a comment"],
)
def test_formats(tmp_path, text, lines, branches) -> None:
    found = measure(tmp_path, text)
    assert (found.count_lines(), found.count_branches()) == (lines, branches)


def test_a_line_that_one_report_covers_is_covered(tmp_path) -> None:
    other = COBERTURA.replace('number="1" hits="1"', 'number="1" hits="0"').replace(
        'number="2" hits="0"', 'number="2" hits="4"'
    )
    found = measure(tmp_path, COBERTURA, other.replace("(1/2)", "(2/2)"))
    assert (found.count_lines(), found.count_branches()) == ((3, 4), (2, 2))


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("", "not a report of Cobertura, JaCoCo, LCOV", 1),
        ("<html/>", "not a report of", 1),
        ('<coverage generated="1" clover="4.4.1"><project/></coverage>', "not a report of", 1),
        ("SF:a.js\nDA:1,1\n", "the record of a.js has no end_of_record", 2),
        ("SF:a.js\nDA:one,1\nend_of_record\n", "expected a whole number, not 'one'", 2),
        ("SF:a.js\nDA:1\nend_of_record\n", "expected a whole number, not ''", 2),
        ("SF:a.js\nDA:99999999,1\nend_of_record\n", "a file has at most 5,000,000 lines", 2),
        ("TN:\n", "it lists no lines of code", 0),
        (
            '<coverage><class filename="a"><lines>\n<line number="1" hits="many"/></lines></class></coverage>',
            "not 'many'",
            2,
        ),
        ("<coverage>\n<package>", "no element found", 2),
        (
            '<report><package name="a"><sourcefile name="b">\n<line nr="1" ci="1" cb="x"/></sourcefile></package></report>',
            "'x'",
            2,
        ),
    ],
)
def test_a_mistake_is_reported_with_its_position(tmp_path, text, message, line) -> None:
    with pytest.raises(InvalidInput) as caught:
        measure(tmp_path, text)
    (problem,) = caught.value.problems
    assert message in problem.message
    assert problem.place.line == line


def test_branches_without_fields_are_no_traceback(tmp_path) -> None:
    assert measure(tmp_path, "SF:a\nDA:1,1\nBRDA:\nBRDA:1\nend_of_record\n").count_lines() == (1, 1)


def test_reports_of_the_installed_coverage(tmp_path) -> None:
    (tmp_path / "code.py").write_text("def used(x):\n    if x:\n        return 1\n    return 2\n\n\nused(1)\n")
    environment = os.environ | {"COVERAGE_FILE": str(tmp_path / "data")}

    def run(*words):
        subprocess.run(
            [sys.executable, "-m", "coverage", *words], cwd=tmp_path, env=environment, check=True, capture_output=True
        )

    run("run", "--branch", "code.py")
    run("xml", "-o", "coverage.xml")
    run("lcov", "-o", "coverage.lcov")
    for name in ("coverage.xml", "coverage.lcov"):
        found = coverage.read_reports([tmp_path / name])
        assert (found.count_lines(), found.count_branches()) == ((4, 5), (1, 2)), name


def test_the_metrics_of_a_component(tmp_path) -> None:
    path = coverage.write_coverage(tmp_path / "out", "storage", measure(tmp_path, LCOV))
    assert path.name == "coverage@storage.prom"
    series = {(one.name, one.labels.get("state", "")): one.value for one in prom_file.parse_series(path.read_text())}
    assert series == {
        ("test_coverage_ratio", ""): 0.5,
        ("test_branch_coverage_ratio", ""): 0.5,
        ("test_coverage_lines", "covered"): 2,
        ("test_coverage_lines", "missed"): 2,
    }
