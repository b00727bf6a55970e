"""The Debian package in the guest: installed, run unprivileged, upgraded and purged, by dpkg and systemd."""

from __future__ import annotations

import re
import shutil
import urllib.request
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

from deckwatch.packaging.debian.build import Release, build_packages
from deckwatch.packaging.debian.target_platform import Platform

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.xdist_group("guest")]

RELEASE = {"platform": Platform("amd64", "3.11"), "epoch": 1_600_000_000, "compression": "none"}
# Every instruction in the guest is emulated, and dpkg takes about 30 ms per file: only what `serve` reads.
NEEDED = re.compile(
    r"deckwatch-|deckwatch/(core|cli|exporter|textfile|packaging|instrument)/|.*/__init__\.py|.*\.schema\.yaml"
)
# Without it, systemd would first start what this machine's file system has for its boot: the default dependencies,
# the journal, and systemd-tmpfiles, which empties /tmp.
ALONE = "[Unit]\\nDefaultDependencies=no\\n[Service]\\nStandardOutput=append:/run/log\\nStandardError=inherit\\n"
UNITS = "/run/systemd/system"
PREPARE = (
    f"mkdir -p {UNITS}/deckwatch.service.d; printf '{ALONE}' >{UNITS}/deckwatch.service.d/alone.conf; "
    f"ln -sf /dev/null {UNITS}/systemd-tmpfiles-setup.service; "
    "rm -f /usr/sbin/policy-rc.d"  # in container images it forbids packages to start services
)
PROJECT = "/etc/deckwatch/deckwatch.yaml"
LISTEN = 'serve: {listen: ":9877"}'
SECONDS = 300
DPKG = "dpkg --no-triggers --force-unsafe-io"  # the trigger is man-db's, which reads all pages of this machine
PATHS = ("/etc/deckwatch", "/etc/default/deckwatch", "/usr/bin/deckwatch", "/usr/lib/deckwatch", "/var/lib/deckwatch")


@pytest.fixture(scope="module")
def packages(debian_sources, tmp_path_factory) -> list[Path]:
    """Two versions of the package, for a host without databases."""
    folder = tmp_path_factory.mktemp("packages")
    own = shutil.copytree(debian_sources[0], folder / "own")
    (record,) = own.glob("*.dist-info/RECORD")
    lines = record.read_text().splitlines(keepends=True)
    record.write_text("".join(line for line in lines if NEEDED.match(line) or line.count("/") == 1))
    sources = [own, *debian_sources[1:]]
    return [
        next(build_packages(sources, folder, Release(**RELEASE, version=version, extras=("config",))))
        for version in ("0.1.0", "0.1.1")
    ]


def test_the_package_is_installed_runs_unprivileged_is_upgraded_and_purged(guest, packages):
    guest.sh(PREPARE)
    guest.sh(f"{DPKG} -i {packages[0]}")
    assert guest.sh("systemctl is-enabled deckwatch; systemctl is-active deckwatch").split() == ["enabled", "active"]
    guest.sh(f"grep -q '^serve' {PROJECT} || echo '{LISTEN}' >>{PROJECT}; systemctl restart deckwatch")
    guest.wait("busybox wget -q -O /dev/null http://127.0.0.1:9877/healthz")
    check_process(guest)
    check_page(urllib.request.urlopen(f"{guest.url}/metrics", timeout=SECONDS).read().decode())

    before = main_process(guest)
    guest.sh(f"{DPKG} -i {packages[1]}")
    assert "0.1.1" in guest.sh("dpkg-query -W -f '${Version}' deckwatch")
    assert LISTEN in guest.sh(f"cat {PROJECT}")
    assert main_process(guest) not in ("0", before)
    guest.wait("busybox wget -q -O /dev/null http://127.0.0.1:9877/healthz")

    guest.sh(f"{DPKG} -P deckwatch")
    assert guest.sh(f"ls -d {' '.join(PATHS)} 2>/dev/null || :") == ""
    assert guest.sh("systemctl is-active deckwatch || :") == "inactive"
    assert guest.sh("getent passwd deckwatch || getent group deckwatch || :") == ""
    assert guest.sh("find /etc /var/lib -xdev -name '*deckwatch*' -not -path '*/dpkg/*'") == ""


def main_process(guest) -> str:
    return guest.sh("systemctl show deckwatch --property=MainPID --value")


def check_process(guest) -> None:
    """Its own user, without capabilities, under a filter of system calls."""
    status = dict(line.split(":\t", 1) for line in guest.sh(f"cat /proc/{main_process(guest)}/status").splitlines())
    assert set(status["Uid"].split()) == {guest.sh("id -u deckwatch")}
    assert {int(status[name], 16) for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")} == {0}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")


def check_page(page: str) -> None:
    """The sandbox hides nothing that is measured: no collector fails, and the mounts are those of the host."""
    series = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            series.setdefault(sample.name, []).append((sample.labels, sample.value))
    failed = {labels["collector"] for labels, value in series["deckwatch_collector_success"] if not value}
    assert failed == set()
    mounts = {labels["mountpoint"]: value for labels, value in series["node_filesystem_readonly"]}
    assert mounts["/srv"] == mounts["/var/lib/docker"] == 0
    assert {value for _, value in series["node_filesystem_device_error"]} == {0}
    assert "node_timex_sync_status" in series
    assert "node_network_receive_bytes_total" in series
