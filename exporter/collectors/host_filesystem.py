"""Space and files of mounted file systems, from mountinfo of process 1 and statvfs(2)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.collectors import _host_filters
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources import mounts, procfs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from deckwatch.exporter.world import World

_LABELS = ("device", "mountpoint", "fstype", "device_error")


def _declare_gauge(name: str, about: str) -> Metric:
    return Metric(f"node_filesystem_{name}", "gauge", about, _LABELS)


ERROR = _declare_gauge(
    "device_error", "1 if the file system cannot say how full it is; the label device_error says why."
)
READONLY = _declare_gauge("readonly", "1 if the file system can only be read, be it by choice or after an error.")
SIZE = _declare_gauge("size_bytes", "Size of the file system.")
FREE = _declare_gauge("free_bytes", "Free space, with what is kept for root.")
AVAILABLE = _declare_gauge("avail_bytes", "Free space that every user can have.")
FILES = _declare_gauge("files", "Files that the file system can hold (inodes); 0 where it has no such limit.")
FILES_FREE = _declare_gauge("files_free", "Files that can still be made (free inodes).")
INFO = Metric(
    "node_filesystem_mount_info",
    "gauge",
    "Device numbers of the mount, in labels; always 1.",
    ("device", "major", "minor", "mountpoint"),
)


@collector(ERROR, READONLY, SIZE, FREE, AVAILABLE, FILES, FILES_FREE, INFO, peer="node:filesystem")
def collect(world: World) -> Iterator[Sample]:
    """Size, free space and free inodes of each mounted file system."""
    yield from mount_samples(
        world, world.source(mounts.SpaceQueries).parse_if_changed(procfs.read_init(world, "mountinfo"))
    )


def mount_samples(world: World, mounted: Iterable[mounts.Mount]) -> Iterator[Sample]:
    """Yield how full these are, as far as they are shown."""
    shown = world.source(_host_filters.HostFilters)
    watched = [
        mount
        for mount in mounted
        if shown.filesystem_types.is_shown(mount.fstype) and shown.mount_points.is_shown(mount.point)
    ]
    answers = world.source(mounts.SpaceQueries).query_space(mount.point for mount in watched)
    for mount in watched:
        found = answers[mount.point]
        error = _error_text(found) if isinstance(found, OSError) else ""
        labels = (mount.device, mount.point, mount.fstype, error)
        yield ERROR(int(bool(error)), *labels)
        yield READONLY(int(mount.readonly), *labels)
        if not isinstance(found, OSError):
            yield SIZE(found.f_blocks * found.f_frsize, *labels)
            yield FREE(found.f_bfree * found.f_frsize, *labels)
            yield AVAILABLE(found.f_bavail * found.f_frsize, *labels)
            yield FILES(found.f_files, *labels)
            yield FILES_FREE(found.f_ffree, *labels)
            if mount.major:
                yield INFO(1, mount.device, mount.major, mount.minor, mount.point)


def _error_text(error: OSError) -> str:
    """Return node_exporter's words for an error: few and fixed, so that they can stand in a label."""
    if isinstance(error, TimeoutError) and error.errno is None:
        return "mountpoint timeout"
    return os.strerror(error.errno or 0).lower()
