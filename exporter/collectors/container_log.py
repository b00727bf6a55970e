"""Sizes of containers' logs, from the files in which the engine keeps them, below --path.rootfs.

Off by default: only root may read the engine's data directory. A log kept elsewhere (by the drivers local and journald,
or on a server) has no file that the engine reports.
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

    from deckwatch.exporter.collectors._container_lines import ContainerSample
    from deckwatch.exporter.metric import Lines
    from deckwatch.exporter.world import World

SIZE = container_metric(
    "deckwatch_container_log_size_bytes", "gauge", "Size of the container's log, including rotated files."
)

_NOT_VISIBLE = (FileNotFoundError, NotADirectoryError, PermissionError)


@collector(SIZE, default=False, budget=1 * MAX_CONTAINERS)
def collect(world: World) -> Iterator[Lines]:
    """Size of each container's log."""
    containers = known_containers(world, engine_snapshot(world))
    paths = [rootfs.host_path(world, known.container.log_path) for known in containers if known.container.log_path]
    if containers and not paths:
        raise NoData("no container has its log in a file")
    if paths and not any(_log_size(path) is not None for path in paths):
        raise NoData(f"{_invisible_reason(paths[0])}: {paths[0]}")

    def make_reader(known: KnownContainer) -> Callable[[], int | None]:
        path = rootfs.host_path(world, known.container.log_path) if known.container.log_path else ""
        return lambda: _log_size(path) if path else None

    return write_lines(world, [SIZE], containers, make_reader, _to_samples)


def _to_samples(_: KnownContainer, size: int | None) -> Iterator[ContainerSample]:
    if size is not None:
        yield SIZE(size)


def _log_size(path: str) -> int | None:
    """Return the bytes of a log and its rotated files (`NAME.1`, `NAME.2.gz`); None where they are not visible."""
    folder, name = os.path.split(path)
    try:
        with os.scandir(folder) as entries:
            files = [entry for entry in entries if entry.name == name or entry.name.startswith(f"{name}.")]
            return sum(file.stat(follow_symlinks=False).st_size for file in files) if files else None
    except _NOT_VISIBLE:
        return None


def _invisible_reason(path: str) -> str:
    try:
        os.lstat(path)
    except _NOT_VISIBLE as fault:
        return (fault.strerror or "").lower()
    return "it may not be listed"
