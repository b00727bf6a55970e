"""Which disks, mounts and interfaces have series: node_exporter's defaults, and the project's settings."""

from __future__ import annotations

import pytest

from deckwatch.exporter.collectors._host_filters import DISKS, FILESYSTEM_TYPES, MOUNT_POINTS, UNITS, NameFilter


@pytest.mark.parametrize(
    ("default", "shown", "left_out"),
    [
        (
            DISKS,
            ["sda", "nvme0n1", "dm-0", "md0", "sr0", "mmcblk0p1"],
            ["sda1", "sdaa12", "nvme0n1p3", "loop7", "ram0"],
        ),
        (
            MOUNT_POINTS,
            ["/", "/srv", "/development", "/var/lib/docker"],
            ["/dev", "/sys/fs", "/var/lib/docker/x/merged"],
        ),
        (FILESYSTEM_TYPES, ["ext4", "tmpfs", "nfs4", "zfs"], ["overlay", "cgroup2", "cgroup", "proc", "nsfs"]),
        (UNITS, ["ssh.service", "ssh.socket", "apt-daily.timer"], ["home.mount", "dev-vda.device", "session-1.scope"]),
    ],
)
def test_defaults(default, shown, left_out) -> None:
    choice = NameFilter(None, default)
    assert [name for name in shown + left_out if choice.is_shown(name)] == shown


@pytest.mark.parametrize(
    ("block", "shown"),
    [
        ({}, ["sda", "vda"]),
        ({"exclude": "^v"}, ["sda", "sda1"]),  # replaces the default
        ({"include": "^sd"}, ["sda", "sda1"]),
        ({"include": "^sd", "exclude": r"\d$"}, ["sda"]),
    ],
)
def test_include_and_exclude(block, shown) -> None:
    choice = NameFilter(block, DISKS)
    assert [name for name in ("sda", "sda1", "vda") if choice.is_shown(name)] == shown


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ({"interfaces": {"exclude": "^docker"}}, {"lo", "eth0"}),
        ({"interfaces": {"exclude": "^docker"}, "veth": True}, {"lo", "eth0", "veth3f1c2aa"}),
        ({"interfaces": {"include": "^(eth|veth)"}}, {"eth0", "veth3f1c2aa"}),
    ],
)
def test_interfaces_in_all_network_collectors(machine, found, host, shown) -> None:
    world = machine(config={"host": host})
    of_hardware = {"bond0", "eth1", "eth2"}
    for name in ("host_network", "host_network_device"):
        interfaces = {key[1] for key in found(world, name) if not key[0].startswith("deckwatch_collector_")}
        assert interfaces - of_hardware == shown


def test_disks_and_file_systems(machine, found) -> None:
    host = {
        "disks": {"include": "^vdb$"},
        "mount_points": {"exclude": "^/srv"},
        "filesystem_types": {"include": "ext4"},
    }
    world = machine(config={"host": host})
    assert {key[1] for key in found(world, "host_disk")} == {"vdb"}
    mount_points = {key[2] for key in found(world, "host_filesystem") if key[0] == "node_filesystem_readonly"}
    assert "/" in mount_points
    assert not [point for point in mount_points if point.startswith("/srv")]
