"""SMTP probes against a real mail server, and against servers that answer as none should."""

from __future__ import annotations

import ssl

import pytest

pytestmark = pytest.mark.live

BANNER, EHLO = b"220 mail.example ESMTP\r\n", b"250-mail.example\r\n250-SIZE 1000\r\n250 STARTTLS\r\n"


def test_starttls(mail_server, authority, probe):
    server = mail_server(tls=True)
    entry = {"smtp": f"localhost:{server.port}", "ca_file": str(authority.certificate)}
    found = probe(**entry, ip_protocol=4)
    assert found["probe_success"] == found['probe_tls_version_info{version="TLS 1.3"}'] == 1
    assert found["deckwatch_probe_smtp_code"] == 250
    assert found["probe_ssl_earliest_cert_expiry"] > 0
    assert found["probe_ip_protocol"] == 4
    phases = [found[f'deckwatch_probe_smtp_duration_seconds{{phase="{phase}"}}'] for phase in PHASES]
    assert all(seconds > 0 for seconds in phases), phases
    assert sum(phases) <= found["probe_duration_seconds"]
    assert probe.reason(smtp=entry["smtp"]) == "certificate"
    assert server.mails == []


PHASES = ("connect", "banner", "ehlo", "starttls", "tls")


def test_a_server_without_tls(mail_server, probe):
    address = mail_server().address
    assert probe.reason(smtp=address) == "the server does not offer STARTTLS"
    found = probe(smtp=address, starttls=False, banner_matches="SMTP")
    assert found["probe_success"] == 1
    assert "probe_ssl_earliest_cert_expiry" not in found
    entry = {"smtp": address, "starttls": False, "banner_matches": "nothing like it"}
    assert probe.reason(**entry) == "the banner does not match `banner_matches`"
    assert probe(**entry)["probe_failed_due_to_regex"] == 1


def test_tls_from_the_start(authority, serve_script, probe, monkeypatch):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("server"))
    port = serve_script(BANNER + EHLO, tls=context)
    monkeypatch.setattr("deckwatch.exporter.probes.smtp._SECURE_PORT", port)
    found = probe(smtp=f"localhost:{port}", ca_file=str(authority.certificate))
    assert found["probe_success"] == found['probe_tls_version_info{version="TLS 1.3"}'] == 1


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ({}, "connection closed without an answer"),
        ({"sends": b"220"}, "answer cut short"),
        ({"sends": b"220-a\r\n"}, "answer cut short"),
        ({"sends": b"220\r\n250 a\r\n"}, "the server does not offer STARTTLS"),
        ({"sends": b"554 go away\r\n"}, "the banner has code 554, expected 220"),
        ({"sends": BANNER + b"502 what\r\n"}, "the reply to EHLO has code 502, expected 250"),
        ({"sends": BANNER + EHLO + b"454 not now\r\n"}, "the reply to STARTTLS has code 454, expected 220"),
        # What comes before the handshake is not taken for an answer under TLS.
        ({"sends": BANNER + EHLO + BANNER + EHLO}, "connection lost"),
        ({"sends": BANNER + EHLO + BANNER, "holds": True}, "no answer in time"),
        ({"sends": b"HTTP/1.1 400 Bad Request\r\n\r\n"}, "the answer is not SMTP"),
        ({"sends": b"\xff\0" * 100 + b"\n"}, "the answer is not SMTP"),
        ({"sends": b"999 a\r\n"}, "the answer is not SMTP"),
        ({"endless": b"220-" + b"x" * 1000 + b"\r\n"}, "the answer is not SMTP"),
        ({"sends": b"220 ", "endless": b"x" * 1000}, "the answer is not SMTP"),
        ({"holds": True}, "no answer in time"),
    ],
)
def test_servers_that_misbehave(serve_script, probe, script, reason):
    port = serve_script(**script)
    assert probe.reason(smtp=f"127.0.0.1:{port}", timeout="700ms") == reason
    assert probe.seconds < 2


def test_servers_that_are_no_mail_servers(nginx, probe):
    assert probe.reason(smtp="127.0.0.1:1") == "connection refused"
    assert probe.reason(smtp=f"127.0.0.1:{nginx.port}", timeout="500ms") == "no answer in time"
