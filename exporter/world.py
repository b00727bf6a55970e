"""The only door to the outside: where /proc, /sys and the host's files are, the clock, and a few system calls.

Tests hand in a captured machine: a World with other roots, a fixed clock and fixed system calls is deterministic.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Self, TypeVar, cast

from deckwatch.exporter.timex import Timex, adjtimex

if TYPE_CHECKING:
    from collections.abc import Callable

T_co = TypeVar("T_co", covariant=True)


class SourceDown(Exception):
    """What several collectors read from is down. The source says so in the log, once for all of them."""


class NoData(Exception):
    """The kernel, the engine or the configuration has no such thing: absent is not broken."""


class Reading(NamedTuple, Generic[T_co]):
    """A value that was read before the scrape, and the Unix time at which reading it began.

    A collector returns its samples as a Reading where they are not from this moment.
    """

    value: T_co
    at: float


class Source:
    """Something the World opens at its first use and keeps: descriptors, an event stream, connections, parsed tables.

    A source that holds nothing to release inherits `close`.
    """

    def __init__(self, world: World) -> None:
        """Open the source on this World."""

    def close(self) -> None:
        """Release what is held."""


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
    adjtimex: Callable[[], Timex] = adjtimex
    page_size: int = 4096 if not hasattr(os, "sysconf") else os.sysconf("SC_PAGE_SIZE")
    user_hz: int = 100 if not hasattr(os, "sysconf") else os.sysconf("SC_CLK_TCK")
    _sources: dict[type[Any], Any] = field(default_factory=dict, repr=False)
    _opening: dict[type[Any], threading.RLock] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def source(self, kind: type[S]) -> S:
        """Return the World's one source of this type, opened at the first call.

        A source that takes long to open holds up only those who ask for it.
        """
        found = self._sources.get(kind)
        if found is None:
            with self._lock:
                opening = self._opening.setdefault(kind, threading.RLock())
            with opening:
                found = self._sources.get(kind)
                if found is None:
                    found = self._sources[kind] = kind(self)
        return cast("S", found)

    def close(self) -> None:
        """Close every source, the newest first; one that fails at it does not keep the others open."""
        with contextlib.ExitStack() as stack:
            for source in list(self._sources.values()):
                stack.callback(source.close)
            self._sources.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
