"""gRPC probes against a real server with the health service, and against servers that answer as none should."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.live

SETTINGS = b"\0\0\0\x04\0\0\0\0\0"


def frame(kind, flags, payload):
    return len(payload).to_bytes(3) + bytes([kind, flags]) + b"\0\0\0\1" + payload


def literal(name, value):
    """Return a header field in HPACK, not indexed and not compressed."""
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value


HEAD = SETTINGS + frame(1, 4, b"\x88" + literal(b"content-type", b"application/grpc"))


def answer(message, code=b"0", prefix=None):
    """Return a response with a message and a code."""
    prefix = b"\0" + len(message).to_bytes(4) if prefix is None else prefix
    return HEAD + frame(0, 0, prefix + message) + frame(1, 5, literal(b"grpc-status", code))


def test_a_server_that_serves(grpc_server, probe):
    found = probe(grpc=f"127.0.0.1:{grpc_server.port}")
    assert found["probe_success"] == 1
    assert found["probe_grpc_status_code"] == found["probe_grpc_ssl"] == 0
    statuses = {status: found[f'probe_grpc_healthcheck_response{{serving_status="{status}"}}'] for status in STATUSES}
    assert statuses == {"SERVING": 1, "NOT_SERVING": 0, "SERVICE_UNKNOWN": 0, "UNKNOWN": 0}
    assert 0 < found['probe_grpc_duration_seconds{phase="check"}'] <= found["probe_duration_seconds"]
    assert found["probe_ip_protocol"] == 4


STATUSES = ("SERVING", "NOT_SERVING", "SERVICE_UNKNOWN", "UNKNOWN")


@pytest.mark.parametrize(
    ("service", "reason", "code"),
    [
        ("shop.Cart", "", 0),
        ("shop.Till", "health NOT_SERVING, expected SERVING", 0),
        ("shop.Old", "health UNKNOWN, expected SERVING", 0),
        ("shop.Gone", "gRPC status 5 (NOT_FOUND)", 5),
        ("x" * 256, "gRPC status 5 (NOT_FOUND)", 5),
    ],
)
def test_the_health_of_one_service(grpc_server, probe, service, reason, code):
    entry = {"grpc": f"127.0.0.1:{grpc_server.port}", "grpc_service": service}
    assert probe.reason(**entry) == reason
    assert probe(**entry)["probe_grpc_status_code"] == code


def test_a_server_without_the_health_service(grpc_server, probe):
    assert probe.reason(grpc=f"127.0.0.1:{grpc_server.bare_port}") == "gRPC status 12 (UNIMPLEMENTED)"


def test_tls(grpc_server, probe):
    entry = {"grpc": f"localhost:{grpc_server.tls_port}", "grpc_tls": True}
    found = probe(**entry, ca_file=str(grpc_server.authority))
    assert found["probe_success"] == found["probe_grpc_ssl"] == found['probe_tls_version_info{version="TLS 1.3"}'] == 1
    assert found["probe_ssl_earliest_cert_expiry"] > 0
    assert probe.reason(**entry) == "certificate"
    assert probe.reason(grpc=entry["grpc"]) in ("connection closed without an answer", "connection reset by peer")


def test_metadata_and_secrets(grpc_server, probe, tmp_path, caplog):
    (tmp_path / "token").write_text("hunter2")
    entry = {"grpc": f"127.0.0.1:{grpc_server.port}", "headers": {"X-Shop": "berlin"}}
    assert probe.reason(**entry, bearer_token_file=str(tmp_path / "token")) == ""
    assert probe.reason(**entry, bearer_token_file=str(tmp_path / "absent")) == "a file cannot be read"
    assert "hunter2" not in caplog.text


def test_servers_that_are_no_grpc_servers(nginx, probe):
    assert probe.reason(grpc="127.0.0.1:1") == "connection refused"
    assert probe(grpc="127.0.0.1:1")["probe_grpc_status_code"] == 14
    assert probe.reason(grpc=f"127.0.0.1:{nginx.port}") == "the answer is not HTTP"
    assert probe.reason(grpc=f"127.0.0.1:{nginx.http2_port}") == "gRPC status 12 (UNIMPLEMENTED)"  # 404
    entry = {"grpc": f"localhost:{nginx.tls_port}", "grpc_tls": True, "ca_file": str(nginx.authority)}
    assert probe.reason(**entry) == "TLS"  # nginx refuses to speak HTTP/1.1 where HTTP/2 alone is on offer


MALFORMED = "the answer is not the message that the call returns"


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ({"sends": answer(b"\x08\x01")}, ""),
        ({"sends": answer(b"\x08\x02\x08\x01")}, ""),  # the last one counts
        ({"sends": answer(b"\x12\x03abc\x08\x01")}, ""),  # a field of a later version
        ({"sends": answer(b"\x11" + bytes(8) + b"\x08\x01\x1d" + bytes(4))}, ""),
        ({"sends": answer(b"")}, "health UNKNOWN, expected SERVING"),
        ({"sends": answer(b"\x08\x04")}, "the answer has the unknown health status 4"),
        ({"sends": answer(b"\x08")}, MALFORMED),
        ({"sends": answer(b"\xff" * 20)}, MALFORMED),
        ({"sends": answer(b"\x12\x7fabc")}, MALFORMED),
        ({"sends": answer(b"\x0b\x01")}, MALFORMED),
        ({"sends": answer(b"\x08\x01", prefix=b"\1\0\0\0\2")}, "the answer is not a gRPC message"),
        ({"sends": answer(b"\x08\x01", prefix=b"\0\0\0\0\3")}, "the answer is not a gRPC message"),
        ({"sends": answer(b"\x08\x01", code=b"13")}, "gRPC status 13 (INTERNAL)"),
        ({"sends": answer(b"\x08\x01", code=b"99")}, "gRPC status 2 (UNKNOWN)"),
        ({"sends": answer(b"\x08\x01", code=b"9" * 50)}, "gRPC status 2 (UNKNOWN)"),
        ({"sends": answer(b"\x08\x01", code=b"ok")}, "gRPC status 2 (UNKNOWN)"),
        ({"sends": HEAD + frame(0, 1, b"\0\0\0\0\2\x08\x01")}, "gRPC status 2 (UNKNOWN)"),  # no code
        ({"sends": HEAD + frame(0, 0, b"\0\0\0\0\2\x08\x01")}, "answer cut short"),
        ({"sends": HEAD, "endless": frame(0, 0, bytes(1000))}, "the answer is too large"),
        ({"sends": HEAD, "holds": True}, "no answer in time"),
        ({"sends": SETTINGS + frame(1, 5, b"\x8d")}, "gRPC status 12 (UNIMPLEMENTED)"),  # status 404
    ],
)
def test_servers_that_misbehave(serve_script, probe, script, reason):
    port = serve_script(**script, asked=True)
    assert probe.reason(grpc=f"127.0.0.1:{port}", timeout="700ms") == reason
    assert probe.seconds < 2
