from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from deckwatch.exporter.sources import container_process
from deckwatch.exporter.sources.container import Container
from deckwatch.exporter.sources.container_process import ContainerProcesses
from deckwatch.exporter.world import World

ID = "4f66ad9a0b2e1c7d8e9fa0b1c2d3e4f5061728394a5b6c7d8e9fa0b1c2d3e4f5"


@pytest.fixture
def world(tmp_path):
    with World(procfs=tmp_path, docker_host="") as world:
        yield world


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def process(world: World, pid: int, cgroup: str, **files: str) -> None:
    folder = Path(world.procfs) / str(pid)
    folder.mkdir()
    (folder / "cgroup").write_text(f"0::{cgroup}\n")
    for name, text in files.items():
        (folder / name).write_text(text)


def test_a_file_of_a_container_process(world):
    process(world, 96, f"/docker/{ID}", status="x" * 40_000)
    processes = world.source(ContainerProcesses)
    for _ in range(2):
        assert processes.make_reader(Container(ID, pid=96), "status")() == b"x" * 40_000
    assert processes.make_reader(Container(ID, pid=96), "absent")() is None


def test_a_pid_reused_by_another_process(world):
    process(world, 96, "/system.slice/ssh.service", status="secret")
    assert world.source(ContainerProcesses).make_reader(Container(ID, pid=96), "status")() is None
    assert world.source(ContainerProcesses).make_reader(Container(ID, pid=97), "status")() is None


def test_a_restarted_container_has_a_new_process(world):
    process(world, 96, f"/docker/{ID}", status="old")
    process(world, 98, f"/docker/{ID}", status="new")
    processes = world.source(ContainerProcesses)
    before = descriptors()
    assert processes.make_reader(Container(ID, pid=96), "status")() == b"old"
    assert processes.make_reader(Container(ID, pid=98), "status")() == b"new"
    assert descriptors() == before + 1
    processes.prune([])
    assert descriptors() == before


def test_an_exited_process_is_gone_although_its_folder_is_open():
    """The kernel guarantees what the module relies on."""
    child = subprocess.Popen(["sleep", "60"])
    folder = os.open(f"/proc/{child.pid}", os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.close(os.open("net/dev", os.O_RDONLY, dir_fd=folder))
        child.kill()
        child.wait()
        with pytest.raises((FileNotFoundError, ProcessLookupError)):
            os.open("net/dev", os.O_RDONLY, dir_fd=folder)
    finally:
        os.close(folder)


def test_beyond_the_descriptor_limit_folders_are_opened_per_reading(world, monkeypatch):
    monkeypatch.setattr(container_process, "descriptor_limit", lambda: 16)
    processes, before = world.source(ContainerProcesses), descriptors()
    for pid in range(100, 105):
        process(world, pid, f"/docker/{pid:064x}", status=str(pid))
    for _ in range(2):
        for pid in range(100, 105):
            assert processes.make_reader(Container(f"{pid:064x}", pid=pid), "status")() == str(pid).encode()
            assert processes.make_reader(Container(f"{pid:064x}", pid=pid), "absent")() is None
    assert descriptors() == before + 2
