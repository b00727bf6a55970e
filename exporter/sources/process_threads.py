"""Threads of the processes in groups, by their name in the kernel: numbers, and totals that outlive the threads.

Of each thread stat, status and io are read (/proc/<pid>/task/<tid>, as for processes in proc(5)). As in
process-exporter, a process with a single thread is left out. Of threads that were there at the first scan, counters
begin at zero; those of later ones count from their start.
"""

from __future__ import annotations

import logging
import os
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from deckwatch.exporter.sources import process_files
from deckwatch.exporter.sources.process_files import ENDED
from deckwatch.exporter.sources.process_groups import OTHER
from deckwatch.exporter.sources.procfs import decode_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deckwatch.exporter.sources.process_groups import Group, Member
    from deckwatch.exporter.sources.process_table import Process

log = logging.getLogger("deckwatch.processes")

MAX_THREADS = 5_000  # read at one scan; three files of each take about 30 µs
_COUNTERS = 8


class ThreadTotal:
    """Threads of one name in a group: their number at the newest scan, and counters since the first.

    `counters` are user and system time in ticks, minor and major faults, voluntary and other context switches, and
    bytes read and written; `has_io` is false while no io file could be read.
    """

    __slots__ = ("count", "counters", "has_io")

    def __init__(self) -> None:
        self.count = 0
        self.counters = [0] * _COUNTERS
        self.has_io = False


class _Thread(NamedTuple):
    name: str
    start_ticks: int
    counters: list[int]  # of io, -1 where it cannot be read


class _Threads:
    """The threads of one process at its last scan, by number."""

    __slots__ = ("by_number", "newest_start", "process")

    def __init__(self, process: Process) -> None:
        self.process = process
        self.by_number: dict[str, _Thread] = {}
        self.newest_start = 0  # in ticks since boot


class ThreadGroups:
    """Threads of groups by name. Not safe for several threads.

    A group has at most `max_names` names; threads of further ones are in `_OTHER`. Of more than MAX_THREADS, groups are
    read in their order as long as all of a group's threads may be; the others have no totals in `groups`.
    """

    def __init__(self, max_names: int) -> None:
        self._max_names = max_names
        self._known: dict[str, _Threads] = {}  # by process number
        self._totals: dict[str, dict[str, ThreadTotal]] = {}  # by group and thread name
        self._skipped: set[str] = set()
        self._first_start: int | None = None  # of the newest process or thread at the first scan, in ticks since boot
        self.groups: dict[str, dict[str, ThreadTotal]] = {}  # those that could be read at the newest scan
        self.partial_failures = 0

    def add_scan(self, folder: int, groups: Mapping[str, Group], members: Mapping[str, Member]) -> None:
        """Read the threads of the members of groups; `folder` is a descriptor of /proc."""
        processes: dict[int, list[Process]] = {}
        for member in members.values():
            if member.process.stat.threads > 1:
                processes.setdefault(id(member.group), []).append(member.process)
        self._known = {
            pid: known for pid, known in self._known.items() if pid in members and members[pid].process is known.process
        }
        self._totals = {name: totals for name, totals in self._totals.items() if name in groups}
        self.groups = {}
        left, skipped = MAX_THREADS, set()
        for name, group in groups.items():
            chosen = processes.get(id(group), [])
            wanted = sum(process.stat.threads for process in chosen)
            if wanted > left:
                skipped.add(name)
                continue
            left -= wanted
            if chosen or name in self._totals:
                self._add_group(folder, name, chosen)
        for name in sorted(skipped - self._skipped):
            log.warning("threads of the group %s are not read: with them there are more than %d", name, MAX_THREADS)
        self._skipped = skipped
        if self._first_start is None:
            starts = [member.process.stat.start_ticks for member in members.values()]
            self._first_start = max((*starts, *(known.newest_start for known in self._known.values())), default=0)

    def _add_group(self, folder: int, name: str, processes: list[Process]) -> None:
        """Read a group's threads into its totals."""
        totals = self.groups[name] = self._totals.setdefault(name, {})
        for total in totals.values():
            total.count = 0
        pairs = [pair for process in processes for pair in self._read_process(folder, process)]
        # The names of most threads first: the later ones may have to share _OTHER.
        for thread_name, _ in Counter(thread.name for thread, _ in pairs).most_common():
            if len(totals) < self._max_names:
                totals.setdefault(thread_name, ThreadTotal())
        for thread, base in pairs:
            total = totals.get(thread.name) or totals.setdefault(OTHER, ThreadTotal())
            total.count += 1
            total.has_io = total.has_io or thread.counters[-1] >= 0
            for index, (new, old) in enumerate(zip(thread.counters, base, strict=True)):
                if new > old >= 0:
                    total.counters[index] += new - old

    def _read_process(self, folder: int, process: Process) -> list[tuple[_Thread, list[int]]]:
        """Return the threads of a process, each with the counters from which it is counted (-1 for none yet)."""
        known = self._known.get(process.pid)
        if known is None:
            known = self._known[process.pid] = _Threads(process)
        counted_until = known.newest_start or self._first_start  # None at the first scan
        try:
            numbers = _list_threads(folder, process.pid)
        except ENDED:
            return []
        except OSError:
            self.partial_failures += 1
            return []
        threads = {number: thread for number in numbers if (thread := self._read_thread(folder, process.pid, number))}
        pairs = []
        for number, thread in threads.items():
            before = known.by_number.get(number)
            if before is not None and before.start_ticks == thread.start_ticks:
                base = before.counters
            else:
                is_old = counted_until is None or thread.start_ticks <= counted_until
                base = [-1 if is_old else 0] * _COUNTERS
            pairs.append((thread, base))
        known.by_number = threads
        known.newest_start = max((thread.start_ticks for thread in threads.values()), default=known.newest_start)
        return pairs

    def _read_thread(self, folder: int, pid: str, number: str) -> _Thread | None:
        """Return a thread; None if it has ended or cannot be read."""
        path = f"{pid}/task/{number}"
        try:
            stat = process_files.parse_stat(process_files.read_file(folder, f"{path}/stat"))
            status = process_files.parse_status(process_files.read_file(folder, f"{path}/status"))
        except ENDED:
            return None
        except (OSError, ValueError):
            self.partial_failures += 1
            return None
        read = written = -1
        try:
            read, written = process_files.parse_io(process_files.read_file(folder, f"{path}/io"))
        except ENDED:
            pass
        except (OSError, ValueError):
            self.partial_failures += 1
        counters = [stat.user_ticks, stat.system_ticks, stat.minor_faults, stat.major_faults]
        counters += [status.voluntary_switches, status.nonvoluntary_switches, read, written]
        return _Thread(decode_text(stat.comm), stat.start_ticks, counters)


def _list_threads(folder: int, pid: str) -> list[str]:
    """Return the numbers of a process's threads; raises OSError."""
    descriptor = os.open(f"{pid}/task", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
    try:
        return os.listdir(descriptor)  # noqa: PTH208 - of a descriptor
    finally:
        os.close(descriptor)
