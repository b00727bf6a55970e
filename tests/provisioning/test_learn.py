"""The `metrics:` block for the metrics of a page."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from deckwatch.core import yaml_file
from deckwatch.core.catalog import Catalog, MetricInfo
from deckwatch.core.problems import DeckwatchError
from deckwatch.provisioning.learn import declare_metrics

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


@pytest.fixture
def serve():
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(PAGE.encode() if self.path == "/metrics" else b"<html>hello</html>")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_unknown_metrics_become_a_block(serve):
    block = yaml_file.parse_yaml(
        declare_metrics(f"{serve}/metrics", Catalog([MetricInfo("node_load1", "gauge")])), "x"
    ).data["metrics"]
    assert block == {
        "shop_orders_total": {"kind": "counter", "help": "Orders.", "labels": ["status"]},
        "shop_wait_seconds": {"kind": "histogram"},
        "loose": {"kind": "untyped"},
    }


def test_a_page_without_metrics_is_an_error(serve):
    with pytest.raises(DeckwatchError, match="not in the Prometheus text format"):
        declare_metrics(f"{serve}/", Catalog())
