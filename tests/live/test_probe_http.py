"""What a probe sends over HTTP and demands of the response, against a real uvicorn and a real nginx."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

import pytest
import yaml

from deckwatch.provisioning.program import Program, free_port

pytestmark = pytest.mark.live

EXAMPLE = Path(__file__).parents[2] / "examples" / "probes"
POST = {"method": "POST", "body": '{"a": 1}', "headers": {"Content-Type": "application/json", "X-Shop": "berlin"}}


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"body_matches": "^GET - - $"}, ""),
        ({"body_matches": "POST"}, "the body does not match `body_matches`"),
        ({"body_not_matches": "POST"}, ""),
        ({"body_not_matches": "G.T"}, "the body matches `body_not_matches`"),
        ({"header_matches": {"x-version": "^2$", "Content-Length": "[0-9]+"}}, ""),  # one of several values
        ({"header_matches": {"X-Version": "3"}}, "the header X-Version does not match `header_matches`"),
        ({"header_matches": {"X-Absent": ".*"}}, "the header X-Absent does not match `header_matches`"),
        ({"header_not_matches": {"X-Absent": ".*", "X-Version": "3"}}, ""),
        ({"header_not_matches": {"X-Version": "2"}}, "the header X-Version matches `header_not_matches`"),
        ({"method": "HEAD"}, ""),
        ({**POST, "body_matches": '^POST berlin - {"a": 1}$'}, ""),
        ({"expect": 201, "body_matches": "POST"}, "status 200, expected 201"),
    ],
)
def test_requests_and_what_is_expected(probed_app, probe, entry, reason):
    assert probe.reason(http=f"{probed_app}/0", **entry) == reason


def test_a_mismatch_is_a_metric_and_the_response_is_not_in_the_log(nginx, probe, caplog):
    with caplog.at_level(logging.DEBUG):
        found = probe(http=f"{nginx.url}/ok", body_matches="nothing like it")
    assert found["probe_success"] == 0
    assert found["probe_failed_due_to_regex"] == 1
    assert probe(http=f"{nginx.url}/error")["probe_failed_due_to_regex"] == 0
    assert "fine" not in caplog.text


def test_a_large_body_is_matched_as_far_as_it_is_read(nginx, probe):
    found = probe(http=f"{nginx.url}/large", body_matches="^x{1000}")
    assert found["probe_success"] == 1
    assert 1 << 18 <= found["probe_http_uncompressed_body_length"] <= (1 << 18) + (1 << 16)


@pytest.mark.parametrize(("status", "found"), [(302, "GET berlin - "), (307, 'POST berlin - {"a": 1}')])
def test_a_redirect_keeps_the_body_where_the_status_says_so(probed_app, probe, status, found):
    assert probe.reason(http=f"{probed_app}/moved/{status}", **POST, body_matches=f"^{found}$") == ""


def test_headers_and_body_do_not_follow_a_redirect_to_another_host(probed_app, probe):
    elsewhere = probed_app.replace("127.0.0.1", "localhost")
    assert probe.reason(http=f"{elsewhere}/moved/307", ip_protocol=4, **POST, body_matches="^POST berlin") == ""
    assert probe.reason(http=f"{probed_app}/away/localhost", **POST, body_matches="^POST - - $") == ""


@pytest.mark.parametrize(("most", "reason"), [(0, "more than 0 redirects"), (1, "")])
def test_redirects_are_bounded(nginx, probe, most, reason):
    assert probe.reason(http=f"{nginx.url}/moved", max_redirects=most) == reason


def test_passwords_and_bodies_are_read_from_files_and_shown_nowhere(probed_app, nginx, probe, tmp_path, caplog):
    (tmp_path / "password").write_text("hunter2\n")
    (tmp_path / "body").write_text("hunter3")
    basic = {"username": "watcher", "password_file": str(tmp_path / "password")}
    with caplog.at_level(logging.DEBUG):
        assert probe.reason(http=f"{nginx.url}/secret", basic_auth=basic) == ""
        body = {"method": "PUT", "body_file": str(tmp_path / "body"), "bearer_token_file": str(tmp_path / "password")}
        assert probe.reason(http=f"{probed_app}/0", **body, body_matches="^PUT - Bearer hunter2 hunter3$") == ""
        assert probe.reason(http=f"{probed_app}/0", **body, body_matches="nothing like it")
        os.mkfifo(tmp_path / "pipe")
        assert probe.reason(http=f"{probed_app}/0", **body | {"body_file": str(tmp_path / "pipe")}) == ""
        body["body_file"] += "-absent"
        assert probe.reason(http=f"{probed_app}/0", **body) == "a file cannot be read"
    assert "hunter" not in caplog.text


def test_the_ip_version_can_be_chosen(nginx, probe):
    assert probe(http=f"http://localhost:{nginx.port}/ok", ip_protocol=4)["probe_ip_protocol"] == 4
    assert probe.reason(http=f"{nginx.url}/ok", ip_protocol=6) == "the name has no address of this IP version"
    assert probe.reason(tcp=f"127.0.0.1:{nginx.port}", ip_protocol=6) == "the name has no address of this IP version"


def test_tls_without_http(nginx, probe):
    entry = {"tls": f"localhost:{nginx.tls_port}", "ca_file": str(nginx.authority)}
    found = probe(**entry)
    assert found["probe_success"] == found['probe_tls_version_info{version="TLS 1.3"}'] == 1
    assert found["probe_ip_protocol"] == 4
    assert (
        found["probe_ssl_earliest_cert_expiry"] == probe(**entry | {"timeout": "3s"})["probe_ssl_earliest_cert_expiry"]
    )
    assert "probe_http_status_code" not in found
    assert probe.reason(tls=f"localhost:{nginx.tls_port}") == "certificate"
    assert probe.reason(tls=f"127.0.0.1:{nginx.port}") == "TLS"
    assert probe.reason(tls="127.0.0.1:1") == "connection refused"


def test_the_example(probe, tmp_path):
    port = free_port()
    text = (EXAMPLE / "deckwatch.yaml").read_text().replace("8000", str(port))
    argv = [sys.executable, "-m", "http.server", str(port), "--directory", str(EXAMPLE)]
    with Program("http.server", argv, log=tmp_path / "log", ready=f"http://127.0.0.1:{port}/"):
        entries = yaml.safe_load(text)["watch"]["probes"]
        assert len(entries) == 4
        assert [probe.reason(**entry) for entry in entries] == [""] * 4
