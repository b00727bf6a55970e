"""When certificates expire: the validity in their DER encoding (RFC 5280, 4.1; X.690), which Python does not read."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_PEM = re.compile(rb"-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----(.+?)-----END", re.DOTALL)
_SEQUENCE, _VERSION, _UTC_TIME, _GENERALIZED_TIME = 0x30, 0xA0, 0x17, 0x18
_FIELDS_BEFORE_VALIDITY = 3  # serial number, signature algorithm, issuer


class InvalidCertificate(Exception):
    """Bytes that are not a certificate."""


def read_expiries(pem: bytes) -> Iterator[float]:
    """Yield the end of validity of each certificate in PEM, as a Unix time; raises InvalidCertificate."""
    for match in _PEM.finditer(pem):
        try:
            der = base64.b64decode(b"".join(match[1].split()), validate=True)
        except binascii.Error:
            raise InvalidCertificate("not base64") from None
        yield parse_expiry(der)


def parse_expiry(der: bytes) -> float:
    """Return the notAfter of a certificate as a Unix time; raises InvalidCertificate."""
    certificate, _ = _read_element(der, 0, _SEQUENCE)
    content, _ = _read_element(certificate, 0, _SEQUENCE)
    position = 0
    if content[:1] == bytes([_VERSION]):
        _, position = _read_element(content, 0)
    for _ in range(_FIELDS_BEFORE_VALIDITY):
        _, position = _read_element(content, position)
    validity, _ = _read_element(content, position, _SEQUENCE)
    _, position = _read_element(validity, 0)
    return _parse_time(validity[position : position + 1], _read_element(validity, position)[0])


def _read_element(data: bytes, start: int, tag: int | None = None) -> tuple[bytes, int]:
    """Return the content of the element at a position, and the position after it."""
    if len(data) < start + 2 or (tag is not None and data[start] != tag):
        raise InvalidCertificate(f"no element {tag or ''} at byte {start}")
    length, begin = data[start + 1], start + 2
    if length & 0x80:
        size = length & 0x7F
        if not 0 < size <= 4:
            raise InvalidCertificate(f"no length at byte {start + 1}")
        length, begin = int.from_bytes(data[begin : begin + size]), begin + size
    if len(data) < begin + length:
        raise InvalidCertificate(f"the element at byte {start} is cut off")
    return data[begin : begin + length], begin + length


def _parse_time(tag: bytes, text: bytes) -> float:
    """Return a UTCTime, whose years are 1950 to 2049, or a GeneralizedTime."""
    try:
        digits = text.decode("ascii")
        if tag == bytes([_UTC_TIME]):
            digits = ("20" if int(digits[:2]) < 50 else "19") + digits
        elif tag != bytes([_GENERALIZED_TIME]):
            raise InvalidCertificate("no time")
        return dt.datetime.strptime(digits, "%Y%m%d%H%M%SZ").replace(tzinfo=dt.UTC).timestamp()
    except (ValueError, UnicodeDecodeError):
        raise InvalidCertificate("not a time in UTC") from None
