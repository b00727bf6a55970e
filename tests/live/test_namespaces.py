"""The host seen from where a container's exporter is: namespaces of its own, read-only mounts, no privilege."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

if TYPE_CHECKING:
    from collections.abc import Iterator

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

FIXED = (
    *("node_network_", "node_os_", "node_selinux_", "node_disk_info", "node_boot_time_"),
    *("node_time_zone_", "node_time_clocksource_"),
)

Samples = dict[tuple[str, ...], float]


@pytest.fixture(scope="module")
def listening() -> Iterator[int]:
    """Sockets of the host's network namespace, enough of them to stand out from others that come and go."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(50)]
    yield len(sockets)
    for one in sockets:
        one.close()


@pytest.fixture(scope="module")
def pages(need, listening: int) -> tuple[Samples, Samples]:
    """The samples of the host, read outside and inside."""
    for program in ("unshare", "setpriv"):
        need(program, get="apt-get install util-linux")
    need.luck(os.geteuid() == 0, "only root can make namespaces with mounts")
    assert listening
    # Not below pytest's folder, which is root's alone.
    with tempfile.TemporaryDirectory(prefix="deckwatch-namespaces-") as folder:
        Path(folder).chmod(0o755)
        Path(folder, "host").mkdir()
        Path(folder, "deckwatch.yaml").write_text(f"watch: {{collectors: {{on: [{', '.join(OFF_BY_DEFAULT)}]}}}}\n")
        words = ("--project", folder, "scrape", "--docker-host=", "--collect=host", "--timeout=120")
        command = [sys.executable, "-m", "deckwatch", *words]
        inside = ["unshare", *NAMESPACES, "--", "sh", "-c", SCRIPT, "sh", f"{folder}/host", *command]
        return read(command), read(inside)


def read(command: list[str]) -> Samples:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(done.stdout)
        for sample in family.samples
        if "_collector_" not in sample.name
    }


def test_series_are_the_hosts(pages) -> None:
    outside, inside = pages
    of_container = ("node_uname_info", "node_filesystem_", "node_processes_state", "node_processes_threads_state")
    missing = {key for key in outside.keys() - inside.keys() if not key[0].startswith(of_container)}
    more = {key for key in inside.keys() - outside.keys() if not key[0].startswith(of_container)}
    assert (missing, more) == (set(), set())


def test_what_does_not_change_is_equal(pages) -> None:
    outside, inside = pages
    fixed = [key for key in outside if key[0].startswith(FIXED) and not key[0].endswith(("_total", "_dormant"))]
    assert len(fixed) > 20
    assert {key: inside[key] for key in fixed} == {key: outside[key] for key in fixed}


def test_sockets_and_processes_are_the_hosts(pages, listening: int) -> None:
    outside, inside = pages
    assert inside["node_tcp_connection_states", "listen"] >= listening
    assert inside["node_processes_pids",] == pytest.approx(outside["node_processes_pids",], rel=0.3)


def test_the_host_has_its_own_name(pages) -> None:
    (name,) = [key for key in pages[1] if key[0] == "node_uname_info"]
    hostname = Path("/etc/hostname").read_text().strip() if Path("/etc/hostname").exists() else "a-container"
    assert hostname in name
