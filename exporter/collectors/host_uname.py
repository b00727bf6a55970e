"""The kernel's name and release, and the host's own name, from uname(2)."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from deckwatch.exporter.collector import NoData, collector
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources import procfs, rootfs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.world import World

INFO = Metric(
    "node_uname_info",
    "gauge",
    "Kernel and host name, in labels; always 1.",
    ("domainname", "machine", "nodename", "release", "sysname", "version"),
)


@collector(INFO, peer="node:uname", needs="", files=("proc/sys/kernel/domainname",))
def collect(world: World) -> Iterator[Sample]:
    """The kernel's name and release, and the host's name."""
    name = world.uname()
    yield INFO(1, _nis_domain(world), name.machine, _node_name(world), name.release, name.sysname, name.version)


def _node_name(world: World) -> str:
    """Return the host's name; in a container from the host's file, because uname(2) returns the container's name."""
    if not procfs.runs_on_host(world):
        with contextlib.suppress(NoData):
            for line in procfs.decode_text(rootfs.read_host_file(world, "etc/hostname")).splitlines():
                if line.strip() and not line.startswith("#"):  # hostname(5)
                    return line.strip()
    return world.uname().nodename


def _nis_domain(world: World) -> str:
    """Return the NIS domain, which Python's uname omits; the kernel writes `(none)` where there is none."""
    with contextlib.suppress(NoData):
        return procfs.decode_text(procfs.read_proc(world, "sys/kernel/domainname")).strip()
    return ""
