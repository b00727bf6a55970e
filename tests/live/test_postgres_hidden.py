"""What PostgreSQL hides, refuses or has in another encoding: absent with a reason, never a zero or a failure."""

from __future__ import annotations

import psycopg
import pytest

from deckwatch.exporter.view import build_view

pytestmark = pytest.mark.live

REFUSED = """
    SET allow_system_table_mods = on;
    CREATE FUNCTION pg_catalog.refuse() RETURNS text LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'not supported for this service' USING errcode = '0A000'; END $$;
    ALTER FUNCTION pg_catalog.pg_ls_waldir() RENAME TO ls_waldir_of_before;
    CREATE FUNCTION pg_catalog.pg_ls_waldir(OUT name text, OUT size bigint, OUT modification timestamptz)
    RETURNS SETOF record LANGUAGE plpgsql AS $$ BEGIN PERFORM refuse(); END $$;
    CREATE OR REPLACE VIEW pg_catalog.pg_stat_wal_receiver AS
    SELECT pid, refuse() AS status, receive_start_lsn, receive_start_tli, written_lsn, flushed_lsn, received_tli,
        last_msg_send_time, last_msg_receipt_time, latest_end_lsn, latest_end_time, slot_name, sender_host,
        sender_port, conninfo
    FROM (SELECT 1 AS one) AS row LEFT JOIN pg_stat_get_wal_receiver() ON true;
"""
HIDDEN = {
    "postgres_activity",
    "postgres_autovacuum",
    "postgres_blocked",
    "postgres_connections",
    "postgres_process_idle",
    "postgres_progress_vacuum",
    "postgres_stat_replication",
    "postgres_statements",
    "postgres_transactions",
    "postgres_walreceiver",
}


def absences(watched):
    return {one.collector.name: one.absent for one in watched.outcomes if one.absent}


def test_what_is_hidden_from_a_role_without_pg_monitor_is_absent_and_reported(postgres_server, watch_postgres, caplog):
    server = postgres_server(shared_preload_libraries="pg_stat_statements")
    server.sql("CREATE EXTENSION pg_stat_statements; REVOKE pg_monitor FROM deckwatch")
    watched = watch_postgres(a={"dsn": server.dsn})
    watched.page()
    page = watched.page()
    reasons = absences(watched)
    assert {reasons.get(name) for name in HIDDEN} == {"PostgreSQL hides this from the role; GRANT pg_monitor to it"}
    assert not watched.errors("a")
    assert page['pg_up{server="a"}'] == 1
    assert page['deckwatch_postgres_role_limited{server="a"}'] == 1
    assert caplog.text.count("hides sessions, statements and replicas from the role; GRANT pg_monitor to it") == 1
    [card] = [card for card in build_view(watched.scraper, watched.world.age_clock()).cards if card.subjects]
    [subject] = card.subjects
    assert (subject.tone, subject.reason) == ("good", "its role lacks pg_monitor")


def test_a_role_with_pg_read_all_stats_sees_everything_but_what_needs_other_rights(postgres_server, watch_postgres):
    server = postgres_server()
    server.sql("REVOKE pg_monitor FROM deckwatch; GRANT pg_read_all_stats TO deckwatch")
    watched = watch_postgres(a={"dsn": server.dsn})
    assert watched.page()['deckwatch_postgres_role_limited{server="a"}'] == 0
    assert not absences(watched).keys() & (HIDDEN - {"postgres_statements"})


def test_names_in_other_encodings_are_escaped_and_fail_nothing(postgres_server, watch_postgres, eventually, caplog):
    server = postgres_server()
    server.sql("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0")
    with psycopg.connect(server.admin, dbname="latin", autocommit=True, client_encoding="utf8") as session:
        session.execute('CREATE ROLE "rené" LOGIN')
        session.execute('CREATE DATABASE "café" TEMPLATE template0')
        session.execute('CREATE TABLE "thé" (i int)')
    watched = watch_postgres(a={"dsn": server.dsn, "databases_every": "1s"})
    page = watched.page()
    assert not watched.errors("a")
    assert r'pg_roles_connection_limit{server="a",rolname="ren\\xe9"}' in page
    assert r'pg_database_size_bytes{server="a",datname="caf\\xe9"}' in page
    table = 'pg_stat_user_tables_n_tup_ins{server="a",datname="latin",schemaname="public",relname="thé"}'
    page = eventually(lambda: table in (page := watched.page()) and page)
    assert page['deckwatch_postgres_databases_failed{server="a"}'] == 1
    assert caplog.text.count("cannot be visited: its name is not in UTF-8") == 1


def test_a_database_without_an_encoding_shows_its_tables(postgres_server, watch_postgres):
    server = postgres_server()
    server.sql("CREATE DATABASE plain ENCODING 'SQL_ASCII' TEMPLATE template0")
    with psycopg.connect(server.admin, dbname="plain", autocommit=True) as session:
        session.execute("SET client_encoding = 'SQL_ASCII'")
        session.execute(b'CREATE TABLE "caf\xe9" (i int)')
        session.execute('CREATE TABLE "thé" (i int)'.encode())
    watched = watch_postgres(a={"dsn": server.dsn.removesuffix("postgres") + "plain"})
    for _ in range(2):
        page = watched.page()
        assert not watched.errors("a")
        labels = 'server="a",datname="plain",schemaname="public"'
        for name in (r"caf\\xe9", "thé"):
            assert f'pg_stat_user_tables_n_live_tup{{{labels},relname="{name}"}}' in page
            assert f'pg_statio_user_tables_heap_blocks_read{{{labels},relname="{name}"}}' in page
            assert f'pg_stat_user_tables_table_size_bytes{{{labels},relname="{name}"}}' in page


def test_a_database_in_an_encoding_that_cannot_hold_the_names_of_others(postgres_server, watch_postgres):
    server = postgres_server()
    server.sql('CREATE DATABASE "€"')
    server.sql("CREATE DATABASE japan ENCODING 'EUC_JP' TEMPLATE template0")
    watched = watch_postgres(a={"dsn": server.dsn.removesuffix("postgres") + "japan"})
    page = watched.page()
    assert not watched.errors("a")
    assert 'pg_database_size_bytes{server="a",datname="€"}' in page


def test_what_a_service_does_not_support_is_absent_with_the_reason(postgres_server, watch_postgres):
    server = postgres_server()
    server.sql(REFUSED)
    watched = watch_postgres(a={"dsn": server.dsn})
    page = watched.page()
    assert not watched.errors("a")
    reasons = absences(watched)
    for name in ("postgres_wal", "postgres_walreceiver"):
        assert reasons[name] == "the server does not support what this reads (feature_not_supported)"
    assert page['pg_up{server="a"}'] == 1
    assert page['pg_replication_lag_seconds{server="a"}'] == 0, "a primary has no use for the receiver"


def test_a_column_without_a_value_is_zero_where_postgres_exporter_has_zero(postgres_server, watch_postgres):
    server = postgres_server()
    server.sql("CREATE TABLE plain (i int)")  # no index and no TOAST table
    page = watch_postgres(a={"dsn": server.dsn}).page()
    labels = 'server="a",datname="postgres",schemaname="public",relname="plain"'
    for name in ("idx_blocks_read", "idx_blocks_hit", "toast_blocks_read", "toast_blocks_hit", "tidx_blocks_read"):
        assert page[f"pg_statio_user_tables_{name}{{{labels}}}"] == 0
    for name in ("idx_scan", "idx_tup_fetch"):
        assert page[f"pg_stat_user_tables_{name}{{{labels}}}"] == 0
    [[datid]] = server.sql("SELECT oid FROM pg_database WHERE datname = 'shop'")
    assert page[f'pg_stat_database_stats_reset{{server="a",datid="{datid}",datname="shop"}}'] == 0
