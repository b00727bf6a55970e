"""What servers may answer to probes: anything, of which no byte may raise another error than that it is unexpected."""

from __future__ import annotations

import dns.message
import dns.rrset
from hypothesis import given
from hypothesis import strategies as st

from deckwatch.exporter.probes.dns import format_record
from deckwatch.exporter.sources.dns_exchange import parse_response
from deckwatch.exporter.sources.errors import UnexpectedAnswer

QUERY = dns.message.make_query("shop.example", "MX")
RECORDS = {
    "MX": "10 mail.shop.example.",
    "A": "192.0.2.1",
    "TXT": '"a b" "c\\"d"',
    "SOA": "ns1.shop.example. hostmaster.shop.example. 7 3600 600 86400 60",
    "HTTPS": '1 . alpn="h2"',
    "SRV": "1 2 8443 shop.example.",
    "NAPTR": '100 10 "u" "E2U+sip" "!^.*$!sip:a@b!" .',
}


def make_response() -> bytes:
    response = dns.message.make_response(QUERY)
    for kind, data in RECORDS.items():
        response.answer.append(dns.rrset.from_text("shop.example.", 60, "IN", kind, data))
    return response.to_wire()


RESPONSE = make_response()


def test_records_are_lines_as_blackbox_exporter_has_them():
    response = parse_response(QUERY, RESPONSE)
    assert [format_record(record) for record in response.answer] == [
        f"shop.example.\t60\tIN\t{kind}\t{data}" for kind, data in RECORDS.items()
    ]


def read_any(wire: bytes) -> None:
    try:
        response = parse_response(QUERY, wire)
    except UnexpectedAnswer:
        return
    if response is not None:
        for section in (response.answer, response.authority, response.additional):
            assert all("\n" not in format_record(record) for record in section)


@given(st.binary(max_size=600))
def test_binary_responses(noise):
    read_any(noise)
    read_any(RESPONSE[:2] + noise)
    read_any(RESPONSE[:12] + noise)


@given(st.lists(st.tuples(st.integers(2, len(RESPONSE) - 1), st.integers(0, 255)), max_size=8), st.integers(0, 400))
def test_damaged_responses(changes, cut):
    damaged = bytearray(RESPONSE)
    for position, value in changes:
        damaged[position] = value
    read_any(bytes(damaged))
    read_any(bytes(damaged[:cut]))
