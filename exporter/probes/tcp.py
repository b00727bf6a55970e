"""A TCP connection that is opened and closed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from deckwatch.exporter.probe_kind import LOOKUP, PROTOCOL, Probe, ProbeResult
from deckwatch.exporter.sources.dial import Dialer, Phases
from deckwatch.exporter.sources.errors import safe_message

if TYPE_CHECKING:
    from deckwatch.exporter.world import World

METRICS = (LOOKUP, PROTOCOL)


async def run_probe(world: World, probe: Probe) -> ProbeResult:
    """Connect within the probe's time limit."""
    phases, protocol, reason = Phases(), 0, ""
    connection = world.source(Dialer).open_stream(probe.endpoint(), probe.seconds, phases)
    try:
        async with asyncio.timeout(probe.seconds), connection as stream:
            protocol = stream.ip_protocol
    except OSError as fault:
        reason = safe_message(fault)
    samples = [LOOKUP(phases.get("resolve", 0.0), *probe.labels)]
    return ProbeResult(reason, [*samples, PROTOCOL(protocol, *probe.labels)] if protocol else samples)
