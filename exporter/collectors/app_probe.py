"""Whether a service answers, in blackbox_exporter's names, from an HTTP request or a TCP connection to it.

A failed probe is a result, not a fault of the collector: `probe_success` is 0.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deckwatch.core import units
from deckwatch.exporter.collector import collector
from deckwatch.exporter.health_reason import HealthReason
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources import http
from deckwatch.exporter.sources.dial import Deadline, Dialer, Phases
from deckwatch.exporter.sources.errors import safe_message
from deckwatch.exporter.world import Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deckwatch.exporter.world import World

log = logging.getLogger("deckwatch.probe")

_LABELS = ("service", "kind", "probe")

SUCCESS = Metric("probe_success", "gauge", "1 if the probe succeeded, else 0.", _LABELS, state=True)
DURATION = Metric("probe_duration_seconds", "gauge", "Duration of the probe.", _LABELS)
LOOKUP = Metric("probe_dns_lookup_time_seconds", "gauge", "Duration of the DNS lookup.", _LABELS)
PROTOCOL = Metric("probe_ip_protocol", "gauge", "IP version of the connection: 4 or 6.", _LABELS)
PHASE = Metric(
    "probe_http_duration_seconds",
    "gauge",
    "Duration of each phase of the HTTP request, over all redirects.",
    (*_LABELS, "phase"),
)
STATUS = Metric("probe_http_status_code", "gauge", "Status code of the final HTTP response; 0 without one.", _LABELS)
VERSION = Metric("probe_http_version", "gauge", "HTTP version of the response.", _LABELS)
SSL = Metric("probe_http_ssl", "gauge", "1 if the final connection used TLS, else 0.", _LABELS)
REDIRECTS = Metric("probe_http_redirects", "gauge", "Redirects followed.", _LABELS)
LENGTH = Metric(
    "probe_http_content_length",
    "gauge",
    "Content-Length of the response; -1 if absent.",
    _LABELS,
    unit="bytes",
)
BODY = Metric("probe_http_uncompressed_body_length", "gauge", "Bytes read of the response body.", _LABELS, unit="bytes")
EXPIRY = Metric(
    "probe_ssl_earliest_cert_expiry",
    "gauge",
    "Earliest expiry of the certificates, as a Unix time.",
    _LABELS,
    unit="timestamp",
)
TLS = Metric(
    "probe_tls_version_info", "gauge", "TLS version of the connection, in a label; always 1.", (*_LABELS, "version")
)


@dataclass(frozen=True)
class Probe:
    """One entry of `watch: probes:`. `url` or `host` and `port`; `expect` are statuses (200) and classes (2xx)."""

    service: str
    kind: str = "component"
    name: str = ""
    url: str = ""
    host: str = ""
    port: int = 0
    seconds: float = 5.0
    expect: tuple[str, ...] = ("2xx",)
    authority: Path | None = None

    @classmethod
    def from_entry(cls, entry: Mapping[str, Any]) -> Probe:
        """Return the probe of an entry that the schema has validated."""
        host, _, port = str(entry.get("tcp", ":0")).rpartition(":")
        expect = entry.get("expect", "2xx")
        return cls(
            service=entry["service"],
            kind=entry.get("kind", "component"),
            name=entry.get("name", ""),
            url=entry.get("http", ""),
            host=host.strip("[]"),
            port=int(port),
            seconds=units.parse_duration(entry.get("timeout", "5s")),
            expect=tuple(str(status) for status in (expect if isinstance(expect, list) else [expect])),
            authority=Path(entry["ca_file"]) if "ca_file" in entry else None,
        )

    def unique_name(self) -> str:
        """Return the service, followed by the probe's own name where it has one."""
        return f"{self.service}/{self.name}" if self.name else self.service

    def expects_status(self, status: int) -> bool:
        """Return whether a status code is an expected one."""
        return str(status) in self.expect or f"{status // 100}xx" in self.expect

    def health_reason(self, world: World) -> HealthReason | None:
        """Return why the probe fails, by its last result."""
        return world.source(ProbeLog).health_reason(self)


class ProbeLog(Source):
    """The last result of each probe, so that only changes are logged; a Source of the World."""

    def __init__(self, _world: World) -> None:
        self._reasons: dict[str, str] = {}
        self._since: dict[str, float] = {}  # start of each failure, on the monotonic clock

    def record_result(self, probe: Probe, reason: str) -> None:
        """Log why a probe fails, or that it succeeds again (an empty reason)."""
        before = self._reasons.get(probe.unique_name(), "")
        self._reasons[probe.unique_name()] = reason
        if reason and not before:
            self._since[probe.unique_name()] = time.monotonic()
        if reason and reason != before:
            log.warning("probe %s fails: %s", probe.unique_name(), reason)
        elif before and not reason:
            log.info("probe %s succeeds again", probe.unique_name())

    def health_reason(self, probe: Probe) -> HealthReason | None:
        """Return why a probe fails, without the text after a colon, which others have worded."""
        if reason := self._reasons.get(probe.unique_name()):
            return HealthReason(reason.partition(":")[0], time.monotonic() - self._since[probe.unique_name()])
        return None


def configured_probes(world: World) -> Mapping[str, Probe]:
    """Return the configured probes by their unique names."""
    return {probe.unique_name(): probe for probe in map(Probe.from_entry, world.config.get("probes") or [])}


@collector(
    *(SUCCESS, DURATION, LOOKUP, PROTOCOL, PHASE, STATUS, VERSION, SSL, REDIRECTS, LENGTH, BODY, EXPIRY, TLS),
    subjects=configured_probes,
    subject_label="service",
)
def collect(world: World, probe: Probe) -> Iterator[Sample]:
    """Whether a configured service answers over HTTP or TCP, how fast, and when its certificate expires."""
    labels = (probe.service, probe.kind, probe.name)
    started = time.perf_counter()
    samples = _probe_http(world, probe, labels) if probe.url else _probe_tcp(world, probe, labels)
    yield DURATION(time.perf_counter() - started, *labels)
    yield from samples


def _probe_http(world: World, probe: Probe, labels: tuple[str, ...]) -> list[Sample]:
    # An expected redirect is the response itself, not followed.
    follow = not any(status.startswith("3") for status in probe.expect)
    answer = http.send_get(
        world.source(Dialer), probe.url, seconds=probe.seconds, follow=follow, authority=probe.authority
    )
    reason = answer.error
    if not reason and not probe.expects_status(answer.status):
        reason = f"status {answer.status}, expected {' or '.join(probe.expect)}"
    world.source(ProbeLog).record_result(probe, reason)
    samples = [
        SUCCESS(int(not reason), *labels),
        LOOKUP(answer.phases.get("resolve", 0.0), *labels),
        *(PHASE(answer.phases.get(phase, 0.0), *labels, phase) for phase in http.PHASES),
        STATUS(answer.status, *labels),
        VERSION(answer.version, *labels),
        SSL(int(bool(answer.tls_version)), *labels),
        REDIRECTS(answer.redirects, *labels),
        LENGTH(answer.content_length, *labels),
        BODY(answer.body_length, *labels),
    ]
    if answer.ip_protocol:
        samples.append(PROTOCOL(answer.ip_protocol, *labels))
    if answer.certificate_ends is not None:
        samples.append(EXPIRY(answer.certificate_ends, *labels))
    if answer.tls_version:
        samples.append(TLS(1, *labels, answer.tls_version))
    return samples


def _probe_tcp(world: World, probe: Probe, labels: tuple[str, ...]) -> list[Sample]:
    phases, protocol, reason = Phases(), 0, ""
    try:
        with world.source(Dialer).open_socket(probe.host, probe.port, Deadline(probe.seconds), phases) as reached:
            protocol = 6 if ":" in reached.getpeername()[0] else 4
    except OSError as fault:
        reason = safe_message(fault)
    world.source(ProbeLog).record_result(probe, reason)
    samples = [SUCCESS(int(not reason), *labels), LOOKUP(phases.get("resolve", 0.0), *labels)]
    return [*samples, PROTOCOL(protocol, *labels)] if protocol else samples
