"""The PostgreSQL collectors against real servers, healthy and broken in each of the ways that servers break."""

from __future__ import annotations

import contextlib
import logging
import subprocess
import threading
import time
from pathlib import Path

import psycopg
import pytest

from deckwatch.exporter.sources import postgres, postgres_connect
from deckwatch.exporter.world import World

pytestmark = pytest.mark.live

KNOWN = Path(__file__).parents[1] / "exporter" / "promtool_known.txt"
PAGE_SECONDS = 9.5  # what Prometheus' default of 10 s leaves


@pytest.fixture
def watch(watch_postgres):
    """Watch servers by their connection strings."""
    return lambda **dsns: watch_postgres(**{name: {"dsn": dsn} for name, dsn in dsns.items()})


def test_two_servers_are_distinguished(postgres_server, watch):
    first, second = postgres_server(), postgres_server()
    second.sql("CREATE DATABASE only_here")
    watched = watch(first=first.dsn, second=second.dsn)
    page = watched.page()
    assert not watched.errors("first")
    assert not watched.errors("second")
    assert page['pg_up{server="first"}'] == page['pg_up{server="second"}'] == 1
    assert 'pg_database_size_bytes{server="second",datname="only_here"}' in page
    assert 'pg_database_size_bytes{server="first",datname="only_here"}' not in page


def test_promtool_complains_only_of_the_peers_names(postgres_server, watch, need):
    promtool = need("promtool", get="apt-get install prometheus")
    watched = watch(a=postgres_server().dsn)
    watched.page()
    done = subprocess.run(
        [promtool, "check", "metrics"], input=watched.text, capture_output=True, text=True, check=False
    )
    shown = {line.split()[2] for line in watched.text.splitlines() if line.startswith("# TYPE ")}
    known = {line for line in KNOWN.read_text().splitlines() if line.split()[0] in shown}
    assert set(done.stderr.splitlines()) == known


def test_the_figures_follow_the_load(postgres_server, watch):
    server = postgres_server()
    server.pgbench("--initialize", "--scale=1", "--quiet")
    watched = watch(a=server.dsn)
    [[oid]] = server.sql("SELECT oid FROM pg_database WHERE datname = 'shop'")
    commits = f'pg_stat_database_xact_commit{{server="a",datid="{oid}",datname="shop"}}'
    before = watched.page()
    assert before['pg_database_size_bytes{server="a",datname="shop"}'] > 20_000_000
    server.pgbench("--client=2", "--transactions=500", "--no-vacuum")
    after = watched.page()
    assert after[commits] - before[commits] >= 1000
    assert after['pg_settings_max_connections{server="a"}'] == 100


def test_a_query_that_runs_is_seen_with_its_age_and_its_locks(postgres_server, watch):
    server = postgres_server()
    watched = watch(a=server.dsn)
    with psycopg.connect(server.admin, dbname="shop") as session:
        session.execute("CREATE TABLE t (i int)")
        session.execute("SELECT pg_sleep(0.2)")
        page = watched.page()
    assert page['deckwatch_postgres_longest_transaction_seconds{server="a",datname="shop"}'] > 0.2
    assert page['deckwatch_postgres_longest_query_seconds{server="a",datname="shop"}'] == 0
    assert page['pg_locks_count{server="a",datname="shop",mode="accessexclusivelock"}'] >= 1
    idle = 'state="idle in transaction",usename="postgres",backend_type="client backend"'
    wait = 'wait_event_type="Client",wait_event="ClientRead"'
    assert page[f'pg_stat_activity_count{{server="a",datname="shop",{idle},{wait}}}'] == 1


def test_sessions_that_are_idle_are_counted_by_how_long(postgres_server, watch, eventually):
    server = postgres_server()
    watched = watch(a=server.dsn)
    with psycopg.connect(server.admin, autocommit=True, application_name="till") as till:
        till.execute("SELECT 1")
        series = 'server="a",state="idle",application_name="till"'
        page = watched.page()
        assert page[f"pg_process_idle_seconds_count{{{series}}}"] == 1
        assert page[f'pg_process_idle_seconds_bucket{{{series},le="300"}}'] == 1
        eventually(lambda: watched.page()[f'pg_process_idle_seconds_bucket{{{series},le="1"}}'] == 0)
        page = watched.page()
        assert 1 < page[f"pg_process_idle_seconds_sum{{{series}}}"] < 300
    assert f"pg_process_idle_seconds_count{{{series}}}" not in watched.page()


def test_our_own_limits_are_not_reported_as_server_settings(postgres_server, watch):
    server = postgres_server()
    page = watch(a=server.dsn).page()
    for name in ("statement_timeout_seconds", "lock_timeout_seconds", "transaction_read_only"):
        assert page[f'pg_settings_{name}{{server="a"}}'] == 0


def test_a_stopped_server_costs_its_own_figures_only(postgres_server, watch, eventually):
    frozen, healthy = postgres_server(), postgres_server()
    watched = watch(frozen=frozen.dsn, healthy=healthy.dsn)
    watched.page()
    frozen.freeze()
    page = watched.page()
    assert watched.seconds < 5
    assert page['pg_up{server="frozen"}'] == 0
    assert page['pg_up{server="healthy"}'] == 1
    assert not watched.errors("healthy")
    assert set(watched.errors("frozen").values()) == {"ServerDown"}
    watched.page()
    assert watched.seconds < 3
    frozen.thaw()
    # The connection comes back in the background, also in the middle of a page.
    eventually(lambda: watched.page()['pg_up{server="frozen"}'] == 1 and not watched.errors("frozen"))


def test_a_server_that_dies_and_returns_is_found_again(postgres_server, watch, eventually):
    server = postgres_server()
    watched = watch(a=server.dsn)
    started = watched.page()['pg_postmaster_start_time_seconds{server="a"}']
    server.kill()
    page = watched.page()
    assert page['pg_up{server="a"}'] == 0
    assert 'pg_postmaster_start_time_seconds{server="a"}' not in page
    assert watched.seconds < 3
    server.start()
    eventually(lambda: watched.page()['pg_up{server="a"}'] == 1)
    assert watched.page()['pg_postmaster_start_time_seconds{server="a"}'] > started


def test_a_restart_between_two_scrapes_goes_unnoticed(postgres_server, watch, eventually):
    server = postgres_server()
    watched = watch(a=server.dsn)
    # No visit is under way after that, and the next is a minute off: it would find the server away.
    visited = 'deckwatch_postgres_databases_visited{server="a"}'
    eventually(lambda: visited in watched.page() and not watched.errors("a"))
    server.stop()
    server.start()
    assert watched.page()['pg_up{server="a"}'] == 1
    assert not watched.errors("a")


def test_a_lock_on_a_catalogue_fails_what_reads_it_and_nothing_else(postgres_server, watch):
    server = postgres_server()
    watched = watch(a=server.dsn)
    watched.page()
    with psycopg.connect(server.admin, dbname="shop") as session:
        session.execute("LOCK TABLE pg_database IN ACCESS EXCLUSIVE MODE")
        page = watched.page()
    assert watched.seconds < PAGE_SECONDS
    assert page['pg_up{server="a"}'] == 1
    assert page['pg_settings_max_connections{server="a"}'] == 100
    assert watched.errors("a")["postgres_size"] == "LockNotAvailable"
    watched.page()
    assert set(watched.errors("a")) <= {"postgres_visits"}, "that rests for a moment after a fault"


def test_one_connection_is_kept_and_scrapes_side_by_side_share_it(postgres_server, watch, eventually):
    server = postgres_server()
    watched = watch(a=server.dsn)
    threads = [threading.Thread(target=watched.page) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert server.sessions() <= 2, "one kept, and that of a visit whose server process is still exiting"
    eventually(lambda: server.sessions() == 1)
    [[state, open_since]] = server.sql("SELECT state, xact_start FROM pg_stat_activity WHERE usename = 'deckwatch'")
    assert (state, open_since) == ("idle", None)


def test_server_processes_that_hang_never_pile_up(postgres_server, watch):
    server = postgres_server()
    watched = watch(a=server.dsn)
    seen = 0
    hung = []
    for _ in range(5):
        watched.page()
        for (pid,) in server.sql("SELECT pid FROM pg_stat_activity WHERE usename = 'deckwatch'"):
            process = next((one for one in server.processes() if one.pid == pid), None)
            if process is not None and process not in hung:
                process.suspend()
                hung.append(process)
        watched.page()
        seen = max(seen, server.sessions())
        time.sleep(postgres._FIRST_PAUSE_SECONDS)
    # The kept one and its successor; and one that was on a visit in that moment.
    assert postgres_connect.MAX_CONNECTIONS - 1 <= len(hung) <= postgres_connect.MAX_CONNECTIONS
    assert seen <= postgres_connect.MAX_CONNECTIONS
    assert watched.page()['pg_up{server="a"}'] == 0


def test_a_database_can_be_dropped_while_it_is_watched(postgres_server, watch):
    server = postgres_server()
    watched = watch(a=server.dsn)
    assert 'pg_database_size_bytes{server="a",datname="shop"}' in watched.page()
    server.sql("DROP DATABASE shop")
    assert 'pg_database_size_bytes{server="a",datname="shop"}' not in watched.page()
    assert not watched.errors("a")


def test_a_role_without_rights_sees_less_and_breaks_nothing(postgres_server, watch):
    server = postgres_server()
    server.sql("REVOKE pg_monitor FROM deckwatch")
    server.sql("REVOKE CONNECT ON DATABASE shop FROM PUBLIC")
    watched = watch(a=server.dsn)
    page = watched.page()
    assert not watched.errors("a")
    assert 'pg_database_size_bytes{server="a",datname="postgres"}' in page
    assert 'pg_database_size_bytes{server="a",datname="shop"}' not in page
    assert 'pg_database_connection_limit{server="a",datname="shop"}' in page
    assert 'pg_wal_segments{server="a"}' not in page


@pytest.mark.parametrize(
    ("dsn", "reason"),
    [
        (
            "postgresql://deckwatch:hunter2-wrong@127.0.0.1:{port}/postgres",
            "wrong password, or no such role; check both in the connection string",
        ),
        (
            "postgresql://deckwatch@127.0.0.1:{port}/postgres",
            "no password; add one to the connection string or to ~/.pgpass",
        ),
        (
            "host=127.0.0.1 port={port} user=deckwatch password={password} dbname=postgres sslmode=require",
            "the server does not offer TLS, which sslmode demands; switch it on (ssl = on) or lower sslmode",
        ),
        (
            "postgresql://deckwatch:hunter2@127.0.0.1:1/postgres",
            "refused, since no server listens there; start it, or check host and port",
        ),
        (
            "postgresql://deckwatch:{password}@127.0.0.1:{port}/nowhere",
            "no such database; check its name in the connection string",
        ),
        (
            "hunter2 is not a connection string",
            "malformed connection string; write postgresql://ROLE:PASSWORD@HOST:PORT/DATABASE or host=… dbname=…",
        ),
        (
            "postgresql://deckwatch:hunter2@no-such-host.invalid/postgres",
            "unknown host; check its name in the connection string, and the name server",
        ),
    ],
)
def test_an_error_is_logged_once_and_without_secrets(postgres_server, watch, caplog, dsn, reason):
    server = postgres_server()
    watched = watch(a=dsn.format(port=server.port, password=server.password))
    with caplog.at_level(logging.DEBUG, logger="deckwatch"):
        page = watched.page()
        watched.page()
    assert page['pg_up{server="a"}'] == 0
    messages = [record.getMessage() for record in caplog.records if record.name == "deckwatch.postgres"]
    assert messages == [f"PostgreSQL server a cannot be read: {reason}"]
    for secret in ("hunter2", server.password, "127.0.0.1"):
        assert secret not in caplog.text


def test_a_connection_string_from_a_file_may_change(postgres_server, tmp_path, eventually):
    server = postgres_server()
    file = tmp_path / "dsn"
    with World(config={"postgres": [{"name": "a", "dsn_file": str(file)}]}) as world:
        one = postgres.configured_servers(world)["a"]
        with pytest.raises(postgres.ServerDown, match=f"^dsn_file {file}: No such file$"):
            one.run_query(lambda _: "SELECT 1")
        file.write_text(server.dsn + "\n")

        def answers():
            with contextlib.suppress(postgres.ServerDown):
                return one.run_query(lambda _: "SELECT 1").rows

        assert eventually(answers) == [(1,)]


def test_nothing_can_be_written(postgres_server):
    server = postgres_server()
    with (
        World(config={"postgres": [{"name": "a", "dsn": server.admin}]}) as world,
        pytest.raises(psycopg.errors.ReadOnlySqlTransaction),
    ):
        postgres.configured_servers(world)["a"].run_query(lambda _: "CREATE TABLE t (i int)")
