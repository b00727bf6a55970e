"""Requests to Prometheus' API with the standard library alone, within one time limit.

For commands that must start fast and for the exporter, which is installed without `requests`.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import urlencode, urlsplit

from deckwatch.core.connection_failure import describe_failure
from deckwatch.core.deadline import run_before_deadline
from deckwatch.core.masking import mask_address
from deckwatch.core.problems import Refused, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

MAX_BYTES = 16 << 20  # of a response
_REASON_LETTERS = 200


class Sample(NamedTuple):
    """A series of an instant query: its labels, with `__name__`, and its value."""

    labels: dict[str, str]
    value: float


class TimedQuery:
    """One connection to a Prometheus; `abort` ends what another thread waits for.

    `seconds` limits each wait for the network. Whoever needs a limit for the whole runs it on a thread and aborts it.
    """

    def __init__(self, base: str, seconds: float) -> None:
        self.base = base.rstrip("/")
        self._seconds = seconds
        self._connection: http.client.HTTPConnection | None = None
        self._aborted = False

    def run_query(self, expr: str) -> list[Sample]:
        """Return the series of an instant query at Prometheus' own time; raises Unreachable, Refused."""
        data = self.get("/api/v1/query", query=expr)
        try:
            return [Sample(dict(entry["metric"]), float(entry["value"][1])) for entry in data["result"]]
        except (KeyError, TypeError, ValueError, IndexError):
            raise self._not_prometheus() from None

    def get(self, path: str, **parameters: str) -> Any:
        """Return `data` of an answer of the API; raises Unreachable, Refused."""
        try:
            status, body = self._send_request(path, parameters)
        except (OSError, http.client.HTTPException) as error:
            reason = "it timed out" if self._aborted else describe_failure([error], self.base)
            raise Unreachable(f"{mask_address(self.base)} does not answer: {reason}") from None
        try:
            answer = json.loads(body)
        except (ValueError, RecursionError):  # not JSON, or nested too deeply
            answer = None
        if status >= 300:
            error_text = str(answer.get("error") or "") if isinstance(answer, dict) else ""
            sentence = f"{mask_address(self.base)} says {status}"
            raise Refused(f"{sentence}: {error_text[:_REASON_LETTERS]}" if error_text else sentence, status)
        if not isinstance(answer, dict) or not isinstance(answer.get("data"), dict):
            raise self._not_prometheus()
        return answer["data"]

    def abort(self) -> None:
        """Close the connection, so that a thread that waits for it ends."""
        self._aborted = True
        connection = self._connection
        if connection is not None and connection.sock is not None:
            with contextlib.suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()

    def _send_request(self, path: str, parameters: dict[str, str]) -> tuple[int, bytes]:
        if self._connection is None:
            self._connection = self._open_connection()
        prefix = urlsplit(self.base).path
        self._connection.request(
            "GET", f"{prefix}{path}?{urlencode(parameters)}", headers={"accept": "application/json"}
        )
        response = self._connection.getresponse()
        body = response.read(MAX_BYTES + 1)
        if len(body) > MAX_BYTES:
            raise Unreachable(f"{mask_address(self.base)} answers with more than {MAX_BYTES >> 20} MB")
        return response.status, body

    def _open_connection(self) -> http.client.HTTPConnection:
        try:
            parts = urlsplit(self.base)
            port, host = parts.port, parts.hostname
        except ValueError:
            host = port = None
            parts = urlsplit("")
        if parts.scheme not in ("http", "https") or not host:
            raise Unreachable(f"{mask_address(self.base)} is not an address such as http://127.0.0.1:9090")
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        return kind(host, port, timeout=self._seconds)

    def _not_prometheus(self) -> Unreachable:
        return Unreachable(f"{mask_address(self.base)} answers, but is not Prometheus")


def run_within(query: TimedQuery, seconds: float, work: Callable[[], T]) -> T:
    """Return the result of `work()`, which uses the query, or raise what it raises; Unreachable after `seconds`."""
    try:
        return run_before_deadline(work, seconds)
    except TimeoutError:
        query.abort()
        raise Unreachable(f"{mask_address(query.base)} does not answer: it timed out") from None
