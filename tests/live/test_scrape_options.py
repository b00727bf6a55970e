"""A real Prometheus reads pages that `scrape:` describes: behind TLS and a password, behind a token, and relabelled."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
import yaml
from prometheus_client import CollectorRegistry, Gauge, make_wsgi_app

from deckwatch.cli import _project
from deckwatch.core.http import Client
from deckwatch.provisioning.program import Program, free_port
from deckwatch.provisioning.servers import PROMETHEUS
from deckwatch.provisioning.up import LocalStack

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.live, pytest.mark.slow]

DECKWATCH = Path(sys.executable).with_name("deckwatch")
TOKEN = "t0ken-of-the-shop"


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Log nothing."""


@pytest.fixture
def shop() -> Iterator[int]:
    """An application that shows its metrics to bearers of a token; its port."""
    registry = CollectorRegistry()
    Gauge("shop_stock", "Items in stock.", registry=registry).set(7)
    page = make_wsgi_app(registry)

    def application(environ: dict[str, Any], start: Any) -> Any:
        if environ.get("HTTP_AUTHORIZATION") != f"Bearer {TOKEN}":
            start("401 Unauthorized", [])
            return [b""]
        return page(environ, start)

    with make_server("127.0.0.1", 0, application, handler_class=_Quiet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture
def exporter(tmp_path, authority) -> Iterator[int]:
    """An exporter that requires a client certificate and a password; its port."""
    authority.issue("server")
    authority.issue("prometheus", "DNS:prometheus", use="clientAuth")
    made = subprocess.run([DECKWATCH, "password", "--new", tmp_path / "password"], capture_output=True, check=True)
    tls = {"cert_file": "server.crt", "key_file": "server.key", "client_ca_file": "authority.crt"}
    tls["client_auth_type"] = "RequireAndVerifyClientCert"
    config = {"tls_server_config": tls, "basic_auth_users": {"prometheus": made.stdout.decode().strip()}}
    (tmp_path / "web-config.yml").write_text(yaml.safe_dump(config))
    port = free_port()
    argv = [DECKWATCH, "serve", "--listen", f"127.0.0.1:{port}", "--docker-host", ""]
    argv += ["--web.config.file", tmp_path / "web-config.yml"]

    def answers() -> bool:
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=2).close()
            return True
        return False

    with Program("deckwatch", list(map(str, argv)), tmp_path / "log", answers, folder=tmp_path, end_with_parent=True):
        yield port


def describe_project(folder: Path, exporter: int, shop: int) -> dict[str, Any]:
    (folder / "token").write_text(TOKEN)
    tls = {"ca_file": "authority.crt", "cert_file": "prometheus.crt", "key_file": "prometheus.key"}
    protected = {
        "service": "machine",
        "url": f"https://127.0.0.1:{exporter}/metrics?collect[]=host_load",
        "tls_config": {key: str(folder / name) for key, name in tls.items()},
        "basic_auth": {"username": "prometheus", "password_file": str(folder / "password")},
        "interval": "3s",
        "timeout": "2s",
        "relabel_configs": [{"target_label": "environment", "replacement": "test"}],
        "metric_relabel_configs": [
            {"source_labels": ["__name__"], "regex": "node_load15", "action": "drop"},
            {"source_labels": ["__name__"], "regex": "node_load(.*)", "target_label": "minutes", "replacement": "$1"},
        ],
    }
    page = f"http://127.0.0.1:{shop}/metrics"
    token = {"service": "shop", "url": page, "bearer_token_file": str(folder / "token")}
    refused = {"service": "shop", "instance": "without-token", "url": page}
    return {"scrape": [protected, token, refused]}


def test_protected_pages_are_scraped_and_relabelled(tmp_path, need, exporter, shop) -> None:
    need("prometheus", get="apt-get install prometheus")
    (tmp_path / "deckwatch.yaml").write_text(yaml.safe_dump(describe_project(tmp_path, exporter, shop)))
    project = _project.load_project(tmp_path)
    with LocalStack(project, tmp_path / "state", (PROMETHEUS,), every="5s", ports={}) as stack:
        client = Client(stack.url(PROMETHEUS))

        def query(text: str) -> list[dict[str, str]]:
            answer = client.get("/api/v1/query", query=text)
            return [series["metric"] | {"value": series["value"][1]} for series in answer["data"]["result"]]

        def problems() -> list[str]:
            targets = client.get("/api/v1/targets", state="active")["data"]["activeTargets"]
            return [f"{target['scrapeUrl']}: {target['health']} {target['lastError']}" for target in targets]

        deadline = time.monotonic() + 40
        while len(query('up{job="app"}')) < 3 or not query("shop_stock") or not query("node_load1"):
            assert time.monotonic() < deadline, problems()
            time.sleep(0.3)
        up = {series["instance"]: series["value"] for series in query('up{job="app"}')}
        assert up == {f"127.0.0.1:{exporter}": "1", f"127.0.0.1:{shop}": "1", "without-token": "0"}
        loads = {series["__name__"]: series for series in query('{__name__=~"node_load.*", service="machine"}')}
        assert set(loads) == {"node_load1", "node_load5"}
        assert {key: loads["node_load5"][key] for key in ("environment", "job", "minutes")} == {
            "environment": "test",
            "job": "app",
            "minutes": "5",
        }
        targets = client.get("/api/v1/targets", state="active")["data"]["activeTargets"]
        limits = {target["labels"]["instance"]: target["scrapeInterval"] for target in targets}
        assert limits[f"127.0.0.1:{exporter}"] == "3s"
        assert limits[f"127.0.0.1:{shop}"] == "5s"
