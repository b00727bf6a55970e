"""Compressed RAM disks, from /sys/block/zram*/{mm_stat,io_stat,stat} (Documentation/admin-guide/blockdev/zram.rst)."""

from __future__ import annotations

import contextlib
import itertools
from typing import TYPE_CHECKING

from deckwatch.exporter.collector import NoData, collector
from deckwatch.exporter.collectors import _readings
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources import procfs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.sources.readings import Readings
    from deckwatch.exporter.world import World


def _declare_gauge(name: str, help_text: str) -> Metric:
    return Metric(f"deckwatch_zram_{name}", "gauge", help_text, ("device",))


def _declare_counter(name: str, help_text: str) -> Metric:
    return Metric(f"deckwatch_zram_{name}_total", "counter", help_text, ("device",))


# In the order of the columns. Linux 4.1 introduced mm_stat with seven columns (same_pages was then zero_pages),
# 4.18 added huge_pages, 5.12 huge_pages_since.
MM_STAT = (
    _declare_gauge("original_data_bytes", "Uncompressed size of the data stored."),
    _declare_gauge("compressed_data_bytes", "Compressed size of the data stored."),
    _declare_gauge("memory_used_bytes", "Memory allocated for the disk, including fragmentation and overhead."),
    _declare_gauge("memory_limit_bytes", "Maximum memory that the disk may use; 0 means no limit."),
    _declare_gauge("memory_used_max_bytes", "Maximum memory that the disk has used."),
    _declare_gauge("same_pages", "Pages filled with a single value, which take no memory."),
    _declare_counter("pages_compacted", "Pages freed by compaction."),
    _declare_gauge("huge_pages", "Incompressible pages stored."),
    _declare_counter("huge_pages_since_creation", "Incompressible pages stored since the disk was created."),
)
IO_STAT = (
    _declare_counter("failed_reads", "Failed reads."),
    _declare_counter("failed_writes", "Failed writes, as when memory is exhausted."),
    _declare_counter("invalid_io", "Requests that were not aligned to pages."),
    _declare_counter("pages_freed", "Pages freed by swap slot free notifications and discards."),
)
_MIN_COLUMNS = {"mm_stat": 7, "io_stat": 4, "stat": 11}  # of the oldest kernels with these files
READS = _declare_counter("reads_completed", "Reads completed.")
WRITES = _declare_counter("writes_completed", "Writes completed.")


@collector(
    *(*MM_STAT, *IO_STAT, READS, WRITES, _readings.FAILED),
    needs="sys/block/zram*",
    files=("sys/block/zram*/mm_stat", "sys/block/zram*/io_stat", "sys/block/zram*/stat", "sys/block/zram*/disksize"),
)
def collect(world: World) -> Iterator[Sample]:
    """Stored and compressed data, memory, and failed requests of each compressed RAM disk."""
    devices = [name for name in procfs.list_sys(world, "block") if name.startswith("zram") and _is_in_use(world, name)]
    if not devices:
        raise NoData("no zram device in use")
    return _readings.read_independently(
        world, "host_zram", lambda readings: itertools.chain(*(_device_samples(readings, name) for name in devices))
    )


def _is_in_use(world: World, device: str) -> bool:
    """Return whether the device has a size; the module creates one without, which stores nothing."""
    with contextlib.suppress(NoData, OSError):
        return procfs.read_sys(world, f"block/{device}/disksize") != b"0"
    return True


def _device_samples(readings: Readings, device: str) -> Iterator[Sample]:
    for metrics, file in ((MM_STAT, "mm_stat"), (IO_STAT, "io_stat")):  # absent in Linux before 4.1
        for metric, value in zip(metrics, _read_numbers(readings, device, file), strict=False):
            yield metric(value, device)
    requests = _read_numbers(readings, device, "stat")
    for metric, column in ((READS, 0), (WRITES, 4)) if requests else ():  # Documentation/block/stat.rst
        yield metric(requests[column], device)


def _read_numbers(readings: Readings, device: str, file: str) -> list[int]:
    """Return the numbers of a file; none where it is absent or cannot be read."""
    least = _MIN_COLUMNS[file]
    return readings.read_value(f"block/{device}/{file}", lambda data: _parse_numbers(data, least)) or []


def _parse_numbers(data: bytes, least: int) -> list[int]:
    numbers = procfs.parse_numbers(data, least)
    float(max(numbers))  # raises OverflowError: the page could not show it
    return numbers
