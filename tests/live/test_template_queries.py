"""The queries that templates offer in comments, on a real PostgreSQL with tables as they expect them."""

from __future__ import annotations

import json
import re

import pytest

from deckwatch.cli import new
from deckwatch.core import yaml_file

pytestmark = pytest.mark.live

TABLES = {
    "web-shop": """
        CREATE TABLE orders (id serial, status text, currency text, total numeric);
        INSERT INTO orders (status, currency, total) VALUES ('paid', 'eur', 10.5), ('paid', 'eur', 2),
            ('refused', 'eur', 9), ('packing', 'usd', 4);
        CREATE TABLE carts (id serial, checkout_at timestamptz, ordered_at timestamptz, abandoned_at timestamptz);
        INSERT INTO carts (checkout_at, ordered_at, abandoned_at)
            VALUES (now(), now(), NULL), (now(), NULL, NULL), (NULL, NULL, now());
        CREATE TABLE error_log (id serial, type text, logged_at timestamptz);
        INSERT INTO error_log (type, logged_at) VALUES ('KeyError', '2026-03-01 12:00:00+00'),
            ('KeyError', '2026-03-01 12:10:00+00'), ('Timeout', '2026-03-01 11:00:00+00');
        CREATE TABLE events (id serial, kind text);
        INSERT INTO events (kind) VALUES ('view'), ('view'), ('search'), ('other');
        CREATE TABLE sessions (id serial, closed_at timestamptz, seconds float8);
        INSERT INTO sessions (closed_at, seconds) VALUES ('2026-03-01', 90), (NULL, NULL);
    """,
    "workflow": """
        CREATE TABLE runs (
            id serial, tenant text, workflow text, status text, started_at timestamptz, finished_at timestamptz
        );
        INSERT INTO runs (tenant, workflow, status, started_at, finished_at) VALUES
            ('acme', 'import', 'succeeded', '2026-03-01 12:00:00+00', '2026-03-01 12:00:30+00'),
            ('acme', 'import', 'failed', '2026-03-01 12:10:00+00', '2026-03-01 12:10:01+00'),
            ('acme', 'import', 'running', '2026-03-01 12:20:00+00', NULL);
    """,
    "migration": """
        CREATE TABLE datasets (id serial, component text, state text);
        INSERT INTO datasets (component, state)
            VALUES ('storage', 'migrated'), ('storage', 'pending'), ('storage', 'pending');
        CREATE TABLE attempts (id serial, component text, result text);
        INSERT INTO attempts (component, result) VALUES ('storage', 'success');
        CREATE TABLE checks (id serial, component text, result text, repaired_at timestamptz);
        INSERT INTO checks (component, result, repaired_at)
            VALUES ('storage', 'match', NULL), ('storage', 'mismatch', NULL), ('storage', 'mismatch', now());
        CREATE TABLE operations (component text, system text, operation text, seconds float8, ended_at timestamptz);
        INSERT INTO operations VALUES ('storage', 'new', 'read', 1, now()), ('storage', 'new', 'read', 3, now()),
            ('storage', 'new', 'read', 60, now() - interval '2 hours');
    """,
}
VALUES = {
    "web-shop": {
        'shop_orders_total{status="paid",service="shop"}': 2,
        'shop_orders_total{status="refused",service="shop"}': 1,
        'shop_revenue_total{currency="eur",service="shop"}': 12.5,
        'shop_carts_created_total{service="shop"}': 3,
        'shop_carts_abandoned_total{service="shop"}': 1,
        'shop_checkouts_started_total{service="shop"}': 2,
        'shop_checkouts_completed_total{service="shop"}': 1,
        'shop_product_views_total{service="shop"}': 2,
        'shop_search_queries_total{service="shop"}': 1,
        'app_errors_total{type="KeyError",service="shop"}': 2,
        'app_error_last_seen_timestamp_seconds{type="KeyError",service="shop"}': 1772367000,
        'shop_session_duration_seconds_sum{service="shop"}': 90,
    },
    "workflow": {
        'workflow_executions_total{tenant="acme",workflow="import",status="succeeded"}': 1,
        'workflow_executions_total{tenant="acme",workflow="import",status="failed"}': 1,
        'workflow_execution_duration_seconds_sum{tenant="acme",workflow="import"}': 31,
        'workflow_last_success_timestamp_seconds{tenant="acme",workflow="import"}': 1772366430,
    },
    "migration": {
        'migration_datasets{component="storage",state="pending"}': 2,
        'migration_attempts_total{component="storage",result="success"}': 1,
        'migration_integrity_checks_total{component="storage",result="mismatch"}': 2,
        'migration_integrity_mismatches{component="storage"}': 1,
        'mdm_operation_duration_min_seconds{component="storage",system="new",operation="read"}': 1,
        'mdm_operation_duration_max_seconds{component="storage",system="new",operation="read"}': 3,
        'mdm_operation_duration_stddev_seconds{component="storage",system="new",operation="read"}': 1,
    },
}


@pytest.mark.parametrize("name", TABLES)
def test_the_queries_of_a_template_have_values(name, postgres_server, watch_sources, tmp_path) -> None:
    server = postgres_server()
    server.sql(TABLES[name] + "GRANT SELECT ON ALL TABLES IN SCHEMA public TO deckwatch;", "shop")
    (template,) = [path for path in new.template_folders() if path.name == name]
    text = re.sub(r"^( *)# (?=[a-z_]+:$|  |- )", r"\1", (template / "deckwatch.yaml").read_text(), flags=re.MULTILINE)
    (entry,) = yaml_file.parse_yaml(text, "x").data["watch"]["sql"]
    (tmp_path / "dsn").write_text(server.dsn)
    servers = [{"name": entry["postgres"], "dsn_file": str(tmp_path / "dsn")}]
    entry |= {"database": "shop", "state": str(tmp_path / "state")}
    watched = watch_sources(f"  postgres: {json.dumps(servers)}\n  sql: {json.dumps([entry])}\n")
    page = watched.settled()
    assert not watched.errors()
    assert {series: page.get(series) for series in VALUES[name]} == VALUES[name]
