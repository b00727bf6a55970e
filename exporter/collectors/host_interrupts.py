"""Interrupts by source and CPU, from /proc/interrupts (kernel/irq/proc.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources import interrupts, procfs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.world import World

INTERRUPTS = Metric(
    "node_interrupts_total", "counter", "Interrupts serviced, by source and CPU.", ("cpu", "type", "info", "devices")
)


@collector(INTERRUPTS, default=False, peer="node:interrupts", needs="proc/interrupts")
def collect(world: World) -> Iterator[Sample]:
    """Interrupts by source and CPU; as many series as sources times CPUs."""
    for interrupt in interrupts.parse_interrupts(procfs.read_proc(world, "interrupts")):
        for cpu, count in interrupt.counts.items():
            yield INTERRUPTS(count, cpu, interrupt.name, interrupt.info, interrupt.devices)
