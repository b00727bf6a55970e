"""Hosts that a real Prometheus discovers by the generated configuration: over HTTP, and from SRV records of a BIND."""

from __future__ import annotations

import http.server
import json
import socket
import subprocess
import threading
from contextlib import suppress

import pytest

from deckwatch.cli import _project
from deckwatch.core.http import Client
from deckwatch.core.project import FILE
from deckwatch.provisioning import stack
from deckwatch.provisioning.program import Program, free_port
from deckwatch.provisioning.write import write_plan

pytestmark = pytest.mark.live

# Of a network that only this machine has; Prometheus asks the servers of resolv.conf at port 53 only.
RESOLVER = "127.53.97.{}"
AS_RESOLVER = 'mount --bind "$1" /etc/resolv.conf && shift && exec "$@"'


@pytest.fixture
def resolver(named):
    """The address of a server at port 53 that passes queries on to the BIND."""
    asked = socket.socket(type=socket.SOCK_DGRAM)
    for number in range(1, 255):  # one for each worker
        with suppress(OSError):
            asked.bind((RESOLVER.format(number), 53))
            break
    asked.settimeout(0.2)
    ended = threading.Event()

    def pass_on() -> None:
        while not ended.is_set():
            with suppress(TimeoutError), socket.socket(type=socket.SOCK_DGRAM) as answering:
                query, client = asked.recvfrom(4096)
                answering.settimeout(2)
                answering.sendto(query, ("127.0.0.1", named.port))
                asked.sendto(answering.recv(4096), client)

    thread = threading.Thread(target=pass_on)
    thread.start()
    yield asked.getsockname()[0]
    ended.set()
    thread.join()
    asked.close()


@pytest.fixture
def inventory():
    """The address of an HTTP server with a list of targets, one of which has a name."""
    found = [
        {"targets": ["127.0.0.1:1"], "labels": {"instance": "web-3"}},
        {"targets": ["web-4.internal:9877", "[::1]:9877"], "labels": {"job": "theirs"}},
    ]

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(found).encode()
            self.send_response(200 if self.headers["Authorization"] == "Bearer abc" else 403)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/hosts"
        server.shutdown()
        thread.join()


def test_prometheus_names_hosts_that_it_discovers(tmp_path, need, resolver, inventory, eventually):
    program = need("prometheus", get="apt-get install prometheus")
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode:
        pytest.skip("mount namespaces are not permitted here")
    (tmp_path / "token").write_text("abc")
    (tmp_path / "resolv.conf").write_text(f"nameserver {resolver}\n")
    (tmp_path / FILE).write_text(f"""
hosts:
  - {{name: web-0, address: "127.0.0.1:1"}}
  - dns: _deckwatch._tcp.shop.example
    relabel_configs: [{{source_labels: [instance], regex: "([^.]+).*", target_label: instance}}]
  - {{http: "{inventory}", discovery_access: {{authorization: {{credentials_file: {tmp_path}/token}}}}}}
""")
    write_plan(stack.build(_project.load_project(tmp_path)).plan, tmp_path / "out")
    url = f"http://127.0.0.1:{free_port()}"
    argv = [program, f"--config.file={tmp_path}/out/prometheus/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data"]
    argv += [f"--web.listen-address={url.removeprefix('http://')}"]
    inside = ["unshare", "--mount", "sh", "-c", AS_RESOLVER, "sh", str(tmp_path / "resolv.conf"), *argv]
    expected = {
        (job, instance, address)
        for job in ("node", "cadvisor", "deckwatch")
        for instance, address in [
            ("web-0", "127.0.0.1:1"),
            ("web-1", "web-1.shop.example:9877"),
            ("web-2", "web-2.shop.example:9878"),
            ("web-3", "127.0.0.1:1"),
            ("web-4.internal", "web-4.internal:9877"),
            ("::1", "[::1]:9877"),
        ]
    }

    def targets() -> set[tuple[str, str, str]]:
        listed = Client(url).get("/api/v1/targets", state="active")["data"]["activeTargets"]
        found = [(one["labels"], one["discoveredLabels"]["__address__"]) for one in listed]
        return {(labels["job"], labels["instance"], address) for labels, address in found}

    with Program("prometheus", inside, log=tmp_path / "log", ready=f"{url}/-/ready"):
        eventually(lambda: expected <= targets(), 40)
        assert {one for one in targets() if one[0] in ("node", "cadvisor", "deckwatch")} == expected


def test_prometheus_accepts_every_kind_of_discovery(tmp_path, need):
    promtool = need("promtool", get="apt-get install prometheus")
    (tmp_path / FILE).write_text("""
hosts:
  - {dns: [_a._tcp.x, _b._tcp.x], scheme: https, refresh_interval: 1m}
  - {swarm: "tcp://manager:2375", port: 80}
  - http: http://inventory/hosts
    basic_auth: {username: u, password_file: p}
    discovery_access: {basic_auth: {username: u, password_file: p}, tls_config: {insecure_skip_verify: true}}
""")
    write_plan(stack.build(_project.load_project(tmp_path)).plan, tmp_path / "out")
    config = tmp_path / "out/prometheus/prometheus.yml"
    done = subprocess.run(
        [promtool, "check", "config", "--syntax-only", config], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
