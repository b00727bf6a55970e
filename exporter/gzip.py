"""gzip compression of pages, of which most families are the same as at the last scrape.

An unchanged family is compressed once, as a segment of deflate data that ends with a full flush, so that it refers to
nothing before it. The segments are parts of one gzip member, whose checksum is combined from theirs: of several
members, curl shows only the first.
Formats: RFC 1951 (deflate), RFC 1952 (gzip). With `isal` where a wheel exists (a tenth of zlib's time), else with zlib.
"""

from __future__ import annotations

import operator
import struct
import threading
import time
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple

from deckwatch.exporter import crc32

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

    from deckwatch.exporter.exposition import Family


def _fastest_library() -> tuple[Any, Callable[[int, int, int], int]]:
    """Return a module with zlib's functions, and one that returns the checksum of two texts in a row."""
    try:
        from isal import isal_zlib  # noqa: PLC0415 - not every processor has a wheel
    except ImportError:
        return zlib, crc32.combine_crc32
    return isal_zlib, isal_zlib.crc32_combine


deflate, combine_crc32 = _fastest_library()

# No name, no time, no extra flags, of an unknown system, as zlib.compressobj writes it.
_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_MIN_SEGMENT_BYTES = 4096  # of text; less is not worth a flush
_BATCH_BYTES = 1 << 16  # of text that is compressed at once
_MAX_PAGES = 16  # kept: by choosing collectors, a client chooses one of any number
_KEPT_SECONDS = 300.0  # for which a page is kept that nobody requests


class _Segment(NamedTuple):
    """A family of the last page, and its compressed text if it was already the same on the page before."""

    family: Family
    deflated: bytes = b""
    crc: int = 0
    size: int = 0


class PageCompressor:
    """Compresses pages, and keeps segments of the families that stay the same; safe for several threads."""

    def __init__(self) -> None:
        self._pages: dict[Hashable, tuple[float, dict[str, _Segment]]] = {}  # by request, the newest last
        self._lock = threading.Lock()

    def compress_page(self, request: Hashable, families: Iterable[Family]) -> bytes:
        """Return the text of the families as one gzip member.

        `request` tells pages with different families apart. Families that its next page lacks are no longer kept.
        """
        _, before = self._pages.get(request, (0.0, {}))
        member = _Member()
        kept: dict[str, _Segment] = {}
        for family in families:
            if not family.rendered:
                member.add_text(family.head)
                continue
            segment = before.get(family.name)
            if segment is None or not _is_same(segment.family, family):
                text = b"".join(family.texts())
                member.add_text(text)
                if len(text) >= _MIN_SEGMENT_BYTES:
                    kept[family.name] = _Segment(family)
            else:
                segment = kept[family.name] = segment if segment.deflated else member.deflate_alone(segment.family)
                member.add_segment(segment)
        self._keep_page(request, kept)
        return member.to_bytes()

    def _keep_page(self, request: Hashable, segments: dict[str, _Segment]) -> None:
        now = time.monotonic()
        with self._lock:
            self._pages.pop(request, None)
            if segments:
                self._pages[request] = now, segments
            for oldest, (at, _) in list(self._pages.items()):
                if len(self._pages) <= _MAX_PAGES and now - at <= _KEPT_SECONDS:
                    break
                del self._pages[oldest]


def _is_same(some: Family, other: Family) -> bool:
    """Return whether two families have the same text; collectors yield the identical Lines while nothing changes."""
    return (
        len(some.rendered) == len(other.rendered)
        and all(map(operator.is_, some.rendered, other.rendered))
        and some.head == other.head
    )


class _Member:
    """A gzip member under way."""

    def __init__(self) -> None:
        self._stream = deflate.compressobj(1, wbits=-zlib.MAX_WBITS)
        self._parts = [_HEADER]
        self._batch: list[bytes] = []
        self._batch_bytes = 0
        self._is_flushed = True
        self._crc = 0
        self._size = 0

    def add_text(self, text: bytes) -> None:
        """Add text that is compressed together with its neighbours."""
        if len(text) >= _MIN_SEGMENT_BYTES:
            self._compress_batch()
            self._compress_text(text)
            return
        self._batch.append(text)
        self._batch_bytes += len(text)
        if self._batch_bytes >= _BATCH_BYTES:
            self._compress_batch()

    def add_segment(self, segment: _Segment) -> None:
        """Add compressed text."""
        self._flush_stream()
        self._parts.append(segment.deflated)
        self._crc = combine_crc32(self._crc, segment.crc, segment.size)
        self._size += segment.size

    def deflate_alone(self, family: Family) -> _Segment:
        """Return a family compressed as a segment, which is not added."""
        self._flush_stream()
        text = b"".join(family.texts())
        deflated = self._stream.compress(text) + self._stream.flush(zlib.Z_FULL_FLUSH)
        return _Segment(family, deflated, deflate.crc32(text), len(text))

    def to_bytes(self) -> bytes:
        """Return the whole member."""
        self._compress_batch()
        self._parts += self._stream.flush(), struct.pack("<II", self._crc, self._size & 0xFFFFFFFF)
        return b"".join(self._parts)

    def _flush_stream(self) -> None:
        """Compress all text so far, so that what follows does not refer to it."""
        self._compress_batch()
        if not self._is_flushed:
            self._parts.append(self._stream.flush(zlib.Z_FULL_FLUSH))
            self._is_flushed = True

    def _compress_batch(self) -> None:
        if self._batch:
            self._compress_text(b"".join(self._batch))
            self._batch, self._batch_bytes = [], 0

    def _compress_text(self, text: bytes) -> None:
        self._parts.append(self._stream.compress(text))
        self._crc = deflate.crc32(text, self._crc)
        self._size += len(text)
        self._is_flushed = False
