"""Software RAID, from /sys/block/md*/md (drivers/md/md.c; Documentation/admin-guide/md.rst)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import NoData, collector
from deckwatch.exporter.collectors import _readings
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources import mdraid, procfs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.sources.readings import Readings
    from deckwatch.exporter.world import World


def _declare_gauge(name: str, help_text: str, *labels: str) -> Metric:
    return Metric(f"node_md_{name}", "gauge", help_text, ("device", *labels))


STATE = _declare_gauge("state", "1 for the current state of the array, else 0.", "state")
DISKS = _declare_gauge("disks", "Disks of the array by state: active, failed or spare.", "state")
REQUIRED = _declare_gauge("disks_required", "Disks required for the array to be complete.")
RAID_DISKS = _declare_gauge("raid_disks", "Disks required for the array to be complete, from /sys.")
DEGRADED = _declare_gauge("degraded", "Disks missing from the array.")
BLOCKS = _declare_gauge("blocks", "Size of the array, in blocks of 1024 bytes.")
SYNCED = _declare_gauge("blocks_synced", "Blocks of 1024 bytes in sync; all of them when no resync is in progress.")


@collector(
    STATE,
    DISKS,
    REQUIRED,
    RAID_DISKS,
    DEGRADED,
    BLOCKS,
    SYNCED,
    _readings.FAILED,
    peer="node:mdadm",
    needs="sys/block/md*",
    files=("sys/block/md*/size", "sys/block/md*/md/*", "sys/block/md*/md/dev-*/state", "sys/block/md*/md/dev-*/slot"),
)
def collect(world: World) -> Iterator[Sample]:
    """State of each software RAID: disks active, failed, spare and missing, and the progress of a resync."""
    arrays = [name for name in procfs.list_sys(world, "block") if name.startswith("md")]
    if not arrays:
        raise NoData("no software RAID")
    yield from _readings.read_independently(world, "host_md", lambda readings: _array_samples(arrays, readings))


def _array_samples(arrays: list[str], readings: Readings) -> Iterator[Sample]:
    for name in arrays:
        array = mdraid.read_array(readings, name)
        if array is None:
            continue
        if array.state is not None:
            for state in mdraid.STATES:
                yield STATE(int(state == array.state), name, state)
        for state, count in (("active", array.active), ("failed", array.failed), ("spare", array.spare)):
            if count is not None:
                yield DISKS(count, name, state)
        for metric, value in (
            (REQUIRED, array.disks),
            (RAID_DISKS, array.disks),
            (DEGRADED, array.degraded),
            (BLOCKS, array.blocks),
            (SYNCED, array.synced),
        ):
            if value is not None:
                yield metric(value, name)
