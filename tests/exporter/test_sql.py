"""Queries of `watch: sql:` on SQLite files: their rows as series, and whatever is wrong with them."""

from __future__ import annotations

import itertools
import os
import sqlite3
import threading
import time
import tracemalloc

import pytest

from deckwatch.core import plugins, project
from deckwatch.exporter import page as status_page
from deckwatch.exporter.sources import sql_statement
from deckwatch.provisioning import metric_catalog

ORDERS = """
    CREATE TABLE orders (id INTEGER PRIMARY KEY, status TEXT, total REAL, note TEXT);
    INSERT INTO orders (status, total, note) VALUES ('paid', 10.5, 'x'), ('paid', 4.5, 'y'), ('open', 3, NULL);
"""


@pytest.fixture
def shop(tmp_path):
    """Make a database with three orders; returns the open connection."""
    with sqlite3.connect(tmp_path / "shop.db", isolation_level=None) as connection:
        connection.executescript(ORDERS)
        yield connection
    connection.close()


def block(*queries: str, entry: str = "sqlite_file: shop.db") -> str:
    items = "".join(f"        - {query}\n" for query in queries)
    return f"  sql:\n    - {entry}\n      queries:\n{items}"


def query(sql: str, metrics: str = "{shop_value: {}}", name: str = "q", more: str = "") -> str:
    return f'{{name: {name}, query: "{sql}", metrics: {metrics}{more}}}'


def test_rows_become_series(shop, watch_sources):
    metrics = (
        "{shop_orders: {help: Orders., key_labels: [status], values: orders, static_labels: {shop: berlin}}, "
        "shop_revenue_total: {kind: counter, unit: eur, key_labels: [status], values: revenue}, "
        "shop_figures: {key_labels: [status], values: [orders, revenue], value_label: figure}}"
    )
    sql = "SELECT status, count(*) AS orders, sum(total) AS revenue FROM orders GROUP BY status"
    watched = watch_sources(block(query(sql, metrics)))
    page = watched.settled()
    assert page['shop_orders{status="paid",shop="berlin"}'] == 2
    assert page['shop_orders{status="open",shop="berlin"}'] == 1
    assert page['shop_revenue_total{status="paid"}'] == 15
    assert page['shop_figures{status="open",figure="revenue"}'] == 3
    assert page['deckwatch_sql_rows{query="q"}'] == 2
    assert page['deckwatch_sql_role_may_write{query="q"}'] == os.access("/", os.W_OK) or os.geteuid()
    assert "# HELP shop_orders Orders.\n# TYPE shop_orders gauge\n" in watched.text
    assert "# TYPE shop_revenue_total counter\n" in watched.text
    assert not watched.errors()


@pytest.mark.parametrize(
    "case",
    [
        (
            "SELECT status, 1 AS value FROM orders",
            "{v: {key_labels: [status]}}",
            "DuplicateLabels",
            '{status="paid"} of v',
        ),
        ("SELECT 'many' AS value", "{v: {}}", "NotANumber", "column value is text; expected a number"),
        ("SELECT NULL AS value", "{v: {}}", "NotANumber", "column value is nothing (NULL)"),
        ("SELECT 9e999 AS value", "{v: {}}", "NotANumber", "column value is infinite"),
        ("SELECT x'00' AS value", "{v: {}}", "NotANumber", "column value is binary"),
        (
            "SELECT * FROM (SELECT 1 AS valu)",
            "{v: {}}",
            "UnknownColumn",
            "column value is not in the result, which has valu",
        ),
        ("SELECT 1 AS value, 2 AS value", "{v: {}}", "UnknownColumn", "column value is twice in the result"),
        ("SELECT 1 AS value FROM missing", "{v: {}}", "QueryRefused", "no such table: missing"),
        ("SELECT value FROM", "{v: {}}", "QueryRefused", "incomplete input"),
        ("SELECT 1 AS value, hex(zeroblob(600)) AS l", "{v: {key_labels: [l]}}", "UnsuitableLabel", "1200 characters"),
        ("WITH n AS (SELECT 1 AS v) DELETE FROM orders WHERE id IN n", "{v: {}}", "WriteRefused", "refuse"),
        ("SELECT value FROM pragma_user_version", "{v: {}}", "WriteRefused", "refuse"),
        ("SELECT load_extension('x') AS value", "{v: {}}", "QueryRefused", "not authorized"),
    ],
)
def test_a_fault_fails_its_query_alone_and_is_in_the_log(shop, watch_sources, caplog, case):
    sql, metrics, error, reason = case
    good = query("SELECT count(*) AS value FROM orders", "{shop_orders: {}}", name="good")
    watched = watch_sources(block(query(sql, metrics), good))
    page = watched.settled()
    assert watched.errors() == {"q": error}
    assert page["shop_orders"] == 3
    assert reason in caplog.text
    assert "the query q cannot be read" in caplog.text
    html = status_page.render_index(watched.scraper)
    assert error in html
    assert reason not in html
    assert shop.execute("SELECT count(*) FROM orders").fetchone() == (3,)


def test_a_query_without_rows_has_no_series_and_says_so(shop, watch_sources):
    watched = watch_sources(block(query("SELECT total AS value FROM orders WHERE id > 10")))
    assert not [series for series in watched.settled() if series.startswith("shop_")]
    assert watched.absent() == {"q": "the query has no rows"}
    assert not watched.errors()


@pytest.mark.parametrize(
    ("more", "error"), [(", max_rows: 2", "TooManyRows"), (", max_series: 2", "TooManySeries"), (", max_rows: 3", None)]
)
def test_more_rows_or_series_than_allowed_are_a_fault_and_no_part_is_shown(shop, watch_sources, more, error):
    watched = watch_sources(block(query("SELECT id, total AS value FROM orders", "{v: {key_labels: [id]}}", more=more)))
    page = watched.settled()
    assert watched.errors() == ({"q": error} if error else {})
    assert ('v{id="1"}' in page) == (error is None)


def test_a_query_that_never_ends_is_ended_and_neither_delays_a_scrape_nor_grows(shop, watch_sources, eventually):
    endless = "WITH RECURSIVE n(v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM n) SELECT {} AS value FROM n"
    watched = watch_sources(
        block(
            query(endless.format("max(v)"), name="slow", more=", timeout: 1500ms"),
            query(endless.format("v"), "{endless: {}}", name="long"),
            query("SELECT count(*) AS value FROM orders", "{shop_orders: {}}", name="good"),
        )
    )
    tracemalloc.start()
    page = watched.page()
    assert watched.seconds < 1.5
    assert page["shop_orders"] == 3
    errors = {"slow": "QueryTimeout", "long": "TooManyRows"}
    eventually(lambda: watched.page() and watched.errors() == errors and watched.seconds < 0.5)
    assert tracemalloc.get_traced_memory()[1] < 20 << 20
    tracemalloc.stop()


def test_two_queries_with_the_same_series_never_show_both(shop, watch_sources, caplog):
    one, two = (query("SELECT 1 AS value", "{shop_value: {static_labels: {a: b}}}", name=name) for name in ("x", "y"))
    watched = watch_sources(block(one, two))
    watched.settled()
    assert len(watched.errors()) == 1
    assert set(watched.errors().values()) == {"DuplicateLabels"}
    assert watched.text.count('shop_value{a="b"}') == 1
    assert 'has the series shop_value{a="b"} too' in caplog.text


@pytest.mark.parametrize("kind", ["missing", "folder", "pipe", "text", "empty"])
def test_what_is_no_database_is_reported_without_waiting(tmp_path, watch_sources, kind):
    path = tmp_path / "shop.db"
    {"missing": lambda: None, "folder": path.mkdir, "pipe": lambda: os.mkfifo(path), "empty": path.touch}.get(
        kind, lambda: path.write_text("no database" * 100)
    )()
    watched = watch_sources(block(query("SELECT count(*) AS value FROM orders")))
    watched.settled()
    assert watched.errors() == {"q": "QueryRefused" if kind == "empty" else "DatabaseDown"}
    assert not (kind == "missing" and path.exists())


def test_a_reading_is_repeated_and_a_replaced_file_is_read(shop, tmp_path, watch_sources, eventually):
    watched = watch_sources(block(query("SELECT count(*) AS value FROM orders", more=", interval: 1s")))
    assert watched.settled()["shop_value"] == 3
    shop.execute("INSERT INTO orders (total) VALUES (1)")
    eventually(lambda: watched.page()["shop_value"] == 4)
    with sqlite3.connect(tmp_path / "new.db") as other:
        other.execute("CREATE TABLE orders (id)")
    other.close()
    (tmp_path / "new.db").rename(tmp_path / "shop.db")
    eventually(lambda: watched.page()["shop_value"] == 0)


def test_a_locked_file_is_a_fault_that_ends_with_the_lock(shop, watch_sources, eventually):
    watched = watch_sources(block(query("SELECT count(*) AS value FROM orders", more=", interval: 1s")))
    shop.execute("BEGIN EXCLUSIVE")
    watched.page()
    eventually(lambda: watched.page() is not None and watched.errors() == {"q": "QueryFailed"})
    shop.execute("ROLLBACK")
    eventually(lambda: watched.page().get("shop_value") == 3)


def test_the_status_page_says_that_a_role_may_write(shop, watch_sources):
    watched = watch_sources(block(query("SELECT 1 AS value")))
    watched.settled()
    assert "ok; its role may write to the file" in status_page.render_index(watched.scraper)
    assert not watched.errors()


def test_the_queries_are_rows_of_one_group_of_the_status_page(shop, watch_sources):
    watched = watch_sources(
        block(*(query("SELECT 1 AS value", f"{{{name}: {{}}}}", name=name) for name in ("one", "two")))
    )
    watched.settled()
    html = status_page.render_index(watched.scraper)
    assert html.count("<h2>Applications</h2>") == 1
    assert "one: Metrics from the queries" in html
    assert "two: Metrics from the queries" in html


def test_scrapes_share_a_reading(shop, watch_sources):
    watched = watch_sources(block(query("SELECT count(*) AS value FROM orders")))
    watched.settled()
    shop.execute("DELETE FROM orders")
    assert watched.page()["shop_value"] == 3
    (reading,) = [outcome for outcome in watched.outcomes if outcome.subject == "q"]
    assert reading.at < watched.world.age_clock()
    time.sleep(0.01)
    assert sum(thread.name == "background" for thread in threading.enumerate()) >= 1


@pytest.mark.parametrize(
    ("sql", "fault"),
    [
        ("SELECT 1", None),
        (" -- a comment\n(SELECT ';' AS x /* ; */);", None),
        ("SELECT \"a;b\", $$;$$, $t$ ; $t$, E'x'::text", None),
        ("WITH x AS (SELECT 1) SELECT * FROM x;  -- done\n", None),
        ("", "empty"),
        ("-- nothing", "empty"),
        ("SELECT 1; SELECT 2", "more than one statement"),
        ("SELECT 1;;", "more than one statement"),
        ("SELECT 1 INTO OUTFILE '/tmp/x'", "INTO writes"),
        ("UPDATE orders SET total = 0", "UPDATE does not begin a query"),
        ("COPY (SELECT 1) TO PROGRAM 'x'", "COPY does not begin a query"),
        ("SELECT :status", "unknown parameter :status"),
        ("SELECT id FROM orders WHERE id > :watermark", "needs `watermark:`"),
        ("SELECT ':watermark', 'it''s :x'", None),
    ],
)
def test_a_statement_is_checked_without_a_database(sql, fault):
    found = sql_statement.find_fault(sql, has_watermark=False)
    assert (found is None) if fault is None else (found and fault in found)


ITEMS = [
    "id",
    "o.id",
    "id AS n",
    "id AS 'N'",
    "id n",
    '"id"',
    "max(id, 2)",
    "id + 1",
    "CAST(id AS text)",
    "'a, b' AS text",
]
ITEMS += [
    "(SELECT max(id) FROM orders) AS most",
    "CASE WHEN id > 1 THEN 2 END",
    "count(*) OVER ()",
    "id IS DISTINCT FROM 2",
]
ITEMS += [
    "(SELECT id FROM orders LIMIT 1)",
    "total AS [x]",
    "note /* AS y, */ AS z",
    "group_concat(id) FILTER (WHERE id)",
]


@pytest.mark.parametrize(
    "end", [" FROM orders o", " FROM orders o WHERE id > 1 LIMIT 1", " FROM orders o UNION SELECT 1, 2, 3"]
)
@pytest.mark.parametrize(
    "start", ["SELECT ", "WITH a AS (SELECT 1 AS b) SELECT ", "SELECT DISTINCT ", "SELECT -- x\n ALL "]
)
def test_no_column_that_a_query_selects_is_reported_as_missing(shop, start, end):
    for items in itertools.permutations(ITEMS, 3):
        if hash(items) % 20:  # the others in other runs
            continue
        sql = start + ", ".join(items) + end
        known = sql_statement.read_select_list(sql)
        for column in shop.execute(sql).description:
            assert known.may_have(column[0]), sql
        assert not known.may_have("nowhere"), sql


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("SELECT id, at AS finished_at, count(*) n FROM jobs WHERE id > 1", ("id", "finished_at")),
        ('SELECT j.id, "Total" AS "Sum ""x" FROM jobs j', ("id", 'sum "x')),
        ("WITH a(b) AS (SELECT c FROM d) SELECT b FROM a", ("b",)),
        ("SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY x) AS median, id FROM jobs GROUP BY id", ("median", "id")),
        ("SELECT * FROM jobs", None),
        ("SELECT id, j.* FROM jobs j", None),
        ("VALUES (1, 2)", None),
        ("TABLE jobs", None),
        ("(SELECT id FROM jobs) UNION (SELECT 1)", None),
        ("SELECT 1", None),
    ],
)
def test_the_columns_of_a_statement(sql, names):
    found = sql_statement.read_select_list(sql)
    assert names == (None if found is None else found.names)


def test_columns_that_the_query_does_not_select_are_problems(project_problems):
    sql = "SELECT id, status, total AS value, max(at) FROM orders WHERE id > :watermark GROUP BY id"
    more = "key_labels: [statsu], values: [value, totl], value_label: what"
    problems = project_problems(
        "  sql:\n    - sqlite_file: x\n      queries:\n"
        f"        - {{name: a, query: '{sql}', watermark: finished_at, metrics: {{shop_a: {{kind: counter}}}}}}\n"
        f"        - {{name: b, query: '{sql}', watermark: {{column: id, key: happened}}, "
        f"metrics: {{shop_b: {{{more}}}}}}}\n"
        f"        - {{name: c, query: '{sql}', watermark: at, metrics: {{shop_c: {{}}}}}}\n"
        "        - {name: d, query: SELECT id FROM orders, metrics: {shop_d: {}}}\n"
        "        - {name: e, query: SELECT * FROM orders, metrics: {shop_e: {values: nothing}}}\n"
    )
    other = "one of id, status, value"
    assert [line.removesuffix(" [input]").partition("error: ")[2] for line in problems] == [
        f"the query does not select the column finished_at ({other})",
        f"the query does not select the column happened ({other})",
        "the query does not select the column statsu (did you mean status?)",
        f"the query does not select the column totl ({other})",
        "the query does not select the column value (only id)",
    ]


def test_the_settings_are_checked_with_their_place(project_problems):
    problems = project_problems(
        "  postgres: [{name: shop-db, dsn: dbname=shop}]\n"
        "  sql:\n"
        "    - {postgres: shop-bd, queries: [{name: a, query: SELECT 1 AS value, metrics: {shop_value: {}}}]}\n"
        "    - {postgres: shop-db, sqlite_file: x, queries: [{name: a, query: DROP TABLE x, metrics: {shop_a: {}}}]}\n"
        "    - sqlite_file: x\n"
        "      queries:\n"
        "        - {name: b, query: SELECT 1 AS value, metrics: {node_load1: {}}}\n"
        "        - {name: c, query: 'SELECT 1 AS value, x', metrics: {shop_value: {key_labels: [x]}}}\n"
        "        - {name: d, query: SELECT 1, metrics: {shop_two: {values: [a, b]}}}\n"
        "        - {name: e, query: SELECT 1, metrics: {shop_e: {key_labels: [x], static_labels: {x: y}}}}\n"
        "        - {name: f, query: SELECT 1, metrics: {http_requests_total: {}, app_errors_total: {kind: counter}}}\n"
    )
    several = "several values need a label that distinguishes them"
    assert [line.removesuffix(" [input]") for line in problems] == [
        "deckwatch.yaml:4:18: error: unknown server of postgres: 'shop-bd' (did you mean shop-db?)",
        "deckwatch.yaml:5:7: error: expected one of postgres, sqlite_file, mysql; not postgres and sqlite_file",
        "deckwatch.yaml:5:70: error: DROP does not begin a query; expected one of SELECT, WITH, VALUES, TABLE",
        f"deckwatch.yaml:10:67: error: {several} (add value_label, the label that says which column a value is from)",
        "deckwatch.yaml:5:60: error: duplicate name 'a'",
        "deckwatch.yaml:8:57: error: node_load1 is a name that Deckwatch itself uses (begin it with the application's)",
        "deckwatch.yaml:9:62: error: shop_value is declared with another kind or other labels above",
        "deckwatch.yaml:11:48: error: the label x is set twice",
        "deckwatch.yaml:12:48: error: http_requests_total is a counter wherever Deckwatch has it",
    ]


def test_unknown_keys_and_labels_have_the_nearest_word(project_problems):
    (first,) = project_problems(
        "  sql:\n    - {sqlite_file: x, queries: [{name: a, qeury: SELECT 1, query: SELECT 1, metrics: {a: {}}}]}\n"
    )
    assert "unknown key qeury" in first
    assert "query" in first
    (label,) = project_problems(
        "  sql:\n    - {sqlite_file: x, queries: [{name: a, query: SELECT 1, metrics: {a: {key_labels: [job]}}}]}\n"
    )
    assert "'job' is not a label's name other than job, instance and le" in label


def test_declared_metrics_are_in_the_catalogue(tmp_path):
    (tmp_path / "deckwatch.yaml").write_text(
        "watch:\n"
        + block(query("SELECT 1", "{shop_revenue_total: {kind: counter, unit: eur, key_labels: [currency]}}"))
    )
    catalog = metric_catalog.load_catalog(project.load_project(tmp_path, plugins.schema_fragments()))
    metric = catalog.get("shop_revenue_total")
    assert metric is not None
    assert (metric.kind, metric.unit, metric.labels, metric.source) == ("counter", "eur", ("currency",), "app_sql")


def test_a_metric_that_others_have_too_keeps_their_labels(tmp_path):
    metrics = "{http_requests_total: {kind: counter, key_labels: [protocol]}}"
    (tmp_path / "deckwatch.yaml").write_text("watch:\n" + block(query("SELECT 1", metrics)))
    catalog = metric_catalog.load_catalog(project.load_project(tmp_path, plugins.schema_fragments()))
    assert {"protocol", "handler", "code"} <= catalog.labels("http_requests_total")


def test_queries_run_on_one_host_only(tmp_path, watch_sources, shop):
    from deckwatch.exporter import config

    (tmp_path / "deckwatch.yaml").write_text(
        "hosts: [{name: web-1, address: 'web-1:9877'}, {name: db-1, address: 'db-1:9877'}]\nwatch:\n"
        + block(query("SELECT 1 AS value"))
    )
    loaded = project.load_project(tmp_path, plugins.schema_fragments())
    assert "elsewhere" not in config.watch_config(loaded, {}, own_host="web-1")["sql"][0]
    assert config.watch_config(loaded, {}, own_host="db-1")["sql"][0]["elsewhere"] == "read from web-1"
    assert config.watch_config(loaded, {})["sql"][0]["sqlite_file"] == str(tmp_path / "shop.db")


@pytest.mark.parametrize("dsn", ["mysql://me:hunter2@db/shop", "mysql://me@db/shop?password=hunter2"])
def test_a_password_in_an_address_is_refused_and_not_shown(project_problems, dsn):
    (problem,) = project_problems(
        f"  sql:\n    - {{mysql: {{dsn: '{dsn}'}}, queries: [{{name: a, query: SELECT 1, metrics: {{a: {{}}}}}}]}}\n"
    )
    assert "the dsn contains a password" in problem
    assert "hunter2" not in problem
