"""Business metrics: short to declare, checked where they are declared."""

from __future__ import annotations

import subprocess
import sys

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from deckwatch.instrument import business


@pytest.fixture
def registry():
    return CollectorRegistry()


def test_a_counter_is_shown_with_total_and_its_unit_in_words(registry):
    revenue = business.counter("shop_revenue", "Revenue.", unit="eur", labels=["currency"], registry=registry)
    revenue.labels("EUR").inc(19.90)
    page = generate_latest(registry).decode()
    assert 'shop_revenue_total{currency="EUR"} 19.9' in page
    assert "# HELP shop_revenue_total Revenue. In eur." in page


def test_total_may_be_said_and_changes_nothing(registry):
    business.counter("shop_orders_total", "Orders.", registry=registry)
    assert registry.get_sample_value("shop_orders_total") == 0


def test_what_is_known_beforehand_begins_at_zero(registry):
    business.counter("shop_orders", "Orders.", labels=["status"], start=[["paid"], ["failed"]], registry=registry)
    business.gauge("shop_queue", "Waiting.", labels=["queue"], start=[["mail"]], registry=registry)
    assert registry.get_sample_value("shop_orders_total", {"status": "failed"}) == 0
    assert registry.get_sample_value("shop_queue", {"queue": "mail"}) == 0


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("Shop-Orders", {}, "words of a-z"),
        ("http_orders", {}, "belongs to others"),
        ("shop_orders_count", {}, "meaning of its own"),
        ("shop_wait", {"unit": "seconds"}, "ends with _seconds"),
        ("shop_wait", {"unit": "ms"}, "count in seconds"),
        ("shop_orders", {"labels": ["service"]}, "Prometheus sets the label service"),
        ("shop_orders", {"labels": ["Pay-Type"]}, "a label is words"),
    ],
)
def test_a_wrong_declaration_is_refused_in_words(registry, name, options, said):
    with pytest.raises(ValueError, match=said):
        business.gauge(name, "Something.", registry=registry, **options)


def test_everything_that_is_wrong_is_said_at_once(registry):
    with pytest.raises(ValueError, match=r"(?s)words of a-z.*help.*Prometheus sets the label job"):
        business.counter("9", " ", labels=["job"], registry=registry)


def test_the_declarations_can_be_read_without_prometheus_client():
    """The catalogue is read by commands that start fast, and by machines that serve no application."""
    code = "import sys; from deckwatch.instrument import metrics; sys.exit('prometheus_client' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_public_names_are_there_and_no_others():
    from deckwatch import instrument

    for name in instrument.__all__:
        assert getattr(instrument, name) is not None
    with pytest.raises(AttributeError):
        _ = instrument.nothing


def test_workers_of_one_application_are_added_up(tmp_path):
    """Gunicorn's workers share PROMETHEUS_MULTIPROC_DIR; the page of any of them stands for all."""
    code = (
        "from deckwatch.instrument import AsgiMiddleware, business\n"
        "orders = business.counter('shop_orders', 'Orders.'); orders.inc(2)\n"
        "async def app(*_): ...\n"
        "AsgiMiddleware(app)\n"
    )
    show = (
        "import asyncio\n"
        "from deckwatch.instrument import asgi_page\n"
        "async def receive(): return {'type': 'http.request'}\n"
        "async def send(message): print(message.get('body', b'').decode())\n"
        "asyncio.run(asgi_page()({'type': 'http', 'headers': []}, receive, send))\n"
    )
    _run(code, tmp_path)
    assert "shop_orders_total 4.0" in _run(code + show, tmp_path)


def _run(code, folder):
    command = [sys.executable, "-c", code]
    environment = {"PROMETHEUS_MULTIPROC_DIR": str(folder)}
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
