"""What the container collectors share: the labels of every series, and which containers can be read.

Where the engine does not answer, its containers go on: the kernel's files are there as long as they run, under a path
that holds the container's id, and so what is read from them stays true. Only `container_state`, which knows no more
than the engine last said, fails then; the others go on for the containers that were known.
"""

from __future__ import annotations

import fnmatch
import operator
import time
from typing import TYPE_CHECKING, NamedTuple

from deckwatch.exporter.collector import NoData
from deckwatch.exporter.collectors._container_stats_source import StatsSource
from deckwatch.exporter.metric import Metric, escape_label
from deckwatch.exporter.sources.api_cgroup import ApiCgroup, Stats
from deckwatch.exporter.sources.background import NotReadYet
from deckwatch.exporter.sources.cgroup import Cgroups
from deckwatch.exporter.sources.container import label_name
from deckwatch.exporter.sources.container_process import ContainerProcesses
from deckwatch.exporter.sources.docker import SOCKET, Engine
from deckwatch.exporter.sources.docker_snapshot import EngineUnreachable, Snapshot
from deckwatch.exporter.sources.docker_stats import ContainerStats
from deckwatch.exporter.world import Reading, Source

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deckwatch.core.catalog import Kind
    from deckwatch.exporter.sources.cgroup_files import Cgroup
    from deckwatch.exporter.sources.container import Container
    from deckwatch.exporter.world import World

PROJECT, SERVICE = "com.docker.compose.project", "com.docker.compose.service"
LABELS = ("id", "name", "image", label_name(PROJECT), label_name(SERVICE))  # and those that are allowed beside them
MAX_CONTAINERS = 5_000  # containers, for which the budgets of their collectors are made

_SETTLED_SECONDS = 10.0  # a container that runs longer than that does not come and go
_GRACE_SECONDS = 0.3  # in which the engine tells that such a one has just ended


class CgroupsNotVisible(Exception):
    """Containers run, but none of their control groups can be seen: the host's /proc or /sys is not mounted here."""


class CgroupsElsewhere(NoData):
    """The control groups of the engine's containers are not this system's."""


class KnownContainer(NamedTuple):
    """A container, and its labels as a line of the page begins with them: `{id="…",name="…"`."""

    container: Container
    label_prefix: str


class RunningContainer(NamedTuple):
    """A running container whose control group was found, or told of by the engine."""

    container: Container
    label_prefix: str
    cgroup: Cgroup | ApiCgroup


def container_metric(name: str, kind: Kind, about: str, *more: str, unit: str = "", state: bool = False) -> Metric:
    """Declare a metric with the labels of containers, and `more` behind them."""
    return Metric(name, kind, about, (*LABELS, *more), unit=unit, state=state)


def engine_snapshot(world: World) -> Snapshot:
    """Return what is known of the engine; raises NoData where there is none."""
    snapshot = world.source(Engine).latest_snapshot()
    if snapshot is None:
        raise NoData(f"no Docker engine: there is no {SOCKET}, and no address is given")
    return snapshot


def known_containers(world: World, engine: Snapshot) -> list[KnownContainer]:
    """Return all containers that the engine knows, also those that do not run."""
    return world.source(_ContainerCache).label_containers("known", engine.containers, engine.driver)


def with_departed(world: World, engine: Snapshot) -> list[KnownContainer]:
    """Return all containers, and the removed ones whose counters of events are still shown."""
    return world.source(_ContainerCache).label_containers(
        "departed", (*engine.containers, *engine.departed), engine.driver
    )


def alive_containers(world: World) -> list[KnownContainer]:
    """Return the running containers, whether or not anything more can be seen of them.

    Raises NoData where there is no engine, EngineUnreachable where no container was ever told.
    """
    engine = _answered_snapshot(world)
    return world.source(_ContainerCache).label_containers(
        "alive", [one for one in engine.containers if one.pid], engine.driver
    )


def running_containers(world: World) -> Reading[list[RunningContainer]]:
    """Return the running containers, read now or by the engine; one that ends meanwhile is left out.

    Raises NoData where there is no engine or no control groups, EngineUnreachable where no container was ever told,
    GroupsUnseen where containers run but not one can be seen. Where the engine is asked in place of that, it raises as
    ContainerStats.latest_reading does.
    """
    engine = _answered_snapshot(world)
    choice = world.source(StatsSource)
    if not choice.uses_api:
        try:
            return Reading(_from_cgroups(world, engine), world.clock())
        except (CgroupsNotVisible, CgroupsElsewhere) as unseen:
            if not choice.possible:
                raise
            choice.use_api(str(unseen), fault=isinstance(unseen, CgroupsNotVisible))
    try:
        return _from_api(world, engine)
    except NotReadYet:
        raise
    except NoData as refused:
        if not choice.fault:
            raise
        raise CgroupsNotVisible(f"{choice.fault}; {refused}") from None


def _answered_snapshot(world: World) -> Snapshot:
    engine = engine_snapshot(world)
    if not engine.reachable and not engine.version:
        raise EngineUnreachable("it has not answered yet")
    return engine


def _from_cgroups(world: World, engine: Snapshot) -> list[RunningContainer]:
    if not world.source(Cgroups).are_mounted:
        raise CgroupsElsewhere(f"no control groups in {world.sysfs}/fs/cgroup")
    found = _read_cgroups(world, engine)
    if found or world.source(Cgroups).any_found:
        return found
    if engine.kernel not in ("", world.uname().release) and any(one.pid for one in engine.containers):
        raise CgroupsElsewhere(f"the engine's containers run under another kernel, {engine.kernel}")
    missing = _settled_runs(world, engine)
    if missing:
        time.sleep(_GRACE_SECONDS)
        engine = engine_snapshot(world)
        found = _read_cgroups(world, engine)
        missing &= _settled_runs(world, engine)
    if found or not missing:
        return found
    raise CgroupsNotVisible(f"none of {len(missing)} containers has a group in {world.sysfs}/fs/cgroup")


def _settled_runs(world: World, engine: Snapshot) -> set[tuple[str, int]]:
    """Return the runs that go on, by what the engine says, for a while already; none where it says nothing."""
    latest = world.clock() - _SETTLED_SECONDS
    return {
        (container.id, container.pid)
        for container in engine.containers
        if engine.reachable and container.pid and container.started < latest
    }


class _ContainerCache(Source):
    """What is the same between two changes, and so for all collectors of many scrapes."""

    def __init__(self, world: World) -> None:
        self.cgroup_result: tuple[Snapshot, list[RunningContainer]] | None = None  # the newest complete one of `_found`
        self._known: dict[str, list[KnownContainer]] = {}
        self.api_result: tuple[Snapshot, Mapping[str, Stats], list[RunningContainer]] | None = (
            None  # the newest one of `_told`
        )
        self._groups = world.source(Cgroups)
        self._allowed = tuple((world.config.get("containers") or {}).get("labels") or ())
        self._tags: dict[str, tuple[Container, str]] = {}

    def render_labels(self, container: Container, driver: str) -> str:
        """Return a container's labels; `driver` is the engine's cgroup driver."""
        last = self._tags.get(container.id)
        if last is not None and last[0] is container:
            return last[1]
        pairs = {
            "id": self._groups.group_path(container, driver),
            "name": container.name,
            "image": container.image,
            **{label_name(key): container.labels.get(key, "") for key in (PROJECT, SERVICE)},
        }
        for key, value in container.labels.items():
            if any(fnmatch.fnmatchcase(key, word) for word in self._allowed):
                pairs.setdefault(label_name(key), value)
        text = "{" + ",".join(f'{key}="{escape_label(value)}"' for key, value in pairs.items() if value)
        self._tags[container.id] = container, text
        return text

    def label_containers(self, which: str, containers: Sequence[Container], driver: str) -> list[KnownContainer]:
        """Return containers with their labels: the same list as long as they are the same containers."""
        last = self._known.get(which)
        if last is None or not _are_same([one.container for one in last], containers):
            last = self._known[which] = [
                KnownContainer(container, self.render_labels(container, driver)) for container in containers
            ]
        return last

    def keep_only(self, ids: set[str]) -> None:
        """Forget all containers but these."""
        for id_ in [id_ for id_ in self._tags if id_ not in ids]:
            del self._tags[id_]


def _are_same(some: Sequence[Container], others: Sequence[Container]) -> bool:
    """Return whether these are the same containers: one that has not changed is the same object as before."""
    return len(some) == len(others) and all(map(operator.is_, some, others))


def _read_cgroups(world: World, engine: Snapshot) -> list[RunningContainer]:
    kept = world.source(_ContainerCache)
    if kept.cgroup_result is not None and (
        kept.cgroup_result[0] is engine or _are_same(kept.cgroup_result[0].containers, engine.containers)
    ):
        return kept.cgroup_result[1]
    groups = world.source(Cgroups)
    running = [container for container in engine.containers if container.pid]
    ids = [container.id for container in running]
    everything = {container.id for container in (*engine.containers, *engine.departed)}
    groups.prune(ids, everything)
    kept.keep_only(everything)
    world.source(ContainerProcesses).prune(ids)
    found = [
        RunningContainer(container, kept.render_labels(container, engine.driver), group)
        for container in running
        if (group := groups.find_group(container)) is not None
    ]
    if len(found) == len(running):
        kept.cgroup_result = engine, found
    return found


def _from_api(world: World, engine: Snapshot) -> Reading[list[RunningContainer]]:
    """Return the running containers of which the engine has told anything at the last reading."""
    stats, at = world.source(ContainerStats).latest_reading()
    kept = world.source(_ContainerCache)
    last = kept.api_result
    if last is not None and last[1] is stats and _are_same(last[0].containers, engine.containers):
        return Reading(last[2], at)
    groups = world.source(Cgroups)
    everything = {container.id for container in (*engine.containers, *engine.departed)}
    groups.prune((), everything)
    kept.keep_only(everything)
    found = []
    for container in engine.containers:
        if container.pid and container.id in stats:
            path = groups.group_path(container, engine.driver)
            group = ApiCgroup(path, stats[container.id], container.oom_kills)
            found.append(RunningContainer(container, kept.render_labels(container, engine.driver), group))
    kept.api_result = engine, stats, found
    return Reading(found, at)
