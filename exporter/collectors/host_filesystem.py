"""Space and inodes of mounted file systems, from mountinfo of process 1 and statvfs(2)."""

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


def _declare_gauge(name: str, help_text: str) -> Metric:
    return Metric(f"node_filesystem_{name}", "gauge", help_text, _LABELS)


ERROR = _declare_gauge(
    "device_error", "1 if reading the file system's statistics failed, else 0; the label device_error gives the reason."
)
READONLY = _declare_gauge("readonly", "1 if the file system is mounted read-only, by configuration or after an error.")
SIZE = _declare_gauge("size_bytes", "Size of the file system.")
FREE = _declare_gauge("free_bytes", "Free space, including the part reserved for root.")
AVAILABLE = _declare_gauge("avail_bytes", "Free space available to unprivileged users.")
FILES = _declare_gauge("files", "Number of inodes; 0 where the file system has no such limit.")
FILES_FREE = _declare_gauge("files_free", "Number of free inodes.")
INFO = Metric(
    "node_filesystem_mount_info",
    "gauge",
    "Device numbers of the mount, in labels; always 1.",
    ("device", "major", "minor", "mountpoint"),
)


@collector(
    ERROR, READONLY, SIZE, FREE, AVAILABLE, FILES, FILES_FREE, INFO, peer="node:filesystem", needs="proc/1/mountinfo"
)
def collect(world: World) -> Iterator[Sample]:
    """Size, free space and free inodes of each mounted file system."""
    yield from mount_samples(
        world, world.source(mounts.SpaceQueries).parse_if_changed(procfs.read_init(world, "mountinfo"))
    )


def mount_samples(world: World, mounted: Iterable[mounts.Mount]) -> Iterator[Sample]:
    """Yield the samples of these mounts, except for filtered ones."""
    shown = world.source(_host_filters.HostFilters)
    watched = [
        mount
        for mount in mounted
        if shown.filesystem_types.is_shown(mount.fstype) and shown.mount_points.is_shown(mount.point)
    ]
    answers = world.source(mounts.SpaceQueries).query_space(mount.point for mount in watched)
    for mount in watched:
        space = answers[mount.point]
        error = _error_text(space) if isinstance(space, OSError) else ""
        labels = (mount.device, mount.point, mount.fstype, error)
        yield ERROR(int(bool(error)), *labels)
        yield READONLY(int(mount.readonly), *labels)
        if not isinstance(space, OSError):
            yield SIZE(space.f_blocks * space.f_frsize, *labels)
            yield FREE(space.f_bfree * space.f_frsize, *labels)
            yield AVAILABLE(space.f_bavail * space.f_frsize, *labels)
            yield FILES(space.f_files, *labels)
            yield FILES_FREE(space.f_ffree, *labels)
            if mount.major:
                yield INFO(1, mount.device, mount.major, mount.minor, mount.point)


def _error_text(error: OSError) -> str:
    """Return an error in node_exporter's wording: a small, fixed set, as a label value requires."""
    if isinstance(error, TimeoutError) and error.errno is None:
        return "mountpoint timeout"
    return os.strerror(error.errno or 0).lower()
