"""Progress of each VACUUM, from pg_stat_progress_vacuum.

https://www.postgresql.org/docs/current/progress-reporting.html#VACUUM-PROGRESS-REPORTING
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources.postgres import Server, configured_servers
from deckwatch.exporter.sources.postgres_view import Column, View

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.world import World

_LABELS = ("server", "datname", "relname")
# A table of another database has no name here; vacuums of tables of the same name are merged.
_SOURCE = "pg_stat_progress_vacuum LEFT JOIN pg_class ON pg_class.oid = relid AND datname = current_database()"
_NAMES = ("datname", "coalesce(relname, 'unknown')")
_PHASES = """
    ('initializing'), ('scanning heap'), ('vacuuming indexes'), ('vacuuming heap'), ('cleaning up indexes'),
    ('truncating heap'), ('performing final cleanup')
"""


def _declare_gauge(name: str, help_text: str, *labels: str) -> Metric:
    return Metric(f"pg_stat_progress_vacuum_{name}", "gauge", help_text, (*_LABELS, *labels))


MAX_DEAD = _declare_gauge(
    "max_dead_tuples", "Dead rows that can be stored before an index vacuum cycle; bytes since 17."
)
DEAD = _declare_gauge("num_dead_tuples", "Dead rows collected since the last index vacuum cycle.")
BLOCKS = View(
    f"{_SOURCE} GROUP BY 1, 2",
    (
        Column(_declare_gauge("heap_blks", "Blocks of the table."), "max(heap_blks_total)"),
        Column(_declare_gauge("heap_blks_scanned", "Blocks scanned."), "max(heap_blks_scanned)"),
        Column(_declare_gauge("heap_blks_vacuumed", "Blocks vacuumed."), "max(heap_blks_vacuumed)"),
        Column(_declare_gauge("index_vacuums", "Index vacuum cycles completed."), "max(index_vacuum_count)"),
        # The same numbers under other names, which the peer takes by their place.
        Column(MAX_DEAD, "max(max_dead_tuples)", before=17),
        Column(MAX_DEAD, "max(max_dead_tuple_bytes)", since=17),
        Column(DEAD, "max(num_dead_tuples)", before=17),
        Column(DEAD, "max(num_dead_item_ids)", since=17),
    ),
    labels=_NAMES,
    needs_monitor=True,
)
PHASE = View(
    f"{_SOURCE} CROSS JOIN (VALUES {_PHASES}) AS phases (name) GROUP BY 1, 2, 3",
    (
        Column(
            _declare_gauge("phase", "1 for the current phase of the vacuum, else 0.", "phase"),
            "max((phase = name)::int)",
        ),
    ),
    labels=(*_NAMES, "name"),
    needs_monitor=True,
)


@collector(*BLOCKS.metrics, *PHASE.metrics, subjects=configured_servers, peer="pg:stat_progress_vacuum")
def collect(_world: World, server: Server) -> Iterator[Sample]:
    """Tables being vacuumed, and the progress of each vacuum."""
    yield from BLOCKS.read_samples(server)
    yield from PHASE.read_samples(server)
