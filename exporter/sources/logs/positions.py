"""Where reading of a file left off, and how the file is recognised under another name.

A file is known by device and inode as long as it exists, and by its head: a hash of its first bytes. The head tells a
copy (copytruncate) and a compressed file from one that has not been read, and a new file from an old one whose inode
it has got.
"""

from __future__ import annotations

import errno
import hashlib
import os
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deckwatch.exporter.sources.logs.files import LogFile

HEAD_BYTES = 1024
CHUNK_BYTES = 128 << 10  # a line that is longer is not read
_PACKED_BYTES = 16 << 10  # compressed bytes that are unpacked at once: what precedes damage is then read
_GZIP = 31  # zlib's window bits for the gzip format
_OPEN = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW


@dataclass
class Position:
    """How far a file has been read.

    `offset` counts bytes of the content, uncompressed. `head` is the hash of the first `head_length` of them.
    `skipping` marks the inside of a line that is too long. A `done` file is read to its end and will not grow: a
    compressed one, or one that is gone and only recognised in copies.
    """

    path: str
    device: int = 0
    inode: int = 0
    offset: int = 0
    head: str = ""
    head_length: int = 0
    skipping: bool = False
    done: bool = False
    changed: int = 0  # modification time when it was last seen, in nanoseconds since 1970

    @property
    def identity(self) -> tuple[int, int]:
        """Device and inode."""
        return self.device, self.inode

    def to_state(self) -> list[Any]:
        """Return the position as a JSON value."""
        return [
            *(self.path, self.device, self.inode, self.offset, self.head, self.head_length),
            *(int(self.skipping), int(self.done), self.changed),
        ]

    @classmethod
    def from_state(cls, value: list[Any]) -> Position:
        """Return the position of a JSON value."""
        path, device, inode, offset, head, head_length, skipping, done, changed = value
        return cls(path, device, inode, offset, head, head_length, bool(skipping), bool(done), changed)


def hash_head(data: bytes) -> str:
    """Return the hash by which the first bytes of a file are compared."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def open_log(file: LogFile) -> int:
    """Return a descriptor for reading a listed file, without waiting for one that is a pipe by now.

    Raises OSError; FileNotFoundError also where the path leads to another file by now, so that no file is read as
    another one that was rotated in this moment.
    """
    descriptor = os.open(file.path, _OPEN)
    about = os.fstat(descriptor)
    if (about.st_dev, about.st_ino) != (file.device, file.inode):
        os.close(descriptor)
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), file.path)
    return descriptor


def read_head(file: LogFile) -> bytes:
    """Return the first bytes of a file, uncompressed. Raises OSError; a compressed file that is damaged has none."""
    descriptor = open_log(file)
    try:
        data = os.pread(descriptor, HEAD_BYTES * 4 if file.is_compressed else HEAD_BYTES, 0)
    finally:
        os.close(descriptor)
    if not file.is_compressed:
        return data
    try:
        return zlib.decompressobj(_GZIP).decompress(data, HEAD_BYTES)
    except zlib.error:
        return b""


class CompressedReader:
    """Reads the content of a gzip file once, from an offset to its end, in memory of one chunk."""

    def __init__(self, file: LogFile, offset: int) -> None:
        self._file = open_log(file)
        self._unpack = zlib.decompressobj(_GZIP)
        self._read = 0  # compressed bytes
        self._pending = b""  # compressed bytes that are not unpacked yet
        self._skip = offset
        self.is_damaged = False

    def read(self, size: int) -> bytes:
        """Return up to `size` further bytes of the content, empty at its end; a damaged rest is left out."""
        while True:
            if self._unpack.eof:  # a file may hold several members
                self._pending = self._unpack.unused_data + self._pending
                if not self._pending and not self._fill_buffer():
                    return b""
                self._unpack = zlib.decompressobj(_GZIP)
            if not self._pending and not self._fill_buffer():
                return b""
            try:
                data = self._unpack.decompress(self._pending, size)
            except zlib.error:
                self.is_damaged = True
                return b""
            self._pending = self._unpack.unconsumed_tail
            dropped = min(self._skip, len(data))
            self._skip -= dropped
            if len(data) > dropped:
                return data[dropped:]

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _fill_buffer(self) -> bool:
        self._pending = os.pread(self._file, _PACKED_BYTES, self._read)
        self._read += len(self._pending)
        return bool(self._pending)


def have_same_end(file: LogFile, other: LogFile) -> bool:
    """Return whether two files that begin alike have the same length and end alike. Raises OSError."""
    if file.size != other.size or file.is_compressed != other.is_compressed:
        return file.is_compressed != other.is_compressed
    ends = []
    for each in (file, other):
        descriptor = open_log(each)
        try:
            ends.append(os.pread(descriptor, HEAD_BYTES, max(0, file.size - HEAD_BYTES)))
        finally:
            os.close(descriptor)
    return ends[0] == ends[1]


def content_length(file: LogFile) -> int:
    """Return the length of a gzip file's content modulo 4 GiB, from its last bytes (RFC 1952). Raises OSError."""
    descriptor = open_log(file)
    try:
        return int.from_bytes(os.pread(descriptor, 4, max(0, file.size - 4)), "little")
    finally:
        os.close(descriptor)
