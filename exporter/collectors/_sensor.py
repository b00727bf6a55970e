"""Reading sensors, which may have nothing to say for a while; shared by the collectors of temperatures and fans."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from deckwatch.exporter.collector import NoData
from deckwatch.exporter.sources import procfs

if TYPE_CHECKING:
    from deckwatch.exporter.world import World

# What drivers answer for a sensor that is asleep, not connected or busy. It is then left out: not the exporter's fault.
_SILENT = frozenset({errno.EAGAIN, errno.EINVAL, errno.EIO, errno.ENODATA, errno.ENXIO, errno.EOPNOTSUPP})


def read_attribute(world: World, name: str) -> bytes | None:
    """Return a file of /sys; None where it is absent or its sensor silent."""
    try:
        return procfs.read_sys(world, name)
    except NoData:
        return None
    except OSError as error:
        if error.errno in _SILENT:
            return None
        raise


def read_number(world: World, name: str) -> int | None:
    """Return a file's whole number; None where it is absent or its sensor silent."""
    data = read_attribute(world, name)
    return None if data is None else int(data)
