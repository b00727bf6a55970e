"""The file that keeps a service's positions and counters, replaced as a whole: both are from the same moment.

It survives the end of this process at any moment. It is not flushed to the disk, which would slow down the disk's other
users: after a power failure, lines of the last seconds may be counted again.
"""

from __future__ import annotations

import fcntl
import json
import os
import zlib
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from deckwatch.core.whole_file import replace_file

if TYPE_CHECKING:
    from pathlib import Path

_VERSION = 1


class StateFile:
    """The state of one service in a folder. Only one process has it at a time."""

    def __init__(self, folder: Path, name: str) -> None:
        self.path = folder / f"{quote(name, safe='')}.json"
        self._lock = -1

    def acquire(self) -> bool:
        """Return whether this process now has the file; False if another one has. Raises OSError."""
        if self._lock < 0:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock = os.open(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
                return False
            self._lock = lock
        return True

    def read(self) -> dict[str, Any] | None:
        """Return the stored state; None if there is none. Raises OSError, and ValueError if it is damaged."""
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return None
        checksum, _, body = data.partition(b"\n")
        if checksum != _compute_checksum(body):
            raise ValueError("the checksum is wrong")
        state: dict[str, Any] = json.loads(body)
        if state.get("version") != _VERSION:
            raise ValueError(f"version {state.get('version')}, expected {_VERSION}")
        return state

    def write(self, state: dict[str, Any]) -> None:
        """Replace the stored state. Raises OSError."""
        body = json.dumps({"version": _VERSION, **state}, separators=(",", ":")).encode()
        replace_file(self.path, _compute_checksum(body) + b"\n" + body, mode=0o600, is_synced=False)

    def release(self) -> None:
        """Let another process have the file."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def _compute_checksum(body: bytes) -> bytes:
    return b"%08x" % zlib.crc32(body)
