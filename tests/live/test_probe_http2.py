"""Probes over HTTP/2, with and without TLS, against real servers and bytes that none of them would send."""

from __future__ import annotations

import ssl

import pytest

from deckwatch.exporter.sources import http2_exchange

pytestmark = pytest.mark.live

SETTINGS = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
PING = b"\x00\x00\x08\x06\x00\x00\x00\x00\x00" + bytes(8)
GOAWAY = b"\x00\x00\x08\x07\x00\x00\x00\x00\x00" + bytes(8)
# HEADERS with END_HEADERS: `:status: 200` is entry 8 of HPACK's static table.
STATUS_200 = b"\x00\x00\x01\x01\x04\x00\x00\x00\x01\x88"
STATUS_TEXT = b"\x00\x00\x05\x01\x05\x00\x00\x00\x01\x08\x03abc"
CONTINUED = b"\x00\x00\x01\x01\x00\x00\x00\x00\x01\x88"
CONTINUATION = b"\x00\x40\x00\x09\x00\x00\x00\x00\x01" + b"\x40" + bytes(0x3FFF)
DATA = b"\x00\x20\x00\x00\x00\x00\x00\x00\x01" + b"x" * 0x2000
EMPTY = b"\x00\x00\x00\x00\x00\x00\x00\x00\x01"


def test_the_server_chooses_http2_in_the_handshake(nginx, probe):
    entry = {"http": f"{nginx.http2_tls_url}/ok", "ca_file": str(nginx.authority)}
    found = probe(**entry, body_matches="^fine$")
    assert found["probe_success"] == found["probe_http_ssl"] == 1
    assert found["probe_http_version"] == 2
    assert found["probe_http_content_length"] == found["probe_http_uncompressed_body_length"] == len("fine\n")
    assert found['probe_http_duration_seconds{phase="processing"}'] > 0
    assert found["probe_ssl_earliest_cert_expiry"] > 0
    assert probe(**entry, http_version=1.1)["probe_http_version"] == 1.1
    assert probe(**entry, http_version=2)["probe_http_version"] == 2


def test_a_server_without_http2(nginx, probe):
    entry = {"http": f"{nginx.tls_url}/ok", "ca_file": str(nginx.authority)}
    assert probe(**entry)["probe_http_version"] == 1.1
    assert probe.reason(**entry, http_version=2) == "TLS"  # it refuses the handshake


def test_a_server_that_ignores_what_is_offered(authority, serve_script, probe):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("server"))
    port = serve_script(b"HTTP/1.1 200 OK\r\n\r\n", asked=True, tls=context)
    url = f"https://localhost:{port}/"
    assert probe.reason(http=url, ca_file=str(authority.certificate)) == ""
    reason = probe.reason(http=url, ca_file=str(authority.certificate), http_version=2)
    assert reason == "the server does not offer HTTP/2"


def test_http2_without_tls_for_servers_that_speak_nothing_else(nginx, probe):
    found = probe(http=f"{nginx.http2_url}/ok", http_version=2)
    assert found["probe_success"] == 1
    assert found["probe_http_version"] == 2
    assert found["probe_http_ssl"] == 0
    assert probe.reason(http=f"{nginx.http2_url}/ok") == "the answer is not HTTP"
    assert probe.reason(http=f"{nginx.url}/ok", http_version=2) == "the answer is not HTTP"


@pytest.mark.parametrize(
    ("path", "entry", "reason"),
    [
        ("moved", {}, ""),
        ("error", {}, "status 500, expected 2xx"),
        ("ok", {"method": "HEAD"}, ""),
        ("ok", {"header_matches": {"Content-Type": "^text/"}}, ""),
        ("ok", {"body_matches": "bad"}, "the body does not match `body_matches`"),
        ("cut", {}, "connection closed without an answer"),
        ("drip", {"timeout": "1s"}, "no answer in time"),
        ("posted", {"method": "POST", "body": "x" * 1_000_000, "timeout": "10s"}, ""),  # flow control
    ],
)
def test_requests_and_what_is_expected(nginx, probe, path, entry, reason):
    assert probe.reason(http=f"{nginx.http2_url}/{path}", http_version=2, **entry) == reason


def test_a_large_body_is_not_read_to_its_end(nginx, probe):
    found = probe(http=f"{nginx.http2_url}/large", http_version=2, timeout="10s")
    assert found["probe_success"] == 1
    assert found["probe_http_content_length"] == 3_000_000
    assert 1 << 20 <= found["probe_http_uncompressed_body_length"] < 2 << 20


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ({}, "connection closed without an answer"),
        ({"sends": b"\0\xff" * 5000}, "the answer is not HTTP"),
        ({"sends": b"\xff" * 100}, "the answer is not HTTP"),  # a frame of 16 MiB is announced
        ({"sends": SETTINGS}, "connection closed without an answer"),
        ({"sends": SETTINGS + GOAWAY}, "connection closed without an answer"),
        ({"sends": SETTINGS + STATUS_200[:5]}, "connection closed without an answer"),
        ({"sends": SETTINGS + STATUS_TEXT}, "the answer is not HTTP"),
        ({"sends": SETTINGS + STATUS_200 + DATA}, "answer cut short"),
        ({"sends": SETTINGS, "holds": True}, "no answer in time"),
        ({"sends": SETTINGS, "endless": PING * 100}, "many frames without an answer"),
        ({"sends": SETTINGS + STATUS_200, "endless": EMPTY * 100}, "many frames without an answer"),
        ({"sends": SETTINGS + CONTINUED, "endless": CONTINUATION}, "the answer is not HTTP"),
        ({"sends": SETTINGS + STATUS_200, "endless": DATA}, ""),  # as much as is read
    ],
)
def test_servers_that_misbehave(serve_script, probe, script, reason):
    port = serve_script(**script, asked=True)
    assert probe.reason(http=f"http://127.0.0.1:{port}/", http_version=2, timeout="1s") == reason
    assert probe.seconds < 2


def test_without_the_library_http_1_is_spoken(nginx, probe, monkeypatch):
    monkeypatch.setattr(http2_exchange, "is_available", lambda: False)
    assert probe(http=f"{nginx.http2_tls_url}/ok", ca_file=str(nginx.authority))["probe_http_version"] == 1.1
