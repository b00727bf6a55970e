"""How often databases are visited and their sizes read: rarely, not without scrapes, and never with a wrong value."""

from __future__ import annotations

import re
import time

import pytest

from deckwatch.exporter.sources import background

pytestmark = pytest.mark.live

LOGIN = re.compile(r"connection authorized: user=deckwatch database=(\S+)")
SIZE = 'pg_database_size_bytes{{server="a",datname="{}"}}'
LIMIT = 'pg_database_connection_limit{{server="a",datname="{}"}}'
VISITED = 'deckwatch_postgres_databases_visited{server="a"}'
MIB = 2**20


def visits(server) -> list[str]:
    """Return the names of the databases that the exporter's role has connected to, but for the one of its string."""
    names = LOGIN.findall((server.folder / "server.log").read_text())
    return [name for name in names if name != "postgres"]


def tables(page) -> set[str]:
    return {
        found[1] for series in page if (found := re.match(r'pg_stat_user_tables_n_live_tup{.*datname="(\w+)"', series))
    }


def test_there_are_no_more_visits_than_the_limit_and_each_database_has_its_turn(
    postgres_server, watch_postgres, eventually
):
    server = postgres_server(log_connections="on")
    server.sql("CREATE TABLE goods (i int)", "template1")
    for number in range(8):
        server.sql(f"CREATE DATABASE db{number}")
    watched = watch_postgres(a={"dsn": server.dsn, "databases_every": "1s", "databases_per_minute": 6})
    eventually(lambda: watched.page().get(VISITED) == 6)
    assert len(tables(watched.page())) == 6, "each is shown as soon as it has been visited"
    eventually(lambda: watched.page()[VISITED] == 7, 30)
    seen = visits(server)
    assert len(seen) == len(set(seen)) == 7
    assert not watched.errors("a")


def test_visits_end_without_scrapes_and_begin_again_with_the_next(
    postgres_server, watch_postgres, eventually, monkeypatch
):
    monkeypatch.setattr(background, "_IDLE_SECONDS", 1.0)
    server = postgres_server(log_connections="on")
    server.sql("CREATE TABLE goods (i int)", "shop")
    watched = watch_postgres(
        a={"dsn": server.dsn, "databases_every": "1s", "databases_per_minute": 600, "sizes_every": "1s"}
    )
    eventually(lambda: "shop" in tables(watched.page()))
    time.sleep(3)
    before = visits(server)
    [[reads]] = server.sql("SELECT xact_commit FROM pg_stat_database WHERE datname = 'postgres'")
    time.sleep(3)
    assert visits(server) == before
    [[after]] = server.sql("SELECT xact_commit FROM pg_stat_database WHERE datname = 'postgres'")
    assert after - reads <= 5, "those of this test"
    eventually(lambda: "shop" in tables(watched.page()) and len(visits(server)) > len(before))
    assert not watched.errors("a")


def test_a_dropped_database_is_gone_with_the_next_round(postgres_server, watch_postgres, eventually):
    server = postgres_server()
    server.sql("CREATE DATABASE crm")
    server.sql("CREATE TABLE goods (i int)", "crm")
    watched = watch_postgres(a={"dsn": server.dsn, "databases_every": "1s", "databases_per_minute": 2})
    eventually(lambda: watched.page().get(VISITED) == 2)
    server.sql("DROP DATABASE crm")
    eventually(lambda: watched.page()[VISITED] == 1)
    assert "crm" not in tables(watched.page())


def test_a_size_is_that_of_its_database_and_never_that_of_another(postgres_server, watch_postgres, eventually):
    server = postgres_server()
    server.sql("CREATE TABLE goods AS SELECT repeat('x', 1000) FROM generate_series(1, 10000)", "shop")
    watched = watch_postgres(a={"dsn": server.dsn, "sizes_every": "2s"})
    page = watched.page()
    assert page[SIZE.format("shop")] > 10 * MIB, "the first page waits for the sizes"
    server.sql("DROP DATABASE shop")
    server.sql("CREATE DATABASE shop CONNECTION LIMIT 7")
    page = watched.page()
    assert page[LIMIT.format("shop")] == 7
    assert page.get(SIZE.format("shop"), 0) < 10 * MIB
    eventually(lambda: watched.page().get(SIZE.format("shop")))
    assert watched.page()[SIZE.format("shop")] < 10 * MIB
    assert not watched.errors("a")


def test_a_new_database_appears_at_once_and_its_size_later(postgres_server, watch_postgres, eventually):
    server = postgres_server()
    watched = watch_postgres(a={"dsn": server.dsn, "sizes_every": "3s"})
    first = watched.page()
    time.sleep(0.2)
    server.sql("CREATE DATABASE crm")
    page = watched.page()
    assert LIMIT.format("crm") in page
    assert SIZE.format("crm") not in page
    assert page[SIZE.format("shop")] == first[SIZE.format("shop")]
    [size] = [one for one in watched.outcomes if one.collector.name == "postgres_size"]
    [up] = [one for one in watched.outcomes if one.collector.name == "postgres_up"]
    assert size.at < up.at - 0.1, "the age of a size is that of its reading"
    eventually(lambda: SIZE.format("crm") in watched.page())


def test_sizes_that_cannot_be_read_cost_no_limits(postgres_server, watch_postgres, eventually):
    server = postgres_server()
    watched = watch_postgres(a={"dsn": server.dsn, "sizes_every": "1s"})
    assert SIZE.format("shop") in watched.page()
    server.sql("ALTER FUNCTION pg_catalog.pg_database_size(oid) RENAME TO size_of_before")
    eventually(lambda: watched.page() and watched.errors("a"))
    page = watched.page()
    assert watched.errors("a") == {"postgres_size": "ReadingFailed"}
    assert LIMIT.format("shop") in page
    assert SIZE.format("shop") not in page
    server.sql("ALTER FUNCTION pg_catalog.size_of_before(oid) RENAME TO pg_database_size")
    eventually(lambda: SIZE.format("shop") in watched.page(), 30)
