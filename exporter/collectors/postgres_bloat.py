"""Bloat of the largest tables, from pg_class and pg_stats.

https://www.postgresql.org/docs/current/view-pg-stats.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.metric import Lines, Metric, Sample
from deckwatch.exporter.sources.postgres import Server, configured_servers
from deckwatch.exporter.sources.postgres_databases import read_all_databases
from deckwatch.exporter.sources.postgres_tables import LARGEST
from deckwatch.exporter.sources.postgres_view import Column, View

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deckwatch.exporter.world import Reading, World

_LABELS = ("server", "datname", "schemaname", "relname")
_PAGE_HEADER, _ROW_HEADER, _POINTER, _ALIGNED = 24, 23, 4, 8

# The size of the rows without gaps, from the mean widths found by ANALYZE. Only of tables all of
# whose columns this role may read: of the others there are no widths.
_ROW = f"""(
    SELECT {_POINTER}
        + {_ALIGNED} * ceil(({_ROW_HEADER} + ceil(relnatts / 8.0)) / {_ALIGNED})
        + {_ALIGNED} * ceil(sum(avg_width * (1 - null_frac)) / {_ALIGNED})
    FROM pg_stats WHERE pg_stats.schemaname = nspname AND tablename = relname AND NOT inherited
    HAVING count(*) >= relnatts
)"""  # noqa: S608 - constants of ours
_BLOCK = "current_setting('block_size')::float8"

VIEW = View(
    f"""(
        SELECT nspname, relname, relpages * {_BLOCK} AS size,
            greatest(0, (relpages - ceil(reltuples * {_ROW} / ({_BLOCK} - {_PAGE_HEADER}))) * {_BLOCK}) AS bloat
        FROM {LARGEST} WHERE relpages > 0 AND reltuples >= 0
    ) AS tables WHERE bloat IS NOT NULL""",  # noqa: S608 - constants of ours
    (
        Column(
            Metric(
                "deckwatch_postgres_table_bloat_bytes",
                "gauge",
                "Estimated bloat of the table, from the mean width of its columns.",
                _LABELS,
            ),
            "bloat",
        ),
        Column(
            Metric(
                "deckwatch_postgres_table_bloat_ratio",
                "gauge",
                "Estimated bloat as a share of the table's size.",
                _LABELS,
            ),
            "bloat / size",
        ),
    ),
    labels=("current_database()", "nspname", "relname"),
)


@collector(*VIEW.metrics, subjects=configured_servers, default=False)
def collect(world: World, server: Server) -> Reading[Iterable[Sample | Lines]]:
    """An estimate of the empty space in tables; needs GRANT pg_read_all_data, since it reads column statistics."""
    return read_all_databases(world, server, VIEW)
