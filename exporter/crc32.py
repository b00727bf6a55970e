"""The CRC-32 of two texts together from those of each, which Python's zlib lacks.

A checksum is a polynomial over GF(2) modulo that of RFC 1952, the highest bit the coefficient of x^0; a text's length
in bits is the power of x by which the checksum of what precedes it is multiplied.
"""

from __future__ import annotations

import functools

_POLYNOMIAL = 0xEDB88320
_ONE = 1 << 31
_BITS = 32


def combine_crc32(first: int, second: int, length: int) -> int:
    """Return the checksum of two texts in a row, from each one's and the length of the second in bytes."""
    return _multiply_polynomials(_power_of_x(8 * length), first) ^ second


def _multiply_polynomials(left: int, right: int) -> int:
    product = 0
    for bit in range(_BITS - 1, -1, -1):
        if left >> bit & 1:
            product ^= right
        right = right >> 1 ^ (_POLYNOMIAL if right & 1 else 0)
    return product


@functools.lru_cache(maxsize=1024)
def _power_of_x(exponent: int) -> int:
    power, square = _ONE, _ONE >> 1
    while exponent:
        if exponent & 1:
            power = _multiply_polynomials(power, square)
        square = _multiply_polynomials(square, square)
        exponent >>= 1
    return power
