"""Probes that query real databases."""

from __future__ import annotations

import contextlib
import re
import sqlite3
import time

import pytest

from tests.fixtures.probed import Probed

pytestmark = pytest.mark.live

ORDERS = (
    "CREATE TABLE orders (id int, state varchar(20), secret varchar(20))",
    "INSERT INTO orders VALUES (1, 'paid', 'swordfish'), (2, 'paid', 'swordfish'), (3, 'stuck', 'swordfish')",
)
SLOW = {
    "postgres": "SELECT pg_sleep(30)",
    "mysql": "SELECT sleep(30)",
    "sqlite": "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c",
}


@pytest.fixture(params=["postgres", "mysql", "sqlite"])
def shop(request, tmp_path):
    """Return a Probed and the keys of an entry that name a database, with the kind of it."""
    config, keys = {}, {}
    if request.param == "postgres":
        server = request.getfixturevalue("postgres_server")()
        server.sql(f"{';'.join(ORDERS)}; GRANT SELECT ON orders TO deckwatch", "shop")
        (tmp_path / "dsn").write_text(server.dsn)
        config = {"postgres": [{"name": "shop-db", "dsn_file": str(tmp_path / "dsn")}]}
        keys = {"postgres": "shop-db", "database": "shop"}
    elif request.param == "mysql":
        server = request.getfixturevalue("mariadb_server")()
        server.sql(*ORDERS)
        (tmp_path / "dsn").write_text(server.address)
        keys = {"mysql": {"dsn_file": str(tmp_path / "dsn")}}
    else:
        server = None
        keys = {"sqlite_file": str(tmp_path / "shop.db")}
        with contextlib.closing(sqlite3.connect(keys["sqlite_file"])) as connection:
            for statement in ORDERS:
                connection.execute(statement)
            connection.commit()
    probed = Probed(**config)
    with contextlib.closing(probed.world):
        yield probed, keys, request.param, server


COUNT = "SELECT count(*) FROM orders WHERE state = 'stuck'"
RESULTS = [
    ({"sql": COUNT}, ""),
    ({"sql": COUNT, "expect_value": 1}, ""),
    ({"sql": COUNT, "expect_value": {"max": 0}}, "the value is not at most 0"),
    ({"sql": COUNT, "expect_value": {"min": 1, "max": 1}}, ""),
    ({"sql": "SELECT * FROM orders WHERE state = 'stuck'", "expect_rows": {"max": 0}}, "is 1, not at most 0"),
    ({"sql": "SELECT * FROM orders", "expect_rows": 3}, ""),
    ({"sql": "SELECT state FROM orders WHERE id = 3", "expect_value": "stuck"}, ""),
    ({"sql": "SELECT secret FROM orders WHERE id = 3", "expect_value": "stuck"}, "is not the text that is expected"),
    ({"sql": "SELECT secret FROM orders WHERE id = 3", "expect_value": 1}, "the value is not a number"),
    ({"sql": "SELECT NULL", "expect_value": 1}, "the value is not a number"),
    ({"sql": "SELECT id FROM orders", "expect_value": 1}, "the number of rows is 3, not one with a value"),
    ({"sql": "SELECT id FROM orders WHERE id > 9", "expect_value": {"min": 0}}, "the number of rows is 0"),
    ({"sql": "SELECT 1 FROM orders a, orders b, orders c, orders d, orders e, orders f, orders g"}, ""),
    ({"sql": "SELECT nothing FROM orders"}, "QueryRefused"),
]


def test_results(shop):
    probe, keys, kind, _ = shop
    found = probe(**keys, sql=COUNT)
    assert found["probe_success"] == found["deckwatch_probe_rows"] == found["deckwatch_probe_value"] == 1
    for entry, reason in RESULTS:
        assert reason in probe.reason(**keys, **entry), entry
        assert (probe.reason(**keys, **entry) == "") == (reason == ""), entry
        assert not re.search("swordfish|paid", str(probe(**keys, **entry)) + probe.reason(**keys, **entry))
    assert probe.reason(**keys, sql=SLOW[kind], timeout="500ms")
    assert 0.4 < probe.seconds < 3
    assert probe.reason(**keys, sql=COUNT) == ""


def test_a_query_cannot_write(shop):
    probe, keys, kind, _ = shop
    writing = {
        "postgres": "WITH gone AS (DELETE FROM orders RETURNING id) SELECT count(*) FROM gone",
        "mysql": "SELECT id FROM orders FOR UPDATE",
        "sqlite": "WITH a AS (SELECT 1) DELETE FROM orders",
    }
    assert probe.reason(**keys, sql=writing[kind]) in ("WriteRefused", "QueryRefused", "QueryFailed")
    assert probe(**keys, sql="SELECT count(*) FROM orders")["deckwatch_probe_value"] == 3


def test_a_stopped_server_fails_the_probe_within_its_time(shop):
    probe, keys, kind, server = shop
    if server is None:
        pytest.skip(f"{kind} has no server")
    assert probe.reason(**keys, sql=COUNT) == ""
    server.program.process.kill() if kind == "mysql" else server.stop()
    begun = time.monotonic()
    assert probe.reason(**keys, sql=COUNT) == "DatabaseDown"
    assert time.monotonic() - begun < 5
