"""Connections and requests of nginx, from the page of stub_status of each server in `watch: nginx:`.

The names are those of nginx-prometheus-exporter. The page is read for each scrape, since its counters must be fresh.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from deckwatch.core import units
from deckwatch.exporter.collector import collector
from deckwatch.exporter.collectors import _measured
from deckwatch.exporter.metric import Metric
from deckwatch.exporter.sources.source_failures import SourceFailure
from deckwatch.exporter.sources.stub_status import read_status
from deckwatch.exporter.world import Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deckwatch.core.catalog import Kind
    from deckwatch.core.problems import Problem
    from deckwatch.core.project import Project
    from deckwatch.exporter.metric import Sample
    from deckwatch.exporter.sources.stub_status import StubStatus
    from deckwatch.exporter.world import World

log = logging.getLogger("deckwatch.nginx")

_TIMEOUT = "3s"  # default of the configuration


def _declare_metric(name: str, kind: Kind, help_text: str) -> Metric:
    return Metric(f"nginx_{name}", kind, help_text, ("service",))


UP = Metric(
    "nginx_up", "gauge", "1 if the page of stub_status could be read, else 0.", ("service",), is_about_reading=True
)
ACTIVE = _declare_metric("connections_active", "gauge", "Open client connections, with those that wait for a request.")
ACCEPTED = _declare_metric("connections_accepted", "counter", "Accepted client connections.")
HANDLED = _declare_metric(
    "connections_handled", "counter", "Handled client connections; fewer than accepted at a limit."
)
READING = _declare_metric("connections_reading", "gauge", "Connections of which nginx reads a request's header.")
WRITING = _declare_metric("connections_writing", "gauge", "Connections to which nginx writes a response.")
WAITING = _declare_metric("connections_waiting", "gauge", "Idle connections, which wait for a request.")
REQUESTS = _declare_metric("http_requests_total", "counter", "Requests of clients.")


class NginxServer:
    """An entry of `watch: nginx:`; a subject of the collector. `elsewhere` says which other host reads it."""

    def __init__(self, entry: Mapping[str, Any]) -> None:
        self.service: str = entry["service"]
        self.elsewhere: str = entry.get("elsewhere", "")
        self.url: str = entry["url"]
        self.seconds = units.parse_duration(entry.get("timeout", _TIMEOUT))
        self._reason = ""  # why the newest reading failed

    def record_result(self, reason: str) -> None:
        """Log why the page cannot be read, or that it can be read again (an empty reason)."""
        before, self._reason = self._reason, reason
        if reason and reason != before:
            log.warning("nginx of %s cannot be read: %s", self.service, reason)
        elif before and not reason:
            log.info("nginx of %s can be read again", self.service)


class NginxServers(Source):
    """The configured servers; a Source of the World."""

    def __init__(self, world: World) -> None:
        self.by_service = {entry["service"]: NginxServer(entry) for entry in world.config.get("nginx") or ()}


def configured_servers(world: World) -> Mapping[str, NginxServer]:
    """Return the servers by service."""
    return world.source(NginxServers).by_service if world.config.get("nginx") else {}


@collector(
    *(UP, ACTIVE, ACCEPTED, HANDLED, READING, WRITING, WAITING, REQUESTS),
    subjects=configured_servers,
    subject_label="service",
)
async def collect(world: World, server: NginxServer) -> Iterator[Sample]:
    """Connections and requests of nginx servers with stub_status."""
    try:
        status = await read_status(world, server.url, server.seconds)
    except SourceFailure as failure:
        server.record_result(str(failure))
        return _report_down(server.service, failure)
    server.record_result("")
    return _describe_status(server.service, status)


def _report_down(service: str, failure: SourceFailure) -> Iterator[Sample]:
    """Yield that the server is down, and raise why: its class is shown on the page."""
    yield UP(0, service)
    raise failure


def _describe_status(service: str, status: StubStatus) -> Iterator[Sample]:
    yield UP(1, service)
    yield ACTIVE(status.active, service)
    yield ACCEPTED(status.accepted, service)
    yield HANDLED(status.handled, service)
    yield READING(status.reading, service)
    yield WRITING(status.writing, service)
    yield WAITING(status.waiting, service)
    yield REQUESTS(status.requests, service)


def find_settings_problems(project: Project) -> Iterator[Problem]:
    """Yield the problems of `watch: nginx:` that its schema does not cover."""
    entries = project.data["watch"]["nginx"]
    names = [(("watch", "nginx", index, "service"), entry["service"]) for index, entry in enumerate(entries)]
    yield from _measured.find_duplicate_names(project, names)
