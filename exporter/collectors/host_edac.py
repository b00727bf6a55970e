"""Memory errors detected by memory controllers, from /sys/devices/system/edac (Documentation/admin-guide/RAS)."""

from __future__ import annotations

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


def _declare_counter(name: str, help_text: str, *labels: str) -> Metric:
    return Metric(f"node_edac_{name}_errors_total", "counter", help_text, ("controller", *labels))


# By the file's prefix: correctable (ce) and uncorrectable (ue) errors.
CONTROLLER = {
    "ce": _declare_counter("correctable", "Correctable memory errors."),
    "ue": _declare_counter("uncorrectable", "Uncorrectable memory errors."),
}
ROW = {
    "ce": _declare_counter("csrow_correctable", "Correctable memory errors, by chip-select row.", "csrow"),
    "ue": _declare_counter("csrow_uncorrectable", "Uncorrectable memory errors, by chip-select row.", "csrow"),
}
_CHANNEL_LABELS = ("csrow", "channel", "dimm_label")
CHANNEL = {
    "ce": _declare_counter("channel_correctable", "Correctable memory errors, by channel.", *_CHANNEL_LABELS),
    "ue": _declare_counter("channel_uncorrectable", "Uncorrectable memory errors, by channel.", *_CHANNEL_LABELS),
}
_FOLDER = "devices/system/edac/mc"
_CHANNEL_FILE = re.compile(r"ch(\d+)_(ce|ue)_count")


@collector(
    *CONTROLLER.values(),
    *ROW.values(),
    *CHANNEL.values(),
    _readings.FAILED,
    peer="node:edac",
    needs="sys/devices/system/edac/mc",
    files=("sys/devices/system/edac/mc/mc*/*_count", "sys/devices/system/edac/mc/mc*/csrow*/*"),
)
def collect(world: World) -> Iterator[Sample]:
    """Correctable and uncorrectable memory errors, by memory controller, row and channel."""
    names = procfs.list_sys(world, _FOLDER)
    yield from _readings.read_independently(world, "host_edac", lambda readings: _controller_samples(names, readings))


def _controller_samples(names: list[str], readings: Readings) -> Iterator[Sample]:
    for name in names:
        if not name.removeprefix("mc").isdecimal():
            continue
        folder, controller = f"{_FOLDER}/{name}", name.removeprefix("mc")
        for kind in ("ce", "ue"):
            yield from _count_samples(readings, f"{folder}/{kind}_count", CONTROLLER[kind], controller)
            # Errors whose row the controller does not know.
            yield from _count_samples(readings, f"{folder}/{kind}_noinfo_count", ROW[kind], controller, "unknown")
        for row in readings.list_names(folder):
            if row.removeprefix("csrow").isdecimal():
                yield from _row_samples(readings, f"{folder}/{row}", controller, row.removeprefix("csrow"))


def _row_samples(readings: Readings, folder: str, controller: str, row: str) -> Iterator[Sample]:
    for kind in ("ce", "ue"):
        yield from _count_samples(readings, f"{folder}/{kind}_count", ROW[kind], controller, row)
    for file in readings.list_names(folder):
        match = _CHANNEL_FILE.fullmatch(file)
        if match:
            channel, kind = match.groups()
            label = _dimm_label(readings, f"{folder}/ch{channel}_dimm_label")
            yield from _count_samples(readings, f"{folder}/{file}", CHANNEL[kind], controller, row, channel, label)


def _dimm_label(readings: Readings, path: str) -> str:
    """Return the memory module's label, set by the vendor or the administrator, in node_exporter's spelling."""
    label = readings.read_text(path, "unknown").strip()
    return label.replace("#", "").replace("csrow", "_csrow").replace("channel", "_channel")


def _count_samples(readings: Readings, path: str, metric: Metric, *labels: str) -> Iterator[Sample]:
    count = readings.read_number(path)
    if count is not None:
        yield metric(count, *labels)
