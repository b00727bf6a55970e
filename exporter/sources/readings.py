"""Readings of many files of /sys, each on its own: a file that cannot be read costs one value, never its neighbours.

Drivers answer a read from the device, which may be asleep, busy or just removed: one file is one reading.
"""

from __future__ import annotations

import errno
import logging
from collections import defaultdict
from typing import TYPE_CHECKING, TypeVar

from deckwatch.exporter.sources import procfs
from deckwatch.exporter.world import NoData, Source

if TYPE_CHECKING:
    from collections.abc import Callable

    from deckwatch.exporter.world import World

log = logging.getLogger("deckwatch.scrape")

T = TypeVar("T")

# What drivers return for a sensor that is asleep, disconnected or busy. It is left out: not a fault of the exporter.
_NO_VALUE = frozenset({errno.EAGAIN, errno.EINVAL, errno.EIO, errno.ENODATA, errno.ENXIO, errno.EOPNOTSUPP})
# What drivers return for a device that was removed, is in use, does not answer, or answers nonsense on its bus.
_DEVICE_ERRORS = frozenset(
    {
        errno.ENODEV,
        errno.EBUSY,
        errno.ETIMEDOUT,
        errno.EREMOTEIO,
        errno.EPROTO,
        errno.EBADMSG,
        errno.EILSEQ,
        errno.ENXIO,
    }
)


_MAX_DIGITS = 300  # of an integer that is certainly a float too


class Readings:
    """The files that one run of a collector reads."""

    def __init__(self, world: World, collector: str) -> None:
        self._world = world
        self._collector = collector
        self._parsed = 0
        self._failures: dict[str, OSError | ValueError | OverflowError] = {}  # by path

    def list_names(self, path: str) -> list[str]:
        """Return the sorted names in a folder of /sys; none where it is absent or cannot be read."""
        try:
            return procfs.list_sys(self._world, path)
        except NoData:
            return []
        except OSError as error:
            self._record_failure(path, error)
            return []

    def read_attribute(self, path: str, *, keep: bool = True) -> bytes | None:
        """Return a file of /sys; None where it is absent, has no value, or cannot be read. `keep` as for read_sys."""
        try:
            return procfs.read_sys(self._world, path, keep=keep)
        except NoData:
            return None
        except (OSError, procfs.ParseError) as error:
            self._record_failure(path, error)
            return None

    def has_failed(self, path: str) -> bool:
        """Return whether a file could not be read or parsed, rather than being absent or without a value."""
        return path in self._failures

    def read_text(self, path: str, default: str = "") -> str:
        """Return a file as text; `default` where `read_attribute` returns None."""
        data = self.read_attribute(path)
        return default if data is None else procfs.decode_text(data)

    def read_word(self, path: str, absent: str | None = None) -> str | None:
        """Return a file's word, `absent` where it has none; None where reading it fails."""
        data = self.read_attribute(path)
        if data is None:
            return None if path in self._failures else absent
        return procfs.decode_text(data).strip()

    def read_value(self, path: str, parse: Callable[[bytes], T], *, keep: bool = True) -> T | None:
        """Return a file's parsed content; None where it has none, or reading or parsing it fails."""
        try:
            data = procfs.read_sys(self._world, path, keep=keep)
            value = parse(data)
            if len(data) > _MAX_DIGITS and isinstance(value, int):
                float(value)  # raises OverflowError: the page could not show it
        except NoData:
            return None
        except (OSError, ValueError, OverflowError) as error:
            self._record_failure(path, error)
            return None
        self._parsed += 1
        return value

    def read_number(self, path: str) -> int | None:
        """Return a file's integer; None where it has none."""
        return self.read_value(path, int)

    def count_failures(self) -> int:
        """Return how many files could not be read, and log those that could be before.

        Raises the first failure that is not a device's if there are more of those than parsed values: then the
        collector has failed, not a file.
        """
        ours = [error for error in self._failures.values() if getattr(error, "errno", None) not in _DEVICE_ERRORS]
        if len(ours) > self._parsed:
            raise ours[0]
        before = self._world.source(_ReportedFailures).by_collector
        for path, error in self._failures.items():
            if path not in before[self._collector]:
                log.warning("collector %s left out /sys/%s: %s", self._collector, path, _error_reason(error))
        before[self._collector] = set(self._failures)
        return len(self._failures)

    def _record_failure(self, path: str, error: OSError | ValueError | OverflowError) -> None:
        if getattr(error, "errno", None) not in _NO_VALUE:
            self._failures[path] = error.with_traceback(None)


class _ReportedFailures(Source):
    """The paths that failed in the last run of each collector, so that a lasting failure is logged once."""

    def __init__(self, _world: World) -> None:
        self.by_collector: defaultdict[str, set[str]] = defaultdict(set)


def _error_reason(error: OSError | ValueError | OverflowError) -> str:
    if isinstance(error, OSError):
        return (error.strerror or "it cannot be read").lower()
    return "malformed"
