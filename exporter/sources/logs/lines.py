"""Turns the content of files into whole lines, from a position that advances with them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol

from deckwatch.exporter.sources.logs import positions as at
from deckwatch.exporter.sources.logs.positions import CHUNK_BYTES, CompressedReader

if TYPE_CHECKING:
    from collections.abc import Callable

    from deckwatch.exporter.sources.logs.files import LogFile
    from deckwatch.exporter.sources.logs.positions import Position

_CHUNKS_AT_ONCE = 64  # of one file, before the others have their turn


class Envelope(Protocol):
    """How lines are stored in a file: as they are, or within the records of a container's log."""

    def complete_length(self, data: bytes) -> int:
        """Return the length of the part that ends with a complete line; 0 if there is none."""

    def unwrap(self, data: bytes) -> bytes:
        """Return the lines of complete records."""


class PlainLines:
    """A file that holds the lines themselves."""

    def complete_length(self, data: bytes) -> int:
        """Return the length of the part that ends with a newline; 0 if there is none."""
        return data.rfind(b"\n") + 1

    def unwrap(self, data: bytes) -> bytes:
        """Return the data itself."""
        return data


class LineTaker:
    """Passes whole lines to a function, many at a time, each with its newline."""

    def __init__(self, take_lines: Callable[[bytes], None], envelope: Envelope | None) -> None:
        self.too_long = 0  # lines that were left out
        self.has_more = False  # whether a file was not read to its end
        self._take_lines = take_lines
        self._envelope = envelope or PlainLines()

    def read_plain(self, position: Position, descriptor: int) -> bool:
        """Read complete lines up to the end of the file; return whether there were any bytes."""
        start = position.offset
        for _ in range(_CHUNKS_AT_ONCE):
            data = os.pread(descriptor, CHUNK_BYTES, position.offset)
            if not data or not self._take_data(position, data):
                break
        else:
            self.has_more = True
        if position.head_length < at.HEAD_BYTES and position.offset > position.head_length:
            length = min(at.HEAD_BYTES, position.offset)
            set_head(position, os.pread(descriptor, length, 0))
        return position.offset != start

    def _take_data(self, position: Position, data: bytes) -> bool:
        """Pass on the complete lines at the start of the data, and advance; return False to wait for more data."""
        length = self._envelope.complete_length(data)
        if position.skipping:
            end = data.find(b"\n") + 1
            position.skipping = not end
            position.offset += end or len(data)
            return True
        if length:
            lines = data[:length].lstrip(b"\0") if data.startswith(b"\0") else data[:length]
            self._take_lines(self._envelope.unwrap(lines))
            position.offset += length
            return True
        if len(data) < CHUNK_BYTES:
            return False
        if data.strip(b"\0"):  # else a hole: the writer did not notice that the file was truncated
            position.skipping = True
            self.too_long += 1
        position.offset += len(data)
        return True

    def take_rest(self, position: Position, data: bytes) -> None:
        """Take the last line of a file that will not grow, which may lack its newline."""
        if data and not position.skipping and data.strip(b"\0"):
            self._take_lines(self._envelope.unwrap(data.lstrip(b"\0") + b"\n"))
        position.offset += len(data)

    def read_compressed(self, position: Position, file: LogFile) -> bool:
        """Read a gzip file to its end; return False if its content is damaged."""
        reader = CompressedReader(file, position.offset)
        try:
            rest = b""
            while data := reader.read(CHUNK_BYTES):
                rest += data
                before = position.offset
                while rest and self._take_data(position, rest):
                    rest = rest[position.offset - before :]
                    before = position.offset
            self.take_rest(position, rest)
        finally:
            reader.close()
        set_head(position, at.read_head(file))
        position.done = True
        return not reader.is_damaged


def set_head(position: Position, data: bytes) -> None:
    """Note the first bytes of a file, of those that have been read."""
    data = data[: min(at.HEAD_BYTES, position.offset)]
    position.head, position.head_length = (at.hash_head(data), len(data)) if data else ("", 0)
