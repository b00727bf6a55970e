"""What the container collectors share: the labels of every series, and which containers can be read.

Where the engine does not answer, its containers go on: the kernel's files are there as long as they run, under a path
that holds the container's id, and so what is read from them stays true. Only `container_state`, which knows no more
than the engine last said, fails then; the others go on for the containers that were known.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from exporter.collector import NoData
from exporter.metric import Metric
from exporter.sources.cgroup import Cgroups, Group
from exporter.sources.container_process import ContainerProcesses
from exporter.sources.docker import SOCKET, Engine, EngineUnreachable, Snapshot

if TYPE_CHECKING:
    from deckwatch.core.catalog import Kind
    from exporter.sources.container import Container
    from exporter.world import World

PROJECT, SERVICE = "com.docker.compose.project", "com.docker.compose.service"
LABELS = (
    "id",
    "name",
    "image",
    "container_label_com_docker_compose_project",
    "container_label_com_docker_compose_service",
)

_SETTLED_SECONDS = 10.0  # a container that runs longer than that does not come and go
_GRACE_SECONDS = 0.3  # in which the engine tells that such a one has just ended

Labels = tuple[str, ...]


class GroupsUnseen(Exception):
    """Containers run, but none of their control groups can be seen: the host's /proc or /sys is not mounted here."""


class Running(NamedTuple):
    """A running container whose control group was found."""

    container: Container
    labels: Labels
    group: Group


def metric(name: str, kind: Kind, about: str, *more: str, state: bool = False) -> Metric:
    """Declare a metric with the labels of containers, and `more` behind them."""
    return Metric(name, kind, about, (*LABELS, *more), state=state)


def snapshot(world: World) -> Snapshot:
    """Return what is known of the engine; raises NoData where there is none."""
    found = world.source(Engine).snapshot()
    if found is None:
        raise NoData(f"no Docker engine: there is no {SOCKET}, and no address is given")
    return found


def labels(world: World, container: Container, driver: str) -> Labels:
    """Return the values of LABELS; `driver` is the engine's cgroup driver."""
    return (
        world.source(Cgroups).path_of(container, driver),
        container.name,
        container.image,
        container.labels.get(PROJECT, ""),
        container.labels.get(SERVICE, ""),
    )


def running(world: World) -> list[Running]:
    """Return the running containers; one that ends meanwhile is just not there.

    Raises NoData where there is no engine or no control groups, EngineUnreachable where no container was ever told,
    GroupsUnseen where containers run but not one can be seen.
    """
    known = snapshot(world)
    if not known.reachable and not known.version:
        raise EngineUnreachable("it has not answered yet")
    if not world.source(Cgroups).there:
        raise NoData(f"no control groups in {world.sysfs}/fs/cgroup")
    found = _found(world, known)
    if found or world.source(Cgroups).proven:
        return found
    missing = _settled(world, known)
    if missing:
        time.sleep(_GRACE_SECONDS)
        known = snapshot(world)
        found = _found(world, known)
        missing &= _settled(world, known)
    if found or not missing:
        return found
    if known.kernel not in ("", world.uname().release):
        raise NoData(f"the engine's containers run under another kernel, {known.kernel}")
    raise GroupsUnseen(f"none of {len(missing)} containers has a group in {world.sysfs}/fs/cgroup")


def _settled(world: World, known: Snapshot) -> set[tuple[str, int]]:
    """Return the runs that go on, by what the engine says, for a while already; none where it says nothing."""
    latest = world.clock() - _SETTLED_SECONDS
    return {
        (container.id, container.pid)
        for container in known.containers
        if known.reachable and container.pid and container.started < latest
    }


class _Last:
    """The newest complete answer of `_found`: between two changes all collectors of all scrapes share it."""

    def __init__(self, _world: World) -> None:
        self.answer: tuple[Snapshot, list[Running]] | None = None

    def close(self) -> None:
        """Nothing is held."""


def _found(world: World, known: Snapshot) -> list[Running]:
    last = world.source(_Last)
    if last.answer is not None and last.answer[0] is known:
        return last.answer[1]
    groups = world.source(Cgroups)
    alive = [container for container in known.containers if container.pid]
    ids = [container.id for container in alive]
    groups.keep(ids, (container.id for container in (*known.containers, *known.departed)))
    world.source(ContainerProcesses).keep(ids)
    found = [
        Running(container, labels(world, container, known.driver), group)
        for container in alive
        if (group := groups.of(container)) is not None
    ]
    if len(found) == len(alive):
        last.answer = known, found
    return found
