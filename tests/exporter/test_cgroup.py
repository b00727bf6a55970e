from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deckwatch.exporter.sources import cgroup_files, cgroup_path
from deckwatch.exporter.sources.cgroup import Cgroups
from deckwatch.exporter.sources.cgroup_files import Cgroup, DescriptorBudget
from deckwatch.exporter.sources.cgroup_path import belongs_to_container, parse_proc_cgroup, trim_to_container
from deckwatch.exporter.sources.container import Container
from deckwatch.exporter.sources.files import KeptFile
from deckwatch.exporter.sources.procfs import ParseError
from deckwatch.exporter.world import World

ID = "4f66ad9a0b2e1c7d8e9fa0b1c2d3e4f5061728394a5b6c7d8e9fa0b1c2d3e4f5"
OTHER = "a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f90"


def test_proc_cgroup_of_version_2():
    assert parse_proc_cgroup(f"0::/system.slice/docker-{ID}.scope\n".encode()) == {
        "": f"/system.slice/docker-{ID}.scope"
    }


def test_proc_cgroup_of_both_versions():
    data = b"9:name=systemd:/docker/x\n4:memory:/docker/x\n2:cpu,cpuacct:/docker/x\n0::/docker/x\n"
    paths = parse_proc_cgroup(data)
    assert {paths[key] for key in ("name=systemd", "memory", "cpu", "cpuacct", "")} == {"/docker/x"}


def test_a_cgroup_name_may_contain_a_carriage_return():
    assert parse_proc_cgroup(b"0::/docker/a/in\rside\n") == {"": "/docker/a/in\rside"}


@given(st.binary(max_size=80) | st.text(max_size=80).map(str.encode))
def test_proc_cgroup_raises_only_parse_error(data):
    with contextlib.suppress(ParseError):
        assert all(path.startswith("/") for path in parse_proc_cgroup(data).values())


@pytest.mark.parametrize(
    ("reported", "path"),
    [
        (f"/docker/{ID}", f"/docker/{ID}"),
        (f"/system.slice/docker-{ID}.scope", f"/system.slice/docker-{ID}.scope"),
        (f"/../../system.slice/docker-{ID}.scope", f"/system.slice/docker-{ID}.scope"),
        (f"/../{ID}", f"/{ID}"),
        (f"/docker/{ID}/init.scope", f"/docker/{ID}"),
        (f"/docker/{OTHER}", None),
        (f"/machine.slice/libpod-{ID}.scope/container", f"/machine.slice/libpod-{ID}.scope"),
        (f"/machine.slice/libpod-conmon-{ID}.scope", None),
        (f"/system.slice/crio-conmon-{ID}.scope", None),
        (f"/system.slice/{ID}.service", None),  # a healthcheck of Podman
        (f"/system.slice/var-lib-docker-containers-{ID}-mounts-shm.mount", None),
        ("/", None),
    ],
)
def test_the_path_is_cut_at_the_container(reported, path):
    assert trim_to_container(reported, ID) == path


def test_a_process_is_matched_to_its_container():
    assert belongs_to_container({"": f"/docker/{ID}"}, ID)
    assert belongs_to_container({"": "/"}, ID), "the exporter's own container, seen from inside"
    assert not belongs_to_container({"": "/user.slice"}, ID)
    assert not belongs_to_container({"memory": f"/docker/{OTHER}", "cpu": "/"}, ID)


@pytest.mark.parametrize(
    "helper", ["libpod-conmon-{}.scope", "{}.service", "{}-4c1d.service", "var-lib-containers-{}-shm.mount"]
)
def test_a_group_that_serves_the_container_is_not_its_own(unified, monkeypatch, helper):
    unified.file("proc/96/cgroup", f"0::/../../libpod-{ID}.scope/../elsewhere/libpod-{ID}.scope\n")
    unified.file(f"sys/fs/cgroup/machine.slice/{helper.format(ID)}/memory.current", "1000000\n")
    unified.file(f"sys/fs/cgroup/machine.slice/libpod-{ID}.scope/memory.current", "4096\n")
    real = os.scandir

    @contextlib.contextmanager
    def helpers_first(path):  # kernfs lists by hash, so any order occurs
        with real(path) as entries:
            yield sorted(entries, key=lambda entry: entry.name == f"libpod-{ID}.scope")

    monkeypatch.setattr(os, "scandir", helpers_first)
    assert unified.group(Container(ID, pid=96)).path == f"/machine.slice/libpod-{ID}.scope"


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def read(group: Cgroup, controller: str, *names: str) -> bytes | None:
    return group.make_reader(dict.fromkeys((1, 2), ((controller, *names),)))()[1]


class Machine:
    """A control group tree in a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.world = World(procfs=root / "proc", sysfs=root / "sys", docker_host="")

    def file(self, path: str, text: str) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def group(self, container: Container):
        return self.world.source(Cgroups).find_group(container)


@pytest.fixture
def machine(tmp_path):
    machine = Machine(tmp_path)
    yield machine
    machine.world.close()


@pytest.fixture
def unified(machine):
    machine.file("sys/fs/cgroup/cgroup.controllers", "cpu io memory pids\n")
    return machine


def test_version_2(unified):
    unified.file("proc/96/cgroup", f"0::/system.slice/docker-{ID}.scope\n")
    unified.file(f"sys/fs/cgroup/system.slice/docker-{ID}.scope/memory.current", "4096\n")
    group = unified.group(Container(ID, pid=96))
    assert (group.path, group.version) == (f"/system.slice/docker-{ID}.scope", 2)
    assert read(group, "", "memory.current") == b"4096\n"
    assert read(group, "", "memory.peak") is None
    assert read(group, "memory", "memory.stat") is None


def test_version_1_with_joined_controllers_beside_a_version_2_tree(machine):
    machine.file("proc/96/cgroup", f"4:memory:/docker/{ID}\n2:cpu,cpuacct:/docker/{ID}\n0::/docker/{ID}\n")
    machine.file(f"sys/fs/cgroup/memory/docker/{ID}/memory.usage_in_bytes", "1\n")
    machine.file(f"sys/fs/cgroup/cpu,cpuacct/docker/{ID}/cpuacct.usage", "2\n")
    machine.file(f"sys/fs/cgroup/unified/docker/{ID}/cpu.pressure", "3\n")
    group = machine.group(Container(ID, pid=96))
    assert (group.path, group.version) == (f"/docker/{ID}", 1)
    assert read(group, "memory", "memory.usage_in_bytes") == b"1\n"
    assert read(group, "cpuacct", "cpuacct.usage") == b"2\n"
    assert read(group, "", "cpu.pressure") == b"3\n"
    assert read(group, "pids", "pids.current") is None


@pytest.mark.parametrize("reported", [f"/../docker-{ID}.scope", f"/../../../elsewhere/docker-{ID}.scope"])
def test_a_reader_in_its_own_namespace_finds_the_cgroup_by_id(unified, reported):
    unified.file("proc/96/cgroup", f"0::{reported}\n")
    unified.file(f"sys/fs/cgroup/system.slice/docker-{ID}.scope/memory.current", "4096\n")
    assert unified.group(Container(ID, pid=96)).path == f"/system.slice/docker-{ID}.scope"


def test_the_readers_own_container_is_found_by_the_path_pattern_of_another(unified):
    unified.file("proc/96/cgroup", f"0::/../docker-{OTHER}.scope\n")
    unified.file("proc/97/cgroup", "0::/\n")
    for id_ in (ID, OTHER):
        unified.file(f"sys/fs/cgroup/system.slice/docker-{id_}.scope/memory.current", "1\n")
    assert unified.group(Container(OTHER, pid=96)).path == f"/system.slice/docker-{OTHER}.scope"
    assert unified.group(Container(ID, pid=97)).path == f"/system.slice/docker-{ID}.scope"


def test_the_readers_own_container_is_found_when_it_is_the_only_one(unified):
    unified.file("proc/97/cgroup", "0::/\n")
    unified.file(f"sys/fs/cgroup/system.slice/docker-{ID}.scope/memory.current", "1\n")
    assert unified.group(Container(ID, pid=97)).path == f"/system.slice/docker-{ID}.scope"


def test_a_reused_process_id_is_not_matched(unified):
    unified.file("proc/96/cgroup", f"0::/system.slice/docker-{OTHER}.scope\n")
    unified.file(f"sys/fs/cgroup/system.slice/docker-{ID}.scope/memory.current", "1\n")
    assert unified.group(Container(ID, pid=96)) is None


def test_an_exited_container_has_no_cgroup(unified):
    assert unified.group(Container(ID, pid=96)) is None
    assert unified.group(Container(ID, pid=0)) is None


def test_the_tree_is_searched_once_for_a_process_without_a_cgroup(unified, monkeypatch):
    unified.file("proc/96/cgroup", "0::/\n")
    searched = []
    monkeypatch.setattr(cgroup_path, "search_tree", lambda *arguments: searched.append(arguments))
    for _ in range(3):
        assert unified.group(Container(ID, pid=96)) is None
    assert len(searched) == 1


def test_a_machine_without_control_groups(machine):
    groups = machine.world.source(Cgroups)
    assert not groups.are_mounted
    assert groups.find_group(Container(ID, pid=1)) is None


def test_the_path_of_a_stopped_container_follows_the_engines_pattern(unified):
    groups = unified.world.source(Cgroups)
    assert groups.group_path(Container("a"), "cgroupfs") == "/docker/a"
    assert groups.group_path(Container("b"), "systemd") == "/system.slice/docker-b.scope"
    assert groups.group_path(Container("c", cgroup_parent="/apps"), "cgroupfs") == "/apps/c"
    assert groups.group_path(Container("d", cgroup_parent="apps.slice"), "systemd") == "/apps.slice/docker-d.scope"
    assert groups.group_path(Container("e"), "podman-systemd") == "/machine.slice/libpod-e.scope"
    assert groups.group_path(Container("f"), "podman-cgroupfs") == "/libpod_parent/libpod-f"
    assert groups.group_path(Container("g", cgroup_parent="pods"), "podman-cgroupfs") == "/pods/libpod-g"


def test_the_path_is_kept_while_the_container_runs(unified):
    groups = unified.world.source(Cgroups)
    before = groups.group_path(Container(ID), "cgroupfs")
    unified.file("proc/96/cgroup", f"0::/nested/docker/{ID}\n")
    unified.file(f"sys/fs/cgroup/nested/docker/{ID}/memory.current", "1\n")
    running = Container(ID, pid=96)
    assert groups.find_group(running).path == f"/nested/docker/{ID}"
    assert groups.group_path(running, "cgroupfs") == before
    assert groups.group_path(Container("later"), "cgroupfs") == "/nested/docker/later"
    groups.prune([], [])
    assert groups.group_path(running, "cgroupfs") == f"/nested/docker/{ID}"


def test_descriptors_of_exited_containers_are_closed(unified):
    unified.file("proc/96/cgroup", f"0::/docker/{ID}\n")
    unified.file(f"sys/fs/cgroup/docker/{ID}/memory.current", "1\n")
    groups, room = unified.world.source(Cgroups), unified.world.source(DescriptorBudget)
    group = groups.find_group(Container(ID, pid=96))
    before, left = descriptors(), room.remaining
    read(group, "", "memory.current")
    groups.prune([ID], [ID])
    assert (descriptors(), room.remaining) == (before + 1, left - 1)
    groups.prune([], [ID])
    assert (descriptors(), room.remaining) == (before, left)
    assert read(group, "", "memory.current") == b"1\n", "a cgroup that another thread is reading"
    assert descriptors() == before


def test_beyond_the_descriptor_limit_files_are_opened_per_reading(unified):
    unified.world.source(DescriptorBudget).remaining = 1
    unified.file("proc/96/cgroup", f"0::/docker/{ID}\n")
    for name in "abc":
        unified.file(f"sys/fs/cgroup/docker/{ID}/{name}", name)
    group = unified.group(Container(ID, pid=96))
    before = descriptors()
    assert [read(group, "", name) for name in "abcabc"] == [b"a", b"b", b"c"] * 2
    assert descriptors() == before + 1


def test_a_cgroup_recreated_at_the_same_path_is_reopened(unified, monkeypatch):
    unified.file("proc/96/cgroup", f"0::/docker/{ID}\n")
    unified.file(f"sys/fs/cgroup/docker/{ID}/memory.current", "1\n")
    group = unified.group(Container(ID, pid=96))
    assert read(group, "", "memory.current") == b"1\n"

    def gone(*_: object) -> bytes:
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))

    with monkeypatch.context() as patch:
        patch.setattr(group._kept["", "memory.current"].__class__, "read", gone)
        assert read(group, "", "memory.current") is None
    assert read(group, "", "memory.current") == b"1\n"


def test_the_file_name_of_an_older_kernel(unified):
    unified.file("proc/96/cgroup", f"0::/docker/{ID}\n")
    unified.file(f"sys/fs/cgroup/docker/{ID}/old", "1\n")
    group = unified.group(Container(ID, pid=96))
    assert [read(group, "", "new", "old") for _ in range(2)] == [b"1\n"] * 2
    assert read(group, "", "new") is None


@pytest.mark.parametrize("number", [errno.ENODEV, errno.EOPNOTSUPP])
def test_a_cgroup_removed_between_open_and_read(unified, monkeypatch, number):
    unified.file("proc/96/cgroup", f"0::/docker/{ID}\n")
    unified.file(f"sys/fs/cgroup/docker/{ID}/cgroup.procs", "96\n")
    group = unified.group(Container(ID, pid=96))

    def refuse(*_: object) -> bytes:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(cgroup_files, "read_once", refuse)
    monkeypatch.setattr(KeptFile, "read", refuse)
    before = descriptors()
    assert read(group, "", "cgroup.procs") is None
    assert descriptors() == before
