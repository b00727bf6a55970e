"""Space and inodes of mounted file systems, from mountinfo of process 1 and statvfs(2)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.collectors import _host_filters
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources import mounts
from deckwatch.exporter.sources.mount_table import MountTable
from deckwatch.exporter.world import Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

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
REPEATED = Metric(
    "deckwatch_filesystem_mount_repeated",
    "gauge",
    "1 for a mount of a file system that dashboards and alerts show at its other mount `shown_as`; else absent.",
    ("device", "mountpoint", "fstype", "shown_as"),
)


@collector(
    *(ERROR, READONLY, SIZE, FREE, AVAILABLE, FILES, FILES_FREE, INFO, REPEATED),
    peer="node:filesystem",
    needs="proc/1/mountinfo",
)
def collect(world: World) -> Iterator[Sample]:
    """Size, free space and free inodes of each mounted file system."""
    table, queries = world.source(MountTable), world.source(mounts.SpaceQueries)
    answers = _query_mounts(world, queries.parse_if_changed(table.read()))
    if table.is_doubtful(answers):
        answers = _query_mounts(world, queries.parse_if_changed(table.read(afresh=True)))
    yield from _answer_samples(world, answers)


def mount_samples(world: World, mounted: Sequence[mounts.Mount]) -> Iterator[Sample]:
    """Yield the samples of these mounts, except for filtered ones."""
    yield from _answer_samples(world, _query_mounts(world, mounted))


def _query_mounts(world: World, mounted: Sequence[mounts.Mount]) -> dict[str, os.statvfs_result | OSError]:
    queries, watched = world.source(mounts.SpaceQueries), world.source(_WatchedMounts)
    watched.choose(mounted, queries.repeated)
    return queries.query_space(watched.labels, watched.devices)


def _answer_samples(world: World, answers: dict[str, os.statvfs_result | OSError]) -> Iterator[Sample]:
    watched = world.source(_WatchedMounts)
    for mount, healthy in watched.labels.values():
        space = answers[mount.point]
        error = _error_text(space) if isinstance(space, OSError) else ""
        labels = (*healthy[:3], error) if error else healthy
        yield ERROR(int(bool(error)), *labels)
        yield READONLY(int(mount.readonly), *labels)
        if not isinstance(space, OSError):
            size = space.f_frsize
            yield SIZE(space.f_blocks * size, *labels)
            yield FREE(space.f_bfree * size, *labels)
            yield AVAILABLE(space.f_bavail * size, *labels)
            yield FILES(space.f_files, *labels)
            yield FILES_FREE(space.f_ffree, *labels)
            if mount.major:
                yield INFO(1, mount.device, mount.major, mount.minor, mount.point)
    for group in watched.repeated:
        yield from _repeated_samples(group, answers)


class _WatchedMounts(Source):
    """The mounts that the filters let through, chosen again only when the list of mounts has changed."""

    def __init__(self, world: World) -> None:
        self._shown = world.source(_host_filters.HostFilters)
        self._mounted: Sequence[mounts.Mount] = ()
        self.labels: dict[str, tuple[mounts.Mount, tuple[str, str, str, str]]] = {}  # by point; of one without an error
        self.devices: dict[str, int] = {}
        self.repeated: list[list[mounts.Mount]] = []  # those of each file system, the first one is preferred

    def choose(self, mounted: Sequence[mounts.Mount], repeated: Iterable[list[mounts.Mount]]) -> None:
        """Choose from these mounts; the identical sequence is known."""
        if mounted is self._mounted:
            return
        self._mounted = mounted
        types, points = self._shown.filesystem_types, self._shown.mount_points
        watched = [mount for mount in mounted if types.is_shown(mount.fstype) and points.is_shown(mount.point)]
        self.labels = {mount.point: (mount, (mount.device, mount.point, mount.fstype, "")) for mount in watched}
        numbers = {mount.point: mounts.device_number(mount.major, mount.minor) for mount in watched}
        self.devices = {point: number for point, number in numbers.items() if number is not None}
        groups = ([mount for mount in group if mount.point in self.labels] for group in repeated)
        self.repeated = [sorted(group, key=_mount_preference) for group in groups if len(group) > 1]


def _mount_preference(mount: mounts.Mount) -> tuple[bool, bool, bool, int, str]:
    """Return the order in which mounts stand for their file system: /, mounts of the whole of it, short paths."""
    return mount.point != "/", bool(mount.upper), mount.root != "/", len(mount.point), mount.point


def _repeated_samples(group: list[mounts.Mount], answers: dict[str, os.statvfs_result | OSError]) -> Iterator[Sample]:
    """Yield the shown mounts of one file system, except for the one that stands for it: the first of known space."""
    failed = {mount.point for mount in group if isinstance(answers[mount.point], OSError)}
    if failed:
        group = [mount for mount in group if not isinstance(answers[mount.point], mounts.HiddenMountError)]
        group.sort(key=lambda mount: mount.point in failed)  # stable
    for mount in group[1:]:
        yield REPEATED(1, mount.device, mount.point, mount.fstype, group[0].point)


def _error_text(error: OSError) -> str:
    """Return an error in node_exporter's wording, where it has one: a small, fixed set, as a label value requires."""
    if isinstance(error, TimeoutError) and error.errno is None:
        return "mountpoint timeout"
    if isinstance(error, mounts.HiddenMountError):
        return "mountpoint hidden"
    return os.strerror(error.errno or 0).lower()
