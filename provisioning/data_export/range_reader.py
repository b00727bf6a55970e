"""Read the samples of a range query in chunks whose size follows the number of series.

A chunk is a few ten thousand samples, whatever the range and the number of series, so that the memory of both sides is
bounded. Its response is kept in a temporary file and parsed one series at a time.
API: https://prometheus.io/docs/prometheus/latest/querying/api/#range-queries
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import orjson

from deckwatch.core.problems import Refused, Unreachable
from deckwatch.core.query_response import is_series

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from deckwatch.core.http import Client

MAX_STEPS = 10_000  # of one query; Prometheus refuses more than 11,000 points per series
_SAMPLES = 60_000  # of one chunk
_FIRST_STEPS = 60
_MAX_EXCESS = 4  # by how much a chunk may be larger, when many series begin at once
_SPOOLED_BYTES = 8 << 20
_BLOCK_BYTES = 1 << 18
_TOO_MUCH = (422, 503)  # too many samples for one query; a query that took too long
_BETWEEN_SERIES = b'},{"metric":{'
_FIRST_SERIES = b'[{"metric":{'


@dataclass(frozen=True, slots=True)
class Grid:
    """The times of a range query: `count` times from `start`, `step` apart, all in milliseconds of Unix time."""

    start: int
    step: int
    count: int

    def time_at(self, index: int) -> int:
        """Return a time of the grid."""
        return self.start + index * self.step


@dataclass(slots=True)
class Chunk:
    """The response for `count` times of a grid from index `first`, in a temporary file."""

    first: int
    count: int
    samples: int
    body: BinaryIO

    def iter_series(self) -> Iterator[dict[str, Any]]:
        """Yield the series (`metric`, `values`, possibly `histograms`), from the beginning at every call."""
        self.body.seek(0)
        return split_series(iter(lambda: self.body.read(_BLOCK_BYTES), b""))


class RangeReader:
    """Reads the chunks of one expression, each sized by the one before. It belongs to one thread."""

    def __init__(self, client: Client, expr: str, grid: Grid) -> None:
        self._client = client
        self._expr = expr
        self._grid = grid
        self._steps = _FIRST_STEPS

    def read_chunk(self, first: int) -> Chunk:
        """Return the chunk that begins at an index of the grid; raises Unreachable."""
        while True:
            count = min(self._steps, self._grid.count - first)
            try:
                chunk = self._query_chunk(first, count)
            except Refused as error:
                if error.status not in _TOO_MUCH or count == 1:
                    raise
                self._steps = max(1, count // 4)
                continue
            self._steps = max(1, min(MAX_STEPS, count * 8, count * _SAMPLES // max(chunk.samples, 1)))
            if chunk.samples <= _MAX_EXCESS * _SAMPLES or count == 1:
                return chunk
            chunk.body.close()

    def _query_chunk(self, first: int, count: int) -> Chunk:
        form = {
            "query": self._expr,
            "start": _format_seconds(self._grid.time_at(first)),
            "end": _format_seconds(self._grid.time_at(first + count - 1)),
            "step": _format_seconds(self._grid.step),
        }
        body = cast("BinaryIO", tempfile.SpooledTemporaryFile(max_size=_SPOOLED_BYTES))  # noqa: SIM115 - kept in the chunk
        try:
            self._client.download("/api/v1/query_range", form, body)
            return Chunk(first, count, _count_samples(body), body)
        except BaseException:
            body.close()
            raise


def _format_seconds(milliseconds: int) -> str:
    return f"{milliseconds // 1000}.{milliseconds % 1000:03d}"


def _count_samples(body: BinaryIO) -> int:
    """Return about how many samples a response has: each ends with a quotation mark and a bracket."""
    body.seek(0)
    return sum(block.count(b'"]') for block in iter(lambda: body.read(_BLOCK_BYTES), b""))


def split_series(blocks: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """Yield the series of a response that arrives in blocks, without ever holding more than one of them.

    The text between two series cannot occur inside a string, where a quotation mark follows a backslash. Raises
    Unreachable if the response is not a matrix.
    """
    head = pending = b""
    for block in blocks:
        *pieces, pending = (pending + block).split(_BETWEEN_SERIES)
        for piece in pieces:
            if head:
                yield _parse_json(_FIRST_SERIES[1:] + piece + b"}")
                continue
            start = piece.find(_FIRST_SERIES)
            head = piece[: start + 1]
            yield _parse_json(piece[start + 1 :] + b"}")
    document = _parse_json(head + _FIRST_SERIES[1:] + pending if head else pending)
    try:
        rest = list(document["data"]["result"])
    except (KeyError, TypeError):
        raise _not_a_matrix() from None
    for series in rest:
        if not is_series(series) or "value" in series:
            raise _not_a_matrix()
        yield series


def _parse_json(text: bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise _not_a_matrix() from None


def _not_a_matrix() -> Unreachable:
    return Unreachable("the response is not that of a range query: is this Prometheus?")
