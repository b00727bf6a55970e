"""A report as Markdown with GitHub's tables, for issues, wikis and chats. Graphs are tables of their ranges."""

from __future__ import annotations

import re
import statistics
from typing import TYPE_CHECKING

from deckwatch.core.markdown import separate_mentions
from deckwatch.provisioning.kpi_format import draw_sparkline, format_value
from deckwatch.reports.model import NO_VALUE, Advice, Graph, Table
from deckwatch.reports.numbers import mean_of
from deckwatch.reports.texts import describe_range, format_cell, format_day

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.reports.model import Fact, Report, Section, Text

SUFFIX = "md"
MIME_TYPE = "text/markdown"
MARK = b"<!-- deckwatch report -->"
_FLAT = 0.001  # difference of peak and low, as a share
_SPARK_POINTS = 42  # one for each four hours of a week
_SPECIAL = re.compile(r"([\\`*_{}\[\]|~#$])")
# What begins a list, a heading or a rule only at the start of a line, and only before a space or more of it.
_NUMBERED = re.compile(r"^(\d+)([.)])(?=\s|$)")
_LINE_START = re.compile(r"^(?=[-+=](?:[\s=-]|$))")
_MARKS = {"bad": "🔴", "warning": "🟠", "good": "🟢", "none": "•"}


def render(report: Report) -> bytes:
    """Return the report."""
    return ("\n".join(_render_lines(report)) + "\n").encode(errors="replace")


def escape_text(text: str) -> str:
    """Return text that Markdown shows as it is, on one line: neither markup nor HTML, nor GitHub's mentions."""
    line = " ".join(text.split())
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    escaped = _LINE_START.sub(r"\\", _NUMBERED.sub(r"\1\\\2", _SPECIAL.sub(r"\\\1", line)))
    return separate_mentions(escaped)


def _render_lines(report: Report) -> Iterator[str]:
    yield MARK.decode()
    yield f"# {escape_text(report.title)}"
    yield ""
    yield escape_text(describe_range(report))
    yield from _render_summary(report)
    for section in report.sections:
        yield from _render_section(section, report)
    yield ""
    yield "---"
    yield ""
    created = format_day(report.created, report.zone)
    left_out = f" No data: {', '.join(report.left_out)}." if report.left_out else ""
    yield escape_text(f"Written by Deckwatch on {created} from {report.source}.{left_out}")


def _render_summary(report: Report) -> Iterator[str]:
    yield ""
    yield "## Summary"
    yield ""
    for finding in report.findings:
        yield f"- {_MARKS[finding.tone]} {escape_text(finding.text)}"
    for note in report.notes:
        yield f"- {escape_text(note)}"
    yield ""
    yield from _render_facts(report.facts, report)


def _render_facts(facts: Sequence[Fact], report: Report) -> Iterator[str]:
    if facts:
        yield "| Figure | Value | |"
        yield "|---|---:|---|"
    for fact in facts:
        value = escape_text(format_cell(fact.value, report.zone))
        yield f"| {escape_text(fact.title)} | {value} | {escape_text(fact.note)} |"


def _render_section(section: Section, report: Report) -> Iterator[str]:
    yield ""
    yield f"## {escape_text(section.title)}"
    for fault in section.faults:
        yield ""
        yield f"> Some values could not be read: {escape_text(fault)}"
    for block in section.blocks:
        yield ""
        if isinstance(block, Table):
            yield from _render_table(block, report)
        elif isinstance(block, Graph):
            yield from _render_graph(block)
        elif isinstance(block, Advice):
            yield from _render_advice(block)
        else:
            yield from _render_text(block)


def _render_advice(advice: Advice) -> Iterator[str]:
    yield f"### {_MARKS[advice.tone]} {escape_text(advice.title)}"
    yield ""
    yield from (f"- {escape_text(sentence)}" for sentence in advice.sentences)
    if advice.omitted:
        yield f"- and {advice.omitted} more"
    yield ""
    yield _keep_code(advice.reason)
    yield ""
    yield from (f"{number}. {_keep_code(step)}" for number, step in enumerate(advice.steps, 1))


def _keep_code(text: str) -> str:
    """Return the text of a rule, in which commands are between backticks, as Markdown has them."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return escape_text(text)
    # Without spaces at its ends, escaped text would run into the code.
    return "".join(f"`{part}`" if number % 2 else _escape_inner(part) for number, part in enumerate(parts))


def _escape_inner(text: str) -> str:
    lead = " " if text[:1].isspace() else ""
    trail = " " if text[-1:].isspace() and text.strip() else ""
    return f"{lead}{escape_text(text)}{trail}"


def _render_text(text: Text) -> Iterator[str]:
    for number, item in enumerate(text.items):
        if text.is_list:
            yield f"- {escape_text(item)}"
        else:
            yield from ["", escape_text(item)] if number else [escape_text(item)]


def _render_table(table: Table, report: Report) -> Iterator[str]:
    yield f"**{escape_text(table.caption)}**"
    yield ""
    yield f"| {' | '.join(escape_text(column.title) for column in table.columns)} |"
    yield f"|{'|'.join('---:' if column.is_number else '---' for column in table.columns)}|"
    for row in table.rows:
        yield f"| {' | '.join(escape_text(format_cell(value, report.zone)) for value in row)} |"
    if table.omitted:
        yield ""
        yield f"and {table.omitted} more"


def _render_graph(graph: Graph) -> Iterator[str]:
    yield f"**{escape_text(graph.title)}**"
    yield ""
    yield "| Series | Low | Median | Peak | Trend |"  # a mean of points is not the ratio of the whole time
    yield "|---|---:|---:|---:|---|"
    for line in graph.lines:
        known = [value for value in line.values if value is not None]
        figures = (min(known), statistics.median(known), max(known)) if known else (None, None, None)
        cells = [NO_VALUE if figure is None else escape_text(format_value(figure, graph.unit)) for figure in figures]
        step = max(len(line.values) // _SPARK_POINTS, 1)
        course = [mean_of(line.values[start : start + step]) for start in range(0, len(line.values), step)]
        if known and max(known) - min(known) <= _FLAT * abs(max(known)):
            course = [None if value is None else 0.0 for value in course]  # its ups and downs are noise
        yield f"| {escape_text(line.name)} | {' | '.join(cells)} | {draw_sparkline(course)} |"
    if graph.omitted:
        yield ""
        yield f"and {graph.omitted} more series"
