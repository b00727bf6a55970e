"""D-Bus messages, valid and invalid; a bus that is absent, silent or faulty."""

from __future__ import annotations

import socket
import struct
import threading
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deckwatch.exporter.sources import dbuswire
from deckwatch.exporter.sources.dbus import Bus
from deckwatch.exporter.sources.dbuswire import Call, Message
from deckwatch.exporter.sources.procfs import ParseError
from deckwatch.exporter.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

UNIT = (b"a.service", b"A", b"loaded", b"active", b"running", b"", b"/u/a", 0, b"", b"/")


def text(value: bytes) -> bytes:
    return struct.pack("<I", len(value)) + value + b"\0"


def padded(data: bytes, to: int) -> bytes:
    return data + bytes(-len(data) % to)


def answer(signature: bytes, body: bytes, *, kind: int = dbuswire.REPLY, serial: int = 7) -> bytes:
    """Return a message as written by a bus, with the fields REPLY_SERIAL and SIGNATURE."""
    fields = b"\x05\x01u\0" + struct.pack("<I", serial)
    fields += b"\x08\x01g\0" + bytes([len(signature)]) + signature + b"\0"
    return padded(struct.pack("<cBBBIII", b"l", kind, 0, 1, len(body), 1, len(fields)) + fields, 8) + body


def test_a_list_of_units() -> None:
    unit = b""
    for value in UNIT:
        unit = padded(unit, 4) + (text(value) if isinstance(value, bytes) else struct.pack("<I", value))
    body = struct.pack("<II", len(unit), 0) + unit
    message = dbuswire.unmarshal_message(answer(b"a(ssssssouso)", body))
    expected = tuple(value.decode() if isinstance(value, bytes) else value for value in UNIT)
    assert message == Message(dbuswire.REPLY, 7, "", ([expected],))


@pytest.mark.parametrize(
    ("signature", "body", "values"),
    [
        (b"v", b"\x01u\0\0" + struct.pack("<I", 12), (12,)),
        (b"v", b"\x01t\0" + bytes(5) + struct.pack("<Q", 1 << 63), (1 << 63,)),
        (b"v", b"\x01s\0\0" + text(b"running"), ("running",)),
        (b"yd", b"\x02" + bytes(7) + struct.pack("<d", 0.5), (2, 0.5)),
        (b"a{sv}", struct.pack("<II", 15, 0) + text(b"a") + b"\0\0" + b"\x01y\0\x05"[:0] + b"", None),
        (b"as", struct.pack("<I", 0), ([],)),
    ],
)
def test_values(signature: bytes, body: bytes, values: tuple[object, ...] | None) -> None:
    if values is None:
        with pytest.raises(ParseError):
            dbuswire.unmarshal_message(answer(signature, body))
    else:
        assert dbuswire.unmarshal_message(answer(signature, body)).values == values


def test_a_call_is_encoded_as_specified() -> None:
    call = Call("org.example", "/a/b", "org.example.I", "Get", ("one", "zwei"))
    data = dbuswire.marshal_call(call, 9)
    assert dbuswire.message_length(data) == len(data)
    assert dbuswire.unmarshal_message(data).values == call.arguments


WHOLE = answer(b"a(ssssssouso)", struct.pack("<II", 0, 0)) + answer(b"v", b"\x01s\0\0" + text(b"x"))


@given(
    st.one_of(
        st.binary(max_size=200),
        st.builds(
            lambda a, b, c: WHOLE[:a] + c + WHOLE[b:], st.integers(0, 120), st.integers(0, 120), st.binary(max_size=9)
        ),
        st.builds(answer, st.text("a(){}ybnqiuxtdsogv", max_size=60).map(str.encode), st.binary(max_size=80)),
    )
)
def test_any_message_is_parsed_or_rejected(data: bytes) -> None:
    for read in (dbuswire.message_length, dbuswire.unmarshal_message):
        try:
            read(data)
        except ValueError as error:
            assert str(error)


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[tuple[Path, socket.socket]]:
    """A listening socket at the path of the system bus."""
    path = tmp_path / "run/dbus/system_bus_socket"
    path.parent.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        yield path, listening


def test_a_silent_bus_times_out(bus) -> None:
    start = time.monotonic()
    with pytest.raises(TimeoutError):
        Bus(str(bus[0]), start + 0.2)


@pytest.mark.parametrize(
    ("says", "error"),
    [
        (b"REJECTED EXTERNAL\r\n", PermissionError),
        (b"", ConnectionResetError),
        (b"DATA\r\nOK 1\r\n" + b"HTTP/1.1 400 Bad Request\r\n", ParseError),
        (b"DATA\r\nOK 1\r\n" + struct.pack("<cBBBIII", b"l", 2, 0, 1, 1 << 31, 1, 0), ParseError),
    ],
)
def test_a_socket_that_is_not_a_bus(bus, says: bytes, error: type[Exception]) -> None:
    path, listening = bus

    def serve() -> None:
        connection, _ = listening.accept()
        with connection:
            connection.recv(100)
            connection.sendall(says)
            if says.startswith(b"DATA"):
                connection.recv(1000)

    serving = threading.Thread(target=serve)
    serving.start()
    with pytest.raises(error):
        Bus(str(path), time.monotonic() + 5)
    serving.join()


def test_a_host_without_a_bus_has_no_data(tmp_path: Path, found) -> None:
    with World(rootfs=tmp_path, docker_host="") as world:
        assert found(world, "host_systemd") == {}
