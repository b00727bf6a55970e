"""Sessions of a server by state, and their age, from pg_stat_activity.

https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-ACTIVITY-VIEW
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources.postgres import Row, Server, configured_servers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from deckwatch.exporter.world import World

_LABELS = (
    "server",
    "datname",
    "state",
    "usename",
    "application_name",
    "backend_type",
    "wait_event_type",
    "wait_event",
)
COUNT = Metric("pg_stat_activity_count", "gauge", "Number of sessions.", _LABELS)
LONGEST = Metric(
    "pg_stat_activity_max_tx_duration",
    "gauge",
    "Age of the oldest open transaction of these sessions.",
    _LABELS,
    unit="seconds",
)
QUERY = Metric(
    "deckwatch_postgres_longest_query_seconds",
    "gauge",
    "Duration of the longest running query; 0 if none is running.",
    ("server", "datname"),
)
TRANSACTION = Metric(
    "deckwatch_postgres_longest_transaction_seconds",
    "gauge",
    "Age of the oldest open transaction of a client; 0 if there is none.",
    ("server", "datname"),
)
SLOW = Metric(
    "deckwatch_postgres_slow_queries",
    "gauge",
    "Queries running for longer than `slow_query` of the server's entry; one second by default.",
    ("server", "datname"),
)

STATES = (
    "active",
    "idle",
    "idle in transaction",
    "idle in transaction (aborted)",
    "fastpath function call",
    "disabled",
)

# Clients choose application_name and so the number of groups: beyond this many, groups are merged.
MAX_GROUPS = 200
_FOLDED = ("other", "other", "", "", "")

# Not our sessions in other databases: reading statistics of many tables can take longer than a slow query.
_CLIENT = """backend_type = 'client backend'
            AND (application_name <> 'deckwatch' OR usename IS DISTINCT FROM current_user)"""

SQL = """
    SELECT
        pg_database.datname, state, usename, application_name, backend_type, wait_event_type, wait_event,
        count(pid),
        max(extract(epoch FROM clock_timestamp() - xact_start))::float8,
        max(extract(epoch FROM clock_timestamp() - query_start)) FILTER (WHERE state = 'active' AND {client})::float8,
        max(extract(epoch FROM clock_timestamp() - xact_start)) FILTER (WHERE {client})::float8,
        count(*) FILTER (WHERE state = 'active' AND {client}
            AND extract(epoch FROM clock_timestamp() - query_start) > {slow})
    FROM pg_database LEFT JOIN pg_stat_activity ON datid = oid AND pid <> pg_backend_pid()
    GROUP BY 1, 2, 3, 4, 5, 6, 7
    ORDER BY 8 DESC, 1, 2, 3, 4, 5, 6, 7
"""


@collector(COUNT, LONGEST, QUERY, TRANSACTION, SLOW, subjects=configured_servers, peer="pg:stat_activity")
def collect(_world: World, server: Server) -> Iterator[Sample]:
    """Sessions by database, state and wait event; the longest query and transaction of each database."""
    sql = SQL.format(slow=server.slow_seconds, client=_CLIENT)
    return session_samples(server.name, server.run_query(lambda _: sql, needs_monitor=True).rows)


def session_samples(server: str, rows: Iterable[Row]) -> Iterator[Sample]:
    """Turn rows of seven labels, a count, three ages and a count of slow queries into samples.

    A database without sessions comes as a row with the count 0; a state that no session of a database is in is 0.
    """
    groups: dict[tuple[str, ...], list[float]] = {}
    longest: dict[str, tuple[float, ...]] = {}
    slow: dict[str, int] = {}
    for row in rows:
        group = tuple("" if label is None else str(label) for label in row[:7])
        count, transaction, *ages, running_long = row[7:]
        slow[group[0]] = slow.get(group[0], 0) + running_long
        highest = longest.get(group[0], (0.0, 0.0))
        longest[group[0]] = tuple(max(known, age or 0.0) for known, age in zip(highest, ages, strict=True))
        if not count:
            continue
        if len(groups) >= MAX_GROUPS and group not in groups:
            group = group[:2] + _FOLDED
        entry = groups.setdefault(group, [0, 0.0])
        entry[0] += count
        entry[1] = max(entry[1], transaction or 0.0)
    seen = {group[:2] for group in groups}
    for datname in longest:
        for state in STATES:
            if (datname, state) not in seen:
                groups[datname, state, "", "", "", "", ""] = [0, 0.0]
    for group, (count, transaction) in groups.items():
        yield COUNT(count, server, *group)
        yield LONGEST(transaction, server, *group)
    for datname, (query, transaction) in longest.items():
        yield QUERY(query, server, datname)
        yield TRANSACTION(transaction, server, datname)
        yield SLOW(slow[datname], server, datname)
