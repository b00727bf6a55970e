"""DNS probes against a real BIND, and against servers that answer as none should."""

from __future__ import annotations

import contextlib
import socket
import threading

import pytest

from tests.fixtures.named import SERIAL

pytestmark = pytest.mark.live

WWW = {"query_name": "www.shop.example"}


def test_an_answer(named, probe):
    found = probe(dns=named.address, **WWW)
    assert found["probe_success"] == found["probe_dns_query_succeeded"] == 1
    assert found["probe_dns_answer_rrs"] == 2
    assert found["probe_dns_authority_rrs"] == found["probe_dns_additional_rrs"] == 0
    assert found["probe_ip_protocol"] == 4
    phases = {phase: found[f'probe_dns_duration_seconds{{phase="{phase}"}}'] for phase in ("connect", "request")}
    assert all(seconds > 0 for seconds in phases.values()), phases
    assert sum(phases.values()) <= found["probe_duration_seconds"]
    assert "probe_dns_serial" not in found
    assert "probe_tls_version_info" not in str(found)


def test_the_serial_number_of_a_zone(named, probe):
    found = probe(dns=named.address, query_name="shop.example", query_type="SOA")
    assert found["probe_dns_serial"] == SERIAL
    assert found["probe_dns_answer_rrs"] == 1


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({}, ""),
        ({"transport": "tcp"}, ""),
        ({"recursion": False}, ""),
        ({"query_name": "WWW.Shop.Example."}, ""),
        ({"query_name": "no.shop.example"}, "response code NXDOMAIN, expected NOERROR"),
        ({"query_name": "no.shop.example", "rcodes": ["NXDOMAIN", "NOERROR"]}, ""),
        ({"query_name": "elsewhere.example"}, "response code REFUSED, expected NOERROR"),
        ({"query_name": "version.bind", "query_type": "TXT", "query_class": "CH", "answer_matches": '"shop"$'}, ""),
        ({"answer_matches": r"^www\.shop\.example\.\t300\tIN\tA\t192\.0\.2\.2$"}, ""),
        ({"answer_matches": r"10\."}, "no record matches `answer_matches`"),
        ({"answer_not_matches": r"192\.0\.2\.1$"}, "a record matches `answer_not_matches`"),
        ({"answer_not_matches": r"^(?!.*\t192\.0\.2\.)"}, ""),  # all records match
        ({"query_type": "MX", "authority_matches": r"\tSOA\tns1\.shop\.example\."}, ""),  # there are none: the zone's
        ({"query_name": "shop.example", "query_type": "NS", "additional_matches": r"^ns1.*53$"}, ""),
        (
            {"query_name": "shop.example", "query_type": "NS", "additional_not_matches": r"^ns1"},
            "a record matches `additional_not_matches`",
        ),
        ({"authority_not_matches": "."}, ""),
        (
            {"query_name": "large.shop.example", "query_type": "TXT"},
            "the response does not fit into a datagram, so `transport",
        ),
        ({"query_name": "large.shop.example", "query_type": "TXT", "transport": "tcp"}, ""),
        ({"ip_protocol": 6}, "the name has no address of this IP version"),
    ],
)
def test_queries_and_what_is_expected(named, probe, entry, reason):
    assert probe.reason(dns=named.address, **WWW | entry) == reason


def test_a_mismatch_is_a_metric_and_the_response_is_not_in_the_log(named, probe, caplog):
    found = probe(dns=named.address, **WWW, answer_matches="nothing like it")
    assert found["probe_failed_due_to_regex"] == 1
    assert found["probe_dns_query_succeeded"] == 1
    assert "192.0.2" not in caplog.text


def test_tls(named, probe):
    entry = {"dns": named.tls_address, "transport": "tls", **WWW}
    found = probe(**entry, ca_file=str(named.authority))
    assert found["probe_success"] == found['probe_tls_version_info{version="TLS 1.3"}'] == 1
    assert found["probe_ssl_earliest_cert_expiry"] > 0
    assert found['probe_dns_duration_seconds{phase="tls"}'] > 0
    assert probe.reason(**entry) == "certificate"


def test_ipv6(named, probe):
    found = probe(dns=f"[::1]:{named.port}", **WWW)
    assert found["probe_success"] == 1
    assert found["probe_ip_protocol"] == 6


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_nobody_listens(probe, transport):
    found = probe(dns="127.0.0.1:1", transport=transport, **WWW)
    assert found["probe_success"] == found["probe_dns_query_succeeded"] == 0
    assert "probe_dns_answer_rrs" not in found
    assert probe.reason(dns="127.0.0.1:1", transport=transport, **WWW) == "connection refused"


@pytest.fixture
def serve_datagrams():
    """Return a function that answers each datagram with those that a function makes of it, and returns the port."""
    with contextlib.ExitStack() as stack:
        ended = threading.Event()

        def answer(listener, make):
            while not ended.is_set():
                with contextlib.suppress(OSError):
                    data, client = listener.recvfrom(1 << 16)
                    for each in make(data):
                        listener.sendto(each, client)

        def serve(make):
            listener = stack.enter_context(socket.socket(type=socket.SOCK_DGRAM))
            listener.bind(("127.0.0.1", 0))
            listener.settimeout(0.05)
            thread = threading.Thread(target=answer, args=(listener, make), daemon=True)
            thread.start()
            stack.callback(thread.join)
            stack.callback(ended.set)
            return listener.getsockname()[1]

        yield serve


ANSWERS = {
    "none": (lambda query: [], "no answer in time"),
    "noise": (lambda query: [b"", b"\xff" * 60_000, query[:1]], "no answer in time"),
    "a part": (lambda query: [query[:7]], "the answer is not DNS"),
    "binary": (lambda query: [query[:2] + b"\xff" * 60_000], "the answer is not DNS"),
    "the query": (lambda query: [query], "no answer in time"),
    "another's first": (lambda query: [b"\0\0" + respond(query)[2:], respond(query)], ""),
    "to another question": (lambda query: [respond(query).replace(b"\3www", b"\3wwx")], "no answer in time"),
    "many of others": (lambda query: [b"\0\0"] * 200, "many answers to other queries"),
    "a failure": (lambda query: [respond(query, b"\x82")], "response code SERVFAIL, expected NOERROR"),
    "a name that points to itself": (
        lambda query: [query[:2] + b"\x81\x80\0\1\0\0\0\0\0\0\xc0\x0c\0\1\0\1"],
        "the answer is not DNS",
    ),
}


def respond(query, code=b"\x80"):
    """Return a response without records."""
    return query[:2] + b"\x81" + code + query[4:]


@pytest.mark.parametrize("answer", ANSWERS)
def test_datagrams_that_are_no_answer(serve_datagrams, probe, answer):
    make, reason = ANSWERS[answer]
    assert probe.reason(dns=f"127.0.0.1:{serve_datagrams(make)}", timeout="500ms", **WWW) == reason
    assert probe.seconds < 2


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ({}, "answer cut short"),
        ({"sends": b"\xff\xff" + bytes(1000)}, "answer cut short"),
        ({"sends": b"\xff\xff" + bytes(1000), "holds": True}, "no answer in time"),
        ({"sends": b"\0\3\0\0\0"}, "the answer is to another query"),
        ({"endless": b"\xff" * 10_000}, "the answer is to another query"),
    ],
)
def test_connections_that_are_no_answer(serve_script, probe, script, reason):
    port = serve_script(**script, asked=True)
    assert probe.reason(dns=f"127.0.0.1:{port}", transport="tcp", timeout="500ms", **WWW) == reason
    assert probe.seconds < 2
