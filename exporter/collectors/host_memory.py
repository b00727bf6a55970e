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

# By the kernel's name. node_exporter's names drop the brackets and add _bytes where the kernel writes kB.
_HELP = {
    "MemTotal": "Memory that the kernel can use.",
    "MemFree": "Memory that is not used for anything.",
    "MemAvailable": "Memory that programs can have without swapping, as the kernel estimates it.",
    "Buffers": "Cache of raw disk blocks.",
    "Cached": "Cache of files, with shared memory and tmpfs.",
    "SwapCached": "Memory that also has a copy in swap.",
    "Active": "Memory used lately, which is taken back last.",
    "Inactive": "Memory not used lately, which is taken back first.",
    "Active(anon)": "Memory of programs used lately.",
    "Inactive(anon)": "Memory of programs not used lately.",
    "Active(file)": "Cache of files used lately.",
    "Inactive(file)": "Cache of files not used lately.",
    "Unevictable": "Memory that cannot be taken back.",
    "Mlocked": "Memory that programs have locked.",
    "HighTotal": "Memory beyond what 32-bit kernels map.",
    "HighFree": "Free memory beyond what 32-bit kernels map.",
    "LowTotal": "Memory that 32-bit kernels map.",
    "LowFree": "Free memory that 32-bit kernels map.",
    "SwapTotal": "Swap space.",
    "SwapFree": "Free swap space.",
    "Zswap": "Memory held by the compressed swap cache.",
    "Zswapped": "Memory of programs that the compressed swap cache stands for.",
    "Dirty": "Memory that waits to be written to disk.",
    "Writeback": "Memory that is being written to disk.",
    "AnonPages": "Memory of programs that no file backs.",
    "Mapped": "Files mapped into programs, such as libraries.",
    "Shmem": "Shared memory and tmpfs.",
    "KReclaimable": "Memory of the kernel that can be taken back.",
    "Slab": "Memory of the kernel's data structures.",
    "SReclaimable": "The part of Slab that can be taken back.",
    "SUnreclaim": "The part of Slab that cannot be taken back.",
    "KernelStack": "Stacks of all tasks in the kernel.",
    "PageTables": "Tables that map the memory of programs.",
    "SecPageTables": "Tables that map the memory of virtual machines and devices.",
    "NFS_Unstable": "Memory sent to an NFS server and not yet confirmed; 0 since Linux 5.9.",
    "Bounce": "Copies for devices that cannot reach all memory.",
    "WritebackTmp": "Memory that FUSE is writing back.",
    "CommitLimit": "Most memory that may be promised to programs where overcommitting is off.",
    "Committed_AS": "Memory promised to programs.",
    "VmallocTotal": "Address space for the kernel's own mappings.",
    "VmallocUsed": "The part of VmallocTotal in use.",
    "VmallocChunk": "Largest free block of VmallocTotal; 0 since Linux 4.4.",
    "Percpu": "Memory of the kernel's data kept for each CPU.",
    "EarlyMemtestBad": "Memory found bad at boot.",
    "HardwareCorrupted": "Memory that failed and is no longer used.",
    "AnonHugePages": "Memory of programs in transparent huge pages.",
    "ShmemHugePages": "Shared memory in huge pages.",
    "ShmemPmdMapped": "Shared memory mapped into programs by huge pages.",
    "FileHugePages": "Cache of files in huge pages.",
    "FilePmdMapped": "Cache of files mapped into programs by huge pages.",
    "CmaTotal": "Memory set aside for devices that need it in one piece.",
    "CmaFree": "Free memory set aside for devices that need it in one piece.",
    "Unaccepted": "Memory that a confidential virtual machine has not accepted yet.",
    "Balloon": "Memory that a virtual machine gave back to its host.",
    "GPUActive": "Memory in use by graphics cards.",
    "GPUReclaim": "Memory of graphics cards that can be taken back.",
    "HugePages_Total": "Huge pages in the pool.",
    "HugePages_Free": "Huge pages in the pool that are not allocated.",
    "HugePages_Rsvd": "Huge pages that are promised and not yet allocated.",
    "HugePages_Surp": "Huge pages above the pool's own size.",
    "Hugepagesize": "Size of a huge page.",
    "Hugetlb": "Memory held by huge pages of all sizes.",
    "DirectMap4k": "Memory that the kernel maps by pages of 4 KiB.",
    "DirectMap64k": "Memory that the kernel maps by pages of 64 KiB.",
    "DirectMap1M": "Memory that the kernel maps by pages of 1 MiB.",
    "DirectMap2M": "Memory that the kernel maps by pages of 2 MiB.",
    "DirectMap4M": "Memory that the kernel maps by pages of 4 MiB.",
    "DirectMap1G": "Memory that the kernel maps by pages of 1 GiB.",
    "DirectMap2G": "Memory that the kernel maps by pages of 2 GiB.",
}


def _declare_gauge(field: str, *, in_bytes: bool) -> Metric:
    name = re.sub(r"[^a-zA-Z0-9_]+", "_", field.replace(")", ""))
    about = _HELP.get(field, f"{field} of /proc/meminfo.")
    return Metric(f"node_memory_{name}{'_bytes' if in_bytes else ''}", "gauge", about)


METRICS = {field.encode(): _declare_gauge(field, in_bytes=not field.startswith("HugePages_")) for field in _HELP}


@collector(*METRICS.values(), peer="node:meminfo")
def collect(world: World) -> Iterator[Sample]:
    """Memory by use, swap, huge pages: all that the kernel tells."""
    for name, amount in procfs.parse_meminfo(procfs.read_proc(world, "meminfo")).items():
        metric = METRICS.get(name) or _unknown_field_metric(name, in_bytes=amount.in_bytes)
        yield metric(amount.value)


@functools.lru_cache(maxsize=100)
def _unknown_field_metric(name: bytes, *, in_bytes: bool) -> Metric:
    """Return the metric of a field that a later kernel brought."""
    return _declare_gauge(procfs.decode_text(name), in_bytes=in_bytes)
