"""The probe against a real nginx, and against sockets that misbehave as nginx would not."""

from __future__ import annotations

import logging
import socket
import time

import pytest

from deckwatch.exporter.sources import http

pytestmark = pytest.mark.live

DAY = 86400


def test_a_service_that_answers(nginx, probe):
    found = probe(http=f"{nginx.url}/ok")
    assert found["probe_success"] == 1
    assert found["probe_http_status_code"] == 200
    assert found["probe_http_version"] == 1.1
    assert found["probe_http_content_length"] == found["probe_http_uncompressed_body_length"] == len("fine\n")
    assert found["probe_ip_protocol"] == 4
    assert found["probe_http_ssl"] == found["probe_http_redirects"] == 0
    assert "probe_ssl_earliest_cert_expiry" not in found


def test_the_phases_make_up_the_whole(nginx, probe):
    found = probe(http=f"{nginx.tls_url}/ok", ca_file=str(nginx.authority))
    phases = {phase: found[f'probe_http_duration_seconds{{phase="{phase}"}}'] for phase in http.PHASES}
    assert all(seconds > 0 for seconds in phases.values()), phases
    assert sum(phases.values()) <= found["probe_duration_seconds"]
    assert found["probe_dns_lookup_time_seconds"] == phases["resolve"]


def test_tls_with_an_authority_of_ones_own(nginx, probe):
    found = probe(http=f"{nginx.tls_url}/ok", ca_file=str(nginx.authority))
    assert found["probe_success"] == found["probe_http_ssl"] == 1
    assert found['probe_tls_version_info{version="TLS 1.3"}'] == 1
    assert abs(found["probe_ssl_earliest_cert_expiry"] - time.time() - 90 * DAY) < DAY


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("{tls_url}/ok", "certificate: self-signed certificate"),  # nobody knows the authority
        ("{url}/error", "status 500, expected 2xx"),
        ("{url}/gone", "status 410, expected 2xx"),
        ("{url}/round", "more than 10 redirects"),
        ("{url}/astray", "redirected to an address that is not HTTP"),
        ("{url}/cut", "connection closed without an answer"),
        ("{url}/drip", "no answer in time"),
        ("http://127.0.0.1:1/", "connection refused"),
        ("http://no-such-host.invalid/", "name not known"),
        ("http://127.0.0.1:{tls_port}/", "status 400, expected 2xx"),  # TLS is spoken there
        ("https://127.0.0.1:{port}/", "TLS: wrong version number"),  # and here it is not
    ],
)
def test_a_failing_service_is_a_result_and_its_reason_is_logged_once(nginx, probe, caplog, url, reason):
    url = url.format(url=nginx.url, tls_url=nginx.tls_url, port=nginx.port, tls_port=nginx.tls_port)
    with caplog.at_level(logging.INFO, logger="deckwatch.probe"):
        found = probe(http=url)
        probe(http=url)
    assert found["probe_success"] == 0
    assert [record.getMessage() for record in caplog.records] == [f"probe shop fails: {reason}"]
    assert probe.seconds < 2.5


def test_redirects_are_followed_to_another_protocol(nginx, probe):
    found = probe(http=f"{nginx.url}/to-tls", ca_file=str(nginx.authority))
    assert found["probe_success"] == found["probe_http_redirects"] == found["probe_http_ssl"] == 1


def test_a_redirect_that_is_expected_is_not_followed(nginx, probe):
    found = probe(http=f"{nginx.url}/moved", expect=302)
    assert found["probe_success"] == 1
    assert found["probe_http_status_code"] == 302
    assert found["probe_http_redirects"] == 0


@pytest.mark.parametrize(("expect", "success"), [(500, 1), ("5xx", 1), ([200, "5xx"], 1), (200, 0)])
def test_success_can_be_defined(nginx, probe, expect, success):
    assert probe(http=f"{nginx.url}/error", expect=expect)["probe_success"] == success


def test_a_large_body_is_not_read_to_its_end(nginx, probe):
    found = probe(http=f"{nginx.url}/large")
    assert found["probe_success"] == 1
    assert found["probe_http_content_length"] == 3_000_000
    assert http.MAX_BODY_BYTES <= found["probe_http_uncompressed_body_length"] < 2 * http.MAX_BODY_BYTES


def test_credentials_are_sent_and_shown_nowhere(nginx, probe, caplog):
    with caplog.at_level(logging.DEBUG):
        assert probe(http=f"{nginx.url}/secret")["probe_http_status_code"] == 401
        address = nginx.url.replace("//", "//watcher:hunter2@")
        found = probe(http=f"{address}/secret")
        assert found["probe_success"] == 1
        assert probe(http=f"{address}/error")["probe_success"] == 0
    assert "hunter2" not in str(found) + caplog.text


def test_a_service_that_takes_the_connection_and_is_silent(probe):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        found = probe(http=f"http://127.0.0.1:{port}/")
        assert found["probe_success"] == found["probe_http_status_code"] == 0
        assert 1.9 < found['probe_http_duration_seconds{phase="processing"}'] < 2.5
        assert probe(http=f"https://127.0.0.1:{port}/")["probe_success"] == 0
        assert probe.seconds < 2.5
        # To a probe of TCP it is well.
        assert probe(tcp=f"127.0.0.1:{port}")["probe_success"] == 1


def test_tcp(nginx, probe):
    found = probe(tcp=f"localhost:{nginx.port}")
    assert found["probe_success"] == 1
    assert found["probe_duration_seconds"] > 0
    assert "probe_http_status_code" not in found
    assert probe(tcp="127.0.0.1:1")["probe_success"] == 0


def test_the_return_of_a_service_is_logged(nginx, probe, caplog):
    with caplog.at_level(logging.INFO, logger="deckwatch.probe"):
        probe(http=f"{nginx.url}/error")
        probe(http=f"{nginx.url}/ok")
        probe(http=f"{nginx.url}/ok")
    assert [record.getMessage() for record in caplog.records] == [
        "probe shop fails: status 500, expected 2xx",
        "probe shop succeeds again",
    ]
