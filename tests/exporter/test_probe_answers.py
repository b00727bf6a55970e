"""What servers may answer to probes: anything, of which no byte may raise another error than that it is unexpected."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import socket
from typing import TYPE_CHECKING

import dns.message
import dns.rrset
import pytest
from grpc_health.v1 import health_pb2
from hypothesis import given
from hypothesis import strategies as st

from deckwatch.exporter.probes.dns import format_record
from deckwatch.exporter.sources import icmp_echo
from deckwatch.exporter.sources.dns_exchange import parse_response
from deckwatch.exporter.sources.errors import UnexpectedAnswer
from deckwatch.exporter.sources.grpc_health import HEALTH_STATUSES, decode_response, encode_request
from deckwatch.exporter.sources.http2_exchange import Http2Exchange
from deckwatch.exporter.sources.smtp_dialogue import parse_reply_line
from deckwatch.exporter.sources.websocket_exchange import MessageExchange

if TYPE_CHECKING:
    from collections.abc import Iterable

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


@given(st.text(max_size=300))
def test_requests_for_the_health_of_a_service(service):
    assert encode_request(service) == health_pb2.HealthCheckRequest(service=service).SerializeToString()


@given(st.binary(max_size=40), st.sampled_from(range(4)))
def test_answers_about_health(noise, status):
    message = health_pb2.HealthCheckResponse(status=status).SerializeToString()
    assert decode_response(b"\0" + len(message).to_bytes(4) + message) == HEALTH_STATUSES[status]
    for body in (noise, b"\0" + len(noise).to_bytes(4) + noise):
        with contextlib.suppress(UnexpectedAnswer):
            assert decode_response(body) in HEALTH_STATUSES


class Received:
    """A connection from which these bytes come, then its end; what is sent is ignored."""

    tls_version = ""

    def __init__(self, data: bytes) -> None:
        self.reader = asyncio.StreamReader()
        self.reader.feed_data(data)
        self.reader.feed_eof()
        self.writer = self

    def writelines(self, _pieces: Iterable[bytes]) -> None: ...

    def write(self, _piece: bytes) -> None: ...

    async def drain(self) -> None: ...


async def read_messages(data: bytes) -> tuple[list[bytes], str]:
    messages, reason = [], ""
    exchange = MessageExchange(Received(data), b"")
    while not reason:
        try:
            messages.append(await exchange.read_message())
        except UnexpectedAnswer as fault:
            reason = str(fault)
    return messages, reason


ENDED, INVALID = "connection closed without a message", "the answer is not WebSocket"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", ([], ENDED)),
        (b"\x81\x02ab\x82\x01\xff", ([b"ab", b"\xff"], ENDED)),
        (b"\x01\x01a\x89\x00\x00\x00\x80\x01b", ([b"ab"], ENDED)),  # a ping and an empty piece between two pieces
        (b"\x81\x02ab\x88\x00\x81\x02cd", ([b"ab"], ENDED)),  # nothing counts after the end
        (b"\x81\x05ab", ([], ENDED)),
        (b"\x89\x00" * 600_000, ([], "more than 1 MiB without the expected message")),  # pings
        (b"\x80\x01a", ([], INVALID)),  # the end of no message
        (b"\x01\x01a\x81\x01b", ([], INVALID)),  # a message within another
        (b"\x81\x82\0\0\0\0ab", ([], INVALID)),  # masked, as only clients do
        (b"\xc1\x01a", ([], INVALID)),  # of an extension
        (b"\x83\x01a", ([], INVALID)),
        (b"\x89\x7e\x01\x00" + bytes(256), ([], INVALID)),  # a ping that is too long
        (b"\x81\x7f\x7f" + b"\xff" * 7, ([], "a message is larger than 256 KiB")),
        (
            b"".join(opcode + b"\x7f" + (200_000).to_bytes(8) + bytes(200_000) for opcode in (b"\x01", b"\x80")),
            ([], "a message is larger than 256 KiB"),
        ),
    ],
)
def test_frames(data, expected):
    assert asyncio.run(read_messages(data)) == expected


@given(st.binary(max_size=60))
def test_binary_frames(noise):
    asyncio.run(read_messages(noise))
    asyncio.run(read_messages(b"\x01\x01a" + noise))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"220 mail.example ESMTP\r\n", (220, True, "mail.example ESMTP")),
        (b"250-SIZE 1000\r\n", (250, False, "SIZE 1000")),
        (b"250\n", (250, True, "")),
        (b"354 gr\xc3\xb6\xc3\x9fe\xff\n", (354, True, "größe\ufffd")),
    ],
)
def test_lines_of_a_mail_server(line, expected):
    assert parse_reply_line(line) == expected


@given(st.binary(max_size=20))
def test_binary_lines(noise):
    for line in (noise, b"250" + noise, b"250-" + noise):
        with contextlib.suppress(UnexpectedAnswer):
            assert 200 <= parse_reply_line(line)[0] < 600


@given(st.binary(max_size=100))
def test_the_checksum_of_a_request(payload):
    request = icmp_echo.build_request(socket.AF_INET, 7, payload)
    assert request[:2] == b"\x08\0"
    assert request[4:] == b"\0\7\0\1" + payload
    assert icmp_echo.compute_checksum(request) == 0  # as a receiver verifies it: RFC 1071, 1


def test_a_checksum_by_hand():
    assert (
        icmp_echo.compute_checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0xFFFF - 0xDDF2
    )  # the example of RFC 1071, 3


TOKEN = bytes(range(icmp_echo.TOKEN_BYTES))


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (b"\0\0\xff\xff\0\7\0\1" + TOKEN + b"...", True),
        (b"\x08\0\xff\xff\0\7\0\1" + TOKEN + b"...", False),  # the request, which a raw socket sees on loopback
        (b"\0\0\xff\xff\0\7\0\1" + TOKEN[::-1], False),
        (b"\0\0\xff\xff\0\7\0\1" + TOKEN[:-1], False),
        (b"\x03\1\xff\xff\0\0\0\0" + TOKEN, False),
        (b"", False),
    ],
)
def test_replies(message, expected):
    assert icmp_echo.is_reply(socket.AF_INET, message, TOKEN) == expected
    with_options = b"\x46" + bytes(23) + message
    assert icmp_echo.strip_ipv4_header(with_options) == message


@given(st.binary(max_size=80))
def test_binary_packets(noise):
    assert not icmp_echo.is_reply(socket.AF_INET, icmp_echo.strip_ipv4_header(noise), TOKEN)


async def read_response(data: bytes) -> tuple[int, bytes]:
    """Return status and body of an answer over HTTP/2; raises HTTPException."""
    exchange = Http2Exchange(Received(data))
    head = await exchange.send_request("GET", "/", {"Host": "shop.example"})
    body = b""
    while piece := await exchange.read_piece():
        body += piece
    return head.status, body


def make_frame(kind: int, flags: int, payload: bytes, stream: int = 1) -> bytes:
    return len(payload).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + payload


SETTINGS = make_frame(4, 0, b"", 0)
HEAD = make_frame(1, 4, b"\x88\x0f\x0d\x013")  # :status 200, content-length 3
GOAWAY = make_frame(7, 0, (1).to_bytes(4) + bytes(4), 0)
WHOLE = SETTINGS + GOAWAY + HEAD + make_frame(0, 0, b"fi") + GOAWAY + make_frame(0, 1, b"n")


def test_a_response_over_http2_around_goaway():
    assert asyncio.run(read_response(WHOLE)) == (200, b"fin")


@pytest.mark.parametrize(
    "data",
    [
        WHOLE[:-1],
        SETTINGS + make_frame(7, 0, bytes(8), 0) + HEAD,  # the server does not take our request
        SETTINGS + make_frame(7, 0, (1).to_bytes(4) + (2).to_bytes(4), 0) + HEAD,  # an error
        SETTINGS + HEAD + make_frame(3, 0, (8).to_bytes(4)),  # the stream is reset
        SETTINGS + HEAD + make_frame(0, 1, b"fi"),  # shorter than announced
        SETTINGS + HEAD + make_frame(0, 1, b"find"),
        SETTINGS + make_frame(0, 1, b"fin"),
        SETTINGS + make_frame(1, 5, b"\xff\xff\xff\xff\xff\xff"),
        SETTINGS + make_frame(5, 4, bytes(8)),  # a push, which we do not accept
        make_frame(4, 0, b"\0\5" + bytes(4), 0) + HEAD,  # frames of at most no bytes
    ],
)
def test_responses_over_http2_that_are_not_whole(data):
    with pytest.raises(http.client.HTTPException):
        asyncio.run(read_response(data))


@given(
    st.lists(
        st.builds(make_frame, st.integers(0, 12), st.integers(0, 255), st.binary(max_size=30), st.integers(0, 3))
        | st.binary(max_size=12)
        | st.sampled_from([HEAD, GOAWAY, make_frame(0, 1, b"fin")]),
        max_size=6,
    )
)
def test_binary_frames_of_http2(frames):
    with contextlib.suppress(http.client.HTTPException):
        asyncio.run(read_response(SETTINGS + b"".join(frames)))
