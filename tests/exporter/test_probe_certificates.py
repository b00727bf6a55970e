"""The expiry that a probe reports: the earliest of all certificates of all servers on its way."""

from __future__ import annotations

import http.server
import ssl
import threading
import time
from contextlib import ExitStack, closing

import pytest

from deckwatch.exporter.collectors import app_probe
from deckwatch.exporter.sources.event_loop import EventLoop
from deckwatch.exporter.world import World
from tests.fixtures.certificates import Authority

DAY = 86400


@pytest.fixture
def serve_tls(tmp_path):
    """Return a function that serves TLS with these certificates, and returns the address."""
    with ExitStack() as stack:

        def serve(*certificates, key, location="", clients=None):
            chain = tmp_path / f"{key.stem}-chain.pem"
            chain.write_bytes(b"".join(certificate.read_bytes() for certificate in certificates))

            class Handler(http.server.BaseHTTPRequestHandler):
                def do_GET(self):
                    self.send_response(302 if location else 200)
                    if location:
                        self.send_header("Location", location)
                    self.send_header("Content-Length", "0")
                    self.end_headers()

                def log_message(self, *_arguments):
                    pass

            server = stack.enter_context(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler))
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(chain, key)
            if clients is not None:
                context.load_verify_locations(clients.certificate)
                context.verify_mode = ssl.CERT_REQUIRED
            server.socket = context.wrap_socket(server.socket, server_side=True)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            stack.callback(server.shutdown)
            return f"https://localhost:{server.server_address[1]}/"

        yield serve


def probe_expiry(url, authority):
    """Return in how many days the certificates end, by the probe's metric."""
    entry = {"service": "shop", "http": url, "ca_file": str(authority.certificate), "timeout": "30s"}
    with closing(World()) as world:
        probe = app_probe.collect.collect(world, app_probe.ConfiguredProbe.from_entry(entry))
        samples = world.source(EventLoop).run_task(probe)
    values = {sample.metric.name: sample.value for sample in samples}
    assert values["probe_success"] == 1
    return round((values["probe_ssl_earliest_cert_expiry"] - time.time()) / DAY)


def test_an_issuer_that_ends_before_the_servers_certificate(authority, serve_tls):
    issuer = authority._make(
        "issuer",
        *authority._own,
        *("-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign"),
        days=3,
    )
    server = Authority(authority.openssl, authority.folder, "issuer").issue("server", days=90)
    assert probe_expiry(serve_tls(server.certificate, issuer.certificate, key=server.key), authority) == 3


def test_a_server_that_redirects_and_ends_before_its_target(authority, serve_tls):
    first, last = authority.issue("first", days=2), authority.issue("last", days=20)
    target = serve_tls(last.certificate, key=last.key)
    assert probe_expiry(target, authority) == 20
    assert probe_expiry(serve_tls(first.certificate, key=first.key, location=target), authority) == 2


def test_a_server_that_asks_for_the_certificate_of_its_client(authority, serve_tls, probe):
    server, client = authority.issue("server"), authority.issue("client", use="clientAuth")
    entry = {"ca_file": str(authority.certificate), "timeout": "30s"}
    url = serve_tls(server.certificate, key=server.key, clients=authority)
    # The server's alert may come before or after the end of the connection.
    assert probe.reason(http=url, **entry) in ("TLS", "connection reset by peer")
    assert probe.reason(http=url, **entry, cert_file=str(client.certificate), key_file=str(client.key)) == ""
    assert probe.reason(http=url, **entry, cert_file=str(client.certificate), key_file=str(server.key)) == "TLS"
    assert probe.reason(http=url, **entry, cert_file=str(client.key) + "-absent") == "no such file or directory"


def test_a_server_whose_certificate_has_another_name(authority, serve_tls, probe):
    server = authority.issue("server", names="DNS:shop.example")
    target = authority.issue("target")
    entry = {"ca_file": str(authority.certificate), "timeout": "30s"}
    url = serve_tls(server.certificate, key=server.key)
    assert probe.reason(http=url, **entry) == "certificate"
    assert probe.reason(http=url, **entry, server_name="shop.example") == ""
    assert probe.reason(tls=url[len("https://") : -1], **entry, server_name="shop.example") == ""
    assert probe.reason(http=url, **entry, server_name="till.example") == "certificate"
    elsewhere = serve_tls(target.certificate, key=target.key).replace("localhost", "127.0.0.1")
    redirecting = serve_tls(server.certificate, key=server.key, location=elsewhere)
    assert probe.reason(http=redirecting, **entry, server_name="shop.example") == ""
