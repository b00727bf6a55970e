"""Printed results of a measurement: sheets, and rows that compare a figure with its reference."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True)
class Sheet:
    """A table with a title, column names and rows of cells; figures are right-aligned."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""
    targets: Sequence[Target] = ()  # the same as figures, for the result file

    def to_table(self) -> Table:
        table = Table(title=self.title, title_justify="left", title_style="bold")
        for number, column in enumerate(self.columns):
            is_text = number == 0 or column == "comparison"
            table.add_column(column, justify="left" if is_text else "right", overflow="fold")
        for row in self.rows:
            table.add_row(*row)
        table.caption, table.caption_justify = self.note or None, "left"
        return table


@dataclass(frozen=True)
class Row:
    """One figure of deckwatch and of its reference; None where there is none.

    `spread` are the quartiles of the ratio, where it was measured in rounds; `key` names the row in result files.
    """

    figure: str
    ours: float | None
    reference: float | None = None
    unit: str = "ms"
    what: str = ""
    spread: tuple[float, float] | None = None
    key: str = ""

    @property
    def ratio(self) -> float | None:
        return self.ours / self.reference if self.ours is not None and self.reference else None


@dataclass
class Target:
    """A ratio of deckwatch to a reference, and its maximum."""

    row: Row
    max_ratio: float

    def row_texts(self) -> list[str]:
        row, ratio = self.row, self.row.ratio
        met = "-" if ratio is None else "yes" if ratio <= self.max_ratio else "no"
        figures = [format_value(row.ours, row.unit), format_value(row.reference, row.unit)]
        spread = "-".join(map(format_ratio, row.spread)) if row.spread else ""
        return [row.figure, *figures, format_ratio(ratio), spread, format_ratio(self.max_ratio), met, row.what]


@dataclass
class Targets:
    """The sheet of ratios and their targets."""

    title: str
    targets: list[Target] = field(default_factory=list)

    def add_target(self, max_ratio: float, row: Row) -> None:
        self.targets.append(Target(row, max_ratio))

    def to_sheet(self) -> Sheet:
        columns = ("figure", "deckwatch", "reference", "ratio", "quartiles", "target", "met", "comparison")
        rows = [target.row_texts() for target in self.targets]
        return Sheet(self.title, columns, rows, targets=self.targets)


def comparison_sheet(doc: str | None, rows: Iterable[Row]) -> Sheet:
    """Return the sheet of a measurement with one reference per figure; its title is the first line of the docstring."""
    texts = [
        [
            row.figure,
            format_value(row.ours, row.unit),
            format_value(row.reference, row.unit),
            format_ratio(row.ratio),
            row.what,
        ]
        for row in rows
    ]
    return Sheet((doc or "").partition("\n")[0], ("figure", "deckwatch", "reference", "ratio", "comparison"), texts)


def format_value(value: float | None, unit: str = "") -> str:
    """Format a figure with its unit and its significant decimals."""
    if value is None:
        return "-"
    is_count = value == int(value) and not unit
    decimals = 0 if is_count or abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{decimals}f} {unit}".rstrip()


def format_ratio(value: float | None) -> str:
    """Format a ratio with three decimals below 1, two above; "-" for None."""
    return "-" if value is None else f"{value:.3f}" if value < 1 else f"{value:.2f}"
