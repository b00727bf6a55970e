"""The `metrics:` block for the metrics of a page."""

from __future__ import annotations

import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from deckwatch.core import yaml_file
from deckwatch.core.catalog import Catalog, MetricInfo
from deckwatch.core.problems import DeckwatchError
from deckwatch.provisioning.learn import declare_metrics, fetch_metrics, find_remarks

PAGE = """# HELP shop_orders_total Orders.
# TYPE shop_orders_total counter
shop_orders_total{status="paid",service="shop"} 3
# TYPE shop_orders_created gauge
shop_orders_created{status="paid"} 1
# TYPE shop_wait_seconds histogram
shop_wait_seconds_bucket{le="1"} 1
shop_wait_seconds_bucket{le="+Inf"} 1
shop_wait_seconds_sum 1
shop_wait_seconds_count 1
# TYPE node_load1 gauge
node_load1 1
loose 1
"""
OTHER_PAGE = """# TYPE shop_visits counter
shop_visits{page="tea"} 3
# TYPE shop_carts counter
shop_carts_total{tenant="a"} 3
# HELP shop_refunds_total Refunds.
# TYPE shop_refunds_total counter
loose{first="1"} 1
other 1
loose{second="2"} 1
# TYPE shop_queue_items gauge
shop_queue_items{queue="mail",instance="worker-1"} 1
shop_queue_items{queue="mail",job="sender"} 1
# TYPE http_requests_total counter
http_requests_total{code="200",tenant="a"} 1
# TYPE node_load1 gauge
node_load1{extra="1"} 1
"""
REQUESTS = """# TYPE http_requests_total counter
http_requests_total{method="GET",status="500"} 1
"""


@pytest.fixture
def serve():
    pages = {"/metrics": PAGE, "/other": OTHER_PAGE, "/requests": REQUESTS, "/good": REQUESTS.replace("status", "code")}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(pages.get(self.path, "<html>hello</html>").encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def declare(url: str, *known: MetricInfo) -> dict[str, object]:
    return yaml_file.parse_yaml(declare_metrics(fetch_metrics(url), Catalog(known)), "x").data["metrics"]


def remarks(url: str, *known: MetricInfo) -> list[str]:
    return list(find_remarks(fetch_metrics(url), Catalog(known)))


def test_unknown_metrics_become_a_block(serve):
    assert declare(f"{serve}/metrics", MetricInfo("node_load1", "gauge")) == {
        "shop_orders_total": {"kind": "counter", "help": "Orders.", "labels": ["exported_service", "status"]},
        "shop_wait_seconds": {"kind": "histogram"},
        "loose": {"kind": "untyped"},
    }


def test_every_label_is_carried_over(serve):
    known = [
        MetricInfo("http_requests_total", "counter", labels=("code", "method"), source="deckwatch.instrument"),
        MetricInfo("node_load1", "gauge", source="host_load"),
    ]
    assert declare(f"{serve}/other", *known) == {
        "shop_visits": {"kind": "counter", "labels": ["page"]},
        "shop_carts_total": {"kind": "counter", "labels": ["tenant"]},
        "shop_refunds_total": {"kind": "counter", "help": "Refunds."},
        "loose": {"kind": "untyped", "labels": ["first", "second"]},
        "other": {"kind": "untyped"},
        # Prometheus renames labels of the page that its target has too.
        "shop_queue_items": {"kind": "gauge", "labels": ["exported_instance", "exported_job", "queue"]},
        "http_requests_total": {"kind": "counter", "labels": ["code", "method", "tenant"]},
    }
    assert remarks(f"{serve}/other", *known) == [
        "shop_refunds_total has no series yet, so its labels are unknown: repeat this once it has"
    ]


def test_a_page_that_is_declared_adds_nothing(serve):
    declared = declare(f"{serve}/other")
    known = [
        MetricInfo(name, one["kind"], "", tuple(one.get("labels", ())), "", "project") for name, one in declared.items()
    ]
    assert declare(f"{serve}/other", *known) == {}
    assert remarks(f"{serve}/other", *known) == []


def test_a_page_without_metrics_is_an_error(serve):
    with pytest.raises(DeckwatchError, match="not in the Prometheus text format"):
        fetch_metrics(f"{serve}/")


def test_the_command_names_the_dialect_of_a_page(serve, tmp_path):
    argv = [Path(sys.executable).with_name("deckwatch"), "metrics", "--learn", f"{serve}/requests"]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=True)
    first, second = done.stderr.splitlines()
    assert first.startswith("the page speaks "), "the first of those with these names"
    assert "`speaks: " in first
    assert second.startswith("http_requests_total has no label code")


def test_requests_without_the_label_code_are_reported(serve):
    known = MetricInfo("http_requests_total", "counter", labels=("code", "method"))
    assert remarks(f"{serve}/requests", known) == [
        (
            "http_requests_total has no label code (its labels: method, status): "
            "the share of requests that fail is unknown; "
            "name the page's dialect with `speaks:`, or rename the label with metric_relabel_configs"
        )
    ]
    assert remarks(f"{serve}/good", known) == []
    assert remarks(f"{serve}/metrics", known)[:1] == []
