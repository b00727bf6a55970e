"""The message that carries a report: its summary as plain text and as HTML for mail programs, with the file attached.

Mail programs drop style sheets, scripts and SVG, so that the HTML has inline styles, and the graphs are in the file.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from deckwatch.reports.delivery.message import Message, one_line
from deckwatch.reports.texts import describe_range, format_cell, format_day

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.reports.model import Fact, Finding, Report

_WORDS = {"bad": "Bad", "warning": "Warning", "good": "Good", "none": ""}
_COLORS = {"bad": "#b3261e", "warning": "#8a5200", "good": "#00694c", "none": "#1a2027"}  # on white, as in report.css
_FONT = (
    "font-family: -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif; font-size: 16px; line-height: 1.5"
)
_SHORT = 8  # letters of a value
_CELL = (
    "padding: 6px 12px 6px 0; border-bottom: 1px solid #d5dbe1; text-align: left; vertical-align: top; "
    "overflow-wrap: anywhere"
)


def compose_message(report: Report, content: bytes, file_name: str, file_type: str) -> Message:
    """Return the message for a report whose file has this content, name and MIME type."""
    return Message(
        subject=f"{report.title}, {format_day(report.start, report.zone)} to {format_day(report.end, report.zone)}",
        text="\n".join(_list_text_lines(report)).strip() + "\n",
        html="\n".join(_list_html_lines(report, file_name)) + "\n",
        file_name=file_name,
        file_type=file_type,
        content=content,
    )


def _list_text_lines(report: Report) -> Iterator[str]:
    yield from (one_line(report.title), describe_range(report), "")
    for finding in report.findings:
        word = f"{_WORDS[finding.tone]}: " if _WORDS[finding.tone] else ""
        yield f"- {word}{one_line(finding.text, len(finding.text))}"
    if report.findings:
        yield ""
    for fact in report.facts:
        note = f" ({one_line(fact.note, len(fact.note))})" if fact.note else ""
        yield f"{one_line(fact.title)}: {one_line(format_cell(fact.value, report.zone))}{note}"
    if report.facts:
        yield ""
    for note in report.notes:
        yield from (one_line(note, len(note)), "")


def _list_html_lines(report: Report, file_name: str) -> Iterator[str]:
    yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{escape(report.title)}</title>\n</head>"
    yield f'<body style="margin: 0; padding: 16px; background: #ffffff; color: #1a2027; {_FONT}">'
    yield f'<h1 style="margin: 0; font-size: 24px; line-height: 1.25">{escape(report.title)}</h1>'
    yield f'<p style="margin: 4px 0 16px; color: #55606c">{escape(describe_range(report))}</p>'
    if report.findings:
        yield f'<ul style="margin: 0 0 16px; padding-left: 20px">{"".join(map(_render_finding, report.findings))}</ul>'
    if report.facts:
        rows = "".join(_render_fact(fact, report) for fact in report.facts)
        yield f'<table style="border-collapse: collapse; margin: 0 0 16px">{rows}</table>'
    for note in report.notes:
        yield f'<p style="margin: 0 0 12px; color: #55606c">{escape(note)}</p>'
    yield f"<p>The whole report is attached: {escape(file_name)}</p>\n</body>\n</html>"


def _render_finding(finding: Finding) -> str:
    word = _WORDS[finding.tone]
    mark = f'<strong style="color: {_COLORS[finding.tone]}">{word}:</strong> ' if word else ""
    return f'<li style="margin: 4px 0; overflow-wrap: anywhere">{mark}{escape(finding.text)}</li>'


def _render_fact(fact: Fact, report: Report) -> str:
    style = f"{_CELL}; font-weight: 600; color: {_COLORS[fact.value.tone]}"
    text = format_cell(fact.value, report.zone)
    if len(text) <= _SHORT:
        text = text.replace(" ", "\N{NO-BREAK SPACE}")  # between a number and its unit
    return (
        f'<tr><th scope="row" style="{_CELL}; font-weight: 400">{escape(fact.title)}</th>'
        f'<td style="{style}">{escape(text)}</td>'
        f'<td style="{_CELL}; color: #55606c">{escape(fact.note)}</td></tr>'
    )
