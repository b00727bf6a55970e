"""Fields of Protocol Buffers messages, without their schema: https://protobuf.dev/programming-guides/encoding/."""

from __future__ import annotations

from typing import Any

from deckwatch.exporter.sources.errors import UnexpectedAnswer

Fields = dict[int, list[Any]]  # by number: integers, or bytes of a text or message

_MAX_VARINT_BYTES = 10
_VARINT, _LENGTH_PREFIXED = 0, 2  # wire types
_FIXED_BYTES = {1: 8, 5: 4}  # by wire type


def encode_number(field: int, number: int) -> bytes:
    """Return a field with a number that is not negative; nothing for 0, which is the default."""
    return _encode_varint(field * 8 + _VARINT) + _encode_varint(number) if number else b""


def encode_bytes(field: int, value: bytes) -> bytes:
    """Return a field with a text or a message; nothing for an empty one, which is the default."""
    return _encode_varint(field * 8 + _LENGTH_PREFIXED) + _encode_varint(len(value)) + value if value else b""


def decode_fields(message: bytes) -> Fields:
    """Return the numbers, texts and messages of a message by field; raises UnexpectedAnswer.

    Fixed-width numbers are skipped: no message that is read here has them.
    """
    fields: Fields = {}
    position = 0
    while position < len(message):
        tag, position = _decode_varint(message, position)
        field, wire_type = divmod(tag, 8)
        if wire_type in _FIXED_BYTES:
            position += _FIXED_BYTES[wire_type]
            continue
        value: Any
        value, position = _decode_varint(message, position)
        if wire_type == _LENGTH_PREFIXED:
            start, position = position, position + value
            value = message[start:position]
        elif wire_type != _VARINT:
            raise _malformed()
        fields.setdefault(field, []).append(value)
    if position > len(message):
        raise _malformed()
    return fields


def get_number(fields: Fields, field: int) -> int:
    """Return a field's number (int32, int64 or an enumeration), 0 if it is missing; raises UnexpectedAnswer."""
    value = fields.get(field, (0,))[-1]
    if not isinstance(value, int):
        raise _malformed()
    return value - (1 << 64) if value >> 63 else value


def get_bytes(fields: Fields, field: int) -> bytes:
    """Return a field's bytes, empty if it is missing; raises UnexpectedAnswer."""
    value = fields.get(field, (b"",))[-1]
    if not isinstance(value, bytes):
        raise _malformed()
    return value


def get_text(fields: Fields, field: int) -> str:
    """Return a field's text, empty if it is missing; raises UnexpectedAnswer."""
    return get_bytes(fields, field).decode(errors="replace")


def get_message(fields: Fields, field: int) -> Fields:
    """Return the fields of a message in a field, none if it is missing; raises UnexpectedAnswer."""
    return decode_fields(get_bytes(fields, field))


def get_messages(fields: Fields, field: int) -> list[Fields]:
    """Return the fields of each message of a repeated field; raises UnexpectedAnswer."""
    values = fields.get(field, [])
    if not all(isinstance(value, bytes) for value in values):
        raise _malformed()
    return [decode_fields(value) for value in values]


def get_map(fields: Fields, field: int) -> dict[str, str]:
    """Return a map of texts; raises UnexpectedAnswer."""
    return {get_text(entry, 1): get_text(entry, 2) for entry in get_messages(fields, field)}


def _encode_varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*encoded, number])


def _decode_varint(message: bytes, position: int) -> tuple[int, int]:
    """Return a number of up to 64 bits and the position after it; raises UnexpectedAnswer."""
    number = 0
    for index, byte in enumerate(message[position : position + _MAX_VARINT_BYTES]):
        number |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return number & 0xFFFF_FFFF_FFFF_FFFF, position + index + 1
    raise _malformed()


def _malformed() -> UnexpectedAnswer:
    return UnexpectedAnswer("the answer is not the message that the call returns")
