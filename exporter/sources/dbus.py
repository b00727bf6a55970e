"""A D-Bus client for method calls: enough to read properties, in milliseconds and without a child process.

`busctl` and `systemctl` are missing in a container, and cost a process per scrape: `systemctl show '*'` takes 29 ms for
27 units, this client 1.4 ms.
"""

from __future__ import annotations

import itertools
import socket
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from deckwatch.exporter.sources import dbuswire
from deckwatch.exporter.sources.dbuswire import Call

if TYPE_CHECKING:
    from collections.abc import Sequence

_BUS = "org.freedesktop.DBus"
_BATCH_SIZE = 100  # calls sent at once: more would fill the buffers of both sides, and deadlock


class ErrorReply(NamedTuple):
    """An answer that is an error, by its name on D-Bus."""

    name: str


class Bus:
    """A connection to a message bus at a path of the file system.

    `deadline` is of time.monotonic; past it TimeoutError is raised. All raise OSError where the bus is not to be had,
    and ParseError where it talks nonsense; the connection is then of no more use.
    """

    def __init__(self, path: str, deadline: float) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._data = b""
        self._serials = itertools.count(1)
        self._deadline = deadline
        try:
            self._apply_deadline()
            self._socket.connect(path)
            self._authenticate()
            self.call_methods([Call(_BUS, "/org/freedesktop/DBus", _BUS, "Hello")], deadline)
        except BaseException:
            self.close()
            raise

    def call_methods(self, calls: Sequence[Call], deadline: float) -> list[tuple[Any, ...] | ErrorReply]:
        """Return the values of each answer, in the order of the questions."""
        self._deadline = deadline
        answers: list[tuple[Any, ...] | ErrorReply] = []
        for start in range(0, len(calls), _BATCH_SIZE):
            answers += self._call_batch(calls[start : start + _BATCH_SIZE])
        return answers

    def _authenticate(self) -> None:
        # The bus takes our user from the socket; in a user namespace our own number would differ.
        self._socket.sendall(b"\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n")
        if self._read_line() != b"DATA" or not self._read_line().startswith(b"OK "):
            raise PermissionError("the bus does not let us in")

    def _call_batch(self, calls: Sequence[Call]) -> list[tuple[Any, ...] | ErrorReply]:
        serials = [next(self._serials) for _ in calls]
        self._apply_deadline()
        self._socket.sendall(b"".join(map(dbuswire.marshal_call, calls, serials)))
        replies: dict[int, tuple[Any, ...] | ErrorReply] = {}
        waiting = set(serials)
        while waiting:
            message = self._read_message()
            if message.reply_serial in waiting and message.kind in (dbuswire.REPLY, dbuswire.ERROR):
                waiting.remove(message.reply_serial)
                refused = message.kind == dbuswire.ERROR
                replies[message.reply_serial] = ErrorReply(message.error) if refused else message.values
        return [replies[serial] for serial in serials]

    def _read_message(self) -> dbuswire.Message:
        while (size := dbuswire.message_length(self._data)) is None or len(self._data) < size:
            self._receive_more()
        data, self._data = self._data[:size], self._data[size:]
        return dbuswire.unmarshal_message(data)

    def _read_line(self) -> bytes:
        while b"\r\n" not in self._data:
            self._receive_more()
        line, _, self._data = self._data.partition(b"\r\n")
        return line

    def _receive_more(self) -> None:
        self._apply_deadline()
        data = self._socket.recv(65_536)
        if not data:
            raise ConnectionResetError("the bus closed the connection")
        self._data += data

    def _apply_deadline(self) -> None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the bus did not answer in time")
        self._socket.settimeout(left)

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()
