"""An unreachable file server affects only its own mounts."""

from __future__ import annotations

import os
import threading
import time

import pytest

from deckwatch.exporter.collectors import host_filesystem
from deckwatch.exporter.sources import mounts
from deckwatch.exporter.sources.files import read_once
from deckwatch.exporter.sources.mounts import SpaceQueries, parse_mountinfo
from deckwatch.exporter.world import World

FULL = os.statvfs_result((4096, 4096, 100, 50, 40, 10, 5, 5, 0, 255))


class Server:
    """A file server for every path that begins with /nfs; calls block while it is unreachable."""

    def __init__(self) -> None:
        self.there = threading.Event()
        self.calls: list[str] = []

    def statvfs(self, path: str) -> os.statvfs_result:
        self.calls.append(path)
        if path.startswith("/nfs"):
            self.there.wait(30)
        if path == "/denied":
            raise PermissionError(13, "Permission denied")
        return FULL


@pytest.fixture
def server():
    server = Server()
    yield server
    server.there.set()


@pytest.fixture
def space(server: Server):
    with World(statvfs=server.statvfs) as world:
        space = world.source(SpaceQueries)
        space.patience = 0.4
        yield space


def test_usage_or_the_reason_for_its_absence(space: SpaceQueries) -> None:
    answers = space.query_space(["/", "/denied"])
    assert answers["/"] == FULL
    assert isinstance(answers["/denied"], PermissionError)


def test_stuck_mounts_cost_the_timeout_only_once(space: SpaceQueries, server: Server, measure_wait) -> None:
    points = ["/nfs/1", "/a", "/nfs/2", "/nfs/3", "/b"]
    start = time.monotonic()
    answers = space.query_space(points)
    assert 0.35 < time.monotonic() - start < 5
    stuck = {point for point, answer in answers.items() if isinstance(answer, TimeoutError)}
    assert stuck == {"/nfs/1", "/nfs/2", "/nfs/3"}
    assert answers["/a"] == answers["/b"] == FULL

    server.calls.clear()
    assert measure_wait(lambda: space.query_space(points)) < 0.3  # nothing waits for them again
    server.calls.clear()
    assert space.query_space(points).keys() == set(points)
    assert sorted(server.calls) == ["/a", "/b"]


def test_a_recovered_mount_is_queried_again(space: SpaceQueries, server: Server) -> None:
    assert isinstance(space.query_space(["/nfs/1"])["/nfs/1"], TimeoutError)
    server.there.set()
    deadline = time.monotonic() + 10
    while isinstance(space.query_space(["/nfs/1"])["/nfs/1"], TimeoutError):
        assert time.monotonic() < deadline


def test_paths_are_below_the_hosts_root(server: Server, tmp_path) -> None:
    with World(statvfs=server.statvfs, rootfs=tmp_path) as world:
        world.source(SpaceQueries).query_space(["/", "/srv"])
    assert sorted(server.calls) == [f"{tmp_path}/", f"{tmp_path}/srv"]


def test_threads_end_with_the_world(server: Server) -> None:
    others = set(threading.enumerate())
    with World(statvfs=server.statvfs) as world:
        world.source(SpaceQueries).query_space(["/"])
    deadline = time.monotonic() + 10
    while any(thread.name.startswith("statvfs") for thread in {*threading.enumerate()} - others):
        assert time.monotonic() < deadline
        time.sleep(0.01)


MOUNTINFO = """\
21 1 8:1 / / rw - ext4 /dev/sda1 rw
30 21 0:40 / /data rw - tmpfs outer rw
31 30 0:41 / /data/a rw - tmpfs inner rw
32 30 0:42 / /data rw - tmpfs cover rw
33 21 8:17 / /new rw - ext4 /dev/sdb1 rw
"""
AT_PATH = {"/": (8, 1), "/data": (0, 42), "/data/a": (0, 42), "/new": (8, 1)}


@pytest.mark.parametrize("own_mountinfo", [True, False])
def test_a_mount_that_is_hidden_or_not_ours_has_no_size(tmp_path, server, monkeypatch, own_mountinfo: bool) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "1/mountinfo").write_text(MOUNTINFO)
    numbers = {path: os.makedev(*device) for path, device in AT_PATH.items()}
    monkeypatch.setattr(mounts, "mounted_device", numbers.get if own_mountinfo else lambda _: None)
    with World(procfs=tmp_path, statvfs=server.statvfs, device_of=numbers.__getitem__) as world:
        samples = list(host_filesystem.collect.collect(world))
    errors = {sample.labels[1]: sample.labels[3] for sample in samples if sample.metric is host_filesystem.ERROR}
    assert errors == {"/": "", "/data": "", "/data/a": "mountpoint hidden", "/new": "mountpoint hidden"}
    assert {sample.labels[1] for sample in samples if sample.metric is host_filesystem.SIZE} == {"/", "/data"}
    assert {sample.labels[-1] for sample in samples if sample.metric is host_filesystem.INFO} == {"/", "/data"}


def test_a_btrfs_subvolume_is_not_hidden(server, monkeypatch) -> None:
    looked = []

    def own_mount(path: str) -> int:
        looked.append(path)
        return os.makedev(0, 27)

    monkeypatch.setattr(mounts, "mounted_device", own_mount)
    with World(statvfs=server.statvfs, device_of=lambda _: os.makedev(0, 51)) as world:
        for _ in range(3):
            answers = world.source(SpaceQueries).query_space(["/home"], {"/home": os.makedev(0, 27)})
            assert answers == {"/home": FULL}
    assert looked == ["/home"]  # once until the mounts change


def test_our_own_mounts_have_their_devices() -> None:
    for mount in parse_mountinfo(read_once("/proc/self/mountinfo")):
        if mount.fstype in ("ext4", "xfs", "btrfs", "tmpfs", "proc", "sysfs") and mount.point in ("/", "/proc", "/sys"):
            assert mounts.mounted_device(mount.point) == mounts.device_number(mount.major, mount.minor)
    assert mounts.device_number("8", "none") is None
    assert mounts.device_number("9" * 30, "1") is None


# One ext4 mounted five times, one of btrfs with subvolumes, two tmpfs, and overlays on the ext4 and on a hidden disk.
REPEATED = """\
21 1 8:1 / / rw - ext4 /dev/sda1 rw
30 21 8:1 /srv/data /srv/www rw - ext4 /dev/sda1 rw
31 21 8:1 / /mnt/all rw - ext4 /dev/sda1 rw
32 21 8:1 /home/a\\040b /b rw - ext4 /dev/sda1 rw
33 21 8:1 /etc/hosts /var/jail/etc/hosts ro - ext4 /dev/sda1 rw
40 21 0:27 /@data /data rw - btrfs /dev/sdb rw,subvol=/@data
41 21 0:27 /@log /data/log rw - btrfs /dev/sdb rw,subvol=/@log
42 21 0:30 / /run rw - tmpfs tmpfs rw
43 21 0:31 / /tmp rw - tmpfs tmpfs rw
44 21 8:17 / /closed rw - xfs /dev/sdc rw
45 21 8:17 / /mnt/closed/again rw - xfs /dev/sdc rw
50 21 0:51 / /var/lib/docker/overlay2/x/merged rw - overlay overlay rw,upperdir=/var/lib/x/diff
51 21 0:52 / /var/lib/docker/overlay2/y/merged rw - overlay overlay rw,lowerdir=/a
52 21 0:53 / /var/lib/docker/overlay2/z/merged rw - overlay overlay rw,lowerdir=/a,upperdir=/data/z/diff,workdir=/w
"""


def repeated_mounts(tmp_path, statvfs, **host: object) -> dict[str, str]:
    """Return the shown mount points of file systems that other mounts stand for, each with that mount."""
    (tmp_path / "1").mkdir(exist_ok=True)
    (tmp_path / "1/mountinfo").write_text(REPEATED)
    with World(procfs=tmp_path, statvfs=statvfs, device_of=None, config={"host": host}) as world:
        samples = list(host_filesystem.collect.collect(world))
    repeated = [sample.labels for sample in samples if sample.metric is host_filesystem.REPEATED]
    shown = {sample.labels[:3] for sample in samples if sample.metric is host_filesystem.READONLY}
    assert {labels[:3] for labels in repeated} <= shown, "each mount keeps its series, as in node_exporter"
    return {mountpoint: shown_as for _, mountpoint, _, shown_as in repeated}


def test_one_mount_stands_for_a_file_system(tmp_path) -> None:
    assert repeated_mounts(tmp_path, lambda _: FULL) == {
        "/srv/www": "/",
        "/mnt/all": "/",
        "/b": "/",
        "/var/jail/etc/hosts": "/",
        "/data/log": "/data",
        "/mnt/closed/again": "/closed",
    }


def test_an_overlay_belongs_to_the_file_system_of_its_upper_folder(tmp_path) -> None:
    everything = {"filesystem_types": {"include": "."}, "mount_points": {"include": "."}}
    repeated = repeated_mounts(tmp_path, lambda _: FULL, **everything)
    assert repeated["/var/lib/docker/overlay2/x/merged"] == "/"
    assert repeated["/var/lib/docker/overlay2/z/merged"] == "/data"
    assert "/var/lib/docker/overlay2/y/merged" not in repeated  # nobody writes to it


def test_a_mount_whose_size_is_known_stands_for_those_that_cannot_be_read(tmp_path) -> None:
    def statvfs(path: str) -> os.statvfs_result:
        if path in ("/closed", "/"):
            raise PermissionError(13, "Permission denied")
        return FULL

    repeated = repeated_mounts(tmp_path, statvfs)
    assert repeated["/closed"] == "/mnt/closed/again"
    assert repeated["/"] == "/mnt/all"  # the whole file system, not a folder of it


def test_filtered_mounts_stand_for_nothing(tmp_path) -> None:
    repeated = repeated_mounts(tmp_path, lambda _: FULL, mount_points={"exclude": "^/closed|^/(var|run)($|/)"})
    assert "/mnt/closed/again" not in repeated
