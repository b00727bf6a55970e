"""A server that takes nobody in, a network that swallows packets, locks on what is read, and names nobody expects."""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import time

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

pytestmark = pytest.mark.live

PAGE_SECONDS = 9.5  # what Prometheus' default of 10 s leaves


@pytest.fixture
def swallow(need):
    """Have the kernel drop what is sent to a local port: `swallow(port)` until the returned function is called."""
    iptables = need("iptables", get="apt-get install iptables")
    need.that(os.geteuid() == 0, "only root may drop packets")
    with contextlib.ExitStack() as stack:

        def start(port: int):
            rule = ["INPUT", "-i", "lo", "-p", "tcp", "--dport", str(port), "-j", "DROP"]
            subprocess.run([iptables, "-I", *rule], check=True)
            own = stack.enter_context(contextlib.ExitStack())
            own.callback(subprocess.run, [iptables, "-D", *rule], check=True)
            return own.close

        yield start


def test_at_its_most_connections(postgres_server, watch_postgres, eventually, caplog):
    server = postgres_server(max_connections="10", superuser_reserved_connections="3")
    watched = watch_postgres(a={"dsn": server.dsn})
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(psycopg.OperationalError):
            while True:
                stack.enter_context(psycopg.connect(server.dsn))
        assert watched.page()['pg_up{server="a"}'] == 0
        assert "PostgreSQL server a cannot be read: too many connections" in caplog.text
    eventually(lambda: watched.page()['pg_up{server="a"}'] == 1)
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(psycopg.OperationalError):
            while True:
                stack.enter_context(psycopg.connect(server.dsn))
        page = watched.page()
        assert page['pg_up{server="a"}'] == 1, "it has its connection"
        assert page['deckwatch_postgres_connections_used{server="a"}'] == 7


def test_a_server_that_is_away_is_logged_once_and_not_by_everything_that_reads_it(
    postgres_server, watch_postgres, eventually, caplog
):
    server = postgres_server(shared_preload_libraries="pg_stat_statements")
    server.sql("CREATE EXTENSION pg_stat_statements")
    watched = watch_postgres(a={"dsn": server.dsn, "databases_every": "1s"})
    eventually(lambda: 'deckwatch_postgres_databases_visited{server="a"}' in watched.page())
    server.stop()
    ends = time.monotonic() + 5  # several attempts, and rounds through the databases
    while time.monotonic() < ends:
        assert watched.page()['pg_up{server="a"}'] == 0
        time.sleep(0.3)
    warnings = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    reason = "refused, since no server listens there; start it, or check host and port"
    assert warnings == [f"PostgreSQL server a cannot be read: {reason}"]


def test_a_network_that_swallows_packets(postgres_server, watch_postgres, swallow, eventually):
    server = postgres_server()
    watched = watch_postgres(a={"dsn": server.dsn})
    assert watched.page()['pg_up{server="a"}'] == 1
    again = swallow(server.port)
    page = watched.page()
    assert watched.seconds < PAGE_SECONDS
    assert page['pg_up{server="a"}'] == 0
    watched.page()
    assert watched.seconds < PAGE_SECONDS / 2, "while it is known to be away nobody waits long for it"
    again()
    eventually(lambda: watched.page()['pg_up{server="a"}'] == 1 and not watched.errors("a"), 60)
    eventually(lambda: server.sessions() <= 2, 60)


@pytest.mark.parametrize("locked", ["pg_stat_statements", "goods"])
def test_somebody_has_locked_what_is_read(postgres_server, watch_postgres, locked):
    server = postgres_server(shared_preload_libraries="pg_stat_statements")
    server.sql("CREATE EXTENSION pg_stat_statements; CREATE TABLE goods (i int)")
    watched = watch_postgres(a={"dsn": server.dsn})
    watched.page()
    with psycopg.connect(server.admin) as session:
        session.execute(f"LOCK {locked} IN ACCESS EXCLUSIVE MODE")
        page = watched.page()
        assert watched.seconds < PAGE_SECONDS
    assert page['pg_up{server="a"}'] == 1
    assert not watched.errors("a"), "it reads the functions below, or leaves the table out"


def test_names_with_all_that_a_name_can_hold(postgres_server, watch_postgres, eventually):
    server = postgres_server()
    name = 'it\'s "ü" \\ 100% {x} $1; DROP'
    quoted = '"' + name.replace('"', '""') + '"'
    server.sql(f"CREATE DATABASE {quoted}")
    server.sql(f"CREATE SCHEMA {quoted}; CREATE TABLE {quoted}.{quoted} ({quoted} int PRIMARY KEY)", name)
    server.sql(f"CREATE ROLE {quoted}")
    watched = watch_postgres(a={"dsn": server.dsn, "databases_every": "1s"})

    def tables() -> list[dict[str, str]]:
        watched.page()
        families = text_string_to_metric_families(watched.text)
        found = [one.samples for one in families if one.name == "pg_stat_user_tables_n_live_tup"]
        return [sample.labels for samples in found for sample in samples if sample.labels["relname"] == name]

    [labels] = eventually(tables)
    assert labels == {"server": "a", "datname": name, "schemaname": name, "relname": name}
    assert not watched.errors("a")


def test_no_session_is_left_behind(postgres_server, watch_postgres, eventually):
    server = postgres_server()
    for number in range(5):
        server.sql(f"CREATE DATABASE db{number}")
    watched = watch_postgres(a={"dsn": server.dsn, "databases_every": "1s"})
    eventually(lambda: watched.page().get('deckwatch_postgres_databases_visited{server="a"}') == 6)
    watched.scraper.close()
    watched.world.close()
    eventually(lambda: server.sessions() == 0)
