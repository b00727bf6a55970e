"""A TCP connection, and lines of text that are sent and expected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.probe_kind import EXPIRY, LOOKUP, MISMATCH, PROTOCOL, TLS, Probe, ProbeResult
from deckwatch.exporter.probes import _dialogue

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from deckwatch.exporter.world import World

METRICS = (LOOKUP, PROTOCOL, MISMATCH, EXPIRY, TLS)


async def run_probe(world: World, probe: Probe) -> ProbeResult:
    """Connect, and go through the entry's dialogue within the probe's time limit."""
    return await _dialogue.run_dialogue(world, probe, probe.endpoint())


def find_entry_problems(entry: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield the keys of an entry that the schema accepts and that are wrong, each with a message."""
    yield from _dialogue.find_step_problems(entry)
