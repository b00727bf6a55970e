"""Groups of processes by name, program or command line, and their totals, which outlive the processes.

As in process-exporter: the first group of the list that matches takes a process, all conditions of a group must hold,
and a process that no group matches belongs to the group of its nearest ancestor. Of processes that were there at the
first scan, counters begin at zero; those of later ones count from their start.
"""

from __future__ import annotations

import pwd
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from deckwatch.exporter.sources import process_files
from deckwatch.exporter.sources.process_files import ENDED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from deckwatch.exporter.sources.process_table import Identity, Process, ProcessTable

OTHER = "_OTHER"  # the group of what would exceed the maximum number of groups
FIELDS = ("comm", "exe", "exe_path", "user")  # of a group's name in braces, besides the groups of its expressions
_BRACES = re.compile(r"\{([A-Za-z_]\w*)\}")
_MAX_NAME = 100  # characters
_LINGER_SECONDS = 300.0  # how long a group from a template is shown after its last process
_LIMITS_SECONDS = 300.0  # between two readings of a process's limits
_MAX_ANCESTORS = 32
_COUNTERS = 8


class GroupRule:
    """An entry of the list: its conditions and the template of its name."""

    def __init__(self, entry: Mapping[str, Any]) -> None:
        self.name: str = entry["name"]
        self.has_template = has_template(self.name)
        self._comms = frozenset(_as_list(entry.get("comm")))
        programs = _as_list(entry.get("exe"))
        self._paths = frozenset(path for path in programs if "/" in path)
        self._programs = frozenset(path for path in programs if "/" not in path)
        self._patterns = [re.compile(pattern) for pattern in _as_list(entry.get("cmdline"))]

    def name_group(self, identity: Identity) -> str | None:
        """Return the name of a process's group; None if a condition does not hold."""
        path = identity.arguments[0] if identity.arguments else ""
        if self._comms and identity.comm not in self._comms:
            return None
        if (self._paths or self._programs) and not (path in self._paths or _base_name(path) in self._programs):
            return None
        found: dict[str, str] = {}
        line = " ".join(identity.arguments)
        for pattern in self._patterns:
            match = pattern.search(line)
            if match is None:
                return None
            found |= {name: value or "" for name, value in match.groupdict().items()}
        if not self.has_template:
            return self.name
        fields = {"comm": identity.comm, "exe": _base_name(path), "exe_path": path, "user": _name_user(identity.uid)}
        return _BRACES.sub(lambda match: (fields | found).get(match[1], ""), self.name)[:_MAX_NAME]


class Group:
    """A group: counters since the first scan, and the sums of one scan over its processes."""

    __slots__ = (
        "counters",
        "fd_ratio",
        "has_files",
        "has_io",
        "has_status",
        "is_fixed",
        "oldest",
        "open_files",
        "processes",
        "resident_pages",
        "seen_at",
        "states",
        "swapped",
        "threads",
        "virtual",
    )

    def __init__(self, *, is_fixed: bool) -> None:
        self.is_fixed = is_fixed
        self.counters = [0] * _COUNTERS  # in the order of Member.counters
        self.has_io = self.has_files = self.has_status = is_fixed
        self.seen_at = 0.0
        self.clear_sums()

    def clear_sums(self) -> None:
        """Begin a scan."""
        self.processes = self.threads = self.resident_pages = self.virtual = self.swapped = self.open_files = 0
        self.fd_ratio = 0.0
        self.oldest: int | None = None  # start in ticks since boot
        self.states: Counter[bytes] = Counter()


class Member:
    """A process in a group, with its counters at the last scan.

    User and system time, minor and major faults, voluntary and other context switches, bytes read and written.
    """

    __slots__ = ("counters", "group", "identity", "limit", "limit_at", "process")

    def __init__(self, process: Process, group: Group, base: list[int] | None) -> None:
        self.process = process
        self.identity = process.identity
        self.group = group
        self.counters = base
        self.limit = 0.0
        self.limit_at = float("-inf")


class ProcessGroups:
    """The groups by name. Not safe for several threads."""

    def __init__(self, entries: Iterable[Mapping[str, Any]], max_groups: int, *, with_children: bool) -> None:
        self._rules = [GroupRule(entry) for entry in entries]
        self._max_groups = max_groups
        self._with_children = with_children
        self.groups = {rule.name: Group(is_fixed=True) for rule in self._rules if not rule.has_template}
        self.members: dict[str, Member] = {}  # by pid
        self._unmatched: dict[str, tuple[Process, Identity]] = {}
        self._first_start: int | None = None  # of the newest process at the first scan, in ticks since boot
        self.partial_failures = 0

    def add_scan(self, table: ProcessTable, now: float) -> None:
        """Take a scan of the processes at the monotonic time `now` into the groups."""
        if self._first_start is None:
            self._first_start = max((process.stat.start_ticks for process in table.processes.values()), default=0)
        self._assign_processes(table.processes)
        for group in self.groups.values():
            group.clear_sums()
        for member in self.members.values():
            self._add_member(table, member, now)
        for name, group in list(self.groups.items()):
            if not group.is_fixed and not group.processes and now - group.seen_at > _LINGER_SECONDS:
                del self.groups[name]

    def _assign_processes(self, processes: Mapping[str, Process]) -> None:
        """Give each new or changed process to its group, and forget those that have ended."""
        members, unmatched, new = {}, {}, []
        for pid, process in processes.items():
            member = self.members.get(pid)
            if member is not None and member.process is process and member.identity is process.identity:
                members[pid] = member
            elif self._unmatched.get(pid) == (process, process.identity):
                unmatched[pid] = (process, process.identity)
            else:
                new.append(process)
        previous, self.members, self._unmatched = self.members, members, unmatched
        orphans = []
        for process in new:
            name, fixed = self._match_rule(process.identity)
            if name is None:
                orphans.append(process)
            else:
                self._add_process(process, self._group_of(name, is_fixed=fixed), previous.get(process.pid))
        for process in orphans:
            group = self._inherit_group(process, processes)
            if group is None:
                self._unmatched[process.pid] = (process, process.identity)
            else:
                self._add_process(process, group, previous.get(process.pid))

    def _match_rule(self, identity: Identity) -> tuple[str | None, bool]:
        for rule in self._rules:
            if (name := rule.name_group(identity)) is not None:
                return name, not rule.has_template
        return None, False

    def _inherit_group(self, process: Process, processes: Mapping[str, Process]) -> Group | None:
        """Return the group of the nearest ancestor that has one."""
        for _ in range(_MAX_ANCESTORS if self._with_children else 0):
            parent = processes.get(str(process.stat.parent))
            if parent is None:
                return None
            if parent.pid in self.members:
                return self.members[parent.pid].group
            process = parent
        return None

    def _group_of(self, name: str, *, is_fixed: bool) -> Group:
        group = self.groups.get(name)
        if group is None:
            if not is_fixed and len(self.groups) >= self._max_groups:
                name = OTHER
            group = self.groups.setdefault(name, Group(is_fixed=False))
        return group

    def _add_process(self, process: Process, group: Group, before: Member | None) -> None:
        """Add a process; one that was in a group before has its counters up to now there."""
        base = None if process.stat.start_ticks <= (self._first_start or 0) else [0] * _COUNTERS
        if before is not None and before.process is process:
            base = before.counters
        self.members[process.pid] = Member(process, group, base)

    def _add_member(self, table: ProcessTable, member: Member, now: float) -> None:
        """Add a process's values to its group: those of its stat, and those of other files that can be read."""
        stat, group, pid = member.process.stat, member.group, member.process.pid
        group.processes += 1
        group.seen_at = now
        group.threads += stat.threads
        group.resident_pages += stat.resident_pages
        group.virtual += stat.virtual_bytes
        group.states[stat.state] += 1
        if group.oldest is None or stat.start_ticks < group.oldest:
            group.oldest = stat.start_ticks
        last = member.counters or [-1] * _COUNTERS
        counters = [stat.user_ticks, stat.system_ticks, stat.minor_faults, stat.major_faults, *last[4:]]
        try:
            status = process_files.parse_status(process_files.read_file(table.folder, f"{pid}/status"))
            counters[4:6] = status.voluntary_switches, status.nonvoluntary_switches
            group.swapped += status.swapped_bytes
            group.has_status = True
            counters[6:8] = process_files.parse_io(process_files.read_file(table.folder, f"{pid}/io"))
            group.has_io = True
        except ENDED:
            pass
        except (OSError, ValueError):
            self.partial_failures += 1
        self._add_open_files(table, member, now)
        for index, (new, old) in enumerate(zip(counters, last, strict=True)):
            if new > old >= 0:
                group.counters[index] += new - old
        member.counters = counters

    def _add_open_files(self, table: ProcessTable, member: Member, now: float) -> None:
        pid, group = member.process.pid, member.group
        try:
            count = process_files.count_open_files(table.folder, pid, has_size=table.has_sizes)
            group.open_files += count
            group.has_files = True
            if now - member.limit_at > _LIMITS_SECONDS:
                data = process_files.read_file(table.folder, f"{pid}/limits")
                member.limit, member.limit_at = process_files.parse_open_files_limit(data), now
            if member.limit:
                group.fd_ratio = max(group.fd_ratio, count / member.limit)
        except ENDED:
            pass
        except (OSError, ValueError):
            self.partial_failures += 1


def has_template(name: str) -> bool:
    """Return whether a group's name has words in braces, so that its processes decide on the groups."""
    return bool(_BRACES.search(name))


def find_name_faults(name: str, patterns: Iterable[str]) -> Iterable[tuple[str, list[str]]]:
    """Yield each word in braces that a group's name must not have, with the words that it may have."""
    known = [*FIELDS]
    for pattern in patterns:
        known += re.compile(pattern).groupindex
    return [(word, known) for word in _BRACES.findall(name) if word not in known]


def _as_list(value: object) -> list[str]:
    return [] if value is None else [value] if isinstance(value, str) else list(value)  # type: ignore[call-overload]


def _base_name(path: str) -> str:
    return path.rpartition("/")[2]


def _name_user(uid: int) -> str:
    """Return a user's name; the number where this machine has none, as for users of other containers."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
