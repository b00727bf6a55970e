"""Counts the requests of access logs, with the labels and buckets of deckwatch.instrument's middleware."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from typing import TYPE_CHECKING, Any

from deckwatch.exporter.sources.logs.handlers import NO_HANDLER, OTHER, Handlers

if TYPE_CHECKING:
    from collections.abc import Sequence

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
FINE_BUCKETS = (
    *(0.001, 0.0025, 0.005, 0.0075, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.35, 0.5, 0.75),
    *(1.0, 1.5, 2.5, 5.0, 7.5, 10.0, 15.0, 30.0, 60.0),
)
# RFC 9110 section 9 and RFC 5789.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"})
_PROTOCOLS = {"1.0": "http/1.0", "1.1": "http/1.1", "2": "http/2", "2.0": "http/2", "3": "http/3", "3.0": "http/3"}
# `target` is method and path, `answer` is protocol, a quotation mark and status: one field is found faster than two.
_KEY_FIELDS = ("request", "target", "method", "path", "protocol", "answer", "status")
_PATH_FIELDS = ("target", "path")  # that end with a path
_SECONDS = {"seconds": 1.0, "milliseconds": 1e-3, "microseconds": 1e-6, "nanoseconds": 1e-9}
FIELDS = (*_KEY_FIELDS, "size", "request_size", *_SECONDS)
_MAX_ENTRIES = 4_000  # resolved combinations of method, path, protocol and status
# What Handlers folds to `{id}` and `{file}.EXTENSION`, whatever the number or the name is.
# Both begin with a slash: the search for a literal is fast.
_NUMBER = r"/\d+(?=[/\n])"
_FILE = r"/[^/\n%;]+\.(?=(?:css|js|png|jpg|svg|gif|webp|woff2|ico|html)\n)"
_NUMBER_TEXT, _FILE_TEXT = re.compile(_NUMBER), re.compile(_FILE)
_NUMBER_BYTES, _FILE_BYTES = re.compile(_NUMBER.encode()), re.compile(_FILE.encode())


def _simplify_texts(paths: Sequence[str]) -> list[str]:
    joined = "\n".join(paths) + "\n"
    return _FILE_TEXT.sub("/0.", _NUMBER_TEXT.sub("/0", joined)).split("\n")[:-1]


def _simplify_bytes(paths: Sequence[bytes]) -> list[bytes]:
    joined = b"\n".join(paths) + b"\n"
    return _FILE_BYTES.sub(b"/0.", _NUMBER_BYTES.sub(b"/0", joined)).split(b"\n")[:-1]


_SIMPLIFY: dict[type, Any] = {str: _simplify_texts, bytes: _simplify_bytes}

Labels = tuple[str, str, str, str]  # method, handler, code, protocol


class Histogram:
    """Counts by bucket, the last without a bound, and the sum."""

    __slots__ = ("counts", "total")

    def __init__(self, buckets: Sequence[float]) -> None:
        self.counts = [0] * (len(buckets) + 1)
        self.total = 0.0


class RequestCounts:
    """The requests of one service. `rows` are tuples of the `fields` that a log's format has, as text or bytes."""

    def __init__(self, handlers: Handlers) -> None:
        self.requests: Counter[Labels] = Counter()
        self.durations: dict[tuple[str, str], Histogram] = {}  # by method and handler
        self.fine_durations: Histogram | None = None
        self.response_sizes: dict[str, list[int]] = {}  # by handler: sum and count
        self.request_sizes: dict[str, list[int]] = {}
        self._handlers = handlers
        self._entries: dict[tuple[str, ...], dict[Any, _Entry]] = {}  # a cache, by the key fields of a format

    def add_rows(self, fields: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
        """Count requests.

        Rows are handled by columns, so that what is done for each of them is done by loops in C.
        """
        if not rows:
            return
        columns: dict[str, Sequence[Any]] = dict(zip(fields, zip(*rows, strict=True), strict=True))
        for field in _PATH_FIELDS:
            if field in columns:
                columns[field] = self._simplify_paths(columns[field])
        key_fields = tuple(field for field in fields if field in _KEY_FIELDS)
        value_fields = tuple(field for field in fields if field not in _KEY_FIELDS)
        entries = self._entries.setdefault(key_fields, {})
        if len(entries) > _MAX_ENTRIES:
            entries.clear()
        keys = zip(*(columns[field] for field in key_fields), strict=True)
        if not value_fields:
            for key, count in Counter(keys).items():
                self.requests[self._find_entry(entries, key_fields, key).labels] += count
            return
        values_by_key: dict[Any, list[Any]] = {}
        for key, values in zip(keys, zip(*(columns[field] for field in value_fields), strict=True), strict=True):
            if key in values_by_key:
                values_by_key[key].append(values)
            else:
                values_by_key[key] = [values]
        for key, group in values_by_key.items():
            entry = self._find_entry(entries, key_fields, key)
            self.requests[entry.labels] += len(group)
            for field, values in zip(value_fields, zip(*group, strict=True), strict=True):
                self._add_values(entry, field, values)

    def _simplify_paths(self, paths: Sequence[Any]) -> Sequence[Any]:
        """Return the paths with numbers and names of files replaced by others with the same template.

        There are then few different ones, which are cached.
        """
        simplify = _SIMPLIFY.get(type(paths[0]))
        if not self._handlers.may_simplify or simplify is None:
            return paths
        try:
            simplified: Sequence[Any] = simplify(paths)
        except TypeError:  # not all are texts
            return paths
        return simplified if len(simplified) == len(paths) else paths

    def _find_entry(self, entries: dict[Any, _Entry], fields: tuple[str, ...], key: tuple[Any, ...]) -> _Entry:
        entry = entries.get(key)
        if entry is None:
            entry = entries[key] = self._make_entry(dict(zip(fields, key, strict=True)))
        return entry

    def _add_values(self, entry: _Entry, field: str, values: Sequence[Any]) -> None:
        if field in _SECONDS:
            for value, count in Counter(values).items():
                self._observe_value(entry, value, _SECONDS[field], count)
            return
        try:
            numbers = list(map(int, values))
            if min(numbers) < 0:
                raise ValueError  # noqa: TRY301 - the same as for a text
        except (ValueError, TypeError, OverflowError):
            numbers = [number for value in values if (number := _to_number(value)) >= 0]
        sizes = entry.sizes if field == "size" else self.request_sizes.setdefault(entry.labels[1], [0, 0])
        sizes[0] += sum(numbers)
        sizes[1] += len(numbers)

    def _observe_value(self, entry: _Entry, value: Any, unit: float, count: int) -> None:
        seconds, bucket, fine_bucket = _classify_time(value, unit)
        if bucket < 0:
            return
        if self.fine_durations is None:
            self.fine_durations = Histogram(FINE_BUCKETS)
        if entry.duration is None:
            entry.duration = self.durations.setdefault((entry.labels[0], entry.labels[1]), Histogram(BUCKETS))
        for histogram, index in ((entry.duration, bucket), (self.fine_durations, fine_bucket)):
            histogram.counts[index] += count
            histogram.total += seconds * count

    def _make_entry(self, values: dict[str, Any]) -> _Entry:
        texts = {field: _to_text(value) for field, value in values.items()}
        if (target := texts.get("target")) is not None:
            method, _, path = target.partition(" ")
            protocol, _, code = texts["answer"].partition('" ')
            texts = {"method": method, "path": path, "protocol": protocol, "status": code}
        if request := texts.get("request"):
            method, _, rest = request.partition(" ")
            path, _, protocol = rest.rpartition(" ")
            texts = {"method": method, "path": path, "protocol": protocol} | texts
        method, code = texts.get("method", ""), texts.get("status", "")
        path = _strip_address(texts.get("path", "")).partition("?")[0]
        handler = NO_HANDLER if "request" in texts and not path else self._handlers.find_template(path, code)
        labels = (
            method if method in _METHODS else OTHER,
            handler,
            code if len(code) == 3 and code.isdigit() and "100" <= code <= "599" else OTHER,
            _PROTOCOLS.get(texts.get("protocol", "").upper().removeprefix("HTTP/"), OTHER),
        )
        # The first failure is then seen as an increase.
        self.requests[labels[0], handler, "500", labels[3]] += 0
        return _Entry(labels, self.response_sizes.setdefault(handler, [0, 0]))

    def to_state(self) -> dict[str, Any]:
        """Return the counts as a JSON value."""
        return {
            "requests": [[*labels, count] for labels, count in self.requests.items()],
            "durations": [[*labels, each.total, each.counts] for labels, each in self.durations.items()],
            "fine": [self.fine_durations.total, self.fine_durations.counts] if self.fine_durations else None,
            "sizes": self.response_sizes,
            "request_sizes": self.request_sizes,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue with these counts."""
        for method, handler, code, protocol, count in state["requests"]:
            self.requests[method, handler, code, protocol] = count
        for method, handler, total, counts in state["durations"]:
            self.durations[method, handler] = _restore_histogram(BUCKETS, total, counts)
        if state["fine"]:
            self.fine_durations = _restore_histogram(FINE_BUCKETS, *state["fine"])
        self.response_sizes = state["sizes"]
        self.request_sizes = state["request_sizes"]
        self._handlers.restore(dict.fromkeys(labels[1] for labels in self.requests))


class _Entry:
    """What a combination of method, path, protocol and status means."""

    __slots__ = ("duration", "labels", "sizes")

    def __init__(self, labels: Labels, sizes: list[int]) -> None:
        self.labels = labels
        self.sizes = sizes
        self.duration: Histogram | None = None


def _restore_histogram(buckets: Sequence[float], total: float, counts: Sequence[int]) -> Histogram:
    histogram = Histogram(buckets)
    histogram.total = total
    if len(counts) == len(histogram.counts):
        histogram.counts = list(counts)
    return histogram


def _classify_time(value: Any, unit: float) -> tuple[float, int, int]:
    """Return seconds and the indices of their buckets; -1 where the value is not a duration."""
    try:
        seconds = float(value) * unit
    except (ValueError, TypeError):
        return 0.0, -1, -1
    if not 0 <= seconds < 1e9:
        return 0.0, -1, -1
    return seconds, bisect_left(BUCKETS, seconds), bisect_left(FINE_BUCKETS, seconds)


def _to_number(value: Any) -> int:
    """Return a number of bytes; -1 where there is none."""
    if value in ("-", b"-"):  # no body
        return 0
    try:
        return int(value)
    except (ValueError, TypeError, OverflowError):
        return -1


def find_status(fields: Sequence[str], row: Sequence[Any]) -> str:
    """Return the status of a request, of a row with these fields."""
    values = dict(zip(fields, row, strict=True))
    return _to_text(values["status"]) if "status" in values else _to_text(values["answer"]).rpartition(" ")[2]


def _to_text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else "" if value is None else str(value)


def _strip_address(path: str) -> str:
    """Return the path of a request whose target is a whole URL, as proxies get it."""
    scheme, found, rest = path.partition("://")
    if not found or "/" in scheme:
        return path
    return "/" + rest.partition("/")[2]
