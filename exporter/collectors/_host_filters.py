"""Filters of disks, mounts, interfaces and units by name; shared by the collectors that have series for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.name_filter import NameFilter
from deckwatch.exporter.world import Source

if TYPE_CHECKING:
    from deckwatch.exporter.world import World

# node_exporter's defaults. Partitions, whose disk has series, and devices backed by memory or a file …
DISKS = r"^(z?ram|loop|fd|(h|s|v|xv)d[a-z]+|nvme\d+n\d+p)\d+$"
# … file systems of the kernel, and the layers of containers.
MOUNT_POINTS = r"^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)"
FILESYSTEM_TYPES = (
    "^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|erofs|fusectl|hugetlbfs|iso9660|mqueue|nsfs|"
    "overlay|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|sysfs|tracefs)$"
)
# Numerous systemd units that represent something else.
UNITS = r"\.(automount|device|mount|scope|slice)$"
# The host end of a container's network (vethXXXXXXX) has a random name and the container's lifetime, and the
# container's own metrics show the same traffic.
VETH = "^veth"


class HostFilters(Source):
    """The filters of `watch: host:`; patterns use the syntax of Python's `re`."""

    def __init__(self, world: World) -> None:
        host = world.config.get("host", {})
        interfaces = dict(host.get("interfaces") or {})
        if not host.get("veth", False) and "include" not in interfaces:
            # A custom exclude pattern is not meant to show these.
            interfaces["exclude"] = "|".join(filter(None, (interfaces.get("exclude"), VETH)))
        self.interfaces = NameFilter(interfaces, "")
        self.disks = NameFilter(host.get("disks"), DISKS)
        self.mount_points = NameFilter(host.get("mount_points"), MOUNT_POINTS)
        self.filesystem_types = NameFilter(host.get("filesystem_types"), FILESYSTEM_TYPES)
        self.units = NameFilter(host.get("units"), UNITS)
