"""Status of SELinux, from /proc/filesystems, /sys/fs/selinux and /etc/selinux/config (security/selinux)."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from deckwatch.exporter.collector import NoData, collector
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources import procfs, rootfs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.world import World

ENABLED = Metric("node_selinux_enabled", "gauge", "1 if SELinux is enabled, else 0.")
CURRENT = Metric("node_selinux_current_mode", "gauge", "Current SELinux mode: 1 enforcing, 0 permissive.")
CONFIGURED = Metric(
    "node_selinux_config_mode",
    "gauge",
    "Configured SELinux mode: 1 enforcing, 0 permissive, -1 disabled.",
)
_MODES = {"enforcing": 1, "permissive": 0, "disabled": -1}


@collector(
    ENABLED,
    CURRENT,
    CONFIGURED,
    peer="node:selinux",
    needs="proc/filesystems",
    files=("sys/fs/selinux/enforce", "root/etc/selinux/config"),
    free_text=True,
)
def collect(world: World) -> Iterator[Sample]:
    """Whether SELinux is enabled, and its current and configured mode."""
    # The kernel registers this file system only with SELinux enabled (security/selinux/selinuxfs.c), and lists it in
    # every namespace; its mount point can be hidden from a container.
    enabled = b"\tselinuxfs\n" in procfs.read_proc(world, "filesystems")
    yield ENABLED(int(enabled))
    if not enabled:
        return
    with contextlib.suppress(NoData):
        yield CURRENT(int(procfs.read_sys(world, "fs/selinux/enforce")))
    mode = _MODES.get(_configured_mode(world))
    if mode is not None:
        yield CONFIGURED(mode)


def _configured_mode(world: World) -> str:
    with contextlib.suppress(NoData):
        for line in procfs.decode_text(rootfs.read_host_file(world, "etc/selinux/config")).splitlines():
            name, equals, value = line.strip().partition("=")
            if equals and name.strip() == "SELINUX":  # selinux_config(5)
                return value.strip().lower()
    return ""
