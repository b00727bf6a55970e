"""Memory of a control group, in bytes and the same for versions 1 and 2; see cgroup_values for the conventions."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from deckwatch.exporter.sources.procfs import parse_pairs, required_value, split_pairs

if TYPE_CHECKING:
    from deckwatch.exporter.sources.cgroup_files import Files, Raw

MEMORY: Files = {
    1: (("memory", "memory.usage_in_bytes"), ("memory", "memory.stat"), ("memory", "memory.oom_control")),
    2: (("", "memory.current"), ("", "memory.stat"), ("", "memory.events")),
}
MEMORY_DETAIL: Files = {
    1: (("memory", "memory.stat"), ("memory", "memory.max_usage_in_bytes"), ("memory", "memory.failcnt")),
    2: (("", "memory.stat"), ("", "memory.peak"), ("", "memory.events"), ("", "memory.swap.current")),
}
MEMORY_RECLAIM: Files = {
    1: (("memory", "memory.stat"), ("memory", "memory.kmem.usage_in_bytes")),
    2: (("", "memory.stat"), ("", "memory.events")),
}


class Memory(NamedTuple):
    """Bytes in use, their parts (None where an engine does not report them), and OOM kills."""

    usage: int
    working_set: int | None
    rss: int | None
    cache: int | None
    oom_kills: int


class MemoryDetail(NamedTuple):
    """More of memory: bytes, and counts of events and pages; None where not reported.

    That is `swap` without swap accounting, `peak` before kernel 5.19 with version 2, and some values of an engine.
    """

    swap: int | None
    mapped_file: int
    peak: int | None
    limit_hits: int | None
    page_faults: int
    major_faults: int


def memory_usage(raw: Raw) -> Memory | None:
    """Return memory from MEMORY.

    The working set is what is in use less the file pages that were not used lately (inactive_file): what the kernel
    could not take back without harm.
    """
    version, usage, stat, events = raw
    if usage is None:
        return None
    kills = parse_pairs(events or b"").get(b"oom_kill", 0)
    if stat is None:
        return Memory(int(usage), None, None, None, kills)
    fields, used = split_pairs(stat), int(usage)
    two = version == 2
    names = (b"inactive_file", b"anon", b"file") if two else (b"total_inactive_file", b"total_rss", b"total_cache")
    inactive, rss, cache = (int(required_value(fields, name)) for name in names)
    return Memory(
        usage=used,
        working_set=max(0, used - inactive),
        rss=rss,
        cache=cache,
        oom_kills=kills,
    )


def memory_detail(raw: Raw) -> MemoryDetail | None:
    """Return the detailed values of memory.stat and related files, from MEMORY_DETAIL."""
    version, stat, peak, *more = raw
    if stat is None:
        return None
    fields = parse_pairs(stat)
    if version == 2:
        events, swap = more
        return MemoryDetail(
            swap=None if swap is None else int(swap),
            mapped_file=required_value(fields, b"file_mapped"),
            peak=None if peak is None else int(peak),
            limit_hits=parse_pairs(events or b"").get(b"max"),
            page_faults=required_value(fields, b"pgfault"),
            major_faults=required_value(fields, b"pgmajfault"),
        )
    return MemoryDetail(
        swap=fields.get(b"total_swap"),
        mapped_file=required_value(fields, b"total_mapped_file"),
        peak=int(peak or 0),
        limit_hits=int(more[0] or 0),
        page_faults=required_value(fields, b"total_pgfault"),
        major_faults=required_value(fields, b"total_pgmajfault"),
    )


# Version 2's lines of memory.stat, and what they are called in version 1.
_RECLAIM = {
    b"pgscan": b"total_pgscan",
    b"pgsteal": b"total_pgsteal",
    b"workingset_refault_file": b"total_workingset_refault_file",
    b"workingset_refault_anon": b"total_workingset_refault_anon",
    b"file_dirty": b"total_dirty",
    b"file_writeback": b"total_writeback",
    b"active_file": b"total_active_file",
    b"inactive_file": b"total_inactive_file",
    b"kernel": b"",
}


def memory_reclaim(raw: Raw) -> dict[bytes, int]:
    """Return the counters of memory reclaim, from MEMORY_RECLAIM, under the names of version 2's memory.stat.

    Besides, `high` and `max` are how often these limits were met. Values that the kernel does not report are left
    out: `kernel` before 5.18, and with version 1 most counters.
    """
    version, stat, more = raw
    if stat is None:
        return {}
    lines = split_pairs(stat)
    fields = {
        name: int(lines[key])
        for name, v1_name in _RECLAIM.items()
        if (key := name if version == 2 else v1_name) in lines
    }
    if more is None:
        return fields
    if version == 1:
        return {**fields, b"kernel": int(more)}
    events = parse_pairs(more)
    return {**fields, **{name: events[name] for name in (b"high", b"max") if name in events}}
