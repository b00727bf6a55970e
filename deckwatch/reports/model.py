"""The contents of a report, independent of any format: sections of texts, figures, tables, graphs and advice."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

Tone = Literal["good", "warning", "bad", "none"]

TIME, DATE = "time", "date"  # units: Unix seconds, shown with and without the time of day
COMPARABLE = 0.9  # share of the previous period with samples from which on a comparison is fair
_LAST_TIME = 253_370_764_800.0  # the year 9999
NO_VALUE = "\N{EN DASH}"


@dataclass(frozen=True, slots=True)
class Value:
    """A cell: a number with its unit (an id of Grafana's, TIME or DATE), or a text; neither where nothing is known."""

    number: float | None = None
    unit: str = ""
    text: str = ""
    tone: Tone = "none"
    decimals: int | None = None  # of a percentage; 0 for what is counted

    def __post_init__(self) -> None:
        """Make a number unknown that is not finite, or no time where it should be one."""
        if self.number is None:
            return
        is_time = self.unit in (TIME, DATE)
        if not math.isfinite(self.number) or (is_time and not 0 <= self.number < _LAST_TIME):
            object.__setattr__(self, "number", None)

    @property
    def is_known(self) -> bool:
        """Whether there is something to show."""
        return self.number is not None or bool(self.text)


@dataclass(frozen=True, slots=True)
class Finding:
    """A sentence that stands by itself, for the summary of the whole report."""

    text: str
    tone: Tone = "none"


@dataclass(frozen=True, slots=True)
class Fact:
    """A figure of the summary: its name, its value, and a note of a few words, such as the value before."""

    key: str
    title: str
    value: Value
    note: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table; `key` names it for programs."""

    key: str
    title: str
    is_number: bool = True


@dataclass(frozen=True, slots=True)
class Table:
    """A table. The first column names the row; `omitted` rows are not shown."""

    key: str
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Value]]
    omitted: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a graph, with a value for each time, None in gaps."""

    name: str
    values: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Band:
    """A time that a graph marks, such as an outage; Unix times."""

    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Graph:
    """Lines over Unix times at equal distances."""

    key: str
    title: str
    unit: str
    times: Sequence[float]
    lines: Sequence[Line]
    bands: Sequence[Band] = ()
    bands_title: str = ""
    omitted: int = 0


@dataclass(frozen=True, slots=True)
class Text:
    """Paragraphs, or with `is_list` the items of a list."""

    key: str
    items: Sequence[str]
    is_list: bool = False


@dataclass(frozen=True, slots=True)
class Advice:
    """What should be changed: a sentence for each subject, why it matters, and what to do step by step."""

    key: str
    title: str
    tone: Tone
    sentences: Sequence[str]
    reason: str
    steps: Sequence[str]
    omitted: int = 0


Block = Table | Graph | Text | Advice


@dataclass(frozen=True, slots=True)
class Section:
    """A section; `faults` say which of its values could not be read."""

    title: str
    blocks: Sequence[Block] = ()
    facts: Sequence[Fact] = ()
    findings: Sequence[Finding] = ()
    faults: Sequence[str] = ()
    key: str = ""


@dataclass(frozen=True, slots=True)
class Coverage:
    """What Prometheus has of the range: the Unix time of its oldest sample, the share with samples, and the gaps."""

    since: float | None
    covered: float
    covered_before: float
    gaps: Sequence[tuple[float, float]] = ()

    @property
    def is_comparable(self) -> bool:
        """Whether there are enough samples of the previous period for a comparison."""
        return self.covered_before >= COMPARABLE


@dataclass(frozen=True, slots=True)
class Report:
    """A report on the time from `start` to `end`, compared with the time from `start_before` to `start`."""

    title: str
    audience: str
    start: float
    end: float
    zone: ZoneInfo
    created: float
    source: str  # Prometheus' address
    coverage: Coverage
    sections: Sequence[Section]
    notes: Sequence[str] = ()
    left_out: Sequence[str] = field(default_factory=tuple)  # titles of sections without data

    @property
    def seconds(self) -> float:
        """The length of the range."""
        return self.end - self.start

    @property
    def start_before(self) -> float:
        """The start of the previous period, which has the same length."""
        return self.start - self.seconds

    @property
    def is_comparable(self) -> bool:
        """Whether Prometheus has enough of the previous period for a comparison."""
        return self.coverage.is_comparable

    @property
    def facts(self) -> list[Fact]:
        """The figures of the summary."""
        return [fact for section in self.sections for fact in section.facts]

    @property
    def findings(self) -> list[Finding]:
        """The sentences of the summary, the worst first."""
        order: tuple[Tone, ...] = ("bad", "warning", "none", "good")
        found = [finding for section in self.sections for finding in section.findings]
        return sorted(found, key=lambda finding: order.index(finding.tone))
