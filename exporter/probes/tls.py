"""A TLS handshake with a service that speaks any protocol: is its certificate valid, and until when."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.probe_kind import EXPIRY, LOOKUP, MISMATCH, PROTOCOL, TLS, Probe, ProbeResult
from deckwatch.exporter.probes import _dialogue

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from deckwatch.exporter.world import World

METRICS = (LOOKUP, PROTOCOL, MISMATCH, EXPIRY, TLS)
SHARED_KEYS = frozenset({_dialogue.KEY})


async def run_probe(world: World, probe: Probe) -> ProbeResult:
    """Connect, shake hands, and go through the entry's dialogue within the probe's time limit."""
    return await _dialogue.run_dialogue(world, probe, probe.endpoint(secure=True))


def find_entry_problems(entry: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield the keys of an entry that the schema accepts and that are wrong, each with a message."""
    yield from _dialogue.find_step_problems(entry)
    for index, step in enumerate(entry.get(_dialogue.KEY, ())):
        if step.get("starttls"):
            yield (_dialogue.KEY, index, "starttls"), "the connection of a probe with `tls:` is over TLS from the start"
