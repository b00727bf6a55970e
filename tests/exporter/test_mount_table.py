"""mountinfo: read again after a change that the kernel reports, when statvfs says something new, and once a minute."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from deckwatch.exporter.sources import mount_table, mounts
from deckwatch.exporter.sources.mount_table import MountTable
from deckwatch.exporter.world import NoData, World

if TYPE_CHECKING:
    from pathlib import Path

# A program in a mount namespace of its own: what the table holds after each change, and how often the file was read.
_PROGRAM = """
import json, os, subprocess, sys
from pathlib import Path
from deckwatch.exporter.sources import mount_table
from deckwatch.exporter.sources.mount_table import MountTable
from deckwatch.exporter.world import World

folder, procfs = sys.argv[1:]
reads, read_once = [], mount_table.read_once
mount_table.read_once = lambda path, **rest: (reads.append(path), read_once(path, **rest))[1]

def run(*command):
    subprocess.run(command, check=True)

world = World(procfs=Path(procfs), docker_host="", clock=lambda: 5.0)
table, found = world.source(MountTable), []

def look():
    line = next((line for line in table.read().decode().splitlines() if f" {folder} " in line), "")
    words = line.split(" ")
    found.append([len(reads), words[5].split(",")[0] if line else ""])

look(); look()
run("mount", "-t", "tmpfs", "none", folder); look(); look()
run("mount", "-o", "remount,ro", folder); look(); look()
run("mount", "-o", "remount,bind,rw", folder); look(); look()
run("umount", folder); look(); look()
first = table.read()
print(json.dumps({"found": found, "polled": table._descriptor is not None, "same": table.read() is first}))
world.close()
"""


# The file of this very process stands for that of process 1, at a second mount of procfs as in a container.
_AS_INIT = "mount -t tmpfs none /mnt && mkdir /mnt/1 && mount --bind /proc/$$ /mnt/1 &&"


@pytest.mark.parametrize(
    ("namespaces", "before", "procfs"),
    [
        (["--mount"], _AS_INIT, "/mnt"),
        (["--mount", "--pid", "--fork", "--mount-proc", "--net", "--cgroup"], "", "/proc"),
    ],
)
def test_every_change_of_a_mount_is_seen_and_nothing_else_is_read(
    need, tmp_path: Path, namespaces: list[str], before: str, procfs: str
) -> None:
    need.that(os.geteuid() == 0, "mounting needs root")
    unshare = need("unshare", get="apt-get install util-linux")
    program, folder = tmp_path / "program.py", tmp_path / "mount"
    program.write_text(_PROGRAM)
    folder.mkdir()
    inner = [sys.executable, str(program), str(folder), procfs]
    done = subprocess.run(
        [unshare, *namespaces, "sh", "-c", f'{before} exec "$@"', "sh", *inner],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    answer = json.loads(done.stdout)
    assert answer["polled"]
    assert answer["same"]
    assert [options for _, options in answer["found"]] == ["", "", "rw", "rw", "ro", "ro", "rw", "rw", "", ""]
    assert [reads for reads, _ in answer["found"]] == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]


@pytest.fixture
def captured_table(tmp_path: Path):
    (tmp_path / "1").mkdir()
    (tmp_path / "1/mountinfo").write_bytes(b"1")
    with World(procfs=tmp_path, docker_host="", clock=lambda: 5.0) as world:
        yield world.source(MountTable), tmp_path / "1/mountinfo"


def test_a_file_that_cannot_be_polled_is_read_each_time(captured_table) -> None:
    table, file = captured_table
    for content in (b"1", b"2", b"3"):
        file.write_bytes(content)
        assert table.read() == content
    assert table.read() is table.read()
    file.unlink()
    with pytest.raises(NoData):
        table.read()
    file.write_bytes(b"4")
    assert table.read() == b"4"


@pytest.fixture
def clock_and_reads(monkeypatch, tmp_path: Path):
    """A table of which the kernel reports no change, the time, and the readings of its file."""
    (tmp_path / "1").mkdir()
    (tmp_path / "1/mountinfo").write_bytes(b"1")
    now, reads = [1000.0], []
    real = mount_table.read_once

    def read_once(path: str, **rest: bytes) -> bytes:
        reads.append(path)
        return real(path, **rest)

    monkeypatch.setattr(mount_table, "read_once", read_once)
    monkeypatch.setattr(MountTable, "_may_have_changed", lambda _table: False)
    with World(procfs=tmp_path, docker_host="", clock=lambda: now[0]) as world:
        yield world.source(MountTable), now, reads


def test_unreported_changes_are_seen_within_a_minute_whatever_the_clock_does(clock_and_reads) -> None:
    table, now, reads = clock_and_reads
    table.read()
    for moment, expected in ((1059.0, 1), (1060.0, 2), (1100.0, 2), (500.0, 3), (559.0, 3), (90_000.0, 4)):
        now[0] = moment
        table.read()
        assert len(reads) == expected
    table.read(afresh=True)
    assert len(reads) == 5


def test_another_state_of_a_mount_makes_the_table_doubtful(clock_and_reads) -> None:
    table, _, _ = clock_and_reads

    def space(flags: int, free: int = 1) -> os.statvfs_result:
        return os.statvfs_result((1, 1, 9, free, free, 9, 9, 9, flags, 255))

    assert not table.is_doubtful({"/": space(0)})
    assert not table.is_doubtful({"/": space(0, free=2), "/new": space(1)})
    assert table.is_doubtful({"/": space(os.ST_RDONLY)})
    assert not table.is_doubtful({"/": space(os.ST_RDONLY)})
    assert table.is_doubtful({"/": mounts.HiddenMountError()})
    assert table.is_doubtful({"/": FileNotFoundError(2, "gone")})
    assert not table.is_doubtful({"/": FileNotFoundError(2, "gone")})
    assert not table.is_doubtful({"/": TimeoutError()})


def test_a_file_system_that_stops_writing_is_shown_in_the_same_scrape(tmp_path: Path, monkeypatch, found) -> None:
    """The kernel reports no change of the mount table then; the flags that statvfs returns say it."""
    flags, file = [0], tmp_path / "1/mountinfo"
    file.parent.mkdir()

    def statvfs(_path: str) -> os.statvfs_result:
        return os.statvfs_result((1, 1, 9, 1, 1, 9, 9, 9, flags[0], 255))

    key = ("node_filesystem_readonly", "/dev/vda", "/", "ext4", "")
    with World(procfs=tmp_path, docker_host="", statvfs=statvfs, device_of=None, clock=lambda: 5.0) as world:
        for flags[0], options in ((0, "rw"), (os.ST_RDONLY, "ro"), (os.ST_RDONLY, "ro"), (0, "rw")):
            file.write_text(f"27 1 254:0 / / rw - ext4 /dev/vda {options}\n")
            assert found(world, "host_filesystem")[key] == int(options == "ro")
            monkeypatch.setattr(MountTable, "_may_have_changed", lambda _table: False)
