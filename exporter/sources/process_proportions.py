"""Proportional memory of processes, from smaps_rollup, in the background.

The kernel walks all pages of a process for it, which takes seconds for a database with much memory. One thread reads,
one process after the other; a pass ends after a time limit, and the next one continues with the oldest readings.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, NamedTuple

from deckwatch.exporter.sources import process_files
from deckwatch.exporter.sources.background import Background
from deckwatch.exporter.sources.process_files import ENDED
from deckwatch.exporter.world import NoData, SourceDown

if TYPE_CHECKING:
    from deckwatch.exporter.sources.process_table import Process
    from deckwatch.exporter.world import World

_PASS_SECONDS = 10.0  # after which no further process is read


class Proportion(NamedTuple):
    """Bytes of memory and of swap of a process, its share of what it shares with others."""

    process: Process
    resident: int
    swapped: int
    read_at: float


class Proportions:
    """The newest readings of the processes in `wanted`, which the scans replace as a whole."""

    def __init__(self, world: World, seconds: float) -> None:
        self._procfs = str(world.procfs)
        self.wanted: dict[str, Process] = {}  # by pid
        self._read: dict[str, Proportion] = {}
        self._readings = Background(world, "smaps_rollup of processes", self._read_pass, seconds=seconds)

    def latest(self) -> dict[str, Proportion]:
        """Return the readings by pid; empty before the first pass, or if it fails."""
        try:
            return self._readings.latest_reading().value
        except (NoData, SourceDown):
            return {}

    def close(self) -> None:
        """End the readings."""
        self._readings.close()

    def _read_pass(self) -> dict[str, Proportion]:
        wanted, known = self.wanted, self._read
        current = {pid: known[pid] for pid in wanted if pid in known and known[pid].process is wanted[pid]}
        ends = time.monotonic() + _PASS_SECONDS
        folder = os.open(self._procfs, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for pid in sorted(wanted, key=lambda pid: current[pid].read_at if pid in current else 0.0):
                if time.monotonic() > ends or self._readings.is_closing:
                    break
                try:
                    data = process_files.read_file(folder, f"{pid}/smaps_rollup")
                    resident, swapped = process_files.parse_rollup(data) if data else (0, 0)
                except ENDED:
                    continue
                except (OSError, ValueError):  # of another user; and a kernel thread has no memory
                    continue
                current[pid] = Proportion(wanted[pid], resident, swapped, time.monotonic())
        finally:
            os.close(folder)
        self._read = current
        return dict(current)
