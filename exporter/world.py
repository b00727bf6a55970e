"""The only access to the outside: the roots of /proc, /sys and the host's files, the clock, and a few system calls.

Tests pass a captured machine: a World with other roots, a fixed clock and fixed system calls is deterministic.
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

_AGE_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # Linux has the former

T_co = TypeVar("T_co", covariant=True)


class SourceDown(Exception):
    """A source that several collectors share is down. The source logs that itself, once, unless `logged` is false."""

    logged = True


class NoData(Exception):
    """The kernel, the engine or the configuration lacks this data, which is not a failure."""


class NotSupported(NoData):
    """The source answers that it does not have this data, so that states read before are out of date."""


class Reading(NamedTuple, Generic[T_co]):
    """A value that was read before the scrape, and the time of `World.age_clock` at which reading it began.

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
        """Release all resources."""


S = TypeVar("S", bound=Source)


def _device_of(path: str) -> int:
    return os.stat(path).st_dev  # noqa: PTH116 - a text, as everything that SpaceQueries passes


def _read_age_clock() -> float:
    return time.clock_gettime(_AGE_CLOCK)


@dataclass
class World:
    """Roots, clock, system calls and configuration; owns the sources opened on it.

    `procfs`, `sysfs` and `rootfs` are the paths of the host's /proc, /sys and /. `config` is the checked `watch:`
    block of the project. `clock` is wall time in seconds since the epoch, for dates only: it may be set at any time.
    Ages and time limits follow `age_clock`, in seconds since some moment, which never steps and includes time asleep;
    a World with another `clock` and no `age_clock` uses the former for both.
    """

    procfs: Path = Path("/proc")
    sysfs: Path = Path("/sys")
    rootfs: Path = Path("/")
    docker_host: str | None = None
    config: dict[str, Any] = field(default_factory=dict)
    clock: Callable[[], float] = time.time
    age_clock: Callable[[], float] = _read_age_clock
    statvfs: Callable[[str], os.statvfs_result] = os.statvfs
    device_of: Callable[[str], int] | None = _device_of  # None where the roots are a captured machine's
    uname: Callable[[], os.uname_result] = os.uname
    adjtimex: Callable[[], Timex] = adjtimex
    page_size: int = 4096 if not hasattr(os, "sysconf") else os.sysconf("SC_PAGE_SIZE")
    user_hz: int = 100 if not hasattr(os, "sysconf") else os.sysconf("SC_CLK_TCK")
    _sources: dict[type[Any], Any] = field(default_factory=dict, repr=False)
    _opening: dict[type[Any], threading.RLock] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __post_init__(self) -> None:
        if self.clock is not time.time and self.age_clock is _read_age_clock:
            self.age_clock = self.clock

    def source(self, kind: type[S]) -> S:
        """Return the World's source of this type, opening it at the first call.

        A source that is slow to open delays only the callers that need it.
        """
        source = self._sources.get(kind)
        if source is None:
            with self._lock:
                opening = self._opening.setdefault(kind, threading.RLock())
            with opening:
                source = self._sources.get(kind)
                if source is None:
                    source = self._sources[kind] = kind(self)
        return cast("S", source)

    def close(self) -> None:
        """Close every source, the newest first, even if closing one of them fails."""
        with contextlib.ExitStack() as stack:
            for source in list(self._sources.values()):
                stack.callback(source.close)
            self._sources.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
