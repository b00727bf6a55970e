"""A query of a database: does it answer, with as many rows or with the value that is expected."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from deckwatch.core import extras
from deckwatch.core.problems import did_you_mean
from deckwatch.exporter.metric import Metric
from deckwatch.exporter.probe_kind import LABELS, Probe, ProbeResult
from deckwatch.exporter.sources import sql, sql_statement
from deckwatch.exporter.sources.blocking_calls import BlockingCalls
from deckwatch.exporter.sources.errors import StillRunning
from deckwatch.exporter.sources.source_failures import NotANumber, SourceFailure
from deckwatch.exporter.world import Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from deckwatch.exporter.metric import Sample
    from deckwatch.exporter.world import World

_MAX_ROWS = 1000
_QUERY_SHARE = 0.9  # of the time limit, so that a server that ends the query itself is first
_PLACE = (*sql.KINDS, "database")  # the keys of an entry that name the database

ROWS = Metric("deckwatch_probe_rows", "gauge", f"Rows of the query; those beyond {_MAX_ROWS} count as one.", LABELS)
VALUE = Metric("deckwatch_probe_value", "gauge", "First column of the only row, if it is a number.", LABELS)
METRICS = (ROWS, VALUE)


class ProbedDatabases(Source):
    """The databases of probes, whose connections are shared and kept; a Source of the World."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._by_place: dict[str, sql.Database] = {}

    def open_database(self, entry: Mapping[str, Any]) -> sql.Database:
        """Return the database that an entry names."""
        place = {key: entry[key] for key in _PLACE if key in entry}
        key = json.dumps(place, sort_keys=True)
        if key not in self._by_place:
            self._by_place[key] = sql.open_database(self._world, place)
        return self._by_place[key]

    def close(self) -> None:
        """Close the connections."""
        for database in self._by_place.values():
            database.close()


async def run_probe(world: World, probe: Probe) -> ProbeResult:
    """Run the query on a thread within the probe's time limit, and judge its rows."""
    entry, timeout = probe.entry, f"no result within {probe.seconds:g} s"
    query = sql.Query(entry["sql"], probe.seconds * _QUERY_SHARE, _MAX_ROWS)

    def read_rows() -> sql.Rows:
        return world.source(ProbedDatabases).open_database(entry).read_rows(query)

    try:
        result = await world.source(BlockingCalls).run_call(f"sql {probe.unique_name()}", read_rows, probe.seconds)
    except StillRunning:
        return ProbeResult("the query of the time before has not ended, long after its time limit", [])
    except TimeoutError:
        return ProbeResult(timeout, [])
    except SourceFailure as fault:  # its text names columns and is for the log alone
        return ProbeResult(f"{type(fault).__name__}: {fault}", [])
    samples = [ROWS(_count_rows(result), *probe.labels)]
    value = result.rows[0][0] if _count_rows(result) == 1 and result.rows[0] else None
    samples += _value_samples(probe, value)
    return ProbeResult(next(_find_mismatches(entry, result, value), ""), samples)


def name_address(entry: Mapping[str, Any]) -> str:
    """Return the kind of database and the name of its server or file, never the query."""
    if "mysql" in entry:
        return "mysql"
    name = str(entry.get("postgres") or entry.get("sqlite_file", ""))
    return "/".join(filter(None, (name, entry.get("database"))))


def require_packages(entry: Mapping[str, Any]) -> None:
    """Raise DeckwatchError if the driver of a database is not installed; PostgreSQL's is needed by its server."""
    if "mysql" in entry:
        extras.require_module("pymysql", "a probe of a MySQL server is configured")


def find_entry_problems(entry: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the keys of an entry that the schema accepts and that are wrong, each with a message."""
    given = [kind for kind in sql.KINDS if kind in entry]
    if len(given) != 1:
        found = f"not {' and '.join(given)}" if given else "found none"
        yield (), f"expected one of {', '.join(sql.KINDS)}, which names the database; {found}"
    if "database" in entry and "postgres" not in entry:
        yield ("database",), "only a server in `postgres:` has several databases"
    if fault := sql_statement.find_fault(entry["sql"], has_watermark=False, is_mysql="mysql" in entry):
        yield ("sql",), fault
    for keys, message in sql.find_address_faults(entry.get("mysql")):
        yield ("mysql", *keys), message


def find_watch_problems(entry: Mapping[str, Any], watch: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the problems of an entry beside the rest of `watch:`."""
    servers = [server["name"] for server in watch.get("postgres") or ()]
    if "postgres" in entry and entry["postgres"] not in servers:
        hint = did_you_mean(entry["postgres"], servers)
        yield ("postgres",), f"unknown server of postgres: {entry['postgres']!r}{f' ({hint})' if hint else ''}"


def _value_samples(probe: Probe, value: object) -> Iterator[Sample]:
    try:
        yield VALUE(_to_number(value), *probe.labels)
    except NotANumber:
        return


def _to_number(value: object) -> float:
    from deckwatch.exporter.sources.series_table import to_number  # noqa: PLC0415 - only where something is queried

    return to_number(value, "the value")


def _find_mismatches(entry: Mapping[str, Any], result: sql.Rows, value: object) -> Iterator[str]:
    """Yield what of the rows is not as expected, without any value of them."""
    count = _count_rows(result)
    if "expect_rows" in entry and not _is_within(entry["expect_rows"], count):
        yield f"the number of rows is {count}, not {_describe(entry['expect_rows'])}"
    if "expect_value" not in entry:
        return
    if count != 1:
        yield f"the number of rows is {count}, not one with a value"
    elif isinstance(expected := entry["expect_value"], str):
        if str(value) != expected:
            yield "the value is not the text that is expected"
    else:
        try:
            if not _is_within(expected, _to_number(value)):
                yield f"the value is not {_describe(expected)}"
        except NotANumber:
            yield "the value is not a number"


def _count_rows(result: sql.Rows) -> int:
    return len(result.rows) + result.is_cut


def _is_within(expected: Any, number: float) -> bool:
    if not isinstance(expected, dict):
        return bool(number == expected)
    return bool(expected.get("min", number) <= number <= expected.get("max", number))


def _describe(expected: Any) -> str:
    if not isinstance(expected, dict):
        return f"{expected:g}"
    return " and ".join(
        f"{words} {expected[key]:g}" for key, words in (("min", "at least"), ("max", "at most")) if key in expected
    )
