"""What the probes over TCP and TLS have in common: a connection, and the lines under `query_response:`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from deckwatch.exporter.probe_kind import LOOKUP, MISMATCH, PROTOCOL, Probe, ProbeResult
from deckwatch.exporter.sources.dial import Dialer, Endpoint, Phases
from deckwatch.exporter.sources.errors import safe_message
from deckwatch.exporter.sources.line_dialogue import Dialogue
from deckwatch.exporter.sources.pattern_fault import find_pattern_fault

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from deckwatch.exporter.world import World

KEY = "query_response"


async def run_dialogue(world: World, probe: Probe, to: Endpoint) -> ProbeResult:
    """Connect and go through the entry's dialogue within the probe's time limit."""
    phases, reason, dialogue = Phases(), "", None
    dialler = world.source(Dialer)
    try:
        async with asyncio.timeout(probe.seconds), dialler.open_stream(to, probe.seconds, phases) as stream:
            dialogue = Dialogue(probe.entry.get(KEY, ()), stream)
            await dialogue.run_steps(dialler, to, probe.seconds, phases)
    except OSError as fault:
        reason = safe_message(fault)
    samples = [LOOKUP(phases.get("resolve", 0.0), *probe.labels)]
    mismatch = dialogue.mismatch if dialogue is not None else 0
    if dialogue is not None:
        samples += [
            PROTOCOL(dialogue.stream.ip_protocol, *probe.labels),
            *probe.tls_samples(dialogue.stream.tls_version, dialogue.stream.certificate_ends),
        ]
    samples.append(MISMATCH(int(bool(mismatch)), *probe.labels))
    return ProbeResult(f"no line matches `expect` of step {mismatch}" if mismatch else reason, samples)


def find_step_problems(entry: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield the paths of those patterns of a dialogue that are wrong, each with a message."""
    for index, step in enumerate(entry.get(KEY, ())):
        if fault := find_pattern_fault(step.get("expect", "")):
            yield (KEY, index, "expect"), fault
