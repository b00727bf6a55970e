"""Memory, from /proc/meminfo (fs/proc/meminfo.c; Documentation/filesystems/proc.rst explains the fields)."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources import procfs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.world import World

# By the kernel's name. node_exporter's names omit the brackets and add _bytes where the kernel writes kB.
_HELP = {
    "MemTotal": "Memory usable by the kernel and programs.",
    "MemFree": "Unused memory.",
    "MemAvailable": "Memory available to programs without swapping, as estimated by the kernel.",
    "Buffers": "Cache of raw disk blocks.",
    "Cached": "Page cache, including shared memory and tmpfs.",
    "SwapCached": "Memory that also has a copy in swap.",
    "Active": "Recently used memory, reclaimed last.",
    "Inactive": "Memory not used recently, reclaimed first.",
    "Active(anon)": "Recently used anonymous memory.",
    "Inactive(anon)": "Anonymous memory not used recently.",
    "Active(file)": "Recently used page cache.",
    "Inactive(file)": "Page cache not used recently.",
    "Unevictable": "Memory that cannot be reclaimed.",
    "Mlocked": "Memory locked by mlock(2).",
    "HighTotal": "High memory, not mapped permanently by 32-bit kernels.",
    "HighFree": "Free high memory.",
    "LowTotal": "Low memory, mapped permanently by 32-bit kernels.",
    "LowFree": "Free low memory.",
    "SwapTotal": "Swap space.",
    "SwapFree": "Free swap space.",
    "Zswap": "Memory used by the compressed swap cache.",
    "Zswapped": "Anonymous memory stored in the compressed swap cache.",
    "Dirty": "Memory waiting to be written to disk.",
    "Writeback": "Memory being written to disk.",
    "AnonPages": "Anonymous memory mapped by programs.",
    "Mapped": "Files mapped by programs, such as libraries.",
    "Shmem": "Shared memory and tmpfs.",
    "KReclaimable": "Kernel memory that can be reclaimed.",
    "Slab": "Kernel memory for data structures.",
    "SReclaimable": "The reclaimable part of Slab.",
    "SUnreclaim": "The unreclaimable part of Slab.",
    "KernelStack": "Kernel stacks of all tasks.",
    "PageTables": "Page tables of programs.",
    "SecPageTables": "Secondary page tables, of virtual machines and devices.",
    "NFS_Unstable": "Memory sent to an NFS server and not yet committed; 0 since Linux 5.9.",
    "Bounce": "Bounce buffers of devices that cannot address all memory.",
    "WritebackTmp": "Memory used by FUSE for temporary writeback buffers.",
    "CommitLimit": "Memory that can be allocated where overcommit is disabled.",
    "Committed_AS": "Memory allocated by programs, used or not.",
    "VmallocTotal": "Address space of vmalloc.",
    "VmallocUsed": "The part of VmallocTotal in use.",
    "VmallocChunk": "Largest free block of VmallocTotal; 0 since Linux 4.4.",
    "Percpu": "Memory of the kernel's per-CPU data.",
    "EarlyMemtestBad": "Memory found bad by the boot-time memory test.",
    "HardwareCorrupted": "Memory that failed and is no longer used.",
    "AnonHugePages": "Anonymous memory in transparent huge pages.",
    "ShmemHugePages": "Shared memory in huge pages.",
    "ShmemPmdMapped": "Shared memory mapped by programs in huge pages.",
    "FileHugePages": "Page cache in huge pages.",
    "FilePmdMapped": "Page cache mapped by programs in huge pages.",
    "CmaTotal": "Memory reserved for contiguous allocations (CMA).",
    "CmaFree": "Free memory reserved for contiguous allocations (CMA).",
    "Unaccepted": "Memory that a confidential virtual machine has not accepted yet.",
    "Balloon": "Memory returned to the host by a balloon driver.",
    "GPUActive": "Memory used by graphics cards.",
    "GPUReclaim": "Reclaimable memory of graphics cards.",
    "HugePages_Total": "Huge pages in the pool.",
    "HugePages_Free": "Unallocated huge pages in the pool.",
    "HugePages_Rsvd": "Huge pages reserved and not yet allocated.",
    "HugePages_Surp": "Huge pages beyond the configured size of the pool.",
    "Hugepagesize": "Size of a huge page.",
    "Hugetlb": "Memory used by huge pages of all sizes.",
    "DirectMap4k": "Kernel memory mapped in pages of 4 KiB.",
    "DirectMap64k": "Kernel memory mapped in pages of 64 KiB.",
    "DirectMap1M": "Kernel memory mapped in pages of 1 MiB.",
    "DirectMap2M": "Kernel memory mapped in pages of 2 MiB.",
    "DirectMap4M": "Kernel memory mapped in pages of 4 MiB.",
    "DirectMap1G": "Kernel memory mapped in pages of 1 GiB.",
    "DirectMap2G": "Kernel memory mapped in pages of 2 GiB.",
}


def _declare_gauge(field: str, *, in_bytes: bool) -> Metric:
    name = re.sub(r"[^a-zA-Z0-9_]+", "_", field.replace(")", ""))
    help_text = _HELP.get(field, f"{field} of /proc/meminfo.")
    return Metric(f"node_memory_{name}{'_bytes' if in_bytes else ''}", "gauge", help_text)


METRICS = {field.encode(): _declare_gauge(field, in_bytes=not field.startswith("HugePages_")) for field in _HELP}


@collector(*METRICS.values(), peer="node:meminfo", needs="proc/meminfo")
def collect(world: World) -> Iterator[Sample]:
    """Memory by use, swap and huge pages: every field of the file."""
    for name, amount in procfs.parse_meminfo(procfs.read_proc(world, "meminfo")).items():
        metric = METRICS.get(name) or _unknown_field_metric(name, in_bytes=amount.in_bytes)
        yield metric(amount.value)


@functools.lru_cache(maxsize=100)
def _unknown_field_metric(name: bytes, *, in_bytes: bool) -> Metric:
    """Return the metric of a field added by a newer kernel."""
    return _declare_gauge(procfs.decode_text(name), in_bytes=in_bytes)
