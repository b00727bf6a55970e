"""Views that show only the connected database are read in all databases of a server, without blocking anybody."""

from __future__ import annotations

import re
import threading
import time

import psycopg
import pytest

pytestmark = pytest.mark.live

TABLE = "CREATE TABLE goods (i int PRIMARY KEY, name text)"


def tables(page, datname):
    pattern = re.compile(rf'pg_stat_user_tables_n_live_tup{{server="a",datname="{datname}",.*relname="(.*)"}}')
    return {found[1] for series in page if (found := pattern.match(series))}


def visited(watched, **more):
    page = watched.page()
    return page if page.get('deckwatch_postgres_databases_visited{server="a"}') == more["number"] else None


def test_tables_of_every_database_are_shown(postgres_server, watch_postgres, eventually):
    server = postgres_server()
    for name in ("crm", "stock"):
        server.sql(f"CREATE DATABASE {name}")
        server.sql(f"{TABLE}; INSERT INTO goods SELECT i, 'x' FROM generate_series(1, 7) AS i", name)
    server.sql("CREATE DATABASE closed ALLOW_CONNECTIONS false")
    watched = watch_postgres(a={"dsn": server.dsn, "databases_every": "1s"})
    labels = 'server="a",datname="stock",schemaname="public",relname="goods"'
    rows = f"pg_stat_user_tables_n_tup_ins{{{labels}}}"

    def find_statistics():
        """Return the page with the statistics of both databases, which the server writes after a session has ended."""
        page = visited(watched, number=3)
        return page if page and tables(page, "crm") and page.get(rows) else None

    page = eventually(find_statistics)
    assert not watched.errors("a")
    assert page['deckwatch_postgres_databases_failed{server="a"}'] == 0
    assert page[rows] == 7
    assert (
        page[f"pg_stat_user_tables_table_size_bytes{{{labels}}}"]
        == server.sql("SELECT pg_table_size('goods')", "stock")[0][0]
    )
    assert page[f"pg_statio_user_tables_heap_blocks_hit{{{labels}}}"] > 0
    assert not tables(page, "template1")


def test_databases_can_be_left_out(postgres_server, watch_postgres, eventually):
    server = postgres_server()
    server.sql("CREATE DATABASE crm")
    watched = watch_postgres(a={"dsn": server.dsn, "databases": {"exclude": "^crm$"}})
    eventually(lambda: visited(watched, number=1))


def test_who_is_visited_is_left_again_and_can_be_dropped_or_copied(postgres_server, watch_postgres, eventually):
    server = postgres_server()
    for number in range(12):
        server.sql(f"CREATE DATABASE db{number}")
    watched = watch_postgres(a={"dsn": server.dsn, "databases_every": "1s", "databases_per_minute": 6000})
    most, ending = 0, threading.Event()

    def count() -> None:
        nonlocal most
        with psycopg.connect(server.admin, autocommit=True) as session:
            while not ending.is_set():
                sql = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'deckwatch'"
                most = max(most, session.execute(sql).fetchone()[0])

    thread = threading.Thread(target=count)
    thread.start()
    try:
        eventually(lambda: visited(watched, number=13))
        for number in range(12):
            server.sql(f"CREATE DATABASE copy{number} TEMPLATE db{number}")
            server.sql(f"DROP DATABASE db{number}")
            watched.page()
    finally:
        ending.set()
        thread.join()
    assert 2 <= most <= 3
    eventually(lambda: visited(watched, number=13))
    assert not watched.errors("a")
    [[temporary]] = server.sql("SELECT sum(temp_files) FROM pg_stat_database")
    assert temporary == 0


def test_a_database_that_refuses_connections_is_reported_and_affects_no_other(
    postgres_server, watch_postgres, eventually, caplog
):
    server = postgres_server()
    server.sql("CREATE DATABASE crm")
    server.sql(TABLE, "crm")
    server.sql("CREATE DATABASE full_up CONNECTION LIMIT 0")
    watched = watch_postgres(a={"dsn": server.dsn, "databases_every": "1s"})
    # The server writes a table's statistics after the session that created it has ended.
    page = eventually(lambda: (found := visited(watched, number=2)) and tables(found, "crm") and found)
    assert page['deckwatch_postgres_databases_failed{server="a"}'] == 1
    assert tables(page, "crm") == {"goods"}
    assert caplog.text.count("database full_up of PostgreSQL server a cannot be visited: too many connections") == 1


def test_a_table_that_somebody_locks_is_left_out_and_not_waited_for(postgres_server, watch_postgres, eventually):
    server = postgres_server()
    for name in ("goods", "orders"):
        server.sql(f"CREATE TABLE {name} (i int)")
    watched = watch_postgres(a={"dsn": server.dsn})
    sizes = 'pg_stat_user_tables_table_size_bytes{{server="a",datname="postgres",schemaname="public",relname="{}"}}'
    assert sizes.format("goods") in watched.page()
    with psycopg.connect(server.admin) as session:
        session.execute("LOCK TABLE goods")
        page = watched.page()
    assert sizes.format("goods") not in page
    assert sizes.format("orders") in page
    assert tables(page, "postgres") == {"goods", "orders"}, "figures that need no lock"
    assert not watched.errors("a")


def test_ten_thousand_tables_are_five_hundred(postgres_server, watch_postgres):
    server = postgres_server()
    make = "DO $$ BEGIN FOR i IN {} LOOP EXECUTE format('CREATE TABLE t%s (i int)', i); END LOOP; END $$"
    for first in range(0, 10_000, 1_000):
        server.sql(make.format(f"{first + 1}..{first + 1_000}"))
    server.sql("INSERT INTO t7777 SELECT generate_series(1, 10000); ANALYZE t7777")
    watched = watch_postgres(a={"dsn": server.dsn})
    page = watched.page(seconds=60)
    assert not watched.errors("a")
    shown = tables(page, "postgres")
    assert len(shown) == 500
    assert "t7777" in shown, "the largest"
    [[temporary]] = server.sql("SELECT sum(temp_files) FROM pg_stat_database")
    assert temporary == 0


def test_the_connection_string_may_come_from_a_program(postgres_server, watch_postgres, tmp_path, eventually):
    server = postgres_server()
    program = tmp_path / "token"
    program.write_text(f"#!/bin/sh\necho noise >&2\necho '{server.dsn}'\n")
    program.chmod(0o755)
    watched = watch_postgres(a={"dsn_command": [str(program)]})
    eventually(lambda: watched.page()['pg_up{server="a"}'] == 1)


@pytest.mark.parametrize(
    ("script", "reason"), [("echo hunter2 >&2; exit 3", "ended with 3"), ("printf ''", "connection string is empty")]
)
def test_a_program_that_fails_is_named_and_not_quoted(watch_postgres, tmp_path, caplog, script, reason):
    program = tmp_path / "token"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    assert watch_postgres(a={"dsn_command": [str(program)]}).page()['pg_up{server="a"}'] == 0
    assert reason in caplog.text
    assert "hunter2" not in caplog.text


def test_a_password_may_stand_in_pgpass(postgres_server, watch_postgres, tmp_path, monkeypatch):
    server = postgres_server()
    file = tmp_path / "pgpass"
    file.write_text(f"127.0.0.1:{server.port}:*:deckwatch:{server.password}\n")
    file.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(file))
    dsn = f"host=127.0.0.1 port={server.port} user=deckwatch dbname=postgres"
    assert watch_postgres(a={"dsn": dsn}).page()['pg_up{server="a"}'] == 1
    weak = watch_postgres(a={"dsn": f"{dsn} require_auth=md5"})
    assert weak.page()['pg_up{server="a"}'] == 0, "the server asks by scram-sha-256"


def test_behind_a_pooler_in_transaction_mode(postgres_server, watch_postgres, pgbouncer, eventually):
    server = postgres_server()
    server.sql(TABLE, "shop")
    watched = watch_postgres(a={"dsn": pgbouncer(server), "databases_every": "1s"})
    for _ in range(5):
        page = watched.page()
        assert page['pg_up{server="a"}'] == 1
        assert not watched.errors("a")
        time.sleep(0.1)
    eventually(lambda: tables(watched.page(), "shop"))
