"""WebSocket probes against a real server, and against servers that answer as none should."""

from __future__ import annotations

import logging

import pytest

pytestmark = pytest.mark.live

ACCEPTED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"


def test_a_handshake(websocket_server, probe):
    found = probe(websocket=f"{websocket_server.url}/live?x=y")
    assert found["probe_success"] == found["probe_websocket_connection_upgraded"] == 1
    assert found["probe_websocket_status_code"] == 101
    assert found["probe_websocket_failed_due_to_regex"] == 0
    assert found["probe_ip_protocol"] == 4
    phases = {
        phase: found[f'probe_websocket_duration_seconds{{phase="{phase}"}}'] for phase in ("connect", "processing")
    }
    assert all(seconds > 0 for seconds in phases.values()), phases


@pytest.mark.parametrize(
    ("path", "entry", "reason"),
    [
        ("/", {"message_matches": "^hello stranger$"}, ""),
        ("/", {"send_text": "ping", "message_matches": "^PING$"}, ""),  # after the greeting
        ("/", {"send_text": "pieces", "message_matches": "^PIECES$"}, ""),
        ("/", {"send_text": "größe", "message_matches": "^GRÖSSE$"}, ""),
        ("/", {"send_text": "ping"}, ""),
        ("/", {"send_text": "ping", "message_matches": "^pong$"}, "no message matches `message_matches`"),
        ("/", {"send_text": "large", "message_matches": "x"}, "no message matches `message_matches`"),
        ("/silent", {}, ""),
        ("/silent", {"message_matches": "x"}, "no answer in time"),
        ("/silent", {"send_text": "x", "message_matches": "x"}, "connection closed without a message"),
        ("/refused", {}, "status 403, expected 101"),
        ("/", {"ip_protocol": 6}, "the name has no address of this IP version"),
    ],
)
def test_messages_and_what_is_expected(websocket_server, probe, path, entry, reason):
    entry = {"websocket": f"{websocket_server.url}{path}", "timeout": "700ms", **entry}
    assert probe.reason(**entry) == reason
    assert probe(**entry)["probe_websocket_failed_due_to_regex"] == int("message_matches" in reason)


def test_tls(websocket_server, probe):
    found = probe(websocket=websocket_server.tls_url, ca_file=str(websocket_server.authority))
    assert found["probe_success"] == found['probe_tls_version_info{version="TLS 1.3"}'] == 1
    assert found["probe_ssl_earliest_cert_expiry"] > 0
    assert probe.reason(websocket=websocket_server.tls_url) == "certificate"


def test_secrets_are_sent_and_shown_nowhere(websocket_server, probe, tmp_path, caplog):
    (tmp_path / "token").write_text("hunter2\n")
    entry = {"websocket": websocket_server.url, "bearer_token_file": str(tmp_path / "token")}
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("websockets.server").setLevel(logging.INFO)  # it shows what it gets
        assert probe.reason(**entry, message_matches="^hello Bearer hunter2$") == ""
        assert probe.reason(**entry, message_matches="^bye") != ""
    assert "hunter2" not in caplog.text
    (tmp_path / "token").write_text("hunter2\nX-Admin: yes")
    assert probe.reason(**entry) == "a header cannot be sent"
    assert probe.reason(**entry | {"bearer_token_file": str(tmp_path / "absent")}) == "a file cannot be read"


def test_servers_that_speak_something_else(nginx, probe):
    assert probe.reason(websocket="ws://127.0.0.1:1/") == "connection refused"
    assert probe.reason(websocket=f"ws://127.0.0.1:{nginx.port}/ok") == "status 200, expected 101"
    assert probe.reason(websocket=f"ws://127.0.0.1:{nginx.port}/large") == "status 200, expected 101"
    assert probe.reason(websocket=f"ws://127.0.0.1:{nginx.http2_port}/") == "the answer is not HTTP"
    assert probe.reason(websocket=f"wss://127.0.0.1:{nginx.port}/") == "TLS"


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ({}, "connection closed without an answer"),
        ({"sends": b"\xff" * 100_000}, "the answer is not HTTP"),
        ({"endless": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1000}, "the answer is not HTTP"),
        ({"sends": b"HTTP/1.1 101 Switching Protocols\r\n\r\n"}, "the answer is not HTTP"),
        ({"sends": ACCEPTED + b"\r\n"}, "the response is not to this handshake (Sec-WebSocket-Accept)"),
        (
            {"sends": ACCEPTED + b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"},
            "the response is not to this handshake (Sec-WebSocket-Accept)",
        ),
        ({"sends": b"HTTP/1.1 100 Continue\r\n\r\n", "holds": True}, "no answer in time"),
        ({"endless": b"HTTP/1.1 100 Continue\r\n\r\n"}, "the answer is not HTTP"),
    ],
)
def test_servers_that_misbehave(serve_script, probe, script, reason):
    port = serve_script(**script, asked=True)
    assert probe.reason(websocket=f"ws://127.0.0.1:{port}/", timeout="700ms") == reason
    assert probe.seconds < 2
