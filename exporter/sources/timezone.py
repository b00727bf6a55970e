"""The host's time zone, from /etc/localtime (localtime(5), tzfile(5)) below `--path.rootfs`."""

from __future__ import annotations

import io
import os
import struct
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from deckwatch.exporter.sources import rootfs
from deckwatch.exporter.sources.files import read_once
from deckwatch.exporter.sources.procfs import ParseError
from deckwatch.exporter.world import Source

if TYPE_CHECKING:
    from deckwatch.exporter.world import World

_MAX_LINKS = 10  # in a chain; a longer one is treated as a loop


def parse_tzfile(data: bytes) -> tzinfo:
    """Return the rules of a time zone; raises ParseError if it is not a tzfile(5)."""
    try:
        return ZoneInfo.from_file(io.BytesIO(data))
    except (ValueError, struct.error, IndexError, OverflowError) as error:
        raise ParseError(f"/etc/localtime: {error}") from None


class TimeZone(Source):
    """The rules of the host's time zone, reloaded when the file changes."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._file: tuple[int, ...] = ()
        self._rules: tzinfo = UTC

    def offset_at(self, now: float) -> tuple[float, str]:
        """Return how many seconds the zone is ahead of UTC at this time, and its name then; UTC if none is set."""
        path = _resolve_links(self._world, "etc/localtime")
        try:
            status = os.stat(path)  # noqa: PTH116 - at every scrape
        except (FileNotFoundError, NotADirectoryError):
            return 0.0, "UTC"
        file = (status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size)
        if file != self._file:
            self._rules, self._file = parse_tzfile(read_once(path)), file
        then = datetime.fromtimestamp(now, self._rules)
        return (then.utcoffset() or timedelta()).total_seconds(), then.tzname() or ""


def _resolve_links(world: World, name: str) -> str:
    """Resolve a path on the host that may be a link: absolute targets are relative to the host's root."""
    path = rootfs.host_path(world, name)
    for _ in range(_MAX_LINKS):
        try:
            target = os.readlink(path)  # noqa: PTH115 - at every scrape
        except OSError:  # no link, or nothing at all
            break
        path = rootfs.host_path(world, target) if target.startswith("/") else f"{path.rpartition('/')[0]}/{target}"
    return path
