"""Packets that each CPU took in, from net/softnet_stat (net/core/net-procfs.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources import procfs, procnet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.world import World


def _declare_counter(name: str, about: str) -> Metric:
    return Metric(f"node_softnet_{name}_total", "counter", about, ("cpu",))


# By column of the file.
METRICS = {
    0: _declare_counter("processed", "Packets taken in."),
    1: _declare_counter("dropped", "Packets dropped because the CPU's queue was full (net.core.netdev_max_backlog)."),
    2: _declare_counter("times_squeezed", "Times that packets were left over because time or budget ran out."),
    8: _declare_counter("cpu_collision", "Times that the lock of a device was held when sending."),
    9: _declare_counter("received_rps", "Times that another CPU handed packets over (RPS)."),
    10: _declare_counter("flow_limit_count", "Packets dropped because one flow had too many."),
    11: Metric("node_softnet_backlog_len", "gauge", "Packets in the CPU's queue.", ("cpu",)),
}


@collector(*METRICS.values(), peer="node:softnet")
def collect(world: World) -> Iterator[Sample]:
    """Packets that each CPU took in, dropped or left for later."""
    for cpu, columns in procnet.parse_softnet(procfs.read_init(world, "net/softnet_stat")).items():
        for column, metric in METRICS.items():
            if column < len(columns):  # newer kernels have more of them
                yield metric(columns[column], cpu)
