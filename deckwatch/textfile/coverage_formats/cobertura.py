"""Cobertura's XML, which coverage.py, Istanbul, gcovr and coverlet write too.

https://github.com/cobertura/cobertura/blob/master/cobertura/src/site/htdocs/xml/coverage-04.dtd
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from deckwatch.textfile.xml_events import read_events

if TYPE_CHECKING:
    from pathlib import Path

    from deckwatch.textfile.coverage import Coverage

NAME = "Cobertura"
_BRANCHES = re.compile(r"\((\d{1,9})/(\d{1,9})\)")  # condition-coverage="50% (1/2)"


def is_format(head: str) -> bool:
    """Return whether a file that begins so is of this format; Clover's root has the same name."""
    return bool(re.search(r"<coverage[\s>]", head)) and not re.search(r"<coverage[^>]*\sclover=", head)


def read_report(path: Path, coverage: Coverage) -> None:
    """Add the lines of classes; those of their methods repeat them."""
    source = ""
    methods = 0
    for event in read_events(path):
        if event.name == "class" and event.is_start:
            source = event.attributes.get("filename") or event.attributes.get("name", "")
        elif event.name == "methods":
            methods += 1 if event.is_start else -1
        elif event.name == "line" and event.is_start and not methods:
            place = coverage.place(path, event.line, event.column)
            attributes = event.attributes
            coverage.add_line(source, attributes.get("number", ""), attributes.get("hits", ""), place)
            if match := _BRANCHES.search(attributes.get("condition-coverage", "")):
                coverage.add_branches(source, attributes.get("number", ""), int(match[1]), int(match[2]))
