"""The machine under the containers, in cAdvisor's names, from /proc/cpuinfo, /proc/meminfo and the Docker engine."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from deckwatch.exporter.collector import NoData, collector
from deckwatch.exporter.metric import Metric
from deckwatch.exporter.sources import cpuinfo, procfs, rootfs
from deckwatch.exporter.sources.docker import Engine
from deckwatch.exporter.world import Source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.metric import Sample
    from deckwatch.exporter.sources.docker_snapshot import Snapshot
    from deckwatch.exporter.world import World

_REFRESH_SECONDS = 60.0  # hardware changes rarely
_IDENTITY = ("boot_id", "machine_id", "system_uuid")

CPUS = Metric("machine_cpu_cores", "gauge", "Number of logical CPUs.", _IDENTITY)
CORES = Metric("machine_cpu_physical_cores", "gauge", "Number of physical CPU cores.", _IDENTITY)
SOCKETS = Metric("machine_cpu_sockets", "gauge", "Number of CPU sockets.", _IDENTITY)
MEMORY = Metric("machine_memory_bytes", "gauge", "Memory of the machine.", _IDENTITY)
SWAP = Metric("machine_swap_bytes", "gauge", "Swap space of the machine.", _IDENTITY)
VERSION = Metric(
    "cadvisor_version_info",
    "gauge",
    "Versions of the kernel, the system and the engine; cAdvisor's own are empty. Always 1.",
    ("kernelVersion", "osVersion", "dockerVersion", "cadvisorVersion", "cadvisorRevision"),
)


@collector(CPUS, CORES, SOCKETS, MEMORY, SWAP, VERSION)
def collect(world: World) -> Iterator[Sample]:
    """CPUs and memory of the machine, versions of the kernel and the Docker engine."""
    engine = world.source(Engine).latest_snapshot()
    if engine is not None and engine.kernel not in ("", world.uname().release):
        yield from _describe_remote_machine(engine)
        return
    last = world.source(_LastDescription)
    now = world.age_clock()
    if not last.samples or now - last.at >= _REFRESH_SECONDS:
        last.at, last.samples = now, list(_describe_machine(world))
    yield from last.samples
    yield VERSION(1, world.uname().release, last.system, engine.docker_version if engine else "", "", "")


class _LastDescription(Source):
    """The newest description; reading it takes half the time of a scrape of two containers, and it rarely changes."""

    def __init__(self, world: World) -> None:
        self.at = 0.0
        self.samples: list[Sample] = []
        self.system = _system_name(world)


def _describe_machine(world: World) -> Iterator[Sample]:
    identity = _machine_identity(world)
    cpus = cpuinfo.parse_cpuinfo(procfs.read_proc(world, "cpuinfo"))
    yield CPUS(cpus.cpus, *identity)
    yield CORES(cpus.cores, *identity)
    yield SOCKETS(cpus.sockets, *identity)
    memory = procfs.parse_meminfo(procfs.read_proc(world, "meminfo"))
    yield MEMORY(procfs.required_value(memory, b"MemTotal").value, *identity)
    yield SWAP(procfs.required_value(memory, b"SwapTotal").value, *identity)


def _describe_remote_machine(engine: Snapshot) -> Iterator[Sample]:
    """Yield the machine as the engine reports it, since its containers run on another one."""
    unknown = ("",) * len(_IDENTITY)
    yield CPUS(engine.cpus, *unknown)
    yield MEMORY(engine.memory, *unknown)
    yield VERSION(1, engine.kernel, engine.system, engine.version, "", "")


def _machine_identity(world: World) -> tuple[str, ...]:
    """Return the boot id, machine id and DMI UUID; empty where unreadable.

    The machine id stands for the UUID of a machine without DMI, as in cAdvisor.
    """
    boot_id = machine_id = system_uuid = b""
    with contextlib.suppress(NoData):
        boot_id = procfs.read_proc(world, "sys/kernel/random/boot_id")
    with contextlib.suppress(NoData):
        machine_id = rootfs.read_host_file(world, "etc/machine-id")
    try:
        system_uuid = procfs.read_sys(world, "class/dmi/id/product_uuid")
    except NoData:
        system_uuid = machine_id
    except PermissionError:  # readable by root only; generated in most virtual machines
        pass
    return tuple(procfs.decode_text(value.strip()) for value in (boot_id, machine_id, system_uuid))


def _system_name(world: World) -> str:
    with contextlib.suppress(NoData):
        return rootfs.parse_os_release(rootfs.read_host_file(world, "etc/os-release")).get("PRETTY_NAME", "")
    return ""
