"""Metrics from queries of databases, from the statements in `watch: sql:`.

A query is read in the background, on a thread and at an interval of its own. Whatever is wrong with its rows fails this
query alone.
"""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING, Any

from deckwatch.core import extras, units
from deckwatch.core.problems import did_you_mean
from deckwatch.exporter.collector import collector
from deckwatch.exporter.collectors import _measured
from deckwatch.exporter.collectors._sql_metrics import RowCounter, SqlMetric, find_columns, label_names, value_columns
from deckwatch.exporter.metric import Metric
from deckwatch.exporter.sources import sql, sql_statement
from deckwatch.exporter.sources.postgres import configured_servers
from deckwatch.exporter.sources.series_table import SeriesTable
from deckwatch.exporter.sources.source_failures import TooManyRows
from deckwatch.exporter.sources.state_file import StateFile
from deckwatch.exporter.sources.watermark import Columns
from deckwatch.exporter.world import NoData

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deckwatch.core.catalog import MetricInfo
    from deckwatch.core.problems import Problem
    from deckwatch.core.project import Project
    from deckwatch.exporter.collectors._sql_metrics import Row
    from deckwatch.exporter.metric import Lines, Sample
    from deckwatch.exporter.world import Reading, World

DURATION = Metric("deckwatch_sql_duration_seconds", "gauge", "Duration of the newest reading of the query.", ("query",))
ROWS = Metric("deckwatch_sql_rows", "gauge", "Rows of the newest reading of the query.", ("query",))
MAY_WRITE = Metric(
    "deckwatch_sql_role_may_write",
    "gauge",
    "1 if the query's role may change data, which the query itself cannot, else 0.",
    ("query",),
)

_INTERVAL = "1m"  # defaults of the configuration
_TIMEOUT = "10s"
_MAX_ROWS = 1000
_MAX_SERIES = 1000
_STATE_FOLDER = "/var/lib/deckwatch/sql"


class SqlQuery(_measured.Measured):
    """A query of a database."""

    def __init__(
        self, world: World, database: sql.Database, place: Mapping[str, Any], entry: Mapping[str, Any]
    ) -> None:
        interval_seconds = units.parse_duration(entry.get("interval", _INTERVAL))
        super().__init__(world, "query", entry["name"], interval_seconds, _name_other_host(world, place))
        self._database = database
        self._sql: str = entry["query"]
        self._seconds = units.parse_duration(entry.get("timeout", _TIMEOUT))
        self._max_rows: int = entry.get("max_rows", _MAX_ROWS)
        self._max_series: int = entry.get("max_series", _MAX_SERIES)
        counts = "watermark" in entry
        static_labels = place.get("static_labels", {})
        self._metrics = [
            SqlMetric(name, each, static_labels, self.name, counts=counts) for name, each in entry["metrics"].items()
        ]
        self._counter = self._build_counter(place, entry["watermark"]) if counts else None

    def limitation(self, _world: World) -> str:
        """Return a note on the privileges that the role has besides reading, empty if it has none."""
        return f"its role {self._database.excess}" if self._database.excess else ""

    def _build_counter(self, place: Mapping[str, Any], watermark: str | Mapping[str, Any]) -> RowCounter:
        entry = {"column": watermark} if isinstance(watermark, str) else watermark
        columns = Columns(entry["column"], entry.get("key", ""))
        state = StateFile(place.get("state", _STATE_FOLDER), self.name)
        return RowCounter(state, columns, entry.get("start", 0), self._metrics, self._max_series)

    def read_series(self) -> tuple[SeriesTable, list[Sample]]:
        """Return the series of the rows, and how the query fared; raises SourceFailure and NoData."""
        started = time.monotonic()
        table = SeriesTable(self._max_series)
        rows = self._read_rows(table) if self._counter is None else self._count_rows(table, self._counter)
        about = [DURATION(time.monotonic() - started, self.name), ROWS(rows, self.name)]
        excess = self._database.excess
        return table, [*about, *([] if excess is None else [MAY_WRITE(int(bool(excess)), self.name)])]

    def _read_rows(self, table: SeriesTable) -> int:
        """Add the series of all rows, and return how many rows there are; raises SourceFailure and NoData."""
        rows, is_cut = self._run_query(None)
        if is_cut:
            raise TooManyRows(f"more than {self._max_rows} rows; group them in the query, or raise max_rows")
        if not rows:
            raise NoData("the query has no rows")
        for row in rows:
            for metric in self._metrics:
                metric.add_row(table, row)
        return len(rows)

    def _count_rows(self, table: SeriesTable, counter: RowCounter) -> int:
        """Add the totals of all rows so far, and return how many are new; the rest is left for the next reading."""
        totals, count = counter.count_rows(self._run_query, time.monotonic() + self._seconds)
        for metric in self._metrics:
            metric.show_totals(table, totals)
        return count

    def _run_query(self, watermark: object) -> tuple[list[Row], bool]:
        """Return rows with the columns that are needed, and whether there are more; raises SourceFailure."""
        result = self._database.read_rows(sql.Query(self._sql, self._seconds, self._max_rows, watermark))
        own = self._counter.columns if self._counter else ()
        needed = dict.fromkeys([column for metric in self._metrics for column in metric.columns] + [*filter(None, own)])
        columns = find_columns(result.columns, list(needed))
        return [{column: values[at] for column, at in columns.items()} for values in result.rows], result.is_cut


class SqlQueries(_measured.MeasuredEntries):
    """The configured queries; a Source of the World."""

    def __init__(self, world: World) -> None:
        self._databases: list[sql.Database] = []
        queries = []
        for place in world.config.get("sql") or ():
            database = sql.open_database(world, place)
            self._databases.append(database)
            queries += [SqlQuery(world, database, place, entry) for entry in place["queries"]]
        super().__init__(queries)

    def close(self) -> None:
        """End the readings and close the databases."""
        super().close()
        for database in self._databases:
            database.close()


def _name_other_host(world: World, place: Mapping[str, Any]) -> str:
    """Return which other host runs the queries of a database: by default that which reads its server."""
    if "postgres" in place and "from" not in place:
        return configured_servers(world)[place["postgres"]].elsewhere
    elsewhere: str = place.get("elsewhere", "")
    return elsewhere


def configured_queries(world: World) -> Mapping[str, _measured.Measured]:
    """Return the queries by name."""
    return world.source(SqlQueries).by_name if world.config.get("sql") else {}


@collector(DURATION, ROWS, MAY_WRITE, subjects=configured_queries, subject_label="query")
def collect(_world: World, query: _measured.Measured) -> Reading[list[Sample | Lines]]:
    """Metrics from the queries in `watch: sql:`, and how each query fares."""
    return query.latest_reading()


def list_declared_metrics(block: list[Mapping[str, Any]]) -> Iterator[MetricInfo]:
    """Yield the metrics of the queries for the catalogue."""
    return _measured.describe_metrics(_list_declarations(block), "app_sql")


def find_settings_problems(project: Project) -> Iterator[Problem]:
    """Yield the problems of `watch: sql:` that its schema does not cover."""
    watch = project.data["watch"]
    block: list[Mapping[str, Any]] = watch["sql"]
    problem = project.document.problem
    names = []
    for index, place in enumerate(block):
        path = ("watch", "sql", index)
        given = [kind for kind in sql.KINDS if kind in place]
        if len(given) != 1:
            found = f"not {' and '.join(given)}" if given else "found none"
            yield problem(path, f"expected one of {', '.join(sql.KINDS)}; {found}")
        elif given == ["postgres"]:
            servers = [entry["name"] for entry in watch.get("postgres") or ()]
            where = (*path, "postgres")
            yield from _measured.find_unknown_name(project, where, place["postgres"], servers, "server of postgres:")
        for keys, message in sql.find_address_faults(place.get("mysql")):
            yield problem((*path, "mysql", *keys), message)
        for number, entry in enumerate(place["queries"]):
            here = (*path, "queries", number)
            names.append(((*here, "name"), entry["name"]))
            yield from _find_query_problems(project, here, entry, is_mysql="mysql" in place)
    yield from _measured.find_duplicate_names(project, names)
    yield from _measured.find_name_problems(project, _list_declarations(block))


def require_packages(block: list[Mapping[str, Any]]) -> None:
    """Raise DeckwatchError if the driver of a database is not installed; PostgreSQL's is needed by its server."""
    if any("mysql" in place for place in block):
        extras.require_module("pymysql", "a MySQL server is configured")


def _find_query_problems(
    project: Project, path: _measured.Path, entry: Mapping[str, Any], *, is_mysql: bool
) -> Iterator[Problem]:
    has_watermark = "watermark" in entry
    fault = sql_statement.find_fault(entry["query"], has_watermark=has_watermark, is_mysql=is_mysql)
    if fault is not None:
        yield project.document.problem((*path, "query"), fault)
    else:
        yield from _find_missing_columns(project, path, entry, is_mysql=is_mysql)
    for name, metric in entry["metrics"].items():
        where = (*path, "metrics", name)
        if metric.get("kind") == "histogram" and not has_watermark:
            message = "a histogram counts each row once, so its query needs `watermark:`"
            yield project.document.problem((*where, "kind"), message)
        bounds = metric.get("buckets", ())
        if any(later <= earlier for earlier, later in itertools.pairwise(bounds)):
            yield project.document.problem((*where, "buckets"), "each bucket must be larger than the one before it")
        if len(value_columns(metric)) > 1 and not metric.get("value_label"):
            hint = "add value_label, the label that says which column a value is from"
            yield project.document.problem(
                (*where, "values"), "several values need a label that distinguishes them", hint
            )


def _find_missing_columns(
    project: Project, path: _measured.Path, entry: Mapping[str, Any], *, is_mysql: bool
) -> Iterator[Problem]:
    """Yield the columns that the query does not select; where that is not certain, none, and the reading fails."""
    columns = sql_statement.read_select_list(entry["query"], is_mysql=is_mysql)
    if columns is None:
        return
    for where, column in _list_needed_columns(entry):
        if not columns.may_have(column):
            hint = did_you_mean(column, columns.names)
            yield project.document.problem((*path, *where), f"the query does not select the column {column}", hint)


def _list_needed_columns(entry: Mapping[str, Any]) -> Iterator[tuple[_measured.Path, str]]:
    """Yield the columns that an entry names, each with its path."""
    watermark = entry.get("watermark")
    if isinstance(watermark, str):
        yield ("watermark",), watermark
    elif watermark is not None:
        yield from ((("watermark", key), watermark[key]) for key in ("column", "key") if key in watermark)
    for name, metric in entry["metrics"].items():
        yield from ((("metrics", name, "key_labels", i), each) for i, each in enumerate(metric.get("key_labels", ())))
        values = metric.get("values")
        if isinstance(values, list):
            yield from ((("metrics", name, "values", i), each) for i, each in enumerate(values))
        elif values is not None:
            yield ("metrics", name, "values"), values
        elif watermark is None or metric.get("kind") != "counter":  # a counter without values counts rows
            yield ("metrics", name), value_columns(metric)[0]


def _list_declarations(block: list[Mapping[str, Any]]) -> Iterator[_measured.Declaration]:
    for index, place in enumerate(block):
        for number, entry in enumerate(place["queries"]):
            for name, metric in entry["metrics"].items():
                path = ("watch", "sql", index, "queries", number, "metrics", name)
                yield path, name, metric, label_names(metric, place.get("static_labels", {}))
