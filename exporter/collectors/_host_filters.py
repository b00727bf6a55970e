"""Which disks, mounts, interfaces and units have series; shared by the collectors that have some for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.name_filter import NameFilter
from deckwatch.exporter.world import Source

if TYPE_CHECKING:
    from deckwatch.exporter.world import World

# node_exporter's defaults. Partitions, whose disk is there, and devices that are memory or a file …
DISKS = r"^(z?ram|loop|fd|(h|s|v|xv)d[a-z]+|nvme\d+n\d+p)\d+$"
# … what holds no files of anybody's, and the layers of containers.
MOUNT_POINTS = r"^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)"
FILESYSTEM_TYPES = (
    "^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|erofs|fusectl|hugetlbfs|iso9660|mqueue|nsfs|"
    "overlay|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|sysfs|tracefs)$"
)
# Units of systemd that stand for something else, and are many.
UNITS = r"\.(automount|device|mount|scope|slice)$"
# A container's end on the host (vethXXXXXXX) comes and goes with it under a random name, and the container's own
# metrics show the same traffic.
VETH = "^veth"


class HostFilters(Source):
    """What `watch: host:` says of names; its patterns are of the syntax of Python's `re`."""

    def __init__(self, world: World) -> None:
        host = world.config.get("host", {})
        interfaces = dict(host.get("interfaces") or {})
        if not host.get("veth", False) and "include" not in interfaces:
            # Whoever leaves more out does not mean these to appear.
            interfaces["exclude"] = "|".join(filter(None, (interfaces.get("exclude"), VETH)))
        self.interfaces = NameFilter(interfaces, "")
        self.disks = NameFilter(host.get("disks"), DISKS)
        self.mount_points = NameFilter(host.get("mount_points"), MOUNT_POINTS)
        self.filesystem_types = NameFilter(host.get("filesystem_types"), FILESYSTEM_TYPES)
        self.units = NameFilter(host.get("units"), UNITS)
