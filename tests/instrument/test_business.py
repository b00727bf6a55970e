"""Business metrics: short declarations, validated at the declaration."""

from __future__ import annotations

import subprocess
import sys

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from deckwatch.instrument import business


@pytest.fixture
def registry():
    return CollectorRegistry()


def test_a_counter_gets_the_total_suffix_and_its_unit_in_the_help(registry):
    revenue = business.counter("shop_revenue", "Revenue.", unit="eur", labels=["currency"], registry=registry)
    revenue.labels("EUR").inc(19.90)
    page = generate_latest(registry).decode()
    assert 'shop_revenue_total{currency="EUR"} 19.9' in page
    assert "# HELP shop_revenue_total Revenue. In eur." in page


def test_the_total_suffix_is_optional(registry):
    business.counter("shop_orders_total", "Orders.", registry=registry)
    assert registry.get_sample_value("shop_orders_total") == 0


def test_start_values_create_series_at_zero(registry):
    business.counter("shop_orders", "Orders.", labels=["status"], start=[["paid"], ["failed"]], registry=registry)
    business.gauge("shop_queue", "Waiting.", labels=["queue"], start=[["mail"]], registry=registry)
    assert registry.get_sample_value("shop_orders_total", {"status": "failed"}) == 0
    assert registry.get_sample_value("shop_queue", {"queue": "mail"}) == 0


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("Shop-Orders", {}, "words of a-z"),
        ("http_orders", {}, "is a reserved prefix"),
        ("shop_orders_count", {}, "reserved by Prometheus"),
        ("shop_wait", {"unit": "seconds"}, "must end with _seconds"),
        ("shop_wait", {"unit": "ms"}, "count in seconds"),
        ("shop_orders", {"labels": ["service"]}, "Prometheus sets the label service"),
        ("shop_orders", {"labels": ["Pay-Type"]}, "a label consists of words"),
    ],
)
def test_an_invalid_declaration_is_rejected_with_the_reason(registry, name, options, message):
    with pytest.raises(ValueError, match=message):
        business.gauge(name, "Something.", registry=registry, **options)


def test_all_errors_of_a_declaration_are_reported_at_once(registry):
    with pytest.raises(ValueError, match=r"(?s)words of a-z.*help.*Prometheus sets the label job"):
        business.counter("9", " ", labels=["job"], registry=registry)


def test_the_declarations_can_be_read_without_prometheus_client():
    """The catalogue reads them in fast commands, and on machines without prometheus-client."""
    code = "import sys; from deckwatch.instrument import metrics; sys.exit('prometheus_client' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_importing_it_loads_no_other_part_of_deckwatch_and_neither_click_nor_yaml():
    code = (
        "import sys; from deckwatch import instrument; [getattr(instrument, name) for name in instrument.__all__];"
        "print(*sorted({'.'.join(name.split('.')[:2]) for name in sys.modules if name.startswith('deckwatch.')}),"
        "*sorted({'click', 'yaml', 'rich', 'psycopg', 'uvicorn'} & set(sys.modules)))"
    )
    completed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert completed.stdout.split() == ["deckwatch.instrument"]


def test_exactly_the_public_names_exist():
    from deckwatch import instrument

    for name in instrument.__all__:
        assert getattr(instrument, name) is not None
    with pytest.raises(AttributeError):
        _ = instrument.nothing


def test_the_values_of_all_workers_are_added(tmp_path):
    """Gunicorn workers share PROMETHEUS_MULTIPROC_DIR; each of them serves the metrics of all."""
    code = (
        "from deckwatch.instrument import AsgiMiddleware, business\n"
        "orders = business.counter('shop_orders', 'Orders.'); orders.inc(2)\n"
        "async def app(*_): ...\n"
        "AsgiMiddleware(app)\n"
    )
    show_metrics = (
        "import asyncio\n"
        "from deckwatch.instrument import asgi_page\n"
        "async def receive(): return {'type': 'http.request'}\n"
        "async def send(message): print(message.get('body', b'').decode())\n"
        "asyncio.run(asgi_page()({'type': 'http', 'headers': []}, receive, send))\n"
    )
    _run_code(code, tmp_path)
    assert "shop_orders_total 4.0" in _run_code(code + show_metrics, tmp_path)


def _run_code(code, folder):
    command = [sys.executable, "-c", code]
    environment = {"PROMETHEUS_MULTIPROC_DIR": str(folder)}
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
