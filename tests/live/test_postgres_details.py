"""Locks, replicas, statements and rights, as a server in trouble shows them."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
from pathlib import Path

import psycopg
import pytest

pytestmark = pytest.mark.live

SCRIPT = Path(__file__).parents[2] / "examples/postgres/role.sql"


def series(page, name):
    return {key: value for key, value in page.items() if key.startswith(name + "{")}


def test_who_waits_for_whom(postgres_server, watch_postgres, eventually):
    server = postgres_server()
    server.sql("CREATE TABLE goods (i int)", "shop")
    watched = watch_postgres(a={"dsn": server.dsn})
    labels = '{server="a",datname="shop"}'

    def read() -> None:
        server.sql("SELECT count(*) FROM goods", "shop")

    waiting = [threading.Thread(target=read) for _ in range(3)]
    with psycopg.connect(server.admin, dbname="shop") as holder:
        holder.execute("LOCK TABLE goods")
        for one in waiting:
            one.start()
        page = eventually(
            lambda: (page := watched.page())[f"deckwatch_postgres_blocked_sessions{labels}"] == 3 and page
        )
        assert page[f"deckwatch_postgres_blocking_sessions{labels}"] == 1
        longest = page[f"deckwatch_postgres_longest_lock_wait_seconds{labels}"]
        assert watched.page()[f"deckwatch_postgres_longest_lock_wait_seconds{labels}"] > longest
    for one in waiting:
        one.join()
    page = watched.page()
    assert page[f"deckwatch_postgres_blocked_sessions{labels}"] == 0
    assert page[f"deckwatch_postgres_longest_lock_wait_seconds{labels}"] == 0


def test_how_many_queries_are_slow(postgres_server, watch_postgres, eventually):
    server = postgres_server()
    watched = watch_postgres(a={"dsn": server.dsn}, b={"dsn": server.dsn, "slow_query": "1h"})
    sleeping = threading.Thread(target=server.sql, args=("SELECT pg_sleep(3)", "shop"))
    sleeping.start()
    eventually(lambda: watched.page()['deckwatch_postgres_slow_queries{server="a",datname="shop"}'] == 1)
    assert watched.page()['deckwatch_postgres_slow_queries{server="b",datname="shop"}'] == 0
    sleeping.join()
    assert watched.page()['deckwatch_postgres_slow_queries{server="a",datname="shop"}'] == 0


def test_how_many_connections_are_left(postgres_server, watch_postgres):
    server = postgres_server(max_connections="20", superuser_reserved_connections="5")
    watched = watch_postgres(a={"dsn": server.dsn})
    with contextlib.ExitStack() as stack:
        for _ in range(6):
            stack.enter_context(psycopg.connect(server.admin))
        page = watched.page()
    assert page['deckwatch_postgres_connections_limit{server="a"}'] == 15
    assert page['deckwatch_postgres_connections_used{server="a"}'] in (7, 8), "with ours, and a visit that begins"


def test_a_replica_and_how_far_it_is_behind(postgres_server, watch_postgres, eventually):
    primary = postgres_server()
    replica = postgres_server(of=primary)
    watched = watch_postgres(a={"dsn": primary.dsn}, b={"dsn": replica.dsn})
    page = eventually(lambda: series(page := watched.page(), "pg_stat_replication_pg_wal_lsn_diff") and page)
    assert not watched.errors("a")
    assert not watched.errors("b")
    assert page['pg_replication_is_replica{server="b"}'] == 1
    assert page['pg_replication_slots_slot_is_active{server="a",slot_name="replica",slot_type="physical"}'] == 1
    status = 'server="a",slot_name="replica",slot_type="physical",wal_status="reserved"'
    assert page[f"pg_replication_slots_wal_status{{{status}}}"] == 1
    labels = 'server="a",application_name="walreceiver",state="streaming",slot_name="replica"'
    assert page[f"pg_stat_replication_pg_wal_lsn_diff{{{labels}}}"] < 1 << 20
    receiving = f'server="b",upstream_host="{primary.folder}",slot_name="replica",status="streaming"'
    assert page[f"pg_stat_wal_receiver_flushed_lsn{{{receiving}}}"] > 0

    primary.sql("CREATE TABLE first (i int)")
    eventually(lambda: replica.sql("SELECT pg_last_xact_replay_timestamp() IS NOT NULL") == [(True,)])
    replica.sql("SELECT pg_wal_replay_pause()")
    primary.sql("CREATE TABLE filler AS SELECT repeat('x', 1000) FROM generate_series(1, 20000)")
    behind = f"deckwatch_postgres_replica_replay_lag_seconds{{{labels}}}"
    page = eventually(
        lambda: (page := watched.page())[f"pg_stat_replication_pg_wal_lsn_diff{{{labels}}}"] > 20e6 and page
    )
    assert page['pg_replication_lag_seconds{server="b"}'] > 0
    replica.sql("SELECT pg_wal_replay_resume()")
    eventually(lambda: watched.page()[f"pg_stat_replication_pg_wal_lsn_diff{{{labels}}}"] == 0)
    assert watched.page()[behind] >= 0

    replica.stop()
    page = eventually(
        lambda: (
            (page := watched.page())[
                'pg_replication_slots_slot_is_active{server="a",slot_name="replica",slot_type="physical"}'
            ]
            == 0
            and page
        )
    )
    primary.sql("INSERT INTO filler SELECT repeat('x', 1000) FROM generate_series(1, 20000)")
    kept = watched.page()['pg_replication_slots_pg_wal_lsn_diff{server="a",slot_name="replica"}']
    assert kept > 20e6, "what the slot keeps from being removed"


def test_the_first_statements_and_the_others_as_one(postgres_server, watch_postgres, eventually):
    server = postgres_server(shared_preload_libraries="pg_stat_statements", track_io_timing="on")
    server.sql("CREATE EXTENSION pg_stat_statements")
    with psycopg.connect(server.admin, autocommit=True) as session:
        for number in range(200):  # a table's name makes it a statement of its own
            session.execute(f"CREATE TEMP TABLE t{number} (i int)")
            session.execute(f"SELECT count(*) FROM t{number}")
        session.execute("ALTER ROLE deckwatch SET work_mem TO '4MB' -- hunter2")
        session.execute("SELECT pg_sleep(0.5), 'hunter2'")
    watched = watch_postgres(a={"dsn": server.dsn})
    page = watched.page()
    assert not watched.errors("a")
    calls = series(page, "pg_stat_statements_calls_total")
    assert len(calls) == 21
    assert calls['pg_stat_statements_calls_total{server="a",user="other",datname="other",queryid="other"}'] > 100
    for _ in range(3):
        server.sql("SELECT 1")
    assert set(series(watched.page(), "pg_stat_statements_calls_total")) == set(calls)
    counted = "SELECT sum(calls)::float8 FROM pg_stat_statements(false) WHERE userid <> 'deckwatch'::regrole"
    [[before]] = server.sql(counted)
    page = watched.page()
    [[after]] = server.sql(counted)
    assert before <= sum(series(page, "pg_stat_statements_calls_total").values()) <= after
    texts = eventually(lambda: series(watched.page(), "pg_stat_statements_query_id"))
    assert any("SELECT pg_sleep($1), $2" in text for text in texts)
    assert "hunter2" not in "".join(texts)
    assert len(texts) <= 20
    [[temporary]] = server.sql("SELECT sum(temp_files) FROM pg_stat_database")
    assert temporary == 0


@pytest.mark.parametrize("settings", [{}, {"shared_preload_libraries": "pg_stat_statements"}])
def test_a_missing_extension_is_reported_with_the_remedy(postgres_server, watch_postgres, settings):
    watched = watch_postgres(a={"dsn": postgres_server(**settings).dsn})
    watched.page()
    assert not watched.errors("a")
    assert ("CREATE EXTENSION" if settings else "shared_preload_libraries") in absent(watched, "postgres_statements")


def absent(watched, name):
    """Return why a collector shows nothing."""
    [reason] = [one.absent for one in watched.outcomes if one.collector.name == name]
    return reason


def test_a_missing_permission_is_reported_with_the_grant(postgres_server, watch_postgres):
    server = postgres_server(shared_preload_libraries="pg_stat_statements")
    server.sql('CREATE SCHEMA "Its Own"; CREATE EXTENSION pg_stat_statements SCHEMA "Its Own"')
    watched = watch_postgres(a={"dsn": server.dsn})
    watched.page()
    missing_right = "the role may not read this; GRANT {} to it"
    assert absent(watched, "postgres_statements") == missing_right.format('USAGE ON SCHEMA "Its Own"')
    server.sql('GRANT USAGE ON SCHEMA "Its Own" TO deckwatch; REVOKE pg_monitor FROM deckwatch')
    watched.page()
    assert not absent(watched, "postgres_statements")
    assert absent(watched, "postgres_wal") == missing_right.format("pg_monitor")


@pytest.mark.parametrize(
    ("statement", "right"),
    [
        ("ALTER ROLE deckwatch SUPERUSER", "is a superuser"),
        ("ALTER ROLE deckwatch CREATEDB", "may create databases or roles"),
        ("GRANT pg_signal_backend TO deckwatch", "has pg_signal_backend"),
        ("CREATE TABLE t (i int); GRANT INSERT ON t TO deckwatch", "may write to 1 tables"),
    ],
)
def test_a_role_with_too_many_permissions_is_reported(postgres_server, watch_postgres, caplog, statement, right):
    server = postgres_server()
    server.sql(statement)
    page = watch_postgres(a={"dsn": server.dsn}).page()
    assert page['deckwatch_postgres_role_privileged{server="a"}'] == 1
    assert f"PostgreSQL server a: the role {right}; give it pg_monitor and nothing else" in caplog.text


def test_a_role_with_pg_monitor_is_right(postgres_server, watch_postgres, caplog):
    page = watch_postgres(a={"dsn": postgres_server().dsn}).page()
    assert page['deckwatch_postgres_role_privileged{server="a"}'] == 0
    assert "pg_monitor" not in caplog.text


def test_figures_are_those_of_the_views(postgres_server, watch_postgres, eventually):
    """A metric is called after its view and column, as postgres_exporter has it, and is compared with that."""
    server = postgres_server(track_io_timing="on")
    server.pgbench("-i", "-q", "-s", "2", database="postgres")
    server.pgbench("-c", "4", "-t", "500", database="postgres")
    watched = watch_postgres(a={"dsn": server.dsn})
    views = {
        "pg_stat_database": ("datname", "WHERE datname = 'shop'"),
        "pg_stat_user_tables": ("relname", ""),
        "pg_stat_archiver": ("", ""),
        "pg_stat_database_conflicts": ("datname", ""),
    }
    compared = 0
    page = watched.page()
    for view, (label, where) in views.items():
        with psycopg.connect(server.admin) as session:
            cursor = session.execute(f"SELECT * FROM {view} {where}")
            columns = [one.name for one in cursor.description]
            for row in cursor:
                settings_row = dict(zip(columns, row, strict=True))
                for column, value in settings_row.items():
                    if isinstance(value, (int, float)) and (
                        shown := [
                            number
                            for key, number in series(page, f"{view}_{column}").items()
                            if not label or f'{label}="{settings_row[label]}"' in key
                        ]
                    ):
                        assert shown == [pytest.approx(float(value), rel=0.05)], (view, column)
                        compared += 1
    assert compared > 80
    assert page['pg_settings_shared_buffers_bytes{server="a"}'] == 128 << 20
    [[size]] = server.sql("SELECT pg_total_relation_size('pgbench_accounts')")
    accounts = '{server="a",datname="postgres",schemaname="public",relname="pgbench_accounts"}'
    assert sum(page[f"pg_stat_user_tables_{part}_size_bytes{accounts}"] for part in ("table", "index")) == size


def test_the_role_script_makes_a_role_that_reads_and_nothing_else(postgres_server, watch_postgres, need, caplog):
    psql = need("psql", get="apt-get install postgresql-client")
    server = postgres_server()
    run = [psql, "-h", str(server.folder), "-p", str(server.port), "-U", "postgres", "-X", "-q", "-f", str(SCRIPT)]
    assert subprocess.run(run, capture_output=True, check=False).returncode == 3
    for password in ("it's first", "second"):
        environment = {**os.environ, "DECKWATCH_PASSWORD": password}
        subprocess.run([*run, "-v", 'role=wat"cher'], check=True, capture_output=True, env=environment)
    made = psycopg.conninfo.make_conninfo(server.dsn, user='wat"cher', password="second")
    watched = watch_postgres(a={"dsn": made})
    page = watched.page()
    assert not watched.errors("a")
    assert page['pg_up{server="a"}'] == 1
    assert page['deckwatch_postgres_role_privileged{server="a"}'] == 0
    assert page['pg_roles_connection_limit{server="a",rolname="wat\\"cher"}'] == 5
    assert page['pg_wal_segments{server="a"}'] > 0
    assert "second" not in caplog.text
