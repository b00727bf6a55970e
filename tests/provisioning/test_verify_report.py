"""Reports for CI: JUnit's counts are those of the answers, and Markdown is a table however titles are spelt."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from deckwatch.core.problems import Place
from deckwatch.provisioning import verify_report
from deckwatch.provisioning.verify import Query, QueryResult


def answer(status, title="A", page="Host", seconds=0.5, said=""):
    return QueryResult(Query(page, "panel", title, "up", False, Place("a.yaml", 3, 4)), status, seconds, said)


ANSWERS = [
    answer("data", seconds=0.1),
    answer("nothing", "B | C", seconds=2.0),
    answer("wrong", "W", said="no series has the label x", page="Other"),
    answer("error", "E\x00", said='a "bad" <thing>\x07 & more', page="Other"),
    answer("empty", said="it is rightly so", page="Third"),
    answer("not watched", said="no pg_up", page="Fourth"),
]


def test_junit_counts_every_answer_once() -> None:
    root = ET.fromstring(verify_report.render_junit(ANSWERS))
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
    text = verify_report.render_markdown(ANSWERS, limit=2)
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert "6 queries, 3 with a fault." in text
    assert "- `a.yaml:3:4`: Host, panel B \\| C: no data" in text
    assert [row.count("|") - row.count("\\|") for row in rows if "verdict" not in row][:5] == [10] * 5
    assert "| Host | 1 |  |  | 1 |  |  | 2.10 s | faulty |" in rows
    assert "| Fourth |  |  | 1 |  |  |  | 0.50 s | not watched |" in rows
    assert "| Host, B \\| C | 2.000 s |" in rows


def test_the_slowest_come_first() -> None:
    assert [one.seconds for one in verify_report.slowest_results(ANSWERS, 2)] == [2.0, 0.5]
    assert verify_report.slowest_results(ANSWERS, 0) == []
