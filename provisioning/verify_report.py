"""Reports of `verify` for CI: JUnit XML, which every CI displays, and Markdown for a pull request."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from deckwatch.provisioning.verify import QueryResult

_SKIPPED = ("empty", "not watched")
COUNTED = ("data", "empty", "not watched", "nothing", "wrong", "error")


def group_by_page(results: Iterable[QueryResult]) -> dict[str, list[QueryResult]]:
    """Return the results by dashboard or topic, in their original order."""
    pages: dict[str, list[QueryResult]] = {}
    for result in results:
        pages.setdefault(result.query.page, []).append(result)
    return pages


def page_verdict(results: Iterable[QueryResult]) -> str:
    """Return `good`, `faulty` or `not watched` for the results of a page."""
    results = list(results)
    if not all(result.is_good for result in results):
        return "faulty"
    statuses = {result.status for result in results}
    # A dashboard's alert queries always run, and may be empty.
    return "not watched" if "data" not in statuses and "not watched" in statuses else "good"


def fault_reason(result: QueryResult) -> str:
    """Return the fault of a result in words."""
    return result.detail if result.status in ("wrong", "error") else "no data"


def result_fields(result: QueryResult) -> dict[str, str | float | bool]:
    """Return a result for programs."""
    query = result.query
    return {
        "page": query.page,
        "kind": query.kind,
        "title": query.title,
        "status": result.status,
        "good": result.is_good,
        "detail": result.detail,
        "remark": result.remark,
        "seconds": round(result.seconds, 4),
        "expression": " ".join(query.expr.split()),
        "place": str(query.place),
    }


def slowest_results(results: Iterable[QueryResult], limit: int) -> list[QueryResult]:
    """Return the slowest results, slowest first."""
    return sorted(results, key=lambda result: -result.seconds)[:limit]


def render_junit(results: Sequence[QueryResult]) -> str:
    """Return the results as JUnit XML: a suite for each page, a case for each query."""
    root = ET.Element("testsuites", {"name": "deckwatch verify", **_suite_counts(results)})
    for page, page_results in group_by_page(results).items():
        suite = ET.SubElement(root, "testsuite", {"name": _xml_text(page), **_suite_counts(page_results)})
        for result in page_results:
            _add_case(suite, result)
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _add_case(suite: ET.Element, result: QueryResult) -> None:
    query = result.query
    case = ET.SubElement(
        suite,
        "testcase",
        name=_xml_text(f"{query.kind} {query.title}"),
        classname=_xml_text(query.page),
        time=f"{result.seconds:.3f}",
        file=query.place.file,
        line=str(query.place.line),
    )
    if result.status in _SKIPPED:
        ET.SubElement(case, "skipped", message=_xml_text(result.detail))
    elif not result.is_good:
        kind = "error" if result.status == "error" else "failure"
        fault = ET.SubElement(case, kind, message=_xml_text(fault_reason(result)))
        fault.text = _xml_text(f"{query.place}\n{query.expr}")


def render_markdown(results: Sequence[QueryResult], limit: int = 5) -> str:
    """Return the results as Markdown: the faults, a table of pages, and the slowest queries."""
    return "\n".join(_markdown_lines(results, limit)) + "\n"


def _markdown_lines(results: Sequence[QueryResult], limit: int) -> Iterator[str]:
    faults = [result for result in results if not result.is_good]
    yield "# Queries\n"
    yield f"{len(results)} queries, {len(faults)} with a fault.\n"
    for result in faults:
        query, reason = result.query, _table_cell(fault_reason(result))
        yield f"- `{query.place}`: {query.page}, {query.kind} {_table_cell(query.title)}: {reason}"
    yield "\n| page | data | empty | not watched | no data | wrong | errors | time | |"
    yield "|---|--:|--:|--:|--:|--:|--:|--:|---|"
    for page, page_results in group_by_page(results).items():
        counts = " | ".join(str(sum(result.status == word for result in page_results) or "") for word in COUNTED)
        seconds = sum(result.seconds for result in page_results)
        yield f"| {_table_cell(page)} | {counts} | {seconds:.2f} s | {page_verdict(page_results)} |"
    yield "\n| slowest | time |\n|---|--:|"
    for result in slowest_results(results, limit):
        yield f"| {_table_cell(result.query.page)}, {_table_cell(result.query.title)} | {result.seconds:.3f} s |"


def _suite_counts(results: Sequence[QueryResult]) -> dict[str, str]:
    statuses = [result.status for result in results]
    return {
        "tests": str(len(statuses)),
        "failures": str(sum(status in ("nothing", "wrong") for status in statuses)),
        "errors": str(statuses.count("error")),
        "skipped": str(sum(status in _SKIPPED for status in statuses)),
        "time": f"{sum(result.seconds for result in results):.3f}",
    }


def _xml_text(text: str) -> str:
    """Return a text without the characters that XML cannot contain."""
    return "".join(character for character in text if character in "\t\n" or character >= " ")


def _table_cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
