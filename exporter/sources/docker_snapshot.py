"""A snapshot of a Docker engine: the state from its last answers, for readers that must not wait for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deckwatch.exporter.world import SourceDown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deckwatch.exporter.sources.container import Container


CRI_DRIVER = "cri"  # in place of the cgroup driver: each container says where its group is


class EngineUnreachable(SourceDown):
    """The engine does not answer, so that its last snapshot grows old."""


@dataclass(frozen=True)
class Snapshot:
    """The known state of an engine.

    `departed` are removed containers whose event counters are still exported. `version` is empty until the first
    answer; `driver` is the cgroup driver (see cgroup_path.expected_path). About the engine's machine: `kernel` (the
    release), `system` (the distribution's name), `cpus` and `memory` in bytes. `root` is the engine's data folder.
    """

    reachable: bool
    containers: tuple[Container, ...] = ()
    departed: tuple[Container, ...] = ()
    version: str = ""
    driver: str = ""
    kernel: str = ""
    system: str = ""
    root: str = ""
    cpus: int = 0
    memory: int = 0

    @property
    def docker_version(self) -> str:
        """The version of Docker or Podman; empty for a CRI runtime."""
        return "" if self.driver == CRI_DRIVER else self.version


def info_fields(info: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a Snapshot that come from `GET /info`."""
    return {
        "version": str(info.get("ServerVersion") or ""),
        "driver": ("podman-" if "BuildahVersion" in info else "") + str(info.get("CgroupDriver") or ""),
        "kernel": str(info.get("KernelVersion") or ""),
        "system": str(info.get("OperatingSystem") or ""),
        "root": str(info.get("DockerRootDir") or ""),
        "cpus": int(info.get("NCPU") or 0),
        "memory": int(info.get("MemTotal") or 0),
    }
