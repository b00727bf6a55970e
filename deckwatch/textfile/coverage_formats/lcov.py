"""LCOV's tracefiles: https://manpages.debian.org/stable/lcov/geninfo.1.en.html, section FILES."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from deckwatch.core.problems import InvalidInput, Problem

if TYPE_CHECKING:
    from pathlib import Path

    from deckwatch.textfile.coverage import Coverage

NAME = "LCOV"
_KEYWORD = re.compile(r"(TN|SF|FN|DA|LF|BRDA|VER):")
_MAX_LINE_BYTES = 1 << 20


def is_format(head: str) -> bool:
    """Return whether a file that begins so is of this format."""
    lines = (line.strip() for line in head.lstrip("\ufeff").splitlines())
    first = next((line for line in lines if line and not line.startswith("#")), "")
    return bool(_KEYWORD.match(first))


def read_report(path: Path, coverage: Coverage) -> None:
    """Add the lines (DA) and branches (BRDA) of each record. A record without its end was cut off."""
    source, number = "", 0
    branches: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    with path.open("rb") as file:
        while line := file.readline(_MAX_LINE_BYTES):
            number += 1
            word, _, rest = line.decode("utf-8", "replace").strip().partition(":")
            place = coverage.place(path, number, 1)
            if word == "SF":
                source = rest
            elif word == "end_of_record":
                for at, (covered, total) in branches.items():
                    coverage.add_branches(source, at, covered, total)
                branches.clear()
                source = ""
            elif word == "DA":
                at, _, count = rest.partition(",")
                coverage.add_line(source, at, count.partition(",")[0], place)
            elif word == "BRDA":
                at, *_, taken = (*rest.split(","), "", "")[:4]
                branches[at][0] += taken not in ("", "-", "0")
                branches[at][1] += 1
    if source:
        message = f"the record of {source} has no end_of_record, as if the file were cut off"
        raise InvalidInput([Problem(coverage.place(path, number, 1), message, check="lcov")])
