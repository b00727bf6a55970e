"""The standard health check of a gRPC server."""

from __future__ import annotations

import asyncio
import http.client
import time
from typing import TYPE_CHECKING

from deckwatch.core import extras
from deckwatch.exporter.metric import Metric
from deckwatch.exporter.probe_kind import (
    EXPIRY,
    LABELS,
    LOOKUP,
    PROTOCOL,
    REQUEST_KEYS,
    TLS,
    Probe,
    ProbeResult,
    find_credential_problems,
)
from deckwatch.exporter.sources import grpc_call, grpc_health, json_document
from deckwatch.exporter.sources.dial import Dialer, Phases
from deckwatch.exporter.sources.errors import safe_message
from deckwatch.exporter.sources.grpc_health import HealthAnswer
from deckwatch.exporter.sources.http2_exchange import ALPN
from deckwatch.exporter.sources.source_failures import SecretNotReadable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from deckwatch.exporter.metric import Sample
    from deckwatch.exporter.world import World

SHARED_KEYS = REQUEST_KEYS

PHASE = Metric(
    "probe_grpc_duration_seconds",
    "gauge",
    "Duration of each phase of the gRPC health check; check begins with the connection.",
    (*LABELS, "phase"),
)
CODE = Metric("probe_grpc_status_code", "gauge", "Status code of the gRPC call; 14 without an answer.", LABELS)
HEALTH = Metric(
    "probe_grpc_healthcheck_response",
    "gauge",
    "1 for the serving status in the response to the health check, else 0.",
    (*LABELS, "serving_status"),
)
SSL = Metric("probe_grpc_ssl", "gauge", "1 if the connection used TLS, else 0.", LABELS)
METRICS = (LOOKUP, PROTOCOL, PHASE, CODE, HEALTH, SSL, EXPIRY, TLS)


async def run_probe(world: World, probe: Probe) -> ProbeResult:
    """Connect and ask for the health within the probe's time limit."""
    phases, reason, answer = Phases(), "", HealthAnswer(grpc_call.UNAVAILABLE)
    samples: list[Sample] = []
    to = probe.endpoint(secure=probe.entry.get("grpc_tls", False))._replace(alpn=(ALPN,))
    begun = time.perf_counter()
    try:
        metadata = json_document.read_headers(probe.entry)
        async with (
            asyncio.timeout(probe.seconds),
            world.source(Dialer).open_stream(to, probe.seconds, phases) as stream,
        ):
            samples += [
                PROTOCOL(stream.ip_protocol, *probe.labels),
                *probe.tls_samples(stream.tls_version, stream.certificate_ends),
            ]
            service = probe.entry.get("grpc_service", "")
            answer = await grpc_health.check_health(stream, probe.target, service, probe.seconds, metadata)
    except TimeoutError as fault:
        reason, answer = safe_message(fault), HealthAnswer(grpc_call.DEADLINE_EXCEEDED)
    except SecretNotReadable as fault:
        return ProbeResult(f"a file cannot be read: {fault}", [])
    except (OSError, http.client.HTTPException) as fault:
        reason = safe_message(fault)
    except ValueError:
        reason = "a header cannot be sent"
    looked_up = phases.get("resolve", 0.0)
    samples += [
        LOOKUP(looked_up, *probe.labels),
        PHASE(looked_up, *probe.labels, "resolve"),
        PHASE(time.perf_counter() - begun - looked_up, *probe.labels, "check"),
        SSL(int("tls" in phases), *probe.labels),
        CODE(answer.code, *probe.labels),
        *(HEALTH(int(status == answer.health), *probe.labels, status) for status in grpc_health.HEALTH_STATUSES),
    ]
    return ProbeResult(reason or _find_fault(answer), samples)


def find_entry_problems(entry: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the keys of an entry that the schema accepts and that are wrong, each with a message."""
    yield from find_credential_problems(entry)


def require_packages(_entry: Mapping[str, Any]) -> None:
    """Raise DeckwatchError if h2 is not installed."""
    extras.require_module("h2", "a probe with `grpc:` is configured")


def _find_fault(answer: HealthAnswer) -> str:
    if answer.code:
        return f"gRPC status {answer.code} ({grpc_call.CODES[answer.code]})"
    return "" if answer.health == grpc_health.SERVING else f"health {answer.health}, expected {grpc_health.SERVING}"
