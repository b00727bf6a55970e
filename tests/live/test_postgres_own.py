"""What the exporter itself does on a server is not shown as the work of others."""

from __future__ import annotations

import re
import threading
import time

import psycopg
import pytest

pytestmark = pytest.mark.live


def series(page, name):
    return {key: value for key, value in page.items() if key.startswith(name + "{")}


def statement_users(watched) -> set[str]:
    calls = series(watched.page(), "pg_stat_statements_calls_total")
    assert not watched.errors("a")
    return {re.search('user="([^"]*)"', labels)[1] for labels in calls} - {"other"}


def test_our_own_sessions_are_not_slow_queries(postgres_server, watch_postgres, eventually):
    server = postgres_server()
    watched = watch_postgres(a={"dsn": server.dsn})
    sessions = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'"

    def sleep(application: str) -> None:
        with psycopg.connect(server.dsn, dbname="shop", application_name=application) as session:
            session.execute("SELECT pg_sleep(4)")

    ours, other = (threading.Thread(target=sleep, args=(name,)) for name in ("deckwatch", "psql"))
    ours.start()
    eventually(lambda: server.sql(sessions) == [(1,)])
    time.sleep(1.2)  # the limit of a slow query is 1 s
    page = watched.page()
    for name in ("slow_queries", "longest_query_seconds", "longest_transaction_seconds"):
        assert page[f'deckwatch_postgres_{name}{{server="a",datname="shop"}}'] == 0
    other.start()
    eventually(lambda: watched.page()['deckwatch_postgres_slow_queries{server="a",datname="shop"}'] == 1)
    for thread in (ours, other):
        thread.join()


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({}, {"postgres", "till"}),
        ({"statement_users": {"include": "^deck"}}, {"deckwatch"}),
        ({"statement_users": {"exclude": "^(till|postgres)$"}}, {"deckwatch"}),
    ],
)
def test_our_own_statements_are_left_out_unless_they_are_asked_for(postgres_server, watch_postgres, options, shown):
    server = postgres_server(shared_preload_libraries="pg_stat_statements")
    server.sql("CREATE EXTENSION pg_stat_statements; CREATE ROLE till SUPERUSER")
    server.sql("SET ROLE till; SELECT 'sold'")
    watched = watch_postgres(a={"dsn": server.dsn, **options})
    for _ in range(3):
        statement_users(watched)
    assert statement_users(watched) == shown
    sums = series(watched.page(), "pg_stat_statements_calls_total")
    rest = sums['pg_stat_statements_calls_total{server="a",user="other",datname="other",queryid="other"}']
    assert (rest == 0) == ("deckwatch" not in shown)  # nor are they in the sum of the rest


@pytest.mark.parametrize(
    "sharing",
    [
        "CREATE TABLE goods (i int); ALTER TABLE goods OWNER TO deckwatch",
        "CREATE TABLE goods (i int); GRANT INSERT ON goods TO deckwatch",
        "CREATE ROLE till; GRANT till TO deckwatch",
        "ALTER ROLE deckwatch SUPERUSER",
    ],
)
def test_statements_of_a_role_that_an_application_may_share_are_shown(postgres_server, watch_postgres, sharing):
    server = postgres_server(shared_preload_libraries="pg_stat_statements")
    server.sql(f"CREATE EXTENSION pg_stat_statements; {sharing}")
    watched = watch_postgres(a={"dsn": server.dsn})
    for _ in range(3):
        statement_users(watched)
    assert "deckwatch" in statement_users(watched)
