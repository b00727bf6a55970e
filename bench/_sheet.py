"""What a measurement gives to be printed: sheets, and rows of one figure beside another's."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True)
class Sheet:
    """A table: a title, the columns' names, and rows of as many texts; figures stand to the right."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""

    def table(self) -> Table:
        table = Table(title=self.title, title_justify="left", title_style="bold")
        for number, column in enumerate(self.columns):
            words = number == 0 or column == "of what"
            table.add_column(column, justify="left" if words else "right", overflow="fold")
        for row in self.rows:
            table.add_row(*row)
        table.caption, table.caption_justify = self.note or None, "left"
        return table


@dataclass(frozen=True)
class Row:
    """One figure: ours, and the same of what stands beside (None where there is nothing to compare with)."""

    figure: str
    ours: float | None
    beside: float | None = None
    unit: str = "ms"
    what: str = ""

    @property
    def ratio(self) -> float | None:
        return self.ours / self.beside if self.ours is not None and self.beside else None


@dataclass
class Target:
    """A ratio of ours to what stands beside it, and what it may be at most."""

    row: Row
    most: float

    def texts(self) -> list[str]:
        row, ratio = self.row, self.row.ratio
        reached = "-" if ratio is None else "yes" if ratio <= self.most else "no"
        figures = [shown(row.ours, row.unit), shown(row.beside, row.unit)]
        return [row.figure, *figures, _number(ratio), _number(self.most), reached, row.what]


@dataclass
class Targets:
    """The sheet of ratios beside what they may be."""

    title: str
    found: list[Target] = field(default_factory=list)

    def add(self, most: float, row: Row) -> None:
        self.found.append(Target(row, most))

    def sheet(self) -> Sheet:
        columns = ("target", "deckwatch", "beside", "ratio", "at most", "reached", "of what")
        return Sheet(self.title, columns, [one.texts() for one in self.found])


def compared(doc: str | None, rows: Iterable[Row]) -> Sheet:
    """Return the sheet of a measurement that knows one thing beside each figure; its title is its docstring's first."""
    texts = [
        [row.figure, shown(row.ours, row.unit), shown(row.beside, row.unit), _number(row.ratio), row.what]
        for row in rows
    ]
    return Sheet((doc or "").partition("\n")[0], ("figure", "deckwatch", "beside", "ratio", "of what"), texts)


def shown(value: float | None, unit: str = "") -> str:
    """Return a figure with its unit, with as many decimals as say something."""
    if value is None:
        return "-"
    whole = value == int(value) and not unit
    decimals = 0 if whole or abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{decimals}f} {unit}".rstrip()


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}" if value < 1 else f"{value:.2f}"
