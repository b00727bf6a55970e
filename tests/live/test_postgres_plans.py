"""What reads the largest tables looks up their rows, on every version: it must not group those of all tables first.

The installed servers are asked, and those of the folder that `DECKWATCH_POSTGRES_VERSIONS` names (`FOLDER/17/bin`).
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deckwatch.core import plugins
from deckwatch.exporter import collectors
from deckwatch.exporter.collectors import postgres_tables
from deckwatch.exporter.sources.postgres_tables import LARGEST, MAX_TABLES
from deckwatch.exporter.sources.postgres_view import View

pytestmark = pytest.mark.live

FOLDERS = (Path("/usr/lib/postgresql"), Path(os.environ.get("DECKWATCH_POSTGRES_VERSIONS", "/nowhere")))
PROGRAMS = {path.parent.parent.name: path.parent for folder in FOLDERS for path in folder.glob("*/bin/initdb")}
TABLES = 2 * MAX_TABLES
MAX_ROWS = 50  # that one table has in a catalogue: its indexes and columns
MAKE = """DO $$ BEGIN FOR i IN 1..{} LOOP
    EXECUTE format('CREATE TABLE t%s (i int PRIMARY KEY, t text)', i);
END LOOP; END $$"""


def views() -> dict[str, View]:
    modules = {module.__name__.rpartition(".")[2]: module for _, module in plugins.import_modules(collectors)}
    shown = {name: view for name, module in modules.items() if isinstance(view := getattr(module, "VIEW", None), View)}
    return {name: view for name, view in shown.items() if LARGEST in view.build_query(180000)}


def nodes(plan):
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


def grouped_rows(plan) -> float:
    """Return the most rows that one execution of an aggregate reads."""
    aggregates = [node for node in nodes(plan) if node["Node Type"] == "Aggregate"]
    return max((below["Actual Rows"] for node in aggregates for below in node.get("Plans", ())), default=0)


@pytest.fixture(params=sorted(PROGRAMS, key=int) or ["none"])
def server(request, need, postgres_server):
    """A server of each version, with more tables than are shown."""
    need.that(request.param in PROGRAMS, "PostgreSQL is not installed; apt-get install postgresql")
    started = postgres_server(programs=PROGRAMS[request.param])
    started.sql(MAKE.format(TABLES))
    started.sql("ANALYZE pg_class; ANALYZE pg_index; ANALYZE pg_attribute")
    return started


def most_grouped(server, sql: str) -> float:
    [[[explained]]] = server.sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}")
    return grouped_rows(explained["Plan"])


def test_the_rows_of_the_largest_tables_are_looked_up(server):
    [[version]] = server.sql("SELECT current_setting('server_version_num')::int")
    names = views()
    assert {"postgres_tables", "postgres_table_io", "postgres_index_io"} <= names.keys()
    most = {name: most_grouped(server, view.build_query(version)) for name, view in names.items()}
    assert {name: rows for name, rows in most.items() if rows > MAX_ROWS} == {}, "grouped for the whole catalogue"
    # If this fails, the planner looks up the rows by itself, and the OFFSET can be removed.
    assert most_grouped(server, postgres_tables.VIEW.build_query(version).replace("OFFSET 0", "")) >= TABLES
