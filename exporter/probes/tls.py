"""A TLS handshake with a service that speaks any protocol: is its certificate valid, and until when."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from deckwatch.exporter.probe_kind import EXPIRY, LOOKUP, PROTOCOL, TLS, Probe, ProbeResult
from deckwatch.exporter.sources.dial import Dialer, Phases
from deckwatch.exporter.sources.errors import safe_message

if TYPE_CHECKING:
    from deckwatch.exporter.metric import Sample
    from deckwatch.exporter.world import World

METRICS = (LOOKUP, PROTOCOL, EXPIRY, TLS)


async def run_probe(world: World, probe: Probe) -> ProbeResult:
    """Connect and shake hands within the probe's time limit."""
    phases, reason = Phases(), ""
    samples: list[Sample] = []
    connection = world.source(Dialer).open_stream(probe.endpoint(secure=True), probe.seconds, phases)
    try:
        async with asyncio.timeout(probe.seconds), connection as stream:
            samples = [
                PROTOCOL(stream.ip_protocol, *probe.labels),
                *probe.tls_samples(stream.tls_version, stream.certificate_ends),
            ]
    except OSError as fault:
        reason = safe_message(fault)
    return ProbeResult(reason, [LOOKUP(phases.get("resolve", 0.0), *probe.labels), *samples])
