"""Shared by the container collectors: the labels of every series, and the containers whose values can be read.

When the engine stops answering, its containers keep running and the kernel's files stay under a path that contains the
container's id, so the values read from them remain correct. Only `container_state`, which depends on the engine, fails
then; the others continue for the containers known so far.
"""

from __future__ import annotations

import fnmatch
import operator
import time
from typing import TYPE_CHECKING, NamedTuple

from deckwatch.exporter.collector import NoData
from deckwatch.exporter.collectors._container_controllers import lines_or_reason
from deckwatch.exporter.collectors._container_lines import ContainerMetric, write_reading
from deckwatch.exporter.collectors._container_stats_source import StatsSource
from deckwatch.exporter.metric import escape_label
from deckwatch.exporter.sources.api_cgroup import ApiCgroup, Stats
from deckwatch.exporter.sources.background import NotReadYet
from deckwatch.exporter.sources.cgroup import Cgroups
from deckwatch.exporter.sources.container import label_name
from deckwatch.exporter.sources.container_process import ContainerProcesses
from deckwatch.exporter.sources.cri_messages import CONTAINER_NAME, POD_NAME, POD_NAMESPACE
from deckwatch.exporter.sources.docker import Engine
from deckwatch.exporter.sources.docker_snapshot import EngineUnreachable, Snapshot
from deckwatch.exporter.sources.docker_stats import ContainerStats
from deckwatch.exporter.world import Reading, Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from deckwatch.core.catalog import Kind
    from deckwatch.exporter.collectors._container_lines import ContainerSample
    from deckwatch.exporter.metric import Lines, Metric
    from deckwatch.exporter.sources.cgroup_files import Cgroup, Files, Raw
    from deckwatch.exporter.sources.container import Container
    from deckwatch.exporter.world import World

PROJECT, SERVICE = "com.docker.compose.project", "com.docker.compose.service"
# As kubelet labels them; a container of Docker has none of these.
KUBERNETES = {"namespace": POD_NAMESPACE, "pod": POD_NAME, "container": CONTAINER_NAME}
LABELS = (
    "id",
    "name",
    "image",
    *KUBERNETES,
    label_name(PROJECT),
    label_name(SERVICE),
)  # further ones if the configuration allows
MAX_CONTAINERS = 5_000  # the number for which the collectors' budgets are sized

_SETTLED_SECONDS = 10.0  # a container that has run for longer is not short-lived
_GRACE_SECONDS = 0.3  # within which the engine reports that such a container has just exited


class CgroupsNotVisible(Exception):
    """Containers run, but none of their control groups is visible: the host's /proc or /sys is not mounted here."""


class CgroupsElsewhere(NoData):
    """The control groups of the engine's containers are on another system."""


class KnownContainer(NamedTuple):
    """A container and the beginning of its lines' labels: `{id="…",name="…"`."""

    container: Container
    label_prefix: str


class RunningContainer(NamedTuple):
    """A running container with its control group, read from the kernel or from the engine's API."""

    container: Container
    label_prefix: str
    cgroup: Cgroup | ApiCgroup


def container_metric(
    name: str, kind: Kind, help_text: str, *extra_labels: str, unit: str = "", state: bool = False
) -> ContainerMetric:
    """Declare a metric with the labels of containers, followed by `extra_labels`."""
    return ContainerMetric(name, kind, help_text, (*LABELS, *extra_labels), unit=unit, state=state)


def write_cgroup_lines(
    world: World,
    metrics: Sequence[Metric],
    files: Files,
    to_samples: Callable[[RunningContainer, Raw], Iterable[ContainerSample]],
) -> Reading[Iterator[Lines]]:
    """Return each metric's lines over the running containers, from these files of their control groups.

    The lines end with ControllerOff if there are none because no container's group has the files' controller.
    """
    running = running_containers(world)
    reading = write_reading(world, metrics, running, lambda row: row.cgroup.make_reader(files), to_samples)
    return Reading(lines_or_reason(world, reading.value, running.value, files), reading.at)


def engine_snapshot(world: World) -> Snapshot:
    """Return the engine's current state; raises NoData where there is no engine."""
    engine = world.source(Engine)
    snapshot = engine.latest_snapshot()
    if snapshot is None:
        raise NoData(f"no Docker engine: {engine.absence_reason()}")
    return snapshot


def known_containers(world: World, engine: Snapshot) -> list[KnownContainer]:
    """Return all containers that the engine lists, running or not."""
    containers = _without_pauses(engine.containers)
    return world.source(_ContainerCache).label_containers("known", containers, engine.driver)


def with_departed(world: World, engine: Snapshot) -> list[KnownContainer]:
    """Return all containers, and the removed ones whose event counters are still shown."""
    containers = _without_pauses((*engine.containers, *engine.departed))
    return world.source(_ContainerCache).label_containers("departed", containers, engine.driver)


def _without_pauses(containers: Sequence[Container]) -> Sequence[Container]:
    """Return the containers without those that only hold the namespaces of a pod, of which only usage is shown."""
    return [container for container in containers if not container.is_pause]


def alive_containers(world: World) -> list[KnownContainer]:
    """Return the running containers, whether or not their control groups are visible.

    Raises NoData where there is no engine, EngineUnreachable before its first answer.
    """
    engine = _answered_snapshot(world)
    containers = [container for container in engine.containers if container.pid]
    return world.source(_ContainerCache).label_containers("alive", containers, engine.driver)


def running_containers(world: World) -> Reading[list[RunningContainer]]:
    """Return the running containers with their control groups, read now or from the API in the background.

    A container that exits meanwhile is left out.

    Raises NoData where there is no engine or there are no control groups, EngineUnreachable before the engine's first
    answer, CgroupsNotVisible where containers run but no group is visible. Where the API is used instead, raises what
    ContainerStats.latest_reading raises.
    """
    engine = _answered_snapshot(world)
    source = world.source(StatsSource)
    if not source.uses_api:
        try:
            return Reading(_from_cgroups(world, engine), world.age_clock())
        except (CgroupsNotVisible, CgroupsElsewhere) as reason:
            if not source.possible:
                raise
            source.use_api(str(reason), fault=isinstance(reason, CgroupsNotVisible))
    try:
        return _from_api(world, engine)
    except NotReadYet:
        raise
    except NoData as refusal:
        if not source.fault:
            raise
        raise CgroupsNotVisible(f"{source.fault}; {refusal}") from None


def _answered_snapshot(world: World) -> Snapshot:
    engine = engine_snapshot(world)
    if not engine.reachable and not engine.version:
        raise EngineUnreachable("it has not answered yet")
    return engine


def _from_cgroups(world: World, engine: Snapshot) -> list[RunningContainer]:
    if not world.source(Cgroups).are_mounted:
        raise CgroupsElsewhere(f"no control groups in {world.sysfs}/fs/cgroup")
    running = _read_cgroups(world, engine)
    if running or world.source(Cgroups).any_found:
        return running
    if engine.kernel not in ("", world.uname().release) and any(container.pid for container in engine.containers):
        raise CgroupsElsewhere(f"the engine's containers run under another kernel, {engine.kernel}")
    missing = _settled_runs(world, engine)
    if missing:
        time.sleep(_GRACE_SECONDS)
        engine = engine_snapshot(world)
        running = _read_cgroups(world, engine)
        missing &= _settled_runs(world, engine)
    if running or not missing:
        return running
    raise CgroupsNotVisible(f"none of {len(missing)} containers has a group in {world.sysfs}/fs/cgroup")


def _settled_runs(world: World, engine: Snapshot) -> set[tuple[str, int]]:
    """Return container id and pid of each run that has lasted a while; empty where the engine does not answer.

    A start in the future is one before the clock was set back.
    """
    now = world.clock()
    return {
        (container.id, container.pid)
        for container in engine.containers
        if engine.reachable and container.pid and abs(now - container.started) > _SETTLED_SECONDS
    }


class _ContainerCache(Source):
    """Results that stay valid until the engine's state changes, shared by all collectors over many scrapes."""

    def __init__(self, world: World) -> None:
        # The newest complete result of _read_cgroups, and the newest of _from_api.
        self.cgroup_result: tuple[Snapshot, list[RunningContainer]] | None = None
        self.api_result: tuple[Snapshot, Mapping[str, Stats], list[RunningContainer]] | None = None
        self._known: dict[str, list[KnownContainer]] = {}
        self._groups = world.source(Cgroups)
        self._allowed = tuple((world.config.get("containers") or {}).get("labels") or ())
        self._prefixes: dict[str, tuple[Container, str]] = {}

    def render_labels(self, container: Container, driver: str) -> str:
        """Return a container's labels as its lines begin with them; `driver` is the engine's cgroup driver."""
        last = self._prefixes.get(container.id)
        if last is not None and last[0] is container:
            return last[1]
        pairs = {
            "id": self._groups.group_path(container, driver),
            "name": container.name,
            "image": container.image,
            **{label: container.labels.get(key, "") for label, key in KUBERNETES.items()},
            **{label_name(key): container.labels.get(key, "") for key in (PROJECT, SERVICE)},
        }
        for key, value in container.labels.items():
            if any(fnmatch.fnmatchcase(key, pattern) for pattern in self._allowed):
                pairs.setdefault(label_name(key), value)
        text = "{" + ",".join(f'{key}="{escape_label(value)}"' for key, value in pairs.items() if value)
        self._prefixes[container.id] = container, text
        return text

    def label_containers(self, which: str, containers: Sequence[Container], driver: str) -> list[KnownContainer]:
        """Return containers with their labels: the identical list as long as the containers are unchanged."""
        last = self._known.get(which)
        if last is None or not _are_same([known.container for known in last], containers):
            last = [KnownContainer(container, self.render_labels(container, driver)) for container in containers]
            self._known[which] = last
        return last

    def keep_only(self, ids: set[str]) -> None:
        """Drop all containers but these."""
        for id_ in [id_ for id_ in self._prefixes if id_ not in ids]:
            del self._prefixes[id_]


def _are_same(some: Sequence[Container], others: Sequence[Container]) -> bool:
    """Return whether these are the same containers; an unchanged container is the identical object."""
    return len(some) == len(others) and all(map(operator.is_, some, others))


def _read_cgroups(world: World, engine: Snapshot) -> list[RunningContainer]:
    """Return the running containers whose control group exists."""
    cache = world.source(_ContainerCache)
    last = cache.cgroup_result
    if last is not None and (last[0] is engine or _are_same(last[0].containers, engine.containers)):
        return last[1]
    groups = world.source(Cgroups)
    live = [container for container in engine.containers if container.pid]
    ids = [container.id for container in live]
    all_ids = {container.id for container in (*engine.containers, *engine.departed)}
    groups.prune(ids, all_ids)
    cache.keep_only(all_ids)
    world.source(ContainerProcesses).prune(ids)
    running = [
        RunningContainer(container, cache.render_labels(container, engine.driver), group)
        for container in live
        if (group := groups.find_group(container)) is not None
    ]
    if len(running) == len(live):
        cache.cgroup_result = engine, running
    return running


def _from_api(world: World, engine: Snapshot) -> Reading[list[RunningContainer]]:
    """Return the running containers for which the newest reading of the API has statistics."""
    stats, at = world.source(ContainerStats).latest_reading()
    cache = world.source(_ContainerCache)
    last = cache.api_result
    if last is not None and last[1] is stats and _are_same(last[0].containers, engine.containers):
        return Reading(last[2], at)
    groups = world.source(Cgroups)
    all_ids = {container.id for container in (*engine.containers, *engine.departed)}
    groups.prune((), all_ids)
    cache.keep_only(all_ids)
    running = []
    for container in engine.containers:
        if container.pid and container.id in stats:
            path = groups.group_path(container, engine.driver)
            group = ApiCgroup(path, stats[container.id], container.oom_kills)
            running.append(RunningContainer(container, cache.render_labels(container, engine.driver), group))
    cache.api_result = engine, stats, running
    return Reading(running, at)
