"""Messages of D-Bus as they go over the wire (https://dbus.freedesktop.org/doc/dbus-specification.html).

Questions have texts for arguments; answers may hold anything.
"""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

from deckwatch.exporter.sources.procfs import ParseError

REPLY, ERROR = 2, 3  # kinds of messages
_CALL = 1
_NO_AUTO_START = 2
_PATH, _INTERFACE, _MEMBER, _ERROR_NAME, _REPLY_SERIAL, _DESTINATION, _SIGNATURE = 1, 2, 3, 4, 5, 6, 8
_MAX_MESSAGE_BYTES = 1 << 27  # bytes of a message, as the specification has it
_MAX_DEPTH = 32  # as well: of types within types
_NUMBERS = {"y": "B", "n": "h", "q": "H", "i": "i", "u": "I", "x": "q", "t": "Q", "d": "d", "b": "I", "h": "I"}
_ALIGNED = {"y": 1, "g": 1, "v": 1, "n": 2, "q": 2, "x": 8, "t": 8, "d": 8, "(": 8, "{": 8}  # all else at 4


class Call(NamedTuple):
    """A method call: destination, object, interface and method; all arguments are strings."""

    destination: str
    path: str
    interface: str
    member: str
    arguments: tuple[str, ...] = ()


class Message(NamedTuple):
    """What came in: its kind, the number of the question that it answers, an error's name, and its values."""

    kind: int
    reply_serial: int
    error: str
    values: tuple[Any, ...]


def marshal_call(call: Call, serial: int) -> bytes:
    """Return a question as bytes; `serial` is the number that the answer will carry."""
    body = bytearray()
    for argument in call.arguments:
        _write_string(body, "s", argument)
    fields = [(_PATH, "o", call.path), (_INTERFACE, "s", call.interface), (_MEMBER, "s", call.member)]
    fields.append((_DESTINATION, "s", call.destination))
    if call.arguments:
        fields.append((_SIGNATURE, "g", "s" * len(call.arguments)))
    packed = bytearray()
    for code, kind, value in fields:
        packed += bytes(-len(packed) % 8) + bytes([code])
        _write_string(packed, "g", kind)
        _write_string(packed, kind, value)
    head = struct.pack("<cBBBIII", b"l", _CALL, _NO_AUTO_START, 1, len(body), serial, len(packed)) + packed
    return head + bytes(-len(head) % 8) + body


def _write_string(out: bytearray, kind: str, value: str) -> None:
    data = value.encode()
    out += bytes(-len(out) % 4) if kind != "g" else b""
    out += struct.pack("<B" if kind == "g" else "<I", len(data)) + data + b"\0"


def message_length(data: bytes) -> int | None:
    """Return how long the message is that data begins with; None where that is not to be seen yet."""
    if len(data) < 16:
        return None
    body, fields = struct.unpack_from(_byte_order(data) + "I4xI", data, 4)
    length: int = 16 + fields + -fields % 8 + body
    if length > _MAX_MESSAGE_BYTES:
        raise ParseError(f"D-Bus: a message of {length} bytes")
    return length


def unmarshal_message(data: bytes) -> Message:
    """Parse a complete message; raises ParseError if it is malformed."""
    try:
        reader = _Reader(data, _byte_order(data))
        reader.at = 12
        fields = dict(reader.read_values("a(yv)")[0])
        reader.align_to(8)
        values = reader.read_values(fields.get(_SIGNATURE, ""))
        return Message(data[1], int(fields.get(_REPLY_SERIAL, 0)), str(fields.get(_ERROR_NAME, "")), values)
    except (struct.error, IndexError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise ParseError(f"D-Bus: {type(error).__name__} in a message of {len(data)} bytes") from None


def _byte_order(data: bytes) -> str:
    try:
        return {b"l": "<", b"B": ">"}[data[:1]]
    except KeyError:
        raise ParseError("D-Bus: neither byte order") from None


class _Reader:
    def __init__(self, data: bytes, order: str) -> None:
        self.data = data
        self.order = order
        self.at = 0

    def align_to(self, to: int) -> None:
        self.at += -self.at % to

    def read_values(self, signature: str, depth: int = 0) -> tuple[Any, ...]:
        """Return the values of several types in a row."""
        values = []
        start = 0
        while start < len(signature):
            end = _type_end(signature, start)
            values.append(self.read_value(signature[start:end], depth))
            start = end
        return tuple(values)

    def read_value(self, signature: str, depth: int) -> Any:
        """Return a value of a complete type."""
        if depth > _MAX_DEPTH:
            raise ParseError("D-Bus: types too deep")
        kind = signature[0]
        self.align_to(_ALIGNED.get(kind, 4))
        if kind in _NUMBERS:
            return self._read_number(_NUMBERS[kind])
        if kind in "sog":
            size = self._read_number("B" if kind == "g" else "I")
            self.at += size + 1
            return self._read_slice(self.at - size - 1, self.at - 1).decode()
        if kind == "v":
            return self.read_values(self.read_value("g", depth + 1), depth + 1)[0]
        if kind == "a":
            return self._read_array(signature[1:], depth)
        return self.read_values(signature[1:-1], depth + 1)

    def _read_array(self, items: str, depth: int) -> list[Any]:
        size = self._read_number("I")
        self.align_to(_ALIGNED.get(items[0], 4))
        end = self.at + size
        self._read_slice(self.at, end)
        values = []
        while self.at < end:
            values.append(self.read_value(items, depth + 1))
        return values

    def _read_number(self, code: str) -> Any:
        (number,) = struct.unpack_from(self.order + code, self.data, self.at)
        self.at += struct.calcsize("=" + code)
        return number

    def _read_slice(self, start: int, end: int) -> bytes:
        if end > len(self.data):
            raise ParseError("D-Bus: a value beyond the message's end")
        return self.data[start:end]


def _type_end(signature: str, start: int) -> int:
    """Return where the type ends that begins at `start`."""
    at = start
    while signature[at] == "a":
        at += 1
    if signature[at] not in "({":
        return at + 1
    depth = 0
    while True:
        depth += {"(": 1, "{": 1, ")": -1, "}": -1}.get(signature[at], 0)
        at += 1
        if depth == 0:
            return at
