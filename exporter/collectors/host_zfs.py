"""ZFS' cache in memory (ARC), from /proc/spl/kstat/zfs/arcstats (module/zfs/arc.c of OpenZFS)."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources import kstat, procfs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.world import World

# By ZFS' name. node_exporter declares all of them as untyped.
_HELP = {
    "hits": "Reads served from the cache.",
    "misses": "Reads not served from the cache.",
    "demand_data_hits": "Requested reads of data served from the cache.",
    "demand_data_misses": "Requested reads of data not served from the cache.",
    "demand_metadata_hits": "Requested reads of metadata served from the cache.",
    "demand_metadata_misses": "Requested reads of metadata not served from the cache.",
    "prefetch_data_hits": "Prefetched reads of data served from the cache.",
    "prefetch_data_misses": "Prefetched reads of data not served from the cache.",
    "prefetch_metadata_hits": "Prefetched reads of metadata served from the cache.",
    "prefetch_metadata_misses": "Prefetched reads of metadata not served from the cache.",
    "mru_hits": "Hits on recently used buffers.",
    "mru_ghost_hits": "Misses of buffers evicted from the recently used ones.",
    "mfu_hits": "Hits on frequently used buffers.",
    "mfu_ghost_hits": "Misses of buffers evicted from the frequently used ones.",
    "deleted": "Buffers evicted.",
    "mutex_miss": "Buffers not evicted because they were locked.",
    "evict_skip": "Buffers skipped by eviction.",
    "hash_elements": "Buffers in the hash table.",
    "hash_collisions": "Collisions in the hash table.",
    "p": "Target size of the recently used buffers, in bytes; until OpenZFS 2.1.",
    "c": "Target size of the cache, in bytes.",
    "c_min": "Size below which the cache is not shrunk, in bytes.",
    "c_max": "Maximum size of the cache, in bytes.",
    "size": "Size of the cache, in bytes.",
    "compressed_size": "Size of the compressed data in the cache, in bytes.",
    "uncompressed_size": "Size of the cached data when uncompressed, in bytes.",
    "overhead_size": "Size of uncompressed copies in use, in bytes.",
    "hdr_size": "Size of the headers of buffers, in bytes.",
    "data_size": "Size of cached data, in bytes.",
    "metadata_size": "Size of cached metadata, in bytes.",
    "dbuf_size": "Size of dbuf structures, in bytes.",
    "dnode_size": "Size of cached dnodes, in bytes.",
    "anon_size": "Size of buffers that are not on disk yet, in bytes.",
    "mru_size": "Size of recently used buffers, in bytes.",
    "mfu_size": "Size of frequently used buffers, in bytes.",
    "l2_hits": "Reads served from the cache device (L2ARC).",
    "l2_misses": "Reads not served from the cache device.",
    "l2_read_bytes": "Bytes read from the cache device.",
    "l2_write_bytes": "Bytes written to the cache device.",
    "l2_size": "Size of the data on the cache device when uncompressed, in bytes.",
    "l2_asize": "Size of the data on the cache device, in bytes.",
    "l2_hdr_size": "Memory for the headers of the cache device's buffers, in bytes.",
    "memory_throttle_count": "Writes delayed because memory was short.",
    "memory_direct_count": "Times that the kernel asked directly for memory.",
    "memory_indirect_count": "Times that the kernel asked for memory in the background.",
    "memory_all_bytes": "Memory of the machine, in bytes.",
    "memory_free_bytes": "Memory that ZFS considers free, in bytes.",
    "memory_available_bytes": "Memory by which the cache may grow, in bytes; negative while it has to shrink.",
    "arc_tempreserve": "Memory reserved for writes in preparation, in bytes.",
    "arc_loaned_bytes": "Memory lent to other parts of ZFS, in bytes.",
    "arc_prune": "Requests to release metadata.",
    "arc_need_free": "Memory that the kernel asked for and that is not freed yet, in bytes.",
    "arc_sys_free": "Memory that the cache leaves free, in bytes.",
    "arc_raw_size": "Size of cached raw (encrypted) data, in bytes.",
    "arc_no_grow": "1 while the cache may not grow, else 0.",
    "arc_meta_used": "Memory used by metadata, in bytes.",
    "arc_meta_limit": "Limit of metadata, in bytes; until OpenZFS 2.1.",
}


def _declare_metric(name: str) -> Metric:
    help_text = _HELP.get(name, f"{name} of /proc/spl/kstat/zfs/arcstats.")
    return Metric(f"node_zfs_arc_{re.sub(r'[^a-zA-Z0-9_]+', '_', name)}", "untyped", help_text)


METRICS = {name: _declare_metric(name) for name in _HELP}


@collector(*METRICS.values(), peer="node:zfs", needs="proc/spl/kstat/zfs/arcstats")
def collect(world: World) -> Iterator[Sample]:
    """Size, limits and hits of ZFS' cache: every field of the file."""
    for name, value in kstat.parse_kstat(procfs.read_proc(world, "spl/kstat/zfs/arcstats")).items():
        yield (METRICS.get(name) or _unknown_field_metric(name))(value)


@functools.lru_cache(maxsize=300)
def _unknown_field_metric(name: str) -> Metric:
    """Return the metric of a field added by another version of ZFS."""
    return _declare_metric(name)
