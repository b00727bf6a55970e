"""The only door to the outside: where /proc, /sys and the host's files are, the clock, and a few system calls.

Tests hand in a captured machine: a World with other roots, a fixed clock and fixed system calls is deterministic.
"""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable


class NoData(Exception):
    """The kernel, the engine or the configuration has no such thing: absent is not broken."""


class Source(Protocol):
    """Something opened lazily and kept: descriptors, an event stream, connections."""

    def __init__(self, world: World) -> None: ...

    def close(self) -> None:
        """Give back what is held."""


S = TypeVar("S", bound=Source)


@dataclass
class World:
    """Roots, clock, system calls and configuration; owner of the sources that were opened on it.

    `procfs`, `sysfs` and `rootfs` are where the host's own /proc, /sys and / can be read. `config` is the checked
    `watch:` block of the project. `clock` is wall time in seconds since the epoch.
    """

    procfs: Path = Path("/proc")
    sysfs: Path = Path("/sys")
    rootfs: Path = Path("/")
    docker_host: str | None = None
    config: dict[str, Any] = field(default_factory=dict)
    clock: Callable[[], float] = time.time
    statvfs: Callable[[str], os.statvfs_result] = os.statvfs
    uname: Callable[[], os.uname_result] = os.uname
    page_size: int = 4096 if not hasattr(os, "sysconf") else os.sysconf("SC_PAGE_SIZE")
    user_hz: int = 100 if not hasattr(os, "sysconf") else os.sysconf("SC_CLK_TCK")
    _sources: dict[type[Any], Any] = field(default_factory=dict, repr=False)
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    def source(self, kind: type[S]) -> S:
        """Return the World's one source of this type, opened at the first call."""
        found = self._sources.get(kind)
        if found is None:
            with self._lock:
                found = self._sources.get(kind)
                if found is None:
                    found = self._sources[kind] = kind(self)
        return found

    def close(self) -> None:
        """Close every source, the newest first."""
        with self._lock:
            while self._sources:
                self._sources.popitem()[1].close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
