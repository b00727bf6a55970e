"""A report as one HTML file without scripts and external addresses, for a browser, a phone, a printer or a mail."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from deckwatch.provisioning.kpi_format import format_value
from deckwatch.reports.chart import draw_graph
from deckwatch.reports.model import DATE, NO_VALUE, TIME, Advice, Graph, Table
from deckwatch.reports.texts import describe_range, format_cell, format_day, format_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.reports.model import Block, Fact, Finding, Report, Section, Text, Value

SUFFIX = "html"
MIME_TYPE = "text/html"
MARK = b'<meta name="generator" content="deckwatch report">'
_DENSE_COLUMNS = 9  # from which on a table is set smaller
MAX_TABLE_TIMES = 28  # rows of the table behind a graph
_WORD_END = re.compile(r"(?<=[a-z])(?=[A-Z][a-z])")  # where the name of an alert may continue on the next line
_STYLE_FILE = Path(__file__).parent.with_name("report.css")
_CODE = re.compile(r"`([^`]+)`")
_SIGNS = {"bad": ("▲", "Bad: "), "warning": ("◆", "Warning: "), "good": ("✓", "Good: "), "none": ("•", "")}


def render(report: Report) -> bytes:
    """Return the report."""
    return ("\n".join(_render_page(report)) + "\n").encode(errors="replace")


def render_notice(title: str, text: str) -> bytes:
    """Return a page with a title and a message, in the style of reports."""
    sentence = f"{text[:1].upper()}{text[1:]}."
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)}</title><style>{read_style()}</style>\n</head>\n<body>\n"
        f'<header class="masthead">\n<h1>{escape(title)}</h1>\n</header>\n<main>'
        f"<section><p>{escape(sentence)}</p></section></main>\n"
        "</body>\n</html>\n"
    ).encode(errors="replace")


def read_style() -> str:
    """Return the content of the only element `style` of a page, which a content security policy names by its hash."""
    return f"\n{_STYLE_FILE.read_text(encoding='utf-8')}"


def _render_page(report: Report) -> Iterator[str]:
    span = describe_range(report)
    yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield MARK.decode()
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<meta name="color-scheme" content="light dark">'
    yield f"<title>{escape(report.title)}, {escape(span)}</title>"
    yield f"<style>{read_style()}</style>\n</head>\n<body>"
    yield f'<header class="masthead">\n<h1>{escape(report.title)}</h1>\n<p>{escape(span)}</p>\n</header>'
    yield "<main>"
    yield from _render_summary(report)
    for section in report.sections:
        yield from _render_section(section, report)
    yield "</main>"
    yield from _render_footer(report)
    yield "</body>\n</html>"


def _render_summary(report: Report) -> Iterator[str]:
    yield '<section id="summary" aria-labelledby="summary-title">\n<h2 id="summary-title">Summary</h2>'
    yield from _render_facts(report.facts, report)
    if report.findings:
        yield f'<ul class="findings">{"".join(map(_render_finding, report.findings))}</ul>'
    if report.notes:
        notes = "".join(f"<li>{escape(note)}</li>" for note in report.notes)
        yield f'<div class="notes"><h3>About the data</h3><ul>{notes}</ul></div>'
    yield "</section>"
    links = "".join(f'<li><a href="#{each.key}">{escape(each.title)}</a></li>' for each in report.sections)
    yield f'<nav aria-label="Sections"><ul>{links}</ul></nav>'


def _render_facts(facts: Sequence[Fact], report: Report) -> Iterator[str]:
    if not facts:
        return
    yield '<dl class="facts">'
    for fact in facts:
        value = escape(format_cell(fact.value, report.zone))
        note = f'<dd class="note">{escape(fact.note)}</dd>' if fact.note else ""
        yield (
            f'<div class="fact {fact.value.tone}"><dt>{escape(fact.title)}</dt>'
            f'<dd class="figure">{value}</dd>{note}</div>'
        )
    yield "</dl>"


def _render_finding(finding: Finding) -> str:
    sign, word = _SIGNS[finding.tone]
    spoken = f'<span class="spoken">{word}</span>' if word else ""
    return (
        f'<li class="{finding.tone}"><span class="sign" aria-hidden="true">{sign}</span>'
        f"<span>{spoken}{escape(finding.text)}</span></li>"
    )


def _render_section(section: Section, report: Report) -> Iterator[str]:
    key = section.key
    yield f'<section id="{key}" aria-labelledby="{key}-title">\n<h2 id="{key}-title">{escape(section.title)}</h2>'
    for fault in section.faults:
        yield f'<p class="fault">Some values could not be read: {escape(fault)}</p>'
    graphs: list[str] = []
    for block in section.blocks:
        if isinstance(block, Graph):
            graphs.append("".join(_render_graph(block, key, report)))
            continue
        if graphs:
            yield f'<div class="graphs">{"".join(graphs)}</div>'
            graphs = []
        yield from _render_block(block, report)
    if graphs:
        yield f'<div class="graphs">{"".join(graphs)}</div>'
    yield "</section>"


def _render_block(block: Block, report: Report) -> Iterator[str]:
    if isinstance(block, Table):
        yield from _render_table(block, report)
    elif isinstance(block, Advice):
        yield from _render_advice(block)
    elif not isinstance(block, Graph):
        yield from _render_text(block)


def _render_advice(advice: Advice) -> Iterator[str]:
    sign, word = _SIGNS[advice.tone]
    spoken = f'<span class="spoken">{word}</span>' if word else ""
    yield (
        f'<div class="advice {advice.tone}"><h3><span class="sign" aria-hidden="true">{sign}</span>'
        f"{spoken}{escape(advice.title)}</h3>"
    )
    more = f"<li>and {advice.omitted} more</li>" if advice.omitted else ""
    yield f"<ul>{''.join(f'<li>{escape(sentence)}</li>' for sentence in advice.sentences)}{more}</ul>"
    yield f"<p>{_mark_code(advice.reason)}</p>"
    yield f"<ol>{''.join(f'<li>{_mark_code(step)}</li>' for step in advice.steps)}</ol></div>"


def _mark_code(text: str) -> str:
    """Return the text of a rule, in which commands are between backticks."""
    return _CODE.sub(r"<code>\1</code>", escape(text))


def _render_text(text: Text) -> Iterator[str]:
    if text.is_list:
        yield f"<ul>{''.join(f'<li>{escape(item)}</li>' for item in text.items)}</ul>"
    else:
        yield from (f"<p>{escape(item)}</p>" for item in text.items)


def _render_table(table: Table, report: Report) -> Iterator[str]:
    # On a phone each row is a card; the roles keep it a table for screen readers.
    kind = ' class="dense"' if len(table.columns) > _DENSE_COLUMNS else ""
    yield f'<table role="table"{kind}>\n<caption>{escape(table.caption)}</caption>'
    heads = "".join(
        f'<th scope="col" role="columnheader"{_number_class(number=column.is_number)}>{escape(column.title)}</th>'
        for column in table.columns
    )
    yield f'<thead role="rowgroup"><tr role="row">{heads}</tr></thead>\n<tbody role="rowgroup">'
    for row in table.rows:
        first, *others = row
        cells = [f'<th scope="row" role="rowheader">{_render_value(first, report)}</th>']
        for column, value in zip(table.columns[1:], others, strict=True):
            kind = " ".join(word for word in ("n" if column.is_number else "", value.tone) if word not in ("", "none"))
            shown = f' class="{kind}"' if kind else ""
            cells.append(
                f'<td role="cell" data-label="{escape(column.title)}"{shown}>{_render_value(value, report)}</td>'
            )
        yield f'<tr role="row">{"".join(cells)}</tr>'
    yield "</tbody>\n</table>"
    if table.omitted:
        yield f'<p class="omitted">and {table.omitted} more</p>'


def _render_value(value: Value, report: Report) -> str:
    text = _WORD_END.sub("<wbr>", escape(format_cell(value, report.zone)))
    return f"<time>{text}</time>" if value.unit in (TIME, DATE) and value.number is not None else text


def _number_class(*, number: bool) -> str:
    return ' class="n"' if number else ""


def _render_graph(graph: Graph, section: str, report: Report) -> Iterator[str]:
    name = f"{section}-{graph.key}"
    yield f"<figure>\n<figcaption>{escape(graph.title)}</figcaption>\n{draw_graph(graph, name, report.zone)}"
    yield '<ul class="legend">'
    for number, line in enumerate(graph.lines):
        mark = _draw_swatch(f'<path class="line s{number}" d="M1 5H23"/>')
        yield f"<li>{mark}{escape(line.name)}</li>"
    if graph.bands:
        mark = _draw_swatch('<rect class="band" width="24" height="10"/>')
        yield f"<li>{mark}{escape(graph.bands_title)}</li>"
    if graph.omitted:
        yield f"<li>and {graph.omitted} more</li>"
    yield "</ul>"
    yield from _render_graph_table(graph, report)
    yield "</figure>"


def _draw_swatch(shape: str) -> str:
    return f'<svg class="swatch" aria-hidden="true" viewBox="0 0 24 10">{shape}</svg>'


def _render_graph_table(graph: Graph, report: Report) -> Iterator[str]:
    """Yield the values behind a graph; of many times, every so many-th."""
    stride = -(-len(graph.times) // MAX_TABLE_TIMES)
    last = len(graph.times) - 1
    places = [place for place in range(len(graph.times)) if (last - place) % stride == 0]
    title = escape(graph.title)
    yield f'<details><summary>Values<span class="spoken"> of {title}</span></summary>'
    yield f'<div class="scroll" role="region" aria-label="Values of {title}" tabindex="0">'
    yield f"<table><caption>{title}</caption>"
    heads = "".join(f'<th scope="col" class="n">{escape(line.name)}</th>' for line in graph.lines)
    yield f'<thead><tr><th scope="col">Time</th>{heads}</tr></thead><tbody>'
    for place in places:
        cells = "".join(f'<td class="n">{_format_point(line.values[place], graph.unit)}</td>' for line in graph.lines)
        yield f'<tr><th scope="row">{format_time(graph.times[place], report.zone)}</th>{cells}</tr>'
    yield "</tbody></table></div></details>"


def _format_point(value: float | None, unit: str) -> str:
    return NO_VALUE if value is None else escape(format_value(value, unit))


def _render_footer(report: Report) -> Iterator[str]:
    created = format_day(report.created, report.zone)
    yield f"<footer><p>Written by Deckwatch on {escape(created)} from {escape(report.source)}.</p>"
    if report.left_out:
        yield f"<p>Left out, since Prometheus has no data for them: {escape(', '.join(report.left_out))}.</p>"
    yield "</footer>"
