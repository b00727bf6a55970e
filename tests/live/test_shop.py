"""The example shop as it is started by its README, and what Prometheus would read from it."""

from __future__ import annotations

import json
import re
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from websockets.sync.client import connect

from deckwatch.core import yaml_file

pytestmark = pytest.mark.live

README = Path(__file__).parents[2] / "examples" / "shop" / "README.md"


def ask(url, body=None):
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(url, data, timeout=10) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.read().decode()


def page(shop):
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(ask(f"{shop}/metrics")[1])
        for sample in family.samples
    }


def test_orders_and_revenue_are_counted_from_zero(shop):
    assert page(shop)["shop_revenue_total", ("currency", "EUR")] == 0
    assert ask(f"{shop}/checkout", {"product": "tea", "quantity": 3}) == (201, '{"total":13.5,"currency":"EUR"}')
    assert ask(f"{shop}/checkout", {"product": "gold"})[0] == 422
    after = page(shop)
    assert after["shop_revenue_total", ("currency", "EUR")] == 13.5
    assert after["shop_orders_total", ("status", "paid")] == 1
    assert after["shop_orders_total", ("status", "refused")] == 1
    assert after[("shop_checkouts_started_total",)] == 2
    assert after[("shop_checkouts_completed_total",)] == 1
    assert after[("shop_orders_active",)] == 0


def test_what_breaks_is_seen_with_its_handler(shop):
    before = page(shop)
    assert ask(f"{shop}/fail")[0] == 500
    assert ask(f"{shop}/products/tea")[0] == 200
    after = page(shop)
    failed = ("code", "500"), ("handler", "/fail"), ("method", "GET"), ("protocol", "http/1.1")
    assert after["http_requests_total", *failed] - before["http_requests_total", *failed] == 1
    assert after["http_exceptions_total", ("handler", "/fail"), ("type", "RuntimeError")] == 1
    assert after["http_request_duration_seconds_count", ("handler", "/products/{name}"), ("method", "GET")] == 1


def test_prices_by_websocket(shop):
    with connect(f"{shop.replace('http', 'ws', 1)}/prices") as prices:
        prices.send("tea")
        assert json.loads(prices.recv()) == {"name": "tea", "price": 4.5}
        assert page(shop)[("websocket_connections_active",)] == 1


def test_promtool_has_nothing_to_say_about_the_page(shop, need):
    promtool = need("promtool", get="apt-get install prometheus")
    text = ask(f"{shop}/metrics")[1]
    result = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    complaints = [line for line in result.stderr.splitlines() if not line.startswith(("python_", "process_"))]
    assert complaints == []


def test_the_readme_declares_what_the_page_shows(shop):
    [block] = re.findall(r"```yaml\n(.*?)```", README.read_text(), re.DOTALL)
    declared = yaml_file.parse_yaml(block, "README.md").data["metrics"]
    text = ask(f"{shop}/metrics")[1]
    families = [family for family in text_string_to_metric_families(text) if family.name.startswith("shop_")]
    shown = {
        family.name + ("_total" if family.type == "counter" else ""): (
            family.type,
            sorted({label for sample in family.samples for label in sample.labels}),
        )
        for family in families
        if not family.name.endswith("_created")
    }
    assert shown == {name: (spec["kind"], spec.get("labels", [])) for name, spec in declared.items()}
