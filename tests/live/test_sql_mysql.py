"""Queries of `watch: sql:` on a real MariaDB."""

from __future__ import annotations

import pytest

from deckwatch.exporter import page as status_page

pytestmark = pytest.mark.live

SHOP = (
    "CREATE TABLE orders (id INT PRIMARY KEY AUTO_INCREMENT, status VARCHAR(20), total DECIMAL(9, 2), at DATETIME(6))",
    "INSERT INTO orders (status, total, at) VALUES ('paid', 10.5, '2026-01-31 12:00')",
    "INSERT INTO orders (status, total, at) VALUES ('paid', 4.5, '2026-01-31 12:01')",
    "INSERT INTO orders (status, total) VALUES ('open', 3)",
)


@pytest.fixture
def shop(mariadb_server):
    server = mariadb_server()
    server.sql(*SHOP)
    return server


def block(server, *queries: str, state: str = "/nowhere") -> str:
    (server.folder / "dsn").write_text(server.address)
    items = "".join(f"        - {query}\n" for query in queries)
    return f"  sql:\n    - mysql: {{dsn_file: {server.folder}/dsn}}\n      state: {state}\n      queries:\n{items}"


def query(sql: str, metrics: str = "{shop_value: {}}", name: str = "q", more: str = "") -> str:
    return f'{{name: {name}, query: "{sql}", metrics: {metrics}{more}}}'


def sessions(server) -> list[tuple]:
    return server.sql("SELECT command FROM information_schema.processlist WHERE user = 'deckwatch'")


def test_rows_become_series(shop, watch_sources):
    metrics = (
        "{shop_orders: {key_labels: [status], values: orders}, shop_revenue: {key_labels: [status], values: revenue}, "
        "shop_last_timestamp_seconds: {key_labels: [status], values: last}}"
    )
    sql = (
        "SELECT status, count(*) AS orders, sum(total) AS revenue, coalesce(max(at), '1970-01-01') AS last # 100 %\\n"
        "FROM orders WHERE status <> 'it\\\\'s; not :x' GROUP BY status;"
    ).replace("coalesce(max(at), '1970-01-01')", "cast(coalesce(max(at), '1970-01-01') AS datetime)")
    watched = watch_sources(block(shop, query(sql, metrics)))
    page = watched.settled()
    assert not watched.errors()
    assert page['shop_orders{status="paid"}'] == 2
    assert page['shop_revenue{status="paid"}'] == 15
    assert page['shop_last_timestamp_seconds{status="paid"}'] == 1769860860
    assert page['deckwatch_sql_role_may_write{query="q"}'] == 0
    assert len(sessions(shop)) == 1


@pytest.mark.parametrize(
    "case",
    [
        ("SELECT status, 1 AS value FROM orders", "{v: {key_labels: [status]}}", "DuplicateLabels", 'status="paid"'),
        ("SELECT 'many' AS value", "{v: {}}", "NotANumber", "is text"),
        ("SELECT NULL AS value", "{v: {}}", "NotANumber", "NULL"),
        ("SELECT totl AS value FROM orders", "{v: {}}", "QueryRefused", "totl"),
        ("SELECT 1 AS value FROM mysql.user", "{v: {}}", "QueryRefused", "denied"),
        ("SELECT write_row() AS value", "{v: {}}", "WriteRefused", "the query writes"),
        ("SELECT sleep(60) AS value", "{v: {}}", "QueryTimeout", "no result within 1 s"),
        ("SELECT 1 AS value FROM seq_1_to_1000000000", "{v: {}}", "TooManyRows", "more than 1000 rows"),
        ("SELECT seq AS value FROM seq_1_to_100000000000 ORDER BY rand()", "{v: {}}", "QueryTimeout", "within 1 s"),
    ],
)
def test_a_fault_fails_its_query_alone(shop, watch_sources, caplog, eventually, case):
    sql, metrics, error, reason = case
    shop.sql(
        "CREATE FUNCTION write_row() RETURNS INT MODIFIES SQL DATA "
        "BEGIN INSERT INTO orders (total) VALUES (1); RETURN 1; END",
        "GRANT EXECUTE ON FUNCTION shop.write_row TO deckwatch@'%'",
    )
    good = query("SELECT count(*) AS value FROM orders", "{shop_orders: {}}", name="good")
    watched = watch_sources(block(shop, query(sql, metrics, more=", timeout: 1s"), good))
    assert watched.settled()["shop_orders"] == 3
    eventually(lambda: watched.page() and watched.errors() == {"q": error})
    assert reason in caplog.text
    assert shop.password not in caplog.text
    assert shop.sql("SELECT count(*) FROM orders") == [(3,)]
    eventually(lambda: len(sessions(shop)) <= 2)


def test_two_statements_are_refused_by_the_server_too(shop, watch_sources, monkeypatch):
    from deckwatch.exporter.sources import sql_mysql

    watched = watch_sources(block(shop, query("SELECT 1 AS value")))
    monkeypatch.setattr(sql_mysql, "without_end", lambda *_, **__: "SELECT 1 AS value; DROP TABLE orders")
    watched.settled()
    assert watched.errors() == {"q": "QueryRefused"}
    assert shop.sql("SELECT count(*) FROM orders") == [(3,)]


@pytest.mark.parametrize(
    ("grant", "text"),
    [
        ("GRANT INSERT (status), SELECT ON shop.orders TO deckwatch@'%'", "has the privilege INSERT"),
        ("GRANT ALL ON shop.* TO deckwatch@'%'", "has the privilege ALL PRIVILEGES"),
    ],
)
def test_a_role_that_may_write_is_reported_and_no_error(shop, watch_sources, grant, text):
    shop.sql(grant)
    watched = watch_sources(block(shop, query("SELECT count(*) AS value FROM orders")))
    assert watched.settled()['deckwatch_sql_role_may_write{query="q"}'] == 1
    assert not watched.errors()
    assert f"ok; its role {text}" in status_page.render_index(watched.scraper)


@pytest.mark.parametrize(
    "case",
    [
        ("id > :watermark", "watermark: id"),
        ("at >= :watermark", "watermark: {column: at, key: id, start: '2020-01-01'}"),
    ],
)
def test_rows_are_counted_once(shop, watch_sources, tmp_path, eventually, case):
    where, more = case
    shop.sql("DELETE FROM orders WHERE at IS NULL")
    metrics = "{shop_rows_total: {kind: counter}, shop_totals: {kind: histogram, values: total, buckets: [5]}}"
    text = block(
        shop,
        query(
            f"SELECT *, '100 %' AS note FROM orders WHERE {where} ORDER BY at, id",
            metrics,
            more=f", {more}, interval: 1s, max_rows: 20",
        ),
        state=f"{tmp_path}/state",
    )
    watched = watch_sources(text)
    page = watched.settled()
    assert page["shop_rows_total"] == 2
    assert page['shop_totals_bucket{le="5.0"}'] == 1
    insert = "INSERT INTO orders (total, at) SELECT 1, now(6) + INTERVAL seq SECOND FROM seq_1_to_50"
    shop.sql(insert)
    eventually(lambda: watched.page()["shop_rows_total"] == 52)
    watched.world.close()
    shop.sql(insert.replace("now(6)", "now(6) + INTERVAL 100 SECOND"))
    assert watch_sources(text).settled()["shop_rows_total"] == 102


def test_a_server_that_stops_or_hangs_is_reported_and_read_again(shop, watch_sources, eventually):
    watched = watch_sources(
        block(shop, query("SELECT count(*) AS value FROM orders", more=", interval: 1s, timeout: 1s"))
    )
    assert watched.settled()["shop_value"] == 3
    shop.process().suspend()
    eventually(lambda: watched.page() is not None and watched.errors() == {"q": "QueryTimeout"})
    assert watched.seconds < 0.5
    shop.process().resume()
    eventually(lambda: watched.page().get("shop_value") == 3)
    shop.program.stop()
    eventually(lambda: watched.page() is not None and watched.errors() == {"q": "DatabaseDown"})
    shop.start()
    eventually(lambda: watched.page().get("shop_value") == 3, seconds=40)


def test_a_wrong_password_is_named_and_not_shown(shop, watch_sources, caplog):
    shop.password, real = "hunter2", shop.password
    watched = watch_sources(block(shop, query("SELECT 1 AS value")))
    watched.settled()
    assert watched.errors() == {"q": "DatabaseDown"}
    assert "wrong password, or no such role" in caplog.text
    assert "hunter2" not in caplog.text
    assert real not in caplog.text
