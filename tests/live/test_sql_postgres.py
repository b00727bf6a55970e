"""Queries of `watch: sql:` on a real PostgreSQL: values, and everything that a query can do wrong."""

from __future__ import annotations

import re
import time

import psycopg
import pytest

from deckwatch.exporter import page as status_page

pytestmark = pytest.mark.live

SHOP = """
    CREATE TABLE orders (id serial PRIMARY KEY, status text, total numeric, finished_at timestamptz, note text);
    INSERT INTO orders (status, total, finished_at)
        VALUES ('paid', 10.5, '2026-01-31 12:00+00'), ('paid', 4.5, '2026-01-31 12:01+00'), ('open', 3, NULL);
    GRANT SELECT ON orders TO deckwatch;
"""


@pytest.fixture
def shop(postgres_server):
    server = postgres_server()
    server.sql(SHOP, "shop")
    return server


def block(server, *queries: str) -> str:
    items = "".join(f"        - {query}\n" for query in queries)
    password_free = re.sub(":[^:@/]*@", "@", server.dsn)
    assert server.password not in password_free
    (server.folder / "dsn").write_text(server.dsn)
    return (
        f"  postgres: [{{name: shop-db, dsn_file: {server.folder}/dsn}}]\n"
        f"  sql:\n    - postgres: shop-db\n      database: shop\n      queries:\n{items}"
    )


def query(sql: str, metrics: str = "{shop_value: {}}", name: str = "q", more: str = "") -> str:
    return f'{{name: {name}, query: "{sql}", metrics: {metrics}{more}}}'


def sessions(server) -> list[tuple]:
    return server.sql("SELECT state, query FROM pg_stat_activity WHERE usename = 'deckwatch' AND datname = 'shop'")


def test_rows_become_series(shop, watch_sources):
    metrics = (
        "{shop_orders: {key_labels: [status], values: orders}, "
        "shop_revenue_total: {kind: counter, key_labels: [status], values: revenue}, "
        "shop_last_order_timestamp_seconds: {key_labels: [status], values: last}}"
    )
    sql = (
        "SELECT status, count(*) AS orders, sum(total) AS revenue, "
        "coalesce(max(finished_at), to_timestamp(0)) AS last FROM orders GROUP BY status; -- 100 % of them"
    )
    intervals = "SELECT interval '90 s' AS value, true AS other"
    watched = watch_sources(
        block(shop, query(sql, metrics), query(intervals, "{shop_age_seconds: {}, shop_on: {values: other}}", name="i"))
    )
    page = watched.settled()
    assert not watched.errors()
    assert page['shop_orders{status="paid"}'] == 2
    assert page['shop_revenue_total{status="paid"}'] == 15
    assert page['shop_last_order_timestamp_seconds{status="paid"}'] == 1769860860
    assert page['shop_last_order_timestamp_seconds{status="open"}'] == 0
    assert page["shop_age_seconds"] == 90
    assert page["shop_on"] == 1
    assert page['deckwatch_sql_role_may_write{query="q"}'] == 0
    assert len(sessions(shop)) <= 2
    assert all(state == "idle" for state, _ in sessions(shop))


@pytest.mark.parametrize(
    "case",
    [
        (
            "SELECT status, 1 AS value FROM orders",
            "{v: {key_labels: [status]}}",
            "DuplicateLabels",
            '{status="paid"} of v',
        ),
        ("SELECT 'many' AS value", "{v: {}}", "NotANumber", "column value is text"),
        ("SELECT 'NaN'::float8 AS value", "{v: {}}", "NotANumber", "column value is NaN"),
        ("SELECT 'NaN'::numeric AS value", "{v: {}}", "NotANumber", "column value is NaN"),
        ("SELECT NULL::int AS value", "{v: {}}", "NotANumber", "nothing (NULL)"),
        ("SELECT timestamptz 'infinity' AS value", "{v: {}}", "NotANumber", "such as an infinite time"),
        ("SELECT max(finished_at) AS value FROM orders WHERE id > 9", "{v: {}}", "NotANumber", "nothing (NULL)"),
        ("SELECT totl AS value FROM orders", "{v: {}}", "QueryRefused", 'column \\"totl\\" does not exist'),
        (
            "SELECT rolpassword AS value FROM pg_authid",
            "{v: {}}",
            "QueryRefused",
            "permission denied for table pg_authid",
        ),
        ("SELECT 1/(id - 1) AS value FROM orders", "{v: {}}", "QueryFailed", "DivisionByZero"),
        (
            "SELECT note::int + 'hunter2'::int AS value FROM orders",
            "{v: {}}",
            "QueryFailed",
            "InvalidTextRepresentation",
        ),
        ("SELECT nextval('orders_id_seq') AS value", "{v: {}}", "QueryRefused", "permission denied"),
        ("WITH d AS (DELETE FROM orders RETURNING 1) SELECT 1 AS value FROM d", "{v: {}}", "WriteRefused", "writes"),
        ("SELECT write_row() AS value", "{v: {}}", "WriteRefused", "the query writes"),
        (
            "SELECT set_config('transaction_read_only', 'off', true)::int AS value",
            "{v: {}}",
            "WriteRefused",
            "the query writes",
        ),
        ("SELECT pg_sleep(60)::text::int AS value", "{v: {}}", "QueryTimeout", "no result within 1 s"),
        ("SELECT v AS value FROM generate_series(1, 1e12) AS v", "{v: {}}", "QueryTimeout|TooManyRows", "1"),
    ],
)
def test_a_fault_fails_its_query_alone(shop, watch_sources, caplog, eventually, case):
    sql, metrics, error, reason = case
    shop.sql(
        "CREATE FUNCTION write_row() RETURNS int LANGUAGE sql SECURITY DEFINER "
        "AS 'INSERT INTO orders (status) VALUES (''x''); SELECT 1'",
        "shop",
    )
    good = query("SELECT count(*) AS value FROM orders", "{shop_orders: {}}", name="good")
    watched = watch_sources(block(shop, query(sql, metrics, more=", timeout: 1s"), good))
    assert watched.settled()["shop_orders"] == 3
    eventually(lambda: watched.page() and "q" in watched.errors())
    assert re.fullmatch(error, watched.errors()["q"])
    assert set(watched.errors()) == {"q"}
    assert re.search(reason if "|" in reason else re.escape(reason.replace("\\", "")), caplog.text)
    assert "hunter2" not in caplog.text
    assert shop.password not in caplog.text
    assert watched.errors()["q"] in status_page.render_index(watched.scraper)
    assert shop.sql("SELECT count(*) FROM orders", "shop") == [(3,)]
    eventually(lambda: all(state == "idle" for state, _ in sessions(shop)))


def test_two_statements_are_refused_by_the_server_too(shop, watch_sources, monkeypatch):
    from deckwatch.exporter.sources import sql_postgres

    watched = watch_sources(block(shop, query("SELECT 1 AS value")))
    monkeypatch.setattr(sql_postgres, "without_end", lambda _: "SELECT 1 AS value; COMMIT; DROP TABLE orders")
    watched.settled()
    assert watched.errors() == {"q": "QueryRefused"}
    assert shop.sql("SELECT count(*) FROM orders", "shop") == [(3,)]


@pytest.mark.parametrize(
    ("grant", "text"),
    [
        ("GRANT INSERT ON orders TO deckwatch", "may write to 1 table"),
        ("GRANT UPDATE ON orders TO PUBLIC", "may write to 1 table"),
        ("ALTER TABLE orders OWNER TO deckwatch", "may write to 1 table"),
        ("ALTER ROLE deckwatch SUPERUSER", "is a superuser"),
    ],
)
def test_a_role_that_may_write_is_reported_and_no_error(shop, watch_sources, grant, text):
    shop.sql("GRANT USAGE ON SCHEMA public TO deckwatch", "shop")
    shop.sql(grant, "shop")
    queries = [query("SELECT 1 AS value", f"{{shop_{name}: {{}}}}", name=name) for name in "qrst"]
    watched = watch_sources(block(shop, *queries))
    page = watched.settled()
    assert [page[f'deckwatch_sql_role_may_write{{query="{name}"}}'] for name in "qrst"] == [1, 1, 1, 1]
    assert not watched.errors()
    assert f"ok; its role {text}" in status_page.render_index(watched.scraper)


def test_a_role_whose_rights_cannot_be_read_has_no_figure_of_them(shop, watch_sources):
    shop.sql("REVOKE SELECT ON pg_roles FROM PUBLIC", "shop")
    watched = watch_sources(block(shop, query("SELECT 1 AS value")))
    page = watched.settled()
    assert page["shop_value"] == 1
    assert 'deckwatch_sql_role_may_write{query="q"}' not in page
    assert not watched.errors()


def test_a_locked_table_delays_only_its_query_and_holds_up_nobody(shop, watch_sources, eventually):
    queries = [
        query("SELECT count(*) AS value FROM orders", "{shop_orders: {}}", name="locked", more=", interval: 1s"),
        query("SELECT 1 AS value", name="good", more=", interval: 1s"),
    ]
    watched = watch_sources(block(shop, *queries))
    assert watched.settled()["shop_orders"] == 3
    with psycopg.connect(shop.admin, dbname="shop") as other:
        other.execute("LOCK TABLE orders")
        eventually(lambda: watched.page() and watched.errors() == {"locked": "QueryFailed"})
        assert watched.page()["shop_value"] == 1
    eventually(lambda: watched.page().get("shop_orders") == 3)


def test_a_server_that_stops_or_hangs_is_reported_and_read_again(shop, watch_sources, eventually):
    watched = watch_sources(
        block(shop, query("SELECT count(*) AS value FROM orders", more=", interval: 1s, timeout: 1s"))
    )
    assert watched.settled()["shop_value"] == 3
    shop.freeze()
    eventually(lambda: watched.page() is not None and watched.errors() == {"q": "QueryTimeout"})
    started = time.monotonic()
    watched.page()
    assert time.monotonic() - started < 0.5
    shop.thaw()
    eventually(lambda: watched.page().get("shop_value") == 3)
    shop.stop()
    eventually(lambda: watched.page() is not None and watched.errors() == {"q": "DatabaseDown"})
    shop.start()
    eventually(lambda: watched.page().get("shop_value") == 3, seconds=40)
    assert len(sessions(shop)) <= 2


def test_slow_queries_leave_the_statistics_alone(shop, watch_sources, watch_postgres):
    slow = [query("SELECT 1 AS value FROM pg_sleep(3)", name=f"s{i}", metrics=f"{{s{i}: {{}}}}") for i in range(5)]
    watched = watch_sources(block(shop, *slow))
    statistics = watch_postgres(a={"dsn": shop.dsn})
    watched.page()
    statistics.page()
    page = statistics.page()
    assert statistics.seconds < 1.5
    assert page['pg_up{server="a"}'] == 1
    assert not statistics.errors("a")
    assert len([text for _, text in sessions(shop) if text.startswith("FETCH")]) == 2  # besides a visit for statistics


@pytest.mark.parametrize(
    "case",
    [
        ("id > :watermark", "watermark: id", "bigint"),
        ("id > :watermark", "watermark: {column: id, start: 0}", "numeric"),
        ("finished_at > :watermark", "watermark: {column: finished_at, start: '2020-01-01'}", "timestamptz"),
        ("finished_at >= :watermark", "watermark: {column: finished_at, key: id, start: '2020-01-01'}", "timestamp"),
        ("name > :watermark", "watermark: {column: name, start: ''}", "text"),
    ],
)
def test_rows_are_counted_once_by_every_type_of_watermark(shop, watch_sources, tmp_path, eventually, case):
    where, more, kind = case
    changed = {"bigint": "id TYPE bigint", "numeric": "id TYPE numeric", "timestamp": "finished_at TYPE timestamp"}.get(
        kind
    )
    shop.sql(
        "CREATE TABLE runs (id bigint, seconds float8, finished_at timestamptz, name text);"
        "GRANT SELECT ON runs TO deckwatch;" + (f"ALTER TABLE runs ALTER {changed}" if changed else ""),
        "shop",
    )
    values = "v, 0.5, now() + v * interval '1 s', lpad(v::text, 9, '0')"
    insert = f"INSERT INTO runs SELECT {values} FROM generate_series({{}}, {{}}) v"
    text = block(
        shop,
        query(
            f"SELECT *, '100 %' AS note FROM runs WHERE {where} ORDER BY finished_at, id",
            "{workflow_rows_total: {kind: counter}, workflow_run_seconds: {kind: histogram, values: seconds}}",
            more=f", {more}, max_rows: 20, interval: 1s",
        ),
    ).replace("      database: shop\n", f"      database: shop\n      state: {tmp_path}/state\n")
    shop.sql(insert.format(1, 50), "shop")
    watched = watch_sources(text)
    assert watched.settled()["workflow_rows_total"] == 50
    assert watched.page()['workflow_run_seconds_bucket{le="0.5"}'] == 50
    shop.sql(insert.format(51, 55), "shop")
    eventually(lambda: watched.page()["workflow_rows_total"] == 55)
    watched.world.close()
    shop.sql(insert.format(56, 60), "shop")
    assert watch_sources(text).settled()["workflow_rows_total"] == 60


def test_the_time_zone_of_the_session_does_not_change_a_value(shop, watch_sources):
    shop.sql("ALTER ROLE deckwatch SET timezone = 'Asia/Tokyo'")
    watched = watch_sources(
        block(
            shop,
            query(
                "SELECT timestamp '2026-01-31 12:00' AS value, timestamptz '2026-01-31 12:00+00' AS zoned",
                "{v: {values: [value, zoned], value_label: kind}}",
            ),
        )
    )
    page = watched.settled()
    assert page['v{kind="value"}'] == page['v{kind="zoned"}'] == 1769860800
