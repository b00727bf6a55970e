"""A report as JSON, for programs; `report.schema.json` beside this package describes it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from deckwatch.reports.model import DATE, TIME, Advice, Graph, Table, Text
from deckwatch.reports.texts import format_cell, iso_time

if TYPE_CHECKING:
    from deckwatch.reports.model import Fact, Report, Section, Value

SUFFIX = "json"
MIME_TYPE = "application/json"
MARK = b'"generator": "deckwatch report"'
_SCHEMA = Path(__file__).parent.with_name("report.schema.json")
VERSION = 1  # of the schema; higher only when a field is renamed, removed or has another meaning


def read_schema() -> str:
    """Return the JSON Schema of the format."""
    return _SCHEMA.read_text(encoding="utf-8")


def render(report: Report) -> bytes:
    """Return the report; numbers are as Prometheus has them, times have the offset of the report's zone."""
    coverage, zone = report.coverage, report.zone
    data = {
        "generator": "deckwatch report",
        "version": VERSION,
        "title": report.title,
        "for": report.audience,
        "created": iso_time(report.created, zone),
        "zone": zone.key,
        "start": iso_time(report.start, zone),
        "end": iso_time(report.end, zone),
        "seconds": report.seconds,
        "data": {
            "since": None if coverage.since is None else iso_time(coverage.since, zone),
            "covered": coverage.covered,
            "covered_before": coverage.covered_before,
            "gaps": [[iso_time(start, zone), iso_time(end, zone)] for start, end in coverage.gaps],
        },
        "notes": list(report.notes),
        "left_out": list(report.left_out),
        "facts": [_fact_fields(fact, report) for fact in report.facts],
        "findings": [{"text": finding.text, "tone": finding.tone} for finding in report.findings],
        "sections": [_section_fields(section, report) for section in report.sections],
    }
    return orjson.dumps(data, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _section_fields(section: Section, report: Report) -> dict[str, Any]:
    tables = [block for block in section.blocks if isinstance(block, Table)]
    graphs = [block for block in section.blocks if isinstance(block, Graph)]
    texts = [block for block in section.blocks if isinstance(block, Text)]
    advice = [block for block in section.blocks if isinstance(block, Advice)]
    return {
        "key": section.key,
        "title": section.title,
        "faults": list(section.faults),
        "texts": [{"key": text.key, "items": list(text.items)} for text in texts],
        "tables": [_table_fields(table, report) for table in tables],
        "graphs": [_graph_fields(graph, report) for graph in graphs],
        "advice": [_advice_fields(each) for each in advice],
    }


def _advice_fields(advice: Advice) -> dict[str, Any]:
    return {
        "key": advice.key,
        "title": advice.title,
        "tone": advice.tone,
        "sentences": list(advice.sentences),
        "reason": advice.reason,
        "steps": list(advice.steps),
        "omitted": advice.omitted,
    }


def _table_fields(table: Table, report: Report) -> dict[str, Any]:
    keys = [column.key for column in table.columns]
    return {
        "key": table.key,
        "caption": table.caption,
        "columns": [{"key": column.key, "title": column.title} for column in table.columns],
        "rows": [
            {key: _value_fields(value, report) for key, value in zip(keys, row, strict=True)} for row in table.rows
        ],
        "omitted": table.omitted,
    }


def _graph_fields(graph: Graph, report: Report) -> dict[str, Any]:
    return {
        "key": graph.key,
        "title": graph.title,
        "unit": graph.unit,
        "times": [iso_time(at, report.zone) for at in graph.times],
        "lines": [{"name": line.name, "values": list(line.values)} for line in graph.lines],
        "bands": [[iso_time(band.start, report.zone), iso_time(band.end, report.zone)] for band in graph.bands],
        "omitted": graph.omitted,
    }


def _fact_fields(fact: Fact, report: Report) -> dict[str, Any]:
    return {"key": fact.key, "title": fact.title, **_value_fields(fact.value, report), "note": fact.note}


def _value_fields(value: Value, report: Report) -> dict[str, Any]:
    """Return a value with the text that people see; `value` is null for texts and where nothing is known."""
    number: float | str | None = value.number
    if value.number is not None and value.unit in (TIME, DATE):
        number = iso_time(value.number, report.zone)
    return {"value": number, "unit": value.unit, "text": format_cell(value, report.zone), "tone": value.tone}
