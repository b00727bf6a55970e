"""What `verify` found, for CI: JUnit's XML, which every CI shows, and Markdown for a pull request."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from deckwatch.provisioning.verify import Answer

_SKIPPED = ("empty", "not watched")
COUNTED = ("data", "empty", "not watched", "nothing", "wrong", "error")


def pages(answers: Iterable[Answer]) -> dict[str, list[Answer]]:
    """Return the answers by dashboard or topic, in the order in which they were asked."""
    found: dict[str, list[Answer]] = {}
    for answer in answers:
        found.setdefault(answer.question.page, []).append(answer)
    return found


def verdict(answers: Iterable[Answer]) -> str:
    """Return whether a page is good, faulty, or not watched here."""
    answers = list(answers)
    if not all(answer.good for answer in answers):
        return "faulty"
    statuses = {answer.status for answer in answers}
    # The alerts of a dashboard are asked for in any case, and rightly are none.
    return "not watched" if "data" not in statuses and "not watched" in statuses else "good"


def reason(answer: Answer) -> str:
    """Return what is wrong with an answer."""
    return answer.said if answer.status in ("wrong", "error") else "no data"


def slowest(answers: Iterable[Answer], most: int) -> list[Answer]:
    """Return the answers that took longest, the slowest first."""
    return sorted(answers, key=lambda answer: -answer.seconds)[:most]


def junit(answers: Sequence[Answer]) -> str:
    """Return the answers as JUnit's XML: a suite for each page, a case for each query."""
    root = ET.Element("testsuites", {"name": "deckwatch verify", **_counts(answers)})
    for page, mine in pages(answers).items():
        suite = ET.SubElement(root, "testsuite", {"name": _legal(page), **_counts(mine)})
        for answer in mine:
            question = answer.question
            case = ET.SubElement(
                suite,
                "testcase",
                name=_legal(f"{question.kind} {question.title}"),
                classname=_legal(page),
                time=f"{answer.seconds:.3f}",
                file=question.place.file,
                line=str(question.place.line),
            )
            if answer.status in _SKIPPED:
                ET.SubElement(case, "skipped", message=_legal(answer.said))
            elif not answer.good:
                kind = "error" if answer.status == "error" else "failure"
                told = ET.SubElement(case, kind, message=_legal(reason(answer)))
                told.text = _legal(f"{question.place}\n{question.expr}")
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def markdown(answers: Sequence[Answer], most: int = 5) -> str:
    """Return the answers as Markdown: the faults, a table of pages, and the slowest queries."""
    return "\n".join(_markdown(answers, most)) + "\n"


def _markdown(answers: Sequence[Answer], most: int) -> Iterator[str]:
    faults = [answer for answer in answers if not answer.good]
    yield "# Queries\n"
    yield f"{len(answers)} queries were asked, {len(faults)} of them are at fault.\n"
    for answer in faults:
        question = answer.question
        yield f"- `{question.place}`: {question.page}, {question.kind} {_cell(question.title)}: {_cell(reason(answer))}"
    yield "\n| page | data | empty | not watched | no data | wrong | errors | time | |"
    yield "|---|--:|--:|--:|--:|--:|--:|--:|---|"
    for page, mine in pages(answers).items():
        counts = " | ".join(str(sum(one.status == word for one in mine) or "") for word in COUNTED)
        yield f"| {_cell(page)} | {counts} | {sum(one.seconds for one in mine):.2f} s | {verdict(mine)} |"
    yield "\n| slowest | time |\n|---|--:|"
    for answer in slowest(answers, most):
        yield f"| {_cell(answer.question.page)}, {_cell(answer.question.title)} | {answer.seconds:.3f} s |"


def _counts(answers: Sequence[Answer]) -> dict[str, str]:
    statuses = [answer.status for answer in answers]
    return {
        "tests": str(len(statuses)),
        "failures": str(sum(one in ("nothing", "wrong") for one in statuses)),
        "errors": str(statuses.count("error")),
        "skipped": str(sum(one in _SKIPPED for one in statuses)),
        "time": f"{sum(answer.seconds for answer in answers):.3f}",
    }


def _legal(text: str) -> str:
    """Return a text without the characters that XML cannot hold."""
    return "".join(one for one in text if one in "\t\n" or one >= " ")


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
