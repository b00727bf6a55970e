"""The examples of queries and documents run: each metric that they declare has a value."""

from __future__ import annotations

import functools
import sqlite3
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from deckwatch.core import yaml_file
from deckwatch.exporter import watch_extensions

EXAMPLES = Path(__file__).parents[2] / "examples"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def read_block(name: str) -> str:
    return (EXAMPLES / name / "deckwatch.yaml").read_text().partition("watch:\n")[2]


def declared_names(block: str) -> set[str]:
    watch = yaml_file.parse_yaml(f"x:\n{block}", "x").data["x"]
    return {info.name for info in watch_extensions.list_declared_metrics(watch)}


def shown_names(page: dict[str, float]) -> set[str]:
    names = {series.partition("{")[0] for series in page}
    return names | {name.removesuffix("_bucket") for name in names}


@pytest.fixture
def shop(tmp_path) -> str:
    connection = sqlite3.connect(tmp_path / "shop.db")
    connection.executescript((EXAMPLES / "sql/schema.sql").read_text())
    connection.close()
    return (
        read_block("sql").replace("/tmp/shop.db", f"{tmp_path}/shop.db").replace("/tmp/shop-state", f"{tmp_path}/state")
    )


@pytest.fixture
def stats() -> str:
    handler = functools.partial(Quiet, directory=str(EXAMPLES / "json"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield read_block("json").replace("127.0.0.1:8000", f"127.0.0.1:{server.server_port}")
        server.shutdown()


def test_every_metric_of_the_database_has_a_value(shop, watch_sources):
    watched = watch_sources(shop)
    page = watched.settled()
    assert not watched.errors()
    assert len(declared_names(shop)) == 38
    assert declared_names(shop) <= shown_names(page)
    assert page['app_errors_total{service="shop",level="error",type="PaymentError"}'] == 2
    assert page['mdm_operation_duration_max_seconds{component="customers",system="new",operation="read"}'] == 0.3
    deviation = page['mdm_operation_duration_stddev_seconds{component="customers",system="new",operation="read"}']
    assert deviation == pytest.approx(0.1)
    assert page['app_error_last_seen_timestamp_seconds{service="shop",level="error",type="PaymentError"}'] == 200
    assert page['shop_revenue_total{status="paid",currency="eur"}'] == 10.5
    assert page["shop_carts_abandoned_total"] == 2
    assert page["shop_orders_active"] == 1
    assert 'shop_orders_total{status="packing",currency="eur"}' not in page  # orders leave that status
    assert page['app_active_users{service="shop"}'] == 1
    assert page['workflow_executions_total{tenant="acme",workflow="import",status="failed"}'] == 1
    assert page['workflow_execution_duration_seconds_bucket{tenant="acme",workflow="import",le="10.0"}'] == 1
    assert page['workflow_queue_depth{tenant="acme",workflow="bill"}'] == 1
    assert page['migration_integrity_mismatches{component="orders"}'] == 1
    assert page['workflow_expected_interval_seconds{tenant="acme",workflow="import"}'] == 3600


def test_every_metric_of_the_document_has_a_value(stats, watch_sources):
    watched = watch_sources(stats)
    page = watched.settled()
    assert not watched.errors()
    assert len(declared_names(stats)) == 21
    assert declared_names(stats) <= shown_names(page)
    assert page['http_connections{protocol="http2",state="active",service="shop"}'] == 40
    assert page['http_connections_by_health{status="warning",service="shop"}'] == 6
    assert page['migration_workers{state="busy"}'] == 3
    assert page["migration_blockers"] == 1
    assert page['migration_issue_estimated_downtime_seconds{id="MDM-7"}'] == 900
    issue = 'id="MDM-7",severity="critical",component="orders",blocker="orders"'
    assert page[f"migration_issue_detected_timestamp_seconds{{{issue}}}"] == 1769860800
