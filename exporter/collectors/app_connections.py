"""Connections to the ports of services by state, from net/tcp and net/tcp6 of the host or of a container.

The ports are those in `watch: connections:`. The files are read line by line, once for all ports of a namespace.
"""

from __future__ import annotations

import contextlib
import fnmatch
import os
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from deckwatch.exporter.collector import collector
from deckwatch.exporter.collectors import _measured
from deckwatch.exporter.metric import Metric
from deckwatch.exporter.sources import procfs, procnet
from deckwatch.exporter.sources.cgroup_path import belongs_to_container, parse_proc_cgroup
from deckwatch.exporter.sources.docker import Engine
from deckwatch.exporter.sources.files import read_once
from deckwatch.exporter.world import NoData, Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deckwatch.core.problems import Problem
    from deckwatch.core.project import Project
    from deckwatch.exporter.metric import Sample
    from deckwatch.exporter.world import World

CONNECTIONS = Metric(
    "http_connections",
    "gauge",
    "Connections to a service's port by state; active ones are established, whether idle or not.",
    ("service", "port", "state"),
)

_HOST = "host"  # the subject of the ports of the host itself
_LISTEN = "listen"  # a socket in this state is no connection
_STATES = {"established": "active"}  # names of states that differ from those of the kernel
_ENDED = (FileNotFoundError, NotADirectoryError, ProcessLookupError)


class Ports:
    """The ports of the host, or of the containers whose names match a pattern; a subject of the collector."""

    def __init__(self, container: str) -> None:
        self.container = container
        self.services: dict[int, str] = {}  # by port


class ConfiguredPorts(Source):
    """The ports by container pattern, those of this host under `host`; a Source of the World."""

    def __init__(self, world: World) -> None:
        self.by_place: dict[str, Ports] = {}
        for entry in world.config.get("connections") or ():
            if "from" in entry and entry.get("elsewhere"):
                continue  # without `from` every host counts its own
            container = entry.get("container", "")
            place = self.by_place.setdefault(container or _HOST, Ports(container))
            place.services.update(dict.fromkeys(_list_ports(entry), entry["service"]))


def configured_ports(world: World) -> Mapping[str, Ports]:
    """Return the ports by container pattern; none where there are none for this host."""
    return world.source(ConfiguredPorts).by_place if world.config.get("connections") else {}


@collector(CONNECTIONS, subjects=configured_ports, subject_label="place")
def collect(world: World, ports: Ports) -> Iterator[Sample]:
    """Connections to services by port and state."""
    counts: Counter[tuple[int, int]] = Counter()
    if ports.container:
        for pid in _find_processes(world, ports.container):
            with contextlib.suppress(*_ENDED):
                counts += _count_namespace(f"{world.procfs}/{pid}/net", ports)
    else:
        counts = procfs.read_init_or_self(world, "net", lambda folder: _count_namespace(folder, ports))
    for port, service in ports.services.items():
        for number, state in enumerate(procnet.TCP_STATES, 1):
            if state != _LISTEN:
                yield CONNECTIONS(counts[port, number], service, str(port), _STATES.get(state, state))


def _count_namespace(folder: str, ports: Ports) -> Counter[tuple[int, int]]:
    """Return the connections of a network namespace by port and state; raises OSError without net/tcp."""
    counts = _count_file(f"{folder}/tcp", ports)
    with contextlib.suppress(FileNotFoundError):  # a machine without IPv6
        counts += _count_file(f"{folder}/tcp6", ports)
    return counts


def _count_file(path: str, ports: Ports) -> Counter[tuple[int, int]]:
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC), "rb") as lines:
        return procnet.count_tcp_by_port(lines, ports.services)


def _find_processes(world: World, pattern: str) -> list[int]:
    """Return a process of each network namespace of the running containers that match; raises NoData without any."""
    engine = world.source(Engine)
    snapshot = engine.latest_snapshot()
    if snapshot is None:
        raise NoData(f"no Docker engine: {engine.absence_reason()}")
    by_namespace: dict[object, int] = {}
    for container in snapshot.containers:
        if not container.pid or not fnmatch.fnmatchcase(container.name, pattern):
            continue
        with contextlib.suppress(*_ENDED):
            groups = parse_proc_cgroup(read_once(f"{world.procfs}/{container.pid}/cgroup"))
            if belongs_to_container(groups, container.id):
                by_namespace.setdefault(_identify_namespace(world, container.pid), container.pid)
    if not by_namespace:
        raise NoData(f"no running container {pattern} has a visible process")
    return list(by_namespace.values())


def _identify_namespace(world: World, pid: int) -> object:
    """Return the identifier of a process's network namespace; the process number where it cannot be read."""
    try:
        return os.readlink(f"{world.procfs}/{pid}/ns/net")  # noqa: PTH115 - its text is needed
    except PermissionError:
        return pid


def _list_ports(entry: Mapping[str, Any]) -> list[int]:
    port = entry["port"]
    return port if isinstance(port, list) else [port]


def find_settings_problems(project: Project) -> Iterator[Problem]:
    """Yield a problem for each port that an entry of the same place above has."""
    seen: dict[tuple[str, str], list[tuple[_measured.Path, str]]] = defaultdict(list)
    for index, entry in enumerate(project.data["watch"]["connections"]):
        place = entry.get("container", ""), str(entry.get("from", ""))
        seen[place] += [(("watch", "connections", index, "port"), str(port)) for port in _list_ports(entry)]
    for names in seen.values():
        yield from _measured.find_duplicate_names(project, names)
