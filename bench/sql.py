"""Twenty queries of PostgreSQL as metrics, compared with an exporter without queries and with prometheus-sql-exporter.

Each query has 10 rows and is read once a minute. Deckwatch serves `collect[]=deckwatch_build`, with and without
`collect[]=app_sql`; the difference of the pages is what the queries add to a scrape.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import _containers, _cost, _database, _peers
from bench._options import print_progress

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bench._options import Options
    from bench._sheet import Sheet

_QUERIES = 20
_TARGET_MS = 3.0
_SQL = "SELECT (aid % 10)::text AS branch, count(*) AS value FROM pgbench_accounts WHERE aid <= {} GROUP BY 1"


def sheets(options: Options) -> Iterator[Sheet]:
    fixture = _containers.load_fixture("postgres")
    if not (fixture.installed() / "initdb").exists():
        print_progress("sql skipped: requires PostgreSQL")
        return
    with _database.running_server(fixture, "1") as server, tempfile.TemporaryDirectory() as name:
        server.sql("GRANT SELECT ON ALL TABLES IN SCHEMA public TO deckwatch", "shop")
        folder = Path(name)
        page = "/metrics?collect[]=deckwatch_build"
        without = replace(_peers.deckwatch_server(None, title="deckwatch, no queries"), metrics=page)
        project = _write_project(folder / "project", server)
        ours = replace(_peers.deckwatch_server(None, project=project), metrics=f"{page}&collect[]=app_sql")
        peers = _peers.sql_exporter_servers(
            folder,
            _list_queries(),
            f"{server.dsn.replace('postgresql', 'postgres', 1).removesuffix('postgres')}shop?sslmode=disable",
        )
        costs = _cost.measure_costs([ours, without, *peers], folder, options)
        yield _cost.cost_sheet(
            f"SQL: {_QUERIES} queries", costs, _describe_difference(costs, ours.title, without.title)
        )


def _describe_difference(costs: Mapping[str, _cost.Cost], ours: str, without: str) -> str:
    """Return a sentence with the queries' CPU time for a scrape: of the page, and with readings in the background."""
    page = costs[ours].scrapes.cpu - costs[without].scrapes.cpu
    whole = (costs[ours].ms_per_minute - costs[without].ms_per_minute) * _cost.INTERVAL_SECONDS / 60
    text = f"{_QUERIES} queries add {page:.2f} ms of CPU to a page, {whole:.2f} ms for each scrape with their readings"
    return f"{text} (target: under {_TARGET_MS:g} ms)"


def _list_queries() -> list[str]:
    """Return the statements, each with another limit so that none is the same as another."""
    return [_SQL.format(1000 + number) for number in range(_QUERIES)]


def _write_project(folder: Path, server: Any) -> Path:
    """Write a project with a query for each statement."""
    folder.mkdir()
    (folder / "dsn").write_text(server.dsn)
    lines = ["watch:", "  postgres: [{name: shop-db, dsn_file: dsn}]", "  sql:", "    - postgres: shop-db"]
    lines += ["      database: shop", "      queries:"]
    for number, sql in enumerate(_list_queries()):
        metric = f"{{shop_accounts_{number}: {{key_labels: [branch]}}}}"
        lines += [f'        - {{name: q{number}, query: "{sql}", metrics: {metric}}}']
    (folder / "deckwatch.yaml").write_text("\n".join(lines) + "\n")
    return folder
