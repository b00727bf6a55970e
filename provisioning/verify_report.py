"""What `verify` found, for CI: JUnit's XML, which every CI shows, and Markdown for a pull request."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from deckwatch.provisioning.verify import QueryResult

_SKIPPED = ("empty", "not watched")
COUNTED = ("data", "empty", "not watched", "nothing", "wrong", "error")


def group_by_page(answers: Iterable[QueryResult]) -> dict[str, list[QueryResult]]:
    """Return the answers by dashboard or topic, in the order in which they were asked."""
    found: dict[str, list[QueryResult]] = {}
    for answer in answers:
        found.setdefault(answer.query.page, []).append(answer)
    return found


def page_verdict(answers: Iterable[QueryResult]) -> str:
    """Return whether a page is good, faulty, or not watched here."""
    answers = list(answers)
    if not all(answer.is_good for answer in answers):
        return "faulty"
    statuses = {answer.status for answer in answers}
    # The alerts of a dashboard are asked for in any case, and rightly are none.
    return "not watched" if "data" not in statuses and "not watched" in statuses else "good"


def fault_reason(answer: QueryResult) -> str:
    """Return what is wrong with an answer."""
    return answer.detail if answer.status in ("wrong", "error") else "no data"


def slowest_results(answers: Iterable[QueryResult], most: int) -> list[QueryResult]:
    """Return the answers that took longest, the slowest first."""
    return sorted(answers, key=lambda answer: -answer.seconds)[:most]


def render_junit(answers: Sequence[QueryResult]) -> str:
    """Return the answers as JUnit's XML: a suite for each page, a case for each query."""
    root = ET.Element("testsuites", {"name": "deckwatch verify", **_suite_counts(answers)})
    for page, mine in group_by_page(answers).items():
        suite = ET.SubElement(root, "testsuite", {"name": _xml_text(page), **_suite_counts(mine)})
        for answer in mine:
            question = answer.query
            case = ET.SubElement(
                suite,
                "testcase",
                name=_xml_text(f"{question.kind} {question.title}"),
                classname=_xml_text(page),
                time=f"{answer.seconds:.3f}",
                file=question.place.file,
                line=str(question.place.line),
            )
            if answer.status in _SKIPPED:
                ET.SubElement(case, "skipped", message=_xml_text(answer.detail))
            elif not answer.is_good:
                kind = "error" if answer.status == "error" else "failure"
                told = ET.SubElement(case, kind, message=_xml_text(fault_reason(answer)))
                told.text = _xml_text(f"{question.place}\n{question.expr}")
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def render_markdown(answers: Sequence[QueryResult], most: int = 5) -> str:
    """Return the answers as Markdown: the faults, a table of pages, and the slowest queries."""
    return "\n".join(_markdown_lines(answers, most)) + "\n"


def _markdown_lines(answers: Sequence[QueryResult], most: int) -> Iterator[str]:
    faults = [answer for answer in answers if not answer.is_good]
    yield "# Queries\n"
    yield f"{len(answers)} queries were asked, {len(faults)} of them are at fault.\n"
    for answer in faults:
        question = answer.query
        yield f"- `{question.place}`: {question.page}, {question.kind} {_table_cell(question.title)}: {_table_cell(fault_reason(answer))}"
    yield "\n| page | data | empty | not watched | no data | wrong | errors | time | |"
    yield "|---|--:|--:|--:|--:|--:|--:|--:|---|"
    for page, mine in group_by_page(answers).items():
        counts = " | ".join(str(sum(one.status == word for one in mine) or "") for word in COUNTED)
        yield f"| {_table_cell(page)} | {counts} | {sum(one.seconds for one in mine):.2f} s | {page_verdict(mine)} |"
    yield "\n| slowest | time |\n|---|--:|"
    for answer in slowest_results(answers, most):
        yield f"| {_table_cell(answer.query.page)}, {_table_cell(answer.query.title)} | {answer.seconds:.3f} s |"


def _suite_counts(answers: Sequence[QueryResult]) -> dict[str, str]:
    statuses = [answer.status for answer in answers]
    return {
        "tests": str(len(statuses)),
        "failures": str(sum(one in ("nothing", "wrong") for one in statuses)),
        "errors": str(statuses.count("error")),
        "skipped": str(sum(one in _SKIPPED for one in statuses)),
        "time": f"{sum(answer.seconds for answer in answers):.3f}",
    }


def _xml_text(text: str) -> str:
    """Return a text without the characters that XML cannot hold."""
    return "".join(one for one in text if one in "\t\n" or one >= " ")


def _table_cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
