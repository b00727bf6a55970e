"""Packets processed by each CPU, from net/softnet_stat (net/core/net-procfs.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources import procfs, procnet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.world import World


def _declare_counter(name: str, help_text: str) -> Metric:
    return Metric(f"node_softnet_{name}_total", "counter", help_text, ("cpu",))


# By column of the file.
METRICS = {
    0: _declare_counter("processed", "Packets processed."),
    1: _declare_counter("dropped", "Packets dropped because the backlog queue was full (net.core.netdev_max_backlog)."),
    2: _declare_counter(
        "times_squeezed", "Times that processing stopped with packets left because the budget or time ran out."
    ),
    8: _declare_counter("cpu_collision", "Collisions on a device's transmit lock."),
    9: _declare_counter("received_rps", "Times that another CPU requested packet processing (RPS)."),
    10: _declare_counter("flow_limit_count", "Packets dropped by the flow limit."),
    11: Metric("node_softnet_backlog_len", "gauge", "Packets in the CPU's backlog queue.", ("cpu",)),
}


@collector(*METRICS.values(), peer="node:softnet", needs="proc/1/net/softnet_stat")
def collect(world: World) -> Iterator[Sample]:
    """Packets that each CPU processed, dropped or deferred."""
    for cpu, columns in procnet.parse_softnet(procfs.read_init(world, "net/softnet_stat")).items():
        for column, metric in METRICS.items():
            if column < len(columns):  # newer kernels have more of them
                yield metric(columns[column], cpu)
