"""The processes that use most of a machine: CPU, memory of their own and disk, by name and container.

CPU and disk are rates since an earlier scan at least 5 s ago, since the kernel counts CPU time in ticks of 10 ms. The
time that a process used between the last scan and its end is not seen.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from deckwatch.exporter.sources import process_files
from deckwatch.exporter.sources.process_files import ENDED
from deckwatch.exporter.sources.process_table import describe_process

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from deckwatch.exporter.sources.process_table import Identity, Process, ProcessTable

Key = tuple[str, str]  # the container's id, empty for the host, and the process's name

_MIN_SECONDS = 5.0  # between the scans that a rate is made of
_MIN_FIRST_SECONDS = 1.0  # as long as there are no rates
_PER_CONTAINER = 3  # processes of each container, besides those of the whole machine
_MAX_CONTAINERS = 100  # that have processes of their own in a ranking


class Use(NamedTuple):
    """What a process has used at a scan: ticks of CPU time, major faults, and bytes read and written, -1 unknown."""

    process: Process
    ticks: int
    faults: int
    disk_bytes: int


class Ranking(NamedTuple):
    """Values of the processes with the highest ones, by container and name; those of rates are empty at first."""

    cpu_ticks_per_second: dict[Key, float]
    private_pages: dict[Key, float]
    disk_bytes_per_second: dict[Key, float]


class ProcessRanking:
    """Ranks the processes of each scan. Not safe for several threads."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._base: dict[str, Use] = {}  # by pid, of the scan from which rates are computed
        self._base_at: float | None = None
        self._last: dict[str, Use] = {}
        self._rates: tuple[dict[Key, float], dict[Key, float]] | None = None  # CPU and disk
        self._keys: dict[str, tuple[Identity, Key]] = {}  # by pid

    def rank_scan(self, table: ProcessTable, now: float) -> Ranking:
        """Return the highest values of a scan at the monotonic time `now`."""
        self._last = {pid: self._measure_process(table, process) for pid, process in table.processes.items()}
        self._keys = {pid: self._name_process(process) for pid, process in table.processes.items()}
        elapsed = 0.0 if self._base_at is None else now - self._base_at
        if elapsed >= (_MIN_FIRST_SECONDS if self._rates is None else _MIN_SECONDS):
            self._rates = self._compute_rates(elapsed)
        if self._base_at is None or elapsed >= _MIN_SECONDS:
            self._base, self._base_at = self._last, now
        cpu, disk = self._rates or ({}, {})
        return Ranking(cpu, self._rank_memory(table), disk)

    def _compute_rates(self, elapsed: float) -> tuple[dict[Key, float], dict[Key, float]]:
        cpu: dict[Key, float] = defaultdict(float)
        disk: dict[Key, float] = defaultdict(float)
        for pid, use in self._last.items():
            before = self._base.get(pid)
            if before is use:
                continue  # it has not run
            ticks = disk_bytes = 0  # of one that has started since
            if before is not None and before.process is use.process:
                ticks, disk_bytes = before.ticks, before.disk_bytes
            key = self._keys[pid][1]
            cpu[key] += max(0, use.ticks - ticks) / elapsed
            if use.disk_bytes > disk_bytes >= 0:
                disk[key] += (use.disk_bytes - disk_bytes) / elapsed
        return self._choose_largest(cpu), self._choose_largest(disk)

    def _measure_process(self, table: ProcessTable, process: Process) -> Use:
        """Return a process's use so far; the disk's bytes are read again only if it has run since the last scan."""
        stat, last = process.stat, self._last.get(process.pid)
        ticks = stat.user_ticks + stat.system_ticks
        if last is not None and last.process is process and (last.ticks, last.faults) == (ticks, stat.major_faults):
            return last
        disk_bytes = -1
        try:
            disk_bytes = sum(process_files.parse_io(process_files.read_file(table.folder, f"{process.pid}/io")))
        except (*ENDED, OSError, ValueError):
            pass  # of another user, where the exporter has no privilege; or it has ended
        return Use(process, ticks, stat.major_faults, disk_bytes)

    def _name_process(self, process: Process) -> tuple[Identity, Key]:
        known = self._keys.get(process.pid)
        if known is not None and known[0] is process.identity:
            return known
        return process.identity, (process.identity.container, describe_process(process.identity))

    def _rank_memory(self, table: ProcessTable) -> dict[Key, float]:
        """Return the private memory of the processes with most of it.

        It is at most the resident memory, so names are looked at from the most resident memory downwards, until none
        of the rest can be among those.
        """
        resident: dict[Key, int] = defaultdict(int)
        pids: dict[Key, list[str]] = defaultdict(list)
        for pid, process in table.processes.items():
            key = self._keys[pid][1]
            resident[key] += process.stat.resident_pages
            pids[key].append(pid)
        private: dict[Key, float] = {}
        complete = _Quota(self._count)
        for key, pages in sorted(resident.items(), key=lambda item: -item[1]):
            if not pages or complete.is_beyond(key, pages):
                continue
            private[key] = sum(_read_private(table, pid) for pid in pids[key])
            complete.add(key, private[key])
        return self._choose_largest(private)

    def _choose_largest(self, values: Mapping[Key, float]) -> dict[Key, float]:
        """Return the highest values of the machine, and of each container, without those that are 0."""
        positive = [item for item in values.items() if item[1] > 0]
        ordered = sorted(positive, key=lambda item: (-item[1], item[0]))
        chosen = dict(ordered[: self._count])
        taken: dict[str, int] = defaultdict(int)
        for key, value in ordered:
            if key[0] and (key[0] in taken or len(taken) < _MAX_CONTAINERS) and taken[key[0]] < _PER_CONTAINER:
                taken[key[0]] += 1
                chosen[key] = value
        return chosen


class _Quota:
    """Tells when a value can no longer be among the highest of the machine, nor of its container."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._values: dict[str, list[float]] = defaultdict(list)  # by container, the machine's under "*"

    def add(self, key: Key, value: float) -> None:
        """Take a value."""
        for name, count in self._list_scopes(key):
            values = self._values[name]
            values.append(value)
            values.sort(reverse=True)
            del values[count:]

    def is_beyond(self, key: Key, upper_bound: float) -> bool:
        """Return whether a value of at most `upper_bound` cannot be among the highest."""
        return all(
            len(self._values[name]) == count and self._values[name][-1] >= upper_bound
            for name, count in self._list_scopes(key)
        )

    def _list_scopes(self, key: Key) -> Iterable[tuple[str, int]]:
        yield "*", self._count
        if key[0]:
            yield key[0], _PER_CONTAINER


def _read_private(table: ProcessTable, pid: str) -> int:
    try:
        return process_files.parse_private_pages(process_files.read_file(table.folder, f"{pid}/statm"))
    except (*ENDED, OSError, ValueError):
        return 0
