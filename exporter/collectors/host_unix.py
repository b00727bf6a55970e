"""A machine without Linux's /proc (macOS, FreeBSD and other BSDs), from psutil.

Names are those of node_exporter on these systems; metrics are shared with the collectors that read /proc.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from deckwatch.exporter.collector import NoData, collector
from deckwatch.exporter.collectors import (
    _host_filters,
    host_cpu,
    host_disk,
    host_filesystem,
    host_load,
    host_network,
    host_stat,
)
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources.mounts import Mount

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.world import World


def _declare_memory(name: str, help_text: str) -> Metric:
    return Metric(f"node_memory_{name}", "counter" if name.endswith("_total") else "gauge", help_text)


_TOTAL = "Memory of the machine."
_IN, _OUT = "Bytes swapped in.", "Bytes swapped out."
# By psutil's field: of virtual_memory, and of swap_memory.
MEMORY = {
    "active": _declare_memory("active_bytes", "Recently used memory."),
    "inactive": _declare_memory("inactive_bytes", "Memory not used recently."),
    "wired": _declare_memory("wired_bytes", "Memory that cannot be swapped out."),
    "free": _declare_memory("free_bytes", "Unused memory."),
    "cached": _declare_memory("cache_bytes", "Memory that caches files and can be freed."),
    "buffers": _declare_memory("buffer_bytes", "Cache of disk blocks."),
}
_DARWIN = {
    "total": _declare_memory("total_bytes", _TOTAL),
    "swap_total": _declare_memory("swap_total_bytes", "Swap space."),
    "swap_used": _declare_memory("swap_used_bytes", "Swap space in use."),
    "swap_sin": _declare_memory("swapped_in_bytes_total", _IN),
    "swap_sout": _declare_memory("swapped_out_bytes_total", _OUT),
}
_BSD = {
    "total": _declare_memory("size_bytes", _TOTAL),
    "swap_total": _declare_memory("swap_size_bytes", "Swap space."),
    "swap_used": _DARWIN["swap_used"],
    "swap_sin": _declare_memory("swap_in_bytes_total", _IN),
    "swap_sout": _declare_memory("swap_out_bytes_total", _OUT),
}
_MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
_DISK = {metric.name: metric for metric, _ in host_disk.METRICS}
_NETWORK = {metric.name: metric for metric in host_network.METRICS}
# With the divisor of psutil's value: its times are in milliseconds.
DISK = {
    "read_count": (_DISK["node_disk_reads_completed_total"], 1),
    "write_count": (_DISK["node_disk_writes_completed_total"], 1),
    "read_bytes": (_DISK["node_disk_read_bytes_total"], 1),
    "write_bytes": (_DISK["node_disk_written_bytes_total"], 1),
    "read_time": (_DISK["node_disk_read_time_seconds_total"], 1000),
    "write_time": (_DISK["node_disk_write_time_seconds_total"], 1000),
}
NETWORK = {
    "bytes_recv": _NETWORK["node_network_receive_bytes_total"],
    "packets_recv": _NETWORK["node_network_receive_packets_total"],
    "errin": _NETWORK["node_network_receive_errs_total"],
    "dropin": _NETWORK["node_network_receive_drop_total"],
    "bytes_sent": _NETWORK["node_network_transmit_bytes_total"],
    "packets_sent": _NETWORK["node_network_transmit_packets_total"],
    "errout": _NETWORK["node_network_transmit_errs_total"],
    "dropout": _NETWORK["node_network_transmit_drop_total"],
}
_BOOT = host_stat.METRICS[b"btime"]
_FILES = (
    *(host_filesystem.ERROR, host_filesystem.READONLY, host_filesystem.SIZE, host_filesystem.FREE),
    *(host_filesystem.AVAILABLE, host_filesystem.FILES, host_filesystem.FILES_FREE),
)
_LOADS = (host_load.LOAD1, host_load.LOAD5, host_load.LOAD15)


@collector(
    *(host_cpu.SECONDS, *_LOADS, _BOOT, *dict.fromkeys((*MEMORY.values(), *_DARWIN.values(), *_BSD.values()))),
    *(*(metric for metric, _ in DISK.values()), *NETWORK.values(), *_FILES),
    needs="",
)
def collect(world: World) -> Iterator[Sample]:
    """CPUs, load, memory, disks, file systems and network where there is no /proc: on macOS and BSD."""
    if Path(world.procfs, "stat").exists():
        raise NoData("/proc exists and is read instead")
    import psutil  # noqa: PLC0415 - importing it takes 20 ms that Linux need not spend

    darwin = world.uname().sysname == "Darwin"
    yield _BOOT(psutil.boot_time())
    for metric, average in zip(_LOADS, psutil.getloadavg(), strict=True):
        yield metric(average)
    for number, times in enumerate(psutil.cpu_times(percpu=True)):
        for mode in _MODES:
            if hasattr(times, mode):
                # psutil uses Linux's name for what BSD, and node_exporter there, call interrupt.
                name = "interrupt" if mode == "irq" and not hasattr(times, "softirq") else mode
                yield host_cpu.SECONDS(getattr(times, mode), str(number), name)
    memory = {**psutil.virtual_memory()._asdict()}
    memory |= {f"swap_{field}": value for field, value in psutil.swap_memory()._asdict().items()}
    for field, metric in (MEMORY | (_DARWIN if darwin else _BSD)).items():
        if field in memory:
            yield metric(memory[field])
    shown = world.source(_host_filters.HostFilters)
    for disk, counts in (psutil.disk_io_counters(perdisk=True, nowrap=False) or {}).items():
        if shown.disks.is_shown(disk):
            for field, (metric, divisor) in DISK.items():
                if hasattr(counts, field):
                    yield metric(getattr(counts, field) / divisor, disk)
    for device, traffic in psutil.net_io_counters(pernic=True, nowrap=False).items():
        if shown.interfaces.is_shown(device):
            for field, metric in NETWORK.items():
                yield metric(getattr(traffic, field), device)
    yield from host_filesystem.mount_samples(
        world,
        [
            Mount(part.device, part.mountpoint, part.fstype, "", "", "ro" in part.opts.split(","))
            for part in psutil.disk_partitions(all=True)
        ],
    )
