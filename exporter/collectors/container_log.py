"""Sizes of containers' logs, from the files that the engine keeps them in, below --path.rootfs.

Off by default: only root may look into the engine's folder. A log that is kept elsewhere (by the drivers local and
journald, or on a server) is in no file that the engine tells of.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from deckwatch.exporter.collector import NoData, collector
from deckwatch.exporter.collectors._container import (
    MAX_CONTAINERS,
    KnownContainer,
    container_metric,
    engine_snapshot,
    known_containers,
)
from deckwatch.exporter.collectors._container_lines import write_lines
from deckwatch.exporter.sources import rootfs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deckwatch.exporter.metric import Lines, Sample
    from deckwatch.exporter.world import World

SIZE = container_metric(
    "deckwatch_container_log_size_bytes", "gauge", "Size of its log, with the parts that were set aside."
)

_UNSEEN = (FileNotFoundError, NotADirectoryError, PermissionError)


@collector(SIZE, default=False, budget=1 * MAX_CONTAINERS)
def collect(world: World) -> Iterator[Lines]:
    """Size of each container's log."""
    containers = known_containers(world, engine_snapshot(world))
    paths = [rootfs.host_path(world, one.container.log_path) for one in containers if one.container.log_path]
    if containers and not paths:
        raise NoData("no container has its log in a file")
    if paths and not any(_log_size(path) is not None for path in paths):
        raise NoData(f"{_why_unseen(paths[0])}: {paths[0]}")

    def make_reader(one: KnownContainer) -> Callable[[], int | None]:
        path = rootfs.host_path(world, one.container.log_path) if one.container.log_path else ""
        return lambda: _log_size(path) if path else None

    return write_lines(world, [SIZE], containers, make_reader, _to_samples)


def _to_samples(_: KnownContainer, size: int | None) -> Iterator[Sample]:
    if size is not None:
        yield SIZE(size)


def _log_size(path: str) -> int | None:
    """Return the bytes of a log and of its older parts (`NAME.1`, `NAME.2.gz`); None where they cannot be seen."""
    folder, name = os.path.split(path)
    try:
        with os.scandir(folder) as entries:
            parts = [one for one in entries if one.name == name or one.name.startswith(f"{name}.")]
            return sum(one.stat(follow_symlinks=False).st_size for one in parts) if parts else None
    except _UNSEEN:
        return None


def _why_unseen(path: str) -> str:
    try:
        os.lstat(path)
    except _UNSEEN as fault:
        return (fault.strerror or "").lower()
    return "it may not be listed"
