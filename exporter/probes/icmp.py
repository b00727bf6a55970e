"""An ICMP echo request, as of ping."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from deckwatch.exporter.metric import Metric
from deckwatch.exporter.probe_kind import LABELS, LOOKUP, PROTOCOL, Probe, ProbeResult
from deckwatch.exporter.sources import icmp_echo
from deckwatch.exporter.sources.dial import Dialer, Endpoint, Phases
from deckwatch.exporter.sources.errors import safe_message

if TYPE_CHECKING:
    from deckwatch.exporter.metric import Sample
    from deckwatch.exporter.world import World

_PAYLOAD_BYTES = 56  # as of ping

PHASE = Metric(
    "probe_icmp_duration_seconds",
    "gauge",
    "Duration of each phase of the ICMP echo; rtt is the time until the reply.",
    (*LABELS, "phase"),
)
HOP_LIMIT = Metric(
    "probe_icmp_reply_hop_limit", "gauge", "Hop limit of the reply as it arrived, over IPv4 its TTL.", LABELS
)
METRICS = (LOOKUP, PROTOCOL, PHASE, HOP_LIMIT)


async def run_probe(world: World, probe: Probe) -> ProbeResult:
    """Send one request and wait for its reply within the probe's time limit.

    Raises EchoNotPermitted where this process may not send it, which says nothing about the service.
    """
    phases, reason = Phases(), ""
    samples: list[Sample] = []
    options = icmp_echo.EchoOptions(
        probe.entry.get("payload_bytes", _PAYLOAD_BYTES),
        probe.entry.get("hop_limit", 0),
        probe.entry.get("dont_fragment", False),
    )
    to = Endpoint(probe.target.strip("[]"), 0, ip_protocol=probe.entry.get("ip_protocol", 0))
    try:
        async with asyncio.timeout(probe.seconds):
            addresses = await world.source(Dialer).find_addresses(to, phases)
            reply = await icmp_echo.request_echo(addresses, options, phases)
            samples.append(PROTOCOL(reply.ip_protocol, *probe.labels))
            if reply.hop_limit is not None:
                samples.append(HOP_LIMIT(reply.hop_limit, *probe.labels))
    except icmp_echo.EchoNotPermitted:
        raise
    except OSError as fault:
        reason = safe_message(fault)
    samples += [
        LOOKUP(phases.get("resolve", 0.0), *probe.labels),
        *(PHASE(phases.get(phase, 0.0), *probe.labels, phase) for phase in icmp_echo.PHASES),
    ]
    return ProbeResult(reason, samples)
