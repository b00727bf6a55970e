"""What the container collectors share: the labels of every series, and which containers can be read.

Where the engine does not answer, its containers go on: the kernel's files are there as long as they run, under a path
that holds the container's id, and so what is read from them stays true. Only `container_state`, which knows no more
than the engine last said, fails then; the others go on for the containers that were known.
"""

from __future__ import annotations

import fnmatch
import re
import time
from typing import TYPE_CHECKING, NamedTuple

from exporter.collector import NoData
from exporter.metric import Metric, escape
from exporter.sources.cgroup import Cgroups
from exporter.sources.container_process import ContainerProcesses
from exporter.sources.docker import SOCKET, Engine, EngineUnreachable, Snapshot

if TYPE_CHECKING:
    from deckwatch.core.catalog import Kind
    from exporter.sources.cgroup_files import Group
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

_NOT_IN_A_NAME = re.compile(r"[^a-zA-Z0-9_]")
_SETTLED_SECONDS = 10.0  # a container that runs longer than that does not come and go
_GRACE_SECONDS = 0.3  # in which the engine tells that such a one has just ended


class GroupsUnseen(Exception):
    """Containers run, but none of their control groups can be seen: the host's /proc or /sys is not mounted here."""


class Known(NamedTuple):
    """A container, and its labels as a line of the page begins with them: `{id="…",name="…"`."""

    container: Container
    tags: str


class Running(NamedTuple):
    """A running container whose control group was found."""

    container: Container
    tags: str
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


def known(world: World, engine: Snapshot) -> list[Known]:
    """Return all containers that the engine knows, also those that do not run."""
    kept = world.source(_Kept)
    return [Known(container, kept.tags(container, engine.driver)) for container in engine.containers]


def departed(world: World, engine: Snapshot) -> list[Known]:
    """Return the removed containers whose counters of events are still shown."""
    kept = world.source(_Kept)
    return [Known(container, kept.tags(container, engine.driver)) for container in engine.departed]


def running(world: World) -> list[Running]:
    """Return the running containers; one that ends meanwhile is just not there.

    Raises NoData where there is no engine or no control groups, EngineUnreachable where no container was ever told,
    GroupsUnseen where containers run but not one can be seen.
    """
    engine = snapshot(world)
    if not engine.reachable and not engine.version:
        raise EngineUnreachable("it has not answered yet")
    if not world.source(Cgroups).there:
        raise NoData(f"no control groups in {world.sysfs}/fs/cgroup")
    found = _found(world, engine)
    if found or world.source(Cgroups).proven:
        return found
    missing = _settled(world, engine)
    if missing:
        time.sleep(_GRACE_SECONDS)
        engine = snapshot(world)
        found = _found(world, engine)
        missing &= _settled(world, engine)
    if found or not missing:
        return found
    if engine.kernel not in ("", world.uname().release):
        raise NoData(f"the engine's containers run under another kernel, {engine.kernel}")
    raise GroupsUnseen(f"none of {len(missing)} containers has a group in {world.sysfs}/fs/cgroup")


def _settled(world: World, engine: Snapshot) -> set[tuple[str, int]]:
    """Return the runs that go on, by what the engine says, for a while already; none where it says nothing."""
    latest = world.clock() - _SETTLED_SECONDS
    return {
        (container.id, container.pid)
        for container in engine.containers
        if engine.reachable and container.pid and container.started < latest
    }


class _Kept:
    """What is the same between two changes, and so for all collectors of many scrapes."""

    def __init__(self, world: World) -> None:
        self.answer: tuple[Snapshot, list[Running]] | None = None  # the newest complete one of `_found`
        self._groups = world.source(Cgroups)
        self._allowed = tuple((world.config.get("containers") or {}).get("labels") or ())
        self._tags: dict[str, tuple[Container, str]] = {}

    def tags(self, container: Container, driver: str) -> str:
        """Return a container's labels; `driver` is the engine's cgroup driver."""
        last = self._tags.get(container.id)
        if last is not None and last[0] is container:
            return last[1]
        pairs = {
            "id": self._groups.path_of(container, driver),
            "name": container.name,
            "image": container.image,
            **{_label(key): container.labels.get(key, "") for key in (PROJECT, SERVICE)},
        }
        for key, value in container.labels.items():
            if any(fnmatch.fnmatchcase(key, word) for word in self._allowed):
                pairs.setdefault(_label(key), value)
        text = "{" + ",".join(f'{key}="{escape(value)}"' for key, value in pairs.items() if value)
        self._tags[container.id] = container, text
        return text

    def forget(self, ids: set[str]) -> None:
        """Forget all containers but these."""
        for id_ in [id_ for id_ in self._tags if id_ not in ids]:
            del self._tags[id_]

    def close(self) -> None:
        """Nothing is held."""


def _label(key: str) -> str:
    """Return the label's name that cAdvisor gives a container's label."""
    return "container_label_" + _NOT_IN_A_NAME.sub("_", key)


def _found(world: World, engine: Snapshot) -> list[Running]:
    kept = world.source(_Kept)
    if kept.answer is not None and kept.answer[0] is engine:
        return kept.answer[1]
    groups = world.source(Cgroups)
    alive = [container for container in engine.containers if container.pid]
    ids = [container.id for container in alive]
    everything = {container.id for container in (*engine.containers, *engine.departed)}
    groups.keep(ids, everything)
    kept.forget(everything)
    world.source(ContainerProcesses).keep(ids)
    found = [
        Running(container, kept.tags(container, engine.driver), group)
        for container in alive
        if (group := groups.of(container)) is not None
    ]
    if len(found) == len(alive):
        kept.answer = engine, found
    return found
