"""JaCoCo's XML: https://www.jacoco.org/jacoco/trunk/coverage/report.dtd."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from deckwatch.textfile.xml_events import read_events

if TYPE_CHECKING:
    from pathlib import Path

    from deckwatch.textfile.coverage import Coverage

NAME = "JaCoCo"


def is_format(head: str) -> bool:
    """Return whether a file that begins so is of this format."""
    return bool(re.search(r"<report[\s>]", head))


def read_report(path: Path, coverage: Coverage) -> None:
    """Add the lines of source files; a line with a covered instruction (`ci`) is covered, `cb` of its branches are."""
    group = package = source = ""
    for event in read_events(path):
        attributes = event.attributes
        if event.name == "group":
            group = attributes.get("name", "") if event.is_start else ""
        elif event.name == "package":
            package = attributes.get("name", "") if event.is_start else ""
        elif event.name == "sourcefile":
            source = f"{group}/{package}/{attributes.get('name', '')}" if event.is_start else ""
        elif event.name == "line" and event.is_start and source:
            place = coverage.place(path, event.line, event.column)
            coverage.add_line(source, attributes.get("nr", ""), attributes.get("ci", ""), place)
            covered, missed = (coverage.parse_count(attributes.get(name, "0"), place) for name in ("cb", "mb"))
            if covered + missed:
                coverage.add_branches(source, attributes.get("nr", ""), covered, covered + missed)
