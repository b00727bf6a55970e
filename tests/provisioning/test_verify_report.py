"""Reports for CI: JUnit counts match the results, and Markdown tables survive any title."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from deckwatch.core.problems import Place
from deckwatch.provisioning import verify_report
from deckwatch.provisioning.verify import Query, QueryResult


def result(status, title="A", page="Host", seconds=0.5, detail=""):
    return QueryResult(Query(page, "panel", title, "up", False, Place("a.yaml", 3, 4)), status, seconds, detail)


RESULTS = [
    result("data", seconds=0.1),
    result("nothing", "B | C", seconds=2.0),
    result("wrong", "W", detail="no series has the label x", page="Other"),
    result("error", "E\x00", detail='a "bad" <thing>\x07 & more', page="Other"),
    result("empty", detail="a stated reason", page="Third"),
    result("not watched", detail="no pg_up", page="Fourth"),
]


def test_junit_counts_every_result_once() -> None:
    root = ET.fromstring(verify_report.render_junit(RESULTS))
    assert {key: root.get(key) for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": "6",
        "failures": "2",
        "errors": "1",
        "skipped": "2",
    }
    assert [suite.get("name") for suite in root] == ["Host", "Other", "Third", "Fourth"]
    failed = root.find("./testsuite[@name='Host']/testcase/failure")
    assert failed is not None
    assert failed.get("message") == "no data"
    assert failed.text == "a.yaml:3:4\nup"
    error = root.find(".//error")
    assert error is not None
    assert error.get("message") == 'a "bad" <thing> & more'
    assert all(case.get("line") == "3" for case in root.iter("testcase"))


def test_markdown_has_a_row_for_each_page_and_each_fault() -> None:
    text = verify_report.render_markdown(RESULTS, limit=2)
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert "6 queries, 3 with a fault." in text
    assert "- `a.yaml:3:4`: Host, panel B \\| C: no data" in text
    assert [row.count("|") - row.count("\\|") for row in rows if "verdict" not in row][:5] == [10] * 5
    assert "| Host | 1 |  |  | 1 |  |  | 2.10 s | faulty |" in rows
    assert "| Fourth |  |  | 1 |  |  |  | 0.50 s | not watched |" in rows
    assert "| Host, B \\| C | 2.000 s |" in rows


def test_the_slowest_results_are_first() -> None:
    assert [one.seconds for one in verify_report.slowest_results(RESULTS, 2)] == [2.0, 0.5]
    assert verify_report.slowest_results(RESULTS, 0) == []
