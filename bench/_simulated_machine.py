"""Machines with any number of containers as plain files: a captured machine with copies of one container.

Every copy has its own id, pid and name; the contents of its files are those of the captured container. The files are
in /dev/shm where it exists, so that no disk is measured.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

WORLDS = Path(__file__).parents[1] / "tests" / "worlds"
_MEMORY = Path("/dev/shm")
_FIRST_PID = 1_000_000


@dataclass(frozen=True)
class SimulatedMachine:
    """The folder of a simulated machine."""

    folder: Path

    @property
    def options(self) -> list[str]:
        """The options of `serve` for this machine and its captured engine."""
        roots = [f"--path.{name}fs={self.folder / folder}" for name, folder in (("proc", "proc"), ("sys", "sys"))]
        return [*roots, f"--path.rootfs={self.folder / 'root'}", f"--docker-host=file://{self.folder / 'engine.json'}"]


@contextmanager
def simulated_machine(world: str, count: int) -> Iterator[SimulatedMachine]:
    """Create a copy of a captured machine with `count` containers; remove it when the block ends."""
    folder = Path(tempfile.mkdtemp(prefix="bench-tree-", dir=_MEMORY if _MEMORY.is_dir() else None))
    try:
        _copy_world(folder, WORLDS / world, count)
        yield SimulatedMachine(folder)
    finally:
        shutil.rmtree(folder)


def _copy_world(folder: Path, world: Path, count: int) -> None:
    engine = json.loads((world / "engine.json").read_text())
    running = [container for container in engine["containers"] if container["State"]["Pid"]]
    # A container with limits and its own network has the most series.
    model = max(
        running, key=lambda item: (not item["HostConfig"]["NetworkMode"].startswith("container:"), _memory_limit(item))
    )
    pids = {str(container["State"]["Pid"]) for container in running}
    ids = [container["Id"] for container in running]

    def of_containers(parent: str, names: list[str]) -> set[str]:
        inside = {name for name in names if any(id_ in name for id_ in ids)}
        return inside | (pids & set(names) if Path(parent) == world / "proc" else set())

    for name in ("proc", "sys", "root"):
        shutil.copytree(world / name, folder / name, symlinks=True, ignore=of_containers)
    if not (folder / "proc" / "self").exists():
        (folder / "proc" / "self").symlink_to("/proc/self")  # the exporter's own process is real
    files = {path.relative_to(world): path.read_bytes() for path in _container_files(world, model)}
    containers = [_copy_container(folder, files, model, number) for number in range(count)]
    (folder / "engine.json").write_text(json.dumps({**engine, "containers": containers, "events": []}))


def _memory_limit(container: dict[str, Any]) -> int:
    return int(container["HostConfig"]["Memory"])


def _container_files(world: Path, model: dict[str, Any]) -> Iterator[Path]:
    for pattern in (f"proc/{model['State']['Pid']}/**/*", f"sys/fs/cgroup/**/*{model['Id']}*/**/*"):
        yield from (path for path in world.glob(pattern) if path.is_file())


def _copy_container(folder: Path, files: dict[Path, bytes], model: dict[str, Any], number: int) -> dict[str, Any]:
    """Write the files of one copy and return its description by the engine."""
    known, own = model["Id"], hashlib.sha256(f"{number}".encode()).hexdigest()
    old, pid = f"proc/{model['State']['Pid']}/", _FIRST_PID + number
    for path, data in files.items():
        target = folder / str(path).replace(old, f"proc/{pid}/").replace(known, own)
        if not target.parent.is_dir():
            target.parent.mkdir(parents=True)
        target.write_bytes(data.replace(known.encode(), own.encode()))
    state = {**model["State"], "Pid": pid}
    return {**model, "Id": own, "Name": f"/bench-service-{number}-1", "State": state}
