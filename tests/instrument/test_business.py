"""Business metrics: short declarations, validated at the declaration."""

from __future__ import annotations

import os
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


def test_a_histogram_has_the_buckets_of_its_declaration(registry):
    packing = business.histogram(
        "shop_packing_seconds", "Packing.", unit="seconds", labels=["hall"], buckets=[30, 60], registry=registry
    )
    packing.labels("north").observe(42)
    assert registry.get_sample_value("shop_packing_seconds_bucket", {"hall": "north", "le": "30.0"}) == 0
    assert registry.get_sample_value("shop_packing_seconds_bucket", {"hall": "north", "le": "60.0"}) == 1
    assert registry.get_sample_value("shop_packing_seconds_sum", {"hall": "north"}) == 42


@pytest.mark.parametrize(
    ("declare", "options", "message"),
    [
        (business.histogram, {"buckets": []}, "upper bounds in increasing order"),
        (business.histogram, {"buckets": [2, 1]}, "upper bounds in increasing order"),
        (business.histogram, {"labels": ["le"]}, "Prometheus sets the label le"),
        (business.gauge, {"workers": "newest"}, "one of sum, latest, max, min, not 'newest'"),
    ],
)
def test_invalid_options_are_rejected_with_the_reason(registry, declare, options, message):
    with pytest.raises(ValueError, match=message):
        declare("shop_wait", "Waiting.", registry=registry, **options)


SHOW_METRICS = """
from prometheus_client import generate_latest
from deckwatch.instrument.page import _readable_registry
from prometheus_client import REGISTRY
print(generate_latest(_readable_registry(REGISTRY)).decode())
"""


def test_gauges_of_dead_workers_are_not_added(tmp_path):
    code = "from deckwatch.instrument import business; business.gauge('shop_queue', 'Waiting.').set(5)\n"
    _run_code(code, tmp_path)
    assert "shop_queue 5.0" in _run_code(code + SHOW_METRICS, tmp_path).splitlines()
    assert "shop_queue" not in _run_code(SHOW_METRICS, tmp_path)


SET_QUEUE = "from deckwatch.instrument import business; business.gauge('shop_queue', 'Waiting.').set(5)\n"


def _dead_file(tmp_path):
    """Return the gauge file of a process that has ended without a hook."""
    _run_code(SET_QUEUE, tmp_path)
    (file,) = tmp_path.glob("gauge_livesum_*.db")
    return file


def test_a_process_with_the_number_of_a_dead_worker_does_not_keep_its_gauges(tmp_path):
    with subprocess.Popen(["sleep", "60"]) as other:
        _dead_file(tmp_path).rename(tmp_path / f"gauge_livesum_{other.pid}.db")
        assert "shop_queue" not in _run_code(SHOW_METRICS, tmp_path)
        assert not list(tmp_path.glob("gauge_live*"))
        other.kill()


def test_a_dead_worker_that_nobody_reaped_does_not_keep_its_gauges(tmp_path):
    with subprocess.Popen([sys.executable, "-c", SET_QUEUE], env={"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}) as worker:
        os.waitid(os.P_PID, worker.pid, os.WEXITED | os.WNOWAIT)  # it stays a zombie
        assert list(tmp_path.glob(f"gauge_livesum_{worker.pid}.db"))
        assert "shop_queue" not in _run_code(SHOW_METRICS, tmp_path)


def test_a_worker_does_not_continue_the_gauges_of_a_dead_one_with_its_number(tmp_path):
    dead = _dead_file(tmp_path)
    reuse = f"import os; os.rename({str(dead)!r}, {str(tmp_path)!r} + f'/gauge_livesum_{{os.getpid()}}.db')\n"
    declare = "from deckwatch.instrument import business\ngauge = business.gauge('shop_queue', 'Waiting.')\n"
    page = _run_code(f"{reuse}{declare}gauge.inc()\n{SHOW_METRICS}", tmp_path)
    assert "shop_queue 1.0" in page.splitlines()


def test_a_forked_worker_does_not_continue_the_gauges_of_a_dead_one_with_its_number(tmp_path):
    dead = _dead_file(tmp_path)
    # The kernel gives numbers in order: one of the next belongs to the child.
    link = (
        "import os\n"
        "for number in range(os.getpid() + 1, os.getpid() + 3000):\n"
        f"    os.link({str(dead)!r}, {str(tmp_path)!r} + f'/gauge_livesum_{{number}}.db')\n"
    )
    declare = "from deckwatch.instrument import business\ngauge = business.gauge('shop_queue', 'Waiting.')\n"
    fork = "child = os.fork()\nif child: os.waitpid(child, 0); os._exit(0)\ngauge.inc()\n"
    page = _run_code(f"{declare}{link}{fork}{SHOW_METRICS}", tmp_path)
    assert "shop_queue 1.0" in page.splitlines()


def test_files_named_by_worker_numbers_are_left_alone(tmp_path):
    """As under uWSGI, where prometheus-client can be configured to use its worker numbers."""
    code = (
        "from prometheus_client import values\n"
        "values.ValueClass = values.MultiProcessValue(process_identifier=lambda: 999999999)\n"
        "from prometheus_client import metrics; metrics.values.ValueClass = values.ValueClass\n"
    )
    page = _run_code(code + SET_QUEUE + SHOW_METRICS, tmp_path)
    assert "shop_queue 5.0" in page.splitlines()


@pytest.mark.parametrize(("workers", "value"), [("sum", "3.0"), ("latest", "1.0"), ("max", "2.0"), ("min", "1.0")])
def test_a_gauge_combines_the_values_of_live_workers(tmp_path, workers, value):
    code = (
        "import sys; from deckwatch.instrument import business\n"
        f"gauge = business.gauge('shop_version', 'Version.', workers='{workers}')\n"
    )
    older = [sys.executable, "-c", code + "gauge.set(2); print('set', flush=True); sys.stdin.read()"]
    environment = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    with subprocess.Popen(older, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout.readline() == "set\n"
        assert f"shop_version {value}" in _run_code(code + "gauge.set(1)\n" + SHOW_METRICS, tmp_path).splitlines()
        process.stdin.close()


def _run_code(code, folder):
    command = [sys.executable, "-c", code]
    environment = {"PROMETHEUS_MULTIPROC_DIR": str(folder)}
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
