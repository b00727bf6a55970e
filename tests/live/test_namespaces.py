"""The host seen from where a container's exporter is: namespaces of its own, read-only mounts, no privilege."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.live

NAMESPACES = (
    "--mount",
    "--uts",
    "--ipc",
    "--net",
    "--pid",
    "--fork",
    "--cgroup",
    "--kill-child",
    "--propagation=private",
)
# The host's three trees, read-only; then what a container has of its own in their place.
SCRIPT = """
set -e
mount -t tmpfs tmpfs "$1"
mkdir "$1/proc" "$1/sys" "$1/root"
mount --rbind /proc "$1/proc"
mount --rbind /sys "$1/sys"
mount --bind / "$1/root"
for tree in proc sys root; do mount -o remount,bind,ro "$1/$tree"; done
mount -t proc proc /proc
mount -t sysfs sysfs /sys
hostname a-container
where=$1; shift
exec setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --bounding-set=-all "$@" \
    --path.procfs "$where/proc" --path.sysfs "$where/sys" --path.rootfs "$where/root"
"""
OFF_BY_DEFAULT = ("host_interrupts", "host_processes", "host_tcp")

Told = dict[tuple[str, ...], float]


@pytest.fixture(scope="module")
def pages(need) -> Iterator[Callable[..., tuple[Told, Told]]]:
    """What is told outside and what inside, of these collectors."""
    for program in ("unshare", "setpriv"):
        need(program, get="apt-get install util-linux")
    need.luck(os.geteuid() == 0, "only root can make namespaces with mounts")
    folder = Path(tempfile.mkdtemp(prefix="deckwatch-namespaces-"))  # not below pytest's, which is root's alone
    folder.chmod(0o755)
    (folder / "host").mkdir()
    (folder / "deckwatch.yaml").write_text(f"watch: {{collectors: {{on: [{', '.join(OFF_BY_DEFAULT)}]}}}}\n")

    def scrape(*names: str) -> tuple[Told, Told]:
        words = [word for name in names for word in ("--collect", name)]
        command = [sys.executable, "-m", "deckwatch", "--project", str(folder), "scrape", "--docker-host=", *words]
        inside = ["unshare", *NAMESPACES, "--", "sh", "-c", SCRIPT, "sh", str(folder / "host"), *command]
        return read(command), read(inside)

    yield scrape
    shutil.rmtree(folder)


def read(command: list[str]) -> Told:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(done.stdout)
        for sample in family.samples
        if "_collector_" not in sample.name
    }


def test_series_are_the_hosts(pages) -> None:
    outside, inside = pages("host")
    of_container = ("node_uname_info", "node_filesystem_", "node_processes_state", "node_processes_threads_state")
    missing = {key for key in outside.keys() - inside.keys() if not key[0].startswith(of_container)}
    more = {key for key in inside.keys() - outside.keys() if not key[0].startswith(of_container)}
    assert (missing, more) == (set(), set())


def test_what_does_not_change_is_equal(pages) -> None:
    names = ("host_interrupts", "host_network_device", "host_os", "host_selinux", "host_stat", "host_time", "host_md")
    outside, inside = pages(*names)
    fixed = [
        key
        for key in outside
        if key[0].endswith(
            ("_info", "_bytes", "_id", "_length", "_enabled", "_type", "boot_time_seconds", "zone_offset_seconds")
        )
    ]
    assert len(fixed) > 20
    assert {key: inside[key] for key in fixed} == {key: outside[key] for key in fixed}


@pytest.fixture
def listening() -> Iterator[int]:
    """Sockets of the host's network namespace, many enough to be told from others that come and go."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(50)]
    yield len(sockets)
    for one in sockets:
        one.close()


def test_sockets_and_processes_are_the_hosts(pages, listening: int) -> None:
    _, inside = pages("host_tcp", "host_processes")
    assert inside["node_tcp_connection_states", "listen"] >= listening
    here = [name for name in Path("/proc").iterdir() if name.name.isdecimal()]
    assert inside["node_processes_pids",] == pytest.approx(len(here), rel=0.2)


def test_the_host_has_its_own_name(pages) -> None:
    _, inside = pages("host_uname")
    (name,) = inside
    told = Path("/etc/hostname").read_text().strip() if Path("/etc/hostname").exists() else "a-container"
    assert told in name
