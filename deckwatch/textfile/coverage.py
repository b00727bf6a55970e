"""Coverage of a component: lines and branches of all its reports, each source counted once, and its metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core import plugins
from deckwatch.core.problems import InvalidInput, Place, Problem
from deckwatch.instrument.metrics import MetricDeclaration
from deckwatch.textfile import coverage_formats, prom_file
from deckwatch.textfile.prom_file import Series

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from types import ModuleType

RATIO = MetricDeclaration(
    "test_coverage_ratio", "gauge", "Share of the lines that tests execute.", ("component",), "ratio"
)
BRANCH_RATIO = MetricDeclaration(
    "test_branch_coverage_ratio", "gauge", "Share of the branches that tests take.", ("component",), "ratio"
)
LINES = MetricDeclaration(
    "test_coverage_lines", "gauge", "Lines of code by state: covered or missed.", ("component", "state")
)
COMMAND = "coverage"
METRICS = (RATIO, BRANCH_RATIO, LINES)

_HEAD_BYTES = 1 << 16
_MAX_LINE = 5_000_000  # number of a line within its file
_MAX_LINES = 50_000_000  # of all sources
_MISSED, _COVERED = 1, 2


class Coverage:
    """Which lines and branches of which sources are covered. A line that one report covers is covered."""

    def __init__(self) -> None:
        self._lines: dict[str, bytearray] = {}  # by source, the state of each line by its number
        self._branches: dict[tuple[str, str], tuple[int, int]] = {}  # by source and line: covered, all
        self._size = 0

    def place(self, path: Path, line: int, column: int) -> Place:
        """Return a position in a report."""
        return Place(str(path), line, column)

    def parse_count(self, text: str, place: Place) -> int:
        """Return a number of a report; raises InvalidInput."""
        if not text.isascii() or not text.isdigit() or len(text) > 20:
            raise InvalidInput([Problem(place, f"expected a whole number, not {text[:40]!r}", check="coverage")])
        return int(text)

    def add_line(self, source: str, number: str, hits: str, place: Place) -> None:
        """Add a line of a source with the number of its executions. Raises InvalidInput."""
        at = self.parse_count(number, place)
        if at > _MAX_LINE:
            message = f"line {at} of {source}: a file has at most {_MAX_LINE:,} lines"
            raise InvalidInput([Problem(place, message, check="coverage")])
        states = self._lines.setdefault(source, bytearray())
        if at >= len(states):
            self._size += at + 1 - len(states)
            if self._size > _MAX_LINES:
                raise InvalidInput([Problem(place, f"more than {_MAX_LINES:,} lines", check="coverage")])
            states.extend(bytes(at + 1 - len(states)))
        executed = self.parse_count(hits.removeprefix("-"), place) and not hits.startswith("-")
        states[at] = max(states[at], _COVERED if executed else _MISSED)

    def add_branches(self, source: str, number: str, covered: int, total: int) -> None:
        """Add the branches of a line of a source; of several reports, the best counts."""
        before = self._branches.get((source, number), (0, 0))
        self._branches[source, number] = (max(before[0], min(covered, total)), max(before[1], total))

    def count_lines(self) -> tuple[int, int]:
        """Return the numbers of covered lines and of all."""
        covered = sum(states.count(_COVERED) for states in self._lines.values())
        return covered, covered + sum(states.count(_MISSED) for states in self._lines.values())

    def count_branches(self) -> tuple[int, int]:
        """Return the numbers of covered branches and of all."""
        counts = self._branches.values()
        return sum(covered for covered, _ in counts), sum(total for _, total in counts)


def read_reports(paths: Iterable[Path]) -> Coverage:
    """Return the coverage of several reports together; raises InvalidInput with the problems of all."""
    formats = [module for _, module in plugins.import_modules(coverage_formats)]
    coverage = Coverage()
    problems: list[Problem] = []
    last: Path | str = ""
    for path in paths:
        try:
            _find_format(path, formats).read_report(path, coverage)
        except InvalidInput as error:
            problems += error.problems
        except OSError as error:
            problems.append(Problem(Place(str(path)), f"cannot be read: {error.strerror}", check="coverage"))
        last = path
    if not problems and not coverage.count_lines()[1]:
        message = "it lists no lines of code"
        problems.append(Problem(Place(str(last)), message, "was anything measured?", check="coverage"))
    if problems:
        raise InvalidInput(problems)
    return coverage


def _find_format(path: Path, formats: Iterable[ModuleType]) -> ModuleType:
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    encoding = "utf-16" if head.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8"
    text = head.decode(encoding, "replace")
    for module in formats:
        if module.is_format(text):
            return module
    names = ", ".join(module.NAME for module in formats)
    raise InvalidInput([Problem(Place(str(path), 1, 1), f"not a report of {names}", check="coverage")])


def write_coverage(folder: Path, component: str, coverage: Coverage) -> Path:
    """Write the metrics of a component's coverage, and return the file's path. Raises DeckwatchError."""
    covered, lines = coverage.count_lines()
    taken, branches = coverage.count_branches()
    families: list[prom_file.Family] = [
        (RATIO, [Series(covered / lines, (component,))] if lines else []),
        (BRANCH_RATIO, [Series(taken / branches, (component,))] if branches else []),
        (LINES, [Series(covered, (component, "covered")), Series(lines - covered, (component, "missed"))]),
    ]
    path = folder / prom_file.file_name("coverage", component)
    prom_file.write_text(path, prom_file.render_families(families))
    return path
