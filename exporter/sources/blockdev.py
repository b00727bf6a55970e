"""Names of block devices."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deckwatch.exporter.world import World


def device_name(world: World, number: str) -> str:
    """Return for a device number such as `8:0` the path that people know, `/dev/sda`; else the number itself."""
    try:
        target = os.readlink(f"{world.sysfs}/dev/block/{number}")  # noqa: PTH115 - once for each container and device
    except OSError:  # the device was removed, or /sys is not that of the host
        return number
    return "/dev/" + target.rpartition("/")[2].replace("!", "/")
