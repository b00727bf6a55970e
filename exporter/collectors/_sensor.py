"""Sensor files, which may have no value for a while; shared by the collectors of temperatures, fans and batteries."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from deckwatch.exporter.collector import NoData
from deckwatch.exporter.sources import procfs

if TYPE_CHECKING:
    from deckwatch.exporter.world import World

# What drivers return for a sensor that is asleep, disconnected or busy. It is left out: not a fault of the exporter.
_NO_VALUE = frozenset({errno.EAGAIN, errno.EINVAL, errno.EIO, errno.ENODATA, errno.ENXIO, errno.EOPNOTSUPP})


def read_attribute(world: World, name: str) -> bytes | None:
    """Return a file of /sys; None where it is absent or its sensor has no value."""
    try:
        return procfs.read_sys(world, name)
    except NoData:
        return None
    except OSError as error:
        if error.errno in _NO_VALUE:
            return None
        raise


def read_number(world: World, name: str) -> int | None:
    """Return a file's integer; None where it is absent or its sensor has no value."""
    data = read_attribute(world, name)
    return None if data is None else int(data)
