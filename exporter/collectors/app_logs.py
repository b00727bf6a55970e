"""Requests, messages and errors counted in log files, from the files and container logs in `watch: logs:`.

Each service's logs are read on a thread of their own. A line counts once: positions and counters are stored together.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deckwatch.core import units
from deckwatch.exporter.collector import NoData, collector
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.world import Reading, Source, SourceDown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from deckwatch.core.problems import Problem
    from deckwatch.core.project import Project
    from deckwatch.exporter.sources.logs.follower import Follower, Published
    from deckwatch.exporter.sources.logs.requests import Histogram, RequestCounts
    from deckwatch.exporter.sources.logs.service import ServiceLogs
    from deckwatch.exporter.world import World

REQUESTS = Metric(
    "http_requests_total",
    "counter",
    "HTTP requests; a WebSocket counts once, with code 101 or the code of its rejection.",
    ("service", "method", "handler", "code", "protocol"),
)
DURATION = Metric(
    "http_request_duration_seconds",
    "histogram",
    "Time from the arrival of a request to the end of its response.",
    ("service", "method", "handler"),
)
FINE_DURATION = Metric(
    "http_request_duration_highr_seconds",
    "histogram",
    "Duration of requests of all handlers together, in finer buckets for high percentiles.",
    ("service",),
)
REQUEST_SIZE = Metric("http_request_size_bytes", "summary", "Size of request bodies.", ("service", "handler"))
RESPONSE_SIZE = Metric("http_response_size_bytes", "summary", "Size of response bodies.", ("service", "handler"))
MESSAGES = Metric("log_messages_total", "counter", "Messages in the logs, by level.", ("service", "level"))
ERRORS = Metric("app_errors_total", "counter", "Errors in the logs, by class of the exception.", ("service", "type"))
SLOW = Metric("pg_slow_queries_total", "counter", "Slow queries in PostgreSQL's log.", ("server", "datname"))
READABLE = Metric(
    "deckwatch_log_readable", "gauge", "1 if all of the service's logs can be read, else 0.", ("service",), state=True
)
MISSING = Metric(
    "deckwatch_log_missing",
    "gauge",
    "Configured paths and containers of the service's logs of which there is nothing.",
    ("service",),
    state=True,
)
LINES = Metric("deckwatch_log_lines_total", "counter", "Lines read.", ("service",))
UNMATCHED = Metric(
    "deckwatch_log_unmatched_lines_total", "counter", "Lines that do not have the log's format.", ("service",)
)
UNREAD = Metric("deckwatch_log_unread_bytes", "gauge", "Bytes that have been written but not read.", ("service",))

_STATE_FOLDER = "/var/lib/deckwatch/logs"


class LogUnreadable(SourceDown):
    """A log cannot be read; the follower logs the reason."""


@dataclass(frozen=True)
class Service:
    """The logs of one service; `elsewhere` says which other hosts read them instead."""

    name: str
    entries: tuple[Mapping[str, Any], ...]
    elsewhere: str = ""

    def limitation(self, world: World) -> str:
        """Return the logs that do not exist, and the first lines that have no known form, masked."""
        newest = world.source(Followers).find_newest(self.name)
        missing = f"no such log: {', '.join(newest.missing)}" if newest and newest.missing else ""
        unknown = "no format fits: " + " ⏎ ".join(newest.examples) if newest and newest.examples else ""
        return "; ".join(filter(None, (missing, unknown)))


class Followers(Source):
    """The followers of all services, started at the first scrape."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._by_service: dict[str, Follower[list[Sample]]] = {}

    def follow(self, service: Service) -> Follower[list[Sample]]:
        """Return the follower of a service."""
        from deckwatch.exporter.collectors import _log_entries  # noqa: PLC0415 - only where logs are configured
        from deckwatch.exporter.sources.logs.follower import Follower  # noqa: PLC0415
        from deckwatch.exporter.sources.logs.service import ServiceSettings  # noqa: PLC0415
        from deckwatch.exporter.sources.logs.state import StateFile  # noqa: PLC0415

        follower = self._by_service.get(service.name)
        if follower is None:
            world, entries = self._world, service.entries
            settings = ServiceSettings(
                [_log_entries.read_settings(world, entry) for entry in entries],
                [rule for entry in entries for rule in entry.get("handlers") or ()],
                max(entry.get("max_handlers", 200) for entry in entries),
                units.parse_duration(next((entry["slow_query"] for entry in entries if "slow_query" in entry), "0s")),
            )
            folder = Path(next((entry["state"] for entry in entries if "state" in entry), _STATE_FOLDER))
            follower = self._by_service[service.name] = Follower(
                world,
                service.name,
                settings,
                StateFile(folder, service.name),
                lambda logs: list(_to_samples(service.name, logs)),
                seconds=min(units.parse_duration(entry.get("every", "1s")) for entry in entries),
            )
        return follower

    def find_newest(self, name: str) -> Published[list[Sample]] | None:
        """Return the newest samples of a service; None if it has no follower, or none has ended its first reading."""
        follower = self._by_service.get(name)
        return follower.newest() if follower else None

    def close(self) -> None:
        """Store all positions."""
        for follower in self._by_service.values():
            follower.close()


def configured_services(world: World) -> Mapping[str, Service]:
    """Return the services with logs by their names."""
    by_name: dict[str, list[Mapping[str, Any]]] = {}
    for entry in world.config.get("logs") or []:
        by_name.setdefault(entry["service"], []).append(entry)
    services = {}
    for name, entries in by_name.items():
        here = [entry for entry in entries if "from" not in entry or not entry.get("elsewhere")]
        services[name] = Service(name, tuple(here or entries), "" if here else entries[0]["elsewhere"])
    return services


@collector(
    *(REQUESTS, DURATION, FINE_DURATION, REQUEST_SIZE, RESPONSE_SIZE, MESSAGES, ERRORS, SLOW),
    *(READABLE, MISSING, LINES, UNMATCHED, UNREAD),
    subjects=configured_services,
    subject_label="log",
    budget=10_000,
)
def collect(world: World, service: Service) -> Reading[Iterator[Sample]]:
    """Requests by handler and status, messages by level, and errors by class, from log files."""
    newest = world.source(Followers).follow(service).newest()
    if newest is None:
        raise NoData("the first reading is under way")
    if not newest.file_count and not newest.faults and not newest.missing:
        raise NoData(f"no such log: {service.entries[0].get('file') or service.entries[0]['container']}")
    return Reading(_yield_published(service, newest), newest.at)


def _yield_published(service: Service, newest: Published[list[Sample]]) -> Iterator[Sample]:
    yield READABLE(int(not newest.faults and not newest.missing), service.name)
    yield MISSING(len(newest.missing), service.name)
    yield from newest.value or ()
    if newest.faults:
        raise LogUnreadable(next(iter(newest.faults.values())))


def _to_samples(service: str, logs: ServiceLogs) -> Iterator[Sample]:
    """Yield the series of the counters."""
    if logs.has_requests:
        yield from _request_samples(service, logs.requests)
    if logs.messages.is_used:
        yield from (MESSAGES(count, service, level) for level, count in logs.messages.levels.items())
        yield from (ERRORS(count, service, kind) for kind, count in logs.messages.errors.items())
    yield from (SLOW(count, service, database) for database, count in logs.messages.slow_queries.items())
    progress = logs.progress()
    yield LINES(progress.lines, service)
    yield UNMATCHED(progress.unmatched, service)
    yield UNREAD(progress.unread, service)


def _request_samples(service: str, counts: RequestCounts) -> Iterator[Sample]:
    from deckwatch.exporter.sources.logs.requests import BUCKETS, FINE_BUCKETS  # noqa: PLC0415

    yield from (REQUESTS(count, service, *labels) for labels, count in counts.requests.items())
    for labels, histogram in counts.durations.items():
        yield from _histogram_samples(_DURATION_PARTS, BUCKETS, histogram, (service, *labels))
    if counts.fine_durations:
        yield from _histogram_samples(_FINE_PARTS, FINE_BUCKETS, counts.fine_durations, (service,))
    for parts, sizes in ((_REQUEST_PARTS, counts.request_sizes), (_RESPONSE_PARTS, counts.response_sizes)):
        for handler, (total, count) in sizes.items():
            if count:
                yield parts[0](total, service, handler)
                yield parts[1](count, service, handler)


def _histogram_parts(metric: Metric) -> tuple[Metric, Metric, Metric]:
    return (
        metric.with_suffix("_bucket", (*metric.labels, "le")),
        metric.with_suffix("_sum"),
        metric.with_suffix("_count"),
    )


_DURATION_PARTS, _FINE_PARTS = _histogram_parts(DURATION), _histogram_parts(FINE_DURATION)
_REQUEST_PARTS = (REQUEST_SIZE.with_suffix("_sum"), REQUEST_SIZE.with_suffix("_count"))
_RESPONSE_PARTS = (RESPONSE_SIZE.with_suffix("_sum"), RESPONSE_SIZE.with_suffix("_count"))


def _histogram_samples(
    parts: tuple[Metric, Metric, Metric], buckets: Sequence[float], histogram: Histogram, labels: tuple[str, ...]
) -> Iterator[Sample]:
    bucket, total, count = parts
    cumulative = list(accumulate(histogram.counts))
    for bound, value in zip((*map(repr, buckets), "+Inf"), cumulative, strict=True):
        yield Sample(bucket, (*labels, bound), value)
    yield Sample(total, labels, histogram.total)
    yield Sample(count, labels, cumulative[-1])


def find_settings_problems(project: Project) -> Iterator[Problem]:
    """Yield the problems of `watch: logs:` that its schema does not cover."""
    from deckwatch.exporter.collectors import _log_entries  # noqa: PLC0415 - only where logs are configured

    return _log_entries.find_problems(project)
