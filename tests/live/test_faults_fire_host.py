"""Every alert on machines: real trouble that is small, and its end. How to add one: `test_faults_fire.py`."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from deckwatch.provisioning.program import free_port

pytestmark = [pytest.mark.live, pytest.mark.slow]

CORES = os.cpu_count() or 1
# What the machine does anyway is not this test's: these limits lie above that, and below what the faults bring.
PROJECT = """\
build:
  set:
    host.cpu.high: 90%
    host.load.high: {load:.1f}
    host.load.critical: {more_load:.1f}
    host.memory.high: {memory:.0%}
    host.memory.critical: {more_memory:.0%}
"""
LOAD_MORE = 5.0  # for each processor
HANGING = 40 * CORES
MEMORY_MORE, MEMORY_EATEN = 0.05, 0.16
BOOT_SECONDS, TOLD_SECONDS = 600, 60  # how long HostRebooted fires after a start, and how much of that is left
SIZE, FILES = "24M", "64"
BUSY_SECONDS, BUSY_PERCENT = 5.0, 85.0
END_SECONDS = 240  # the load of a minute has to be forgotten
# To be started where the mount is: programs that want something of it, without a processor's work.
HANG = """\
import os, subprocess, sys
for _ in range(int(sys.argv[1])):
    if not os.fork():
        try:
            subprocess.run([sys.argv[2]])
        finally:
            os._exit(0)
for _ in range(int(sys.argv[1])):
    os.wait()
"""
EAT = "import sys; eaten = b'x' * int(sys.argv[1]); print(); sys.stdin.read()"

FAULTS = {
    "HostCpuHigh": {"instance": "deck-1"},
    "HostLoadHigh": {"instance": "deck-1"},
    "HostMemoryHigh": {"instance": "deck-1"},
    "HostMemoryCritical": {"instance": "deck-1", "severity": "critical"},
    "HostFilesystemFull": {"instance": "deck-2", "fstype": ""},
    "HostFilesystemCritical": {"instance": "deck-2", "severity": "critical"},
    "HostFilesystemFillPredicted": {"instance": "deck-2", "fstype": "ext4"},
    "HostFilesystemReadOnly": {"instance": "deck-2", "fstype": "ext4"},
    "HostFilesystemStuck": {"instance": "deck-2", "fstype": "fuse"},
    "HostInodesLow": {"instance": "deck-2"},
    "HostInodesFillPredicted": {"instance": "deck-2", "fstype": "ext4"},
    "HostRebooted": {"instance": "deck-3"},
}


@contextlib.contextmanager
def program(*argv, **more):
    """A program that is ended with its children."""
    process = subprocess.Popen([str(word) for word in argv], **more)
    try:
        yield process
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            for child in psutil.Process(process.pid).children(recursive=True):
                child.kill()
        process.kill()
        process.communicate()


@contextlib.contextmanager
def busy():
    """Keep all processors at work, at the lowest priority."""
    with contextlib.ExitStack() as stack:
        for _ in range(CORES):
            stack.enter_context(program("nice", "-n19", sys.executable, "-c", "while True: pass"))
        yield


@contextlib.contextmanager
def eaten(size: int):
    with program(sys.executable, "-c", EAT, size, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        yield


@pytest.fixture
def disks(mounted, need, tmp_path):
    """Small ext4 file systems where `mounted` is: one to fill, one with few inodes, one to be made read-only."""
    mkfs = need("mkfs.ext4", get="apt-get install e2fsprogs")
    made = {}
    for name in ("full", "files", "readonly"):
        image, point = tmp_path / f"{name}.img", tmp_path / name
        subprocess.run([mkfs, "-q", "-N", FILES, image, SIZE], check=True, capture_output=True)
        point.mkdir()
        subprocess.run(mounted.inside("mount", "-o", "loop", str(image), str(point)), check=True)
        made[name] = point
    yield made
    for point in made.values():
        subprocess.run(mounted.inside("umount", str(point)), check=True)


@pytest.fixture
def limits(need) -> str:
    """A project whose limits lie a little above what this machine does anyway."""
    load, memory = os.getloadavg()[0] / CORES + LOAD_MORE, psutil.virtual_memory()
    used = 1 - memory.available / memory.total
    need.luck(used + MEMORY_EATEN < 0.9, "too little memory is free to take some")
    lines = {"memory": used + MEMORY_MORE, "more_memory": used + 2 * MEMORY_MORE}
    return PROJECT.format(load=load, more_load=10 * load, **lines)


@pytest.fixture
def started_just_now(need) -> list[str]:
    """A command in front of another one, for which the machine was started less than ten minutes ago."""
    need.luck(Path("/proc/self/ns/time").exists(), "this kernel has no namespaces of time")
    back = int(time.clock_gettime(time.CLOCK_BOOTTIME)) - BOOT_SECONDS + TOLD_SECONDS
    unshare = need("unshare", get="apt-get install util-linux")
    return [unshare, "--time", f"--boottime={-back}", "--fork", "--kill-child"]


@pytest.fixture
def beside(serving, mounted, disks):
    """An exporter where the disks are."""
    assert disks
    return serving("", through=mounted.inside())


@pytest.fixture
def machines(limits, alarm, serving, beside, started_just_now):
    """A chain over this machine, over it with the disks, and over it as if it had just been started."""
    port = free_port()
    hosts = {"deck-2": beside.address, "deck-3": f"127.0.0.1:{port}"}
    chain = alarm("", hosts, project=limits, hurried=True, alerts=FAULTS)
    chain.wait_for_series('node_filesystem_avail_bytes{instance="deck-2", mountpoint=~".*/full"}')
    serving("", through=started_just_now, port=port)
    return chain


def test_machines_that_are_busy_full_hung_and_just_started(machines, mounted, disks, eventually):
    def at(script: str, *words) -> None:
        subprocess.run(mounted.inside("sh", "-c", script, "sh", *map(str, words)), check=True, capture_output=True)

    mountpoints = dict.fromkeys(FAULTS, disks["full"]) | {
        "HostInodesLow": disks["files"],
        "HostInodesFillPredicted": disks["files"],
        "HostFilesystemReadOnly": disks["readonly"],
        "HostFilesystemStuck": mounted.point,
    }
    faults = {
        name: labels | ({"mountpoint": str(mountpoints[name])} if labels["instance"] == "deck-2" else {})
        for name, labels in FAULTS.items()
    }
    hung = ("HostFilesystemStuck", "HostLoadHigh")
    hanging = mounted.inside(sys.executable, "-c", HANG, str(HANGING), f"{mounted.point}/program")
    with eaten(int(MEMORY_EATEN * psutil.virtual_memory().total)), busy():
        # Soon this is how it has been for long, and nothing to tell any more; taking memory can last, and went first.
        at('head -c 30M /dev/zero >"$1/zeros" || true', disks["full"])
        at('cd "$1"; touch $(seq 100) || true', disks["files"])
        at('mount -o remount,ro "$1"', disks["readonly"])
        machines.fire({name: labels for name, labels in faults.items() if name not in hung})
        mounted.hang()
        with program(*hanging):
            machines.fire({name: faults[name] for name in hung})
            mounted.come_back()
    at('rm "$1/zeros"', disks["full"])
    at('rm "$1"/[0-9]*', disks["files"])
    at('mount -o remount,rw "$1"', disks["readonly"])
    machines.end({name: labels for name, labels in faults.items() if name != "HostCpuHigh"}, END_SECONDS)
    # It ends too, unless others keep the processors as busy as they were.
    eventually(
        lambda: not machines.firing("HostCpuHigh") or psutil.cpu_percent(BUSY_SECONDS) > BUSY_PERCENT, END_SECONDS
    )
