"""The host's operating system, from /etc/os-release (os-release(5))."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from deckwatch.exporter.collector import NoData, collector
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources import rootfs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.world import World

INFO = Metric(
    "node_os_info",
    "gauge",
    "Information about the operating system, in labels; always 1.",
    (
        "build_id",
        "id",
        "id_like",
        "image_id",
        "image_version",
        "name",
        "pretty_name",
        "variant",
        "variant_id",
        "version",
        "version_codename",
        "version_id",
    ),
)
VERSION = Metric(
    "node_os_version", "gauge", "Version of the operating system: major and minor number.", ("id", "id_like", "name")
)


@collector(INFO, VERSION, peer="node:os", needs="root/etc/os-release", free_text=True)
def collect(world: World) -> Iterator[Sample]:
    """The operating system's name and version."""
    release = rootfs.parse_os_release(_read_os_release(world))
    yield INFO(1, *(release.get(label.upper(), "") for label in INFO.labels))
    number = re.match(r"[0-9]+(\.[0-9]+)?", release.get("VERSION_ID", ""))
    if number:
        yield VERSION(float(number[0]), *(release.get(label.upper(), "") for label in VERSION.labels))


def _read_os_release(world: World) -> bytes:
    try:
        return rootfs.read_host_file(world, "etc/os-release")
    except NoData:
        return rootfs.read_host_file(world, "usr/lib/os-release")
