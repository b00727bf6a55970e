"""Memory of each NUMA node, from /sys/devices/system/node/node*/meminfo and numastat (drivers/base/node.c).

Off by default, as in node_exporter: machines with one node have the same figures in host_memory.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.collectors import _readings
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources import procfs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.sources.readings import Readings
    from deckwatch.exporter.world import World

_FOLDER = "devices/system/node"
_MAX_BYTES = 1 << 74  # 64 bits of KiB

# By the kernel's name; node_exporter's names omit the brackets.
_FIELDS = {
    "MemTotal": "Memory of the node.",
    "MemFree": "Unused memory of the node.",
    "MemUsed": "Memory of the node that is not free.",
    "SwapCached": "Memory that also has a copy in swap.",
    "Active": "Recently used memory, reclaimed last.",
    "Inactive": "Memory not used recently, reclaimed first.",
    "Active(anon)": "Recently used anonymous memory.",
    "Inactive(anon)": "Anonymous memory not used recently.",
    "Active(file)": "Recently used page cache.",
    "Inactive(file)": "Page cache not used recently.",
    "Unevictable": "Memory that cannot be reclaimed.",
    "Mlocked": "Memory locked by mlock(2).",
    "Dirty": "Memory waiting to be written to disk.",
    "Writeback": "Memory being written to disk.",
    "FilePages": "Page cache, including shared memory.",
    "Mapped": "Files mapped by programs.",
    "AnonPages": "Anonymous memory mapped by programs.",
    "Shmem": "Shared memory and tmpfs.",
    "KernelStack": "Kernel stacks of all tasks.",
    "PageTables": "Page tables of programs.",
    "SecPageTables": "Secondary page tables, of virtual machines and devices.",
    "NFS_Unstable": "Memory sent to an NFS server and not yet committed; 0 since Linux 5.9.",
    "Bounce": "Bounce buffers of devices that cannot address all memory.",
    "WritebackTmp": "Memory used by FUSE for temporary writeback buffers.",
    "KReclaimable": "Kernel memory that can be reclaimed.",
    "Slab": "Kernel memory for data structures.",
    "SReclaimable": "The reclaimable part of Slab.",
    "SUnreclaim": "The unreclaimable part of Slab.",
    "AnonHugePages": "Anonymous memory in transparent huge pages.",
    "ShmemHugePages": "Shared memory in huge pages.",
    "ShmemPmdMapped": "Shared memory mapped by programs in huge pages.",
    "FileHugePages": "Page cache in huge pages.",
    "FilePmdMapped": "Page cache mapped by programs in huge pages.",
    "HugePages_Total": "Huge pages of the node.",
    "HugePages_Free": "Unallocated huge pages of the node.",
    "HugePages_Surp": "Huge pages of the node beyond the configured size of the pool.",
}
_EVENTS = {
    "numa_hit": "Pages allocated on the intended node.",
    "numa_miss": "Pages allocated here although another node was intended.",
    "numa_foreign": "Pages intended for this node and allocated on another.",
    "interleave_hit": "Pages of interleaved allocations that were allocated on the intended node.",
    "local_node": "Pages allocated here by a process that ran on this node.",
    "other_node": "Pages allocated here by a process that ran on another node.",
}


def _declare_gauge(field: str) -> Metric:
    name = re.sub(r"[^a-zA-Z0-9_]+", "_", field.replace(")", ""))
    unit = "" if field.startswith("HugePages_") else "bytes"
    help_text = _FIELDS.get(field, f"{field} of the node's meminfo.")
    return Metric(f"node_memory_numa_{name}", "gauge", help_text, ("node",), unit=unit)


GAUGES = {field.encode(): _declare_gauge(field) for field in _FIELDS}
COUNTERS = {
    event.encode(): Metric(f"node_memory_numa_{event}_total", "counter", help_text, ("node",))
    for event, help_text in _EVENTS.items()
}


@collector(
    *GAUGES.values(),
    *COUNTERS.values(),
    _readings.FAILED,
    default=False,
    peer="node:meminfo_numa",
    needs="sys/devices/system/node",
    files=("sys/devices/system/node/node*/meminfo", "sys/devices/system/node/node*/numastat"),
)
def collect(world: World) -> Iterator[Sample]:
    """Memory by use of each NUMA node, and allocations on the intended and on other nodes."""
    names = [name for name in procfs.list_sys(world, _FOLDER) if name.removeprefix("node").isdecimal()]
    yield from _readings.read_independently(world, "host_numa", lambda readings: _node_samples(names, readings))


def _node_samples(names: list[str], readings: Readings) -> Iterator[Sample]:
    for name in names:
        node = name.removeprefix("node")
        for field, amount in (readings.read_value(f"{_FOLDER}/{name}/meminfo", _parse_node_meminfo) or {}).items():
            metric = GAUGES.get(field) or _unknown_field_metric(field)
            yield metric(amount.value, node)
        for event, count in (readings.read_value(f"{_FOLDER}/{name}/numastat", _parse_numastat) or {}).items():
            if event in COUNTERS:
                yield COUNTERS[event](count, node)


def _parse_node_meminfo(data: bytes) -> dict[bytes, procfs.Amount]:
    """Return a node's meminfo, whose lines begin with `Node 0 `, by the kernel's names."""
    lines = []
    for line in data.split(b"\n"):
        word, _, rest = line.partition(b" ")
        if word == b"Node":
            lines.append(rest.lstrip().partition(b" ")[2].lstrip())
        elif line.strip():
            raise procfs.ParseError(f"meminfo of a node: {procfs.decode_text(line)!r}")
    return {
        field: amount
        for field, amount in procfs.parse_meminfo(b"\n".join(lines)).items()
        if _fits_counter(amount.value)
    }


def _parse_numastat(data: bytes) -> dict[bytes, int]:
    return {event: count for event, count in procfs.parse_pairs(data).items() if _fits_counter(count)}


def _fits_counter(value: int) -> bool:
    """Return True; raises ParseError for a number that the kernel cannot have written."""
    if not 0 <= value <= _MAX_BYTES:
        raise procfs.ParseError("a number of more than 64 bits")
    return True


@functools.lru_cache(maxsize=100)
def _unknown_field_metric(field: bytes) -> Metric:
    """Return the metric of a field added by a newer kernel."""
    return _declare_gauge(procfs.decode_text(field))
