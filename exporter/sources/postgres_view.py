"""A statistics view of PostgreSQL as a table: which column fills which metric, from which server version on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from deckwatch.exporter.metric import Lines, Metric, Sample, format_value
from deckwatch.exporter.world import NoData

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from deckwatch.exporter.sources.postgres import Row, Server

NEVER = 10_000  # a major version that there will not be


@dataclass(frozen=True, slots=True)
class Column:
    """The metric that an SQL expression fills, in servers of the major versions `since` up to but not `before`."""

    metric: Metric
    sql: str
    since: int = 0
    before: int = NEVER


@dataclass(frozen=True, slots=True)
class View:
    """Rows of `source`, a FROM clause or a function that makes it for a server's version (150018).

    `labels` is SQL for the values of the labels after `server`.
    `needs_monitor` marks a view whose rows PostgreSQL empties, without an error, for a role without pg_monitor.
    """

    source: str | Callable[[int], str]
    columns: tuple[Column, ...]
    labels: tuple[str, ...] = ()
    needs_monitor: bool = False

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The metrics that the view fills, each once."""
        return tuple(dict.fromkeys(column.metric for column in self.columns))

    def columns_for(self, version: int) -> tuple[Column, ...]:
        """Return the columns that a server of this version (150018) has."""
        return tuple(column for column in self.columns if column.since <= version // 10_000 < column.before)

    def build_query(self, version: int) -> str:
        """Return the statement for a server of this version; raises NoData where it has none of the columns."""
        if not self.columns_for(version):
            oldest = min(column.since for column in self.columns)
            raise NoData(f"PostgreSQL {oldest} and newer have it, this one is {version // 10_000}")
        wanted = ", ".join((*self.labels, *(column.sql for column in self.columns_for(version))))
        source = self.source if isinstance(self.source, str) else self.source(version)
        return f"SELECT {wanted} FROM {source}"  # noqa: S608 - every part is a constant of ours

    def make_samples(self, server: str, version: int, rows: Iterable[Row]) -> Iterator[Sample]:
        """Turn rows into samples; a NULL drops its own field only."""
        columns, first = self.columns_for(version), len(self.labels)
        for row in rows:
            labels = (server, *("" if value is None else str(value) for value in row[:first]))
            for column, value in zip(columns, row[first:], strict=True):
                if value is not None:
                    yield Sample(column.metric, labels, to_number(value))

    def render_rows(self, server: str, version: int, rows: Iterable[Row]) -> list[Lines]:
        """Render rows that many pages show: the lines of `make_samples`, metric by metric."""
        texts: dict[Metric, list[str]] = {}
        for metric, labels, value in self.make_samples(server, version, rows):
            texts.setdefault(metric, []).append(f"{metric.line_prefix(labels)}{format_value(value)}\n")
        return [Lines(metric, ["".join(lines).encode()], len(lines)) for metric, lines in texts.items()]

    def read_samples(self, server: Server) -> Iterator[Sample]:
        """Ask the server and turn its answer into samples."""
        version, rows = server.run_query(self.build_query, needs_monitor=self.needs_monitor)
        return self.make_samples(server.name, version, rows)


def schema_of(extension: str) -> str:
    """Return SQL for the quoted name of the schema that an extension is in; NULL where the database lacks it."""
    return f"""(
        SELECT quote_ident(nspname) FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace
        WHERE extname = '{extension}'
    )"""  # noqa: S608 - the name is a constant of ours


def to_number(value: object) -> float:
    """Return a number as the page writes it: an int stays exact; bool and numeric become int and float."""
    return int(value) if isinstance(value, int) else float(value)  # type: ignore[arg-type]
