"""Memory errors found by the memory controllers, from /sys/devices/system/edac (Documentation/admin-guide/RAS)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from deckwatch.exporter.collector import NoData, collector
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources import procfs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.world import World


def _declare_counter(name: str, about: str, *labels: str) -> Metric:
    return Metric(f"node_edac_{name}_errors_total", "counter", about, ("controller", *labels))


# By the file's prefix: corrected and uncorrected errors.
CONTROLLER = {
    "ce": _declare_counter("correctable", "Memory errors that were corrected."),
    "ue": _declare_counter("uncorrectable", "Memory errors that could not be corrected."),
}
ROW = {
    "ce": _declare_counter("csrow_correctable", "Memory errors that were corrected, by row of chips.", "csrow"),
    "ue": _declare_counter(
        "csrow_uncorrectable", "Memory errors that could not be corrected, by row of chips.", "csrow"
    ),
}
_CHANNEL_LABELS = ("csrow", "channel", "dimm_label")
CHANNEL = {
    "ce": _declare_counter("channel_correctable", "Memory errors that were corrected, by channel.", *_CHANNEL_LABELS),
    "ue": _declare_counter(
        "channel_uncorrectable", "Memory errors that could not be corrected, by channel.", *_CHANNEL_LABELS
    ),
}
_FOLDER = "devices/system/edac/mc"
_CHANNEL_FILE = re.compile(r"ch(\d+)_(ce|ue)_count")


@collector(*CONTROLLER.values(), *ROW.values(), *CHANNEL.values(), peer="node:edac")
def collect(world: World) -> Iterator[Sample]:
    """Memory errors, corrected and not, by memory controller, row and channel."""
    for name in procfs.list_sys(world, _FOLDER):
        if not name.removeprefix("mc").isdecimal():
            continue
        folder, controller = f"{_FOLDER}/{name}", name.removeprefix("mc")
        for kind in ("ce", "ue"):
            yield CONTROLLER[kind](_read_count(world, f"{folder}/{kind}_count"), controller)
            # What the controller could not tell the row of.
            yield ROW[kind](_read_count(world, f"{folder}/{kind}_noinfo_count"), controller, "unknown")
        for row in procfs.list_sys(world, folder):
            if row.removeprefix("csrow").isdecimal():
                yield from _row_samples(world, f"{folder}/{row}", controller, row.removeprefix("csrow"))


def _row_samples(world: World, folder: str, controller: str, row: str) -> Iterator[Sample]:
    for kind in ("ce", "ue"):
        yield ROW[kind](_read_count(world, f"{folder}/{kind}_count"), controller, row)
    for file in procfs.list_sys(world, folder):
        found = _CHANNEL_FILE.fullmatch(file)
        if found:
            channel, kind = found.groups()
            label = _dimm_label(world, f"{folder}/ch{channel}_dimm_label")
            yield CHANNEL[kind](_read_count(world, f"{folder}/{file}"), controller, row, channel, label)


def _dimm_label(world: World, path: str) -> str:
    """Return what the machine's maker or its owner calls the module, written as node_exporter does."""
    try:
        label = procfs.decode_text(procfs.read_sys(world, path)).strip()
    except NoData:
        return "unknown"
    return label.replace("#", "").replace("csrow", "_csrow").replace("channel", "_channel")


def _read_count(world: World, path: str) -> int:
    return int(procfs.read_sys(world, path))
