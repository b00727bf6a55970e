"""The kernel's entropy pool, from /proc/sys/kernel/random (random(4))."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources import procfs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.world import World

AVAILABLE = Metric("node_entropy_available_bits", "gauge", "Available entropy, in bits.")
SIZE = Metric("node_entropy_pool_size_bits", "gauge", "Size of the entropy pool, in bits; 256 since Linux 5.18.")


@collector(
    AVAILABLE,
    SIZE,
    peer="node:entropy",
    needs="proc/sys/kernel/random",
    files=("proc/sys/kernel/random/entropy_avail", "proc/sys/kernel/random/poolsize"),
)
def collect(world: World) -> Iterator[Sample]:
    """Entropy available to the kernel, and the size of its pool."""
    yield AVAILABLE(procfs.parse_numbers(procfs.read_proc(world, "sys/kernel/random/entropy_avail"))[0])
    yield SIZE(procfs.parse_numbers(procfs.read_proc(world, "sys/kernel/random/poolsize"))[0])
