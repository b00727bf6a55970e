"""The example web shop: what customers did is what the dashboards show, and every query has data."""

from __future__ import annotations

import time
import uuid

import psycopg
import pytest
import requests

pytestmark = [pytest.mark.live, pytest.mark.slow]

GOOD, REFUSED = "4242424242424242", "4000000000000002"
DRIVE_SECONDS = 30


def check_out(session: requests.Session, url: str, card: str) -> int:
    """Fill a cart with two packets of tea and pay; return the status."""
    headers = {"X-Session": str(uuid.uuid4())}
    cart = session.post(f"{url}/carts", json={}, headers=headers, timeout=20).json()["id"]
    item = {"product": 1, "quantity": 2}
    assert session.post(f"{url}/carts/{cart}/items", json=item, headers=headers, timeout=20).status_code == 201
    order = {"card": card, "currency": "EUR"}
    return session.post(f"{url}/carts/{cart}/checkout", json=order, headers=headers, timeout=20).status_code


def test_the_shop_shows_what_its_customers_did(run_example, need) -> None:
    for program in ("node", "npm"):
        need(program, get=f"apt-get install {program}")
    example = run_example("web-shop", "--docker-host", "", resting="")
    example.await_value('shop_orders_total{status="paid"}', 0)
    example.pause(4)
    with requests.Session() as session:
        session.trust_env = False
        statuses = [check_out(session, example.address("shop"), card) for card in (GOOD, REFUSED, GOOD, REFUSED)]
    assert statuses == [201, 402, 201, 402]
    example.await_value('shop_orders_total{status="paid"}', 2)
    example.pause(4)
    # Of four checkouts, two ended with a paid order.
    assert example.shown("shop", "Conversion", "60s") == pytest.approx(0.5, abs=0.001)
    assert example.query("shop_revenue_total{currency='EUR'}").popitem()[1] == 18

    # Of 20 requests, one fails.
    before = example.value("sum(http_requests_total)")
    started = time.time()
    done = example.drive("errors", DRIVE_SECONDS)
    assert done["requests"] >= 100
    assert done["failed"] * 20 == done["requests"], done
    assert example.value("sum(http_requests_total)") - before == done["requests"]
    assert example.value('sum(http_requests_total{code="502"})') == done["failed"]
    assert example.value("sum(app_errors_total)") == done["failed"]
    assert example.shown("shop", "Error ratio", f"{time.time() - started:.0f}s") == pytest.approx(0.05, abs=0.003)

    # The metrics are what the database says, and every query has data: those of errors from the burst before.
    done = example.drive("load", DRIVE_SECONDS)
    with psycopg.connect(example.application.database.url) as connection:
        orders = dict(connection.execute("SELECT status, count(*) FROM orders GROUP BY status").fetchall())
        paid = "SELECT currency, sum(total)::float8 FROM orders WHERE status = 'paid' GROUP BY currency"
        revenue = dict(connection.execute(paid).fetchall())
        ((carts,),) = connection.execute("SELECT count(*) FROM carts").fetchall()
    assert example.value("shop_carts_created_total") == carts
    assert example.value('shop_orders_total{status="paid"}') == orders["paid"] == done["paid"] + 2
    assert example.value('shop_orders_total{status="refused"}') == orders["refused"] == done["refused"] + 2
    for currency, total in revenue.items():
        assert example.value(f'shop_revenue_total{{currency="{currency}"}}') == pytest.approx(total)
    driver = example.application.start_driver(example.application.example.find_scenario("load"))
    try:
        pages = ("Web shop", "Shop business", "Rules: shop")
        assert example.find_faults(*pages, strict=True, without="container_") == []
    finally:
        driver.stop()
