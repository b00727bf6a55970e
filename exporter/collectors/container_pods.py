"""Restarts of containers in pods of Kubernetes, from the CRI runtime's lists (ContainerMetadata.attempt).

A restart replaces the container, so that all other series of containers begin anew, with another `id`. These do not:
the runtime's number of attempts is what kubelet reports as restartCount.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import NoData, collector
from deckwatch.exporter.collectors._container import KUBERNETES, MAX_CONTAINERS, engine_snapshot
from deckwatch.exporter.metric import Metric
from deckwatch.exporter.sources.docker_snapshot import CRI_DRIVER, EngineUnreachable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.metric import Sample
    from deckwatch.exporter.sources.container import Container
    from deckwatch.exporter.world import World

RESTARTS = Metric(
    "deckwatch_pod_container_restarts_total",
    "counter",
    "Restarts of a container since its pod was created on this node.",
    tuple(KUBERNETES),
)


@collector(RESTARTS, budget=1 * MAX_CONTAINERS)
def collect(world: World) -> Iterator[Sample]:
    """Restarts of each container of a pod."""
    engine = engine_snapshot(world)
    if engine.driver != CRI_DRIVER:  # also of a Docker engine that is lost, which container_state reports
        raise NoData("the engine has no pods")
    if not engine.reachable:
        raise EngineUnreachable("it does not answer")
    newest: dict[tuple[str, ...], Container] = {}
    for container in engine.containers:
        if not container.is_pause:
            names = tuple(container.labels.get(key, "") for key in KUBERNETES.values())
            known = newest.get(names)
            if known is None or (container.created, container.attempt) > (known.created, known.attempt):
                newest[names] = container
    for names, container in newest.items():
        yield RESTARTS(container.attempt, *names)
