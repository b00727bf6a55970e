"""Lines that are expected and sent over TCP and TLS, with real servers and with such as answer as none should."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.live

SMTP = [
    {"expect": "^220 .* SMTP"},
    {"send": "EHLO probe\r"},
    {"expect": "^250-STARTTLS"},
    {"expect": "^250 ", "send": "STARTTLS\r"},
    {"expect": "^220", "starttls": True},
    {"send": "EHLO probe\r"},
    {"expect": "^250 "},
    {"send": "QUIT\r"},
]
HTTP = [{"send": "GET /ok HTTP/1.0\r"}, {"send": "\r"}, {"expect": "^HTTP/1.1 200"}, {"expect": "^fine$"}]


def test_starttls_step_by_step(mail_server, authority, probe):
    entry = {"tcp": f"localhost:{mail_server(tls=True).port}", "query_response": SMTP, "ip_protocol": 4}
    found = probe(**entry, ca_file=str(authority.certificate))
    assert found["probe_success"] == found['probe_tls_version_info{version="TLS 1.3"}'] == 1
    assert found["probe_ssl_earliest_cert_expiry"] > 0
    assert found["probe_failed_due_to_regex"] == 0
    assert probe.reason(**entry) == "certificate"


def test_lines_over_tcp_and_tls(nginx, probe):
    assert probe.reason(tcp=f"127.0.0.1:{nginx.port}", query_response=HTTP) == ""
    entry = {"tls": f"localhost:{nginx.tls_port}", "ca_file": str(nginx.authority)}
    assert probe.reason(**entry, query_response=HTTP) == ""
    steps = [*HTTP[:2], {"expect": "^HTTP/1.1 404"}]
    found = probe(**entry, query_response=steps)
    assert found["probe_success"] == 0
    assert found["probe_failed_due_to_regex"] == 1
    assert probe.reason(**entry, query_response=steps) == "no line matches `expect` of step 3"


def test_what_a_line_has_is_sent_back(serve_script, probe, caplog):
    port = serve_script(b"PING :hunter2\r\n", endless=b"")
    steps = [{"expect": "^PING :(.*)$", "send": "PONG ${1}${9}"}, {"expect": "^:welcome"}]
    assert probe.reason(tcp=f"127.0.0.1:{port}", query_response=steps) == "connection closed without the expected line"
    assert "hunter2" not in caplog.text


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ({}, "connection closed without the expected line"),
        ({"sends": b"ready"}, ""),  # a line without an end
        ({"sends": b"\xff\0\n" * 100 + b"ready\n", "holds": True}, ""),
        ({"sends": b"busy\n"}, "no line matches `expect` of step 1"),
        ({"sends": b"busy\n", "holds": True}, "no line matches `expect` of step 1"),
        ({"endless": b"busy\n" * 1000}, "no line matches `expect` of step 1"),
        ({"endless": b"x" * 1000}, "a line is longer than 64 KiB"),
        ({"holds": True}, "no answer in time"),
    ],
)
def test_servers_that_misbehave(serve_script, probe, script, reason):
    port = serve_script(**script)
    entry = {"tcp": f"127.0.0.1:{port}", "timeout": "700ms", "query_response": [{"expect": "^ready$"}]}
    assert probe.reason(**entry) == reason
    assert probe.seconds < 2
