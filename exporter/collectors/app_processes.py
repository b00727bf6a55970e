"""Processes in groups, and those that use most of the machine, from /proc/<pid>/stat, status, io, fd, limits and statm.

The names of the groups' metrics are those of process-exporter. Off unless `watch: processes:` is in deckwatch.yaml.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from deckwatch.core import units
from deckwatch.core.problems import did_you_mean
from deckwatch.exporter.collector import collector
from deckwatch.exporter.collectors import _thread_metrics
from deckwatch.exporter.metric import Metric
from deckwatch.exporter.sources import procfs
from deckwatch.exporter.sources.docker import Engine
from deckwatch.exporter.sources.pattern_fault import find_pattern_fault
from deckwatch.exporter.sources.process_groups import ProcessGroups, find_name_faults, has_template
from deckwatch.exporter.sources.process_proportions import Proportions
from deckwatch.exporter.sources.process_ranking import ProcessRanking
from deckwatch.exporter.sources.process_table import ProcessTable
from deckwatch.exporter.sources.process_threads import ThreadGroups
from deckwatch.exporter.world import NoData, Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deckwatch.core.catalog import Kind
    from deckwatch.core.problems import Problem
    from deckwatch.core.project import Project
    from deckwatch.exporter.metric import Sample
    from deckwatch.exporter.sources.process_groups import Group
    from deckwatch.exporter.sources.process_ranking import Key
    from deckwatch.exporter.world import World

ON_EVERY_HOST = True  # every host has processes of its own

_TOP = 10  # defaults of the configuration
_MAX_GROUPS = 200
_INIT = "1"  # the number of the first process, which every /proc has
_SHORT_ID = 12  # digits of a container's id where its name is not known


def _declare_metric(name: str, kind: Kind, help_text: str, *labels: str, unit: str = "") -> Metric:
    return Metric(f"namedprocess_namegroup_{name}", kind, help_text, ("groupname", *labels), unit=unit)


NUM_PROCS = _declare_metric("num_procs", "gauge", "Number of processes in the group.")
CPU = _declare_metric(
    "cpu_seconds_total", "counter", "CPU time of the group's processes, by mode.", "mode", unit="seconds"
)
READ = _declare_metric(
    "read_bytes_total", "counter", "Bytes that the group's processes have read from disks.", unit="bytes"
)
WRITTEN = _declare_metric("write_bytes_total", "counter", "Bytes that they have written to disks.", unit="bytes")
MAJOR_FAULTS = _declare_metric("major_page_faults_total", "counter", "Page faults that needed a disk.")
MINOR_FAULTS = _declare_metric("minor_page_faults_total", "counter", "Page faults that needed no disk.")
SWITCHES = _declare_metric(
    "context_switches_total", "counter", "Context switches of the main threads.", "ctxswitchtype"
)
MEMORY = _declare_metric("memory_bytes", "gauge", "Memory of the group's processes, by type.", "memtype")
OPEN_FILES = _declare_metric("open_filedesc", "gauge", "Open files of the group's processes.")
FD_RATIO = _declare_metric("worst_fd_ratio", "gauge", "Open files over their limit, of the process nearest to it.")
OLDEST = _declare_metric("oldest_start_time_seconds", "gauge", "Start of the group's oldest process, as a Unix time.")
THREADS = _declare_metric("num_threads", "gauge", "Threads of the group's processes.")
STATES = _declare_metric("states", "gauge", "Processes of the group by state.", "state")
EXPECTED = Metric(
    "deckwatch_process_group_expected",
    "gauge",
    "Minimum number of processes of the group that should run, from `expected:` in deckwatch.yaml.",
    ("groupname",),
)
UNREADABLE = Metric("namedprocess_scrape_procread_errors", "counter", "Processes that could not be read, in total.")
PARTIAL = Metric(
    "namedprocess_scrape_partial_errors",
    "counter",
    "Readings of processes in groups of which a file could not be read, for lack of privileges mostly, in total.",
)
_TOP_LABELS = ("name", "process")
TOP_CPU = Metric(
    "deckwatch_top_cpu_cores",
    "gauge",
    "Processors that the largest users keep busy, by container's name and process.",
    _TOP_LABELS,
)
TOP_MEMORY = Metric(
    "deckwatch_top_memory_bytes",
    "gauge",
    "Memory that belongs to the largest users alone, by container's name and process.",
    _TOP_LABELS,
)
TOP_DISK = Metric(
    "deckwatch_top_disk_bytes_per_second",
    "gauge",
    "Disk traffic of the largest users, by container's name and process.",
    _TOP_LABELS,
    unit="bytes/s",
)
# By the letter in stat, as process-exporter names them.
_STATES = {b"R": "Running", b"S": "Sleeping", b"D": "Waiting", b"Z": "Zombie"}


class Processes(Source):
    """The processes and their groups; a Source of the World, and the only subject of the collector."""

    def __init__(self, world: World) -> None:
        block: Mapping[str, Any] = world.config["processes"]
        count = block.get("top", _TOP)
        entries = block.get("groups") or ()
        self._expected = {entry["name"]: entry["expected"] for entry in entries if "expected" in entry}
        self._world = world
        self._table = ProcessTable(world.procfs, with_containers=count > 0)
        self._ranking = ProcessRanking(count) if count else None
        self._groups = ProcessGroups(
            entries,
            block.get("max_groups", _MAX_GROUPS),
            with_children=block.get("children", True),
        )
        self._threads = ThreadGroups(block["threads"]) if block.get("threads") else None
        self._proportions = Proportions(world, units.parse_duration(block["smaps"])) if "smaps" in block else None
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the folder of processes, and end readings in the background."""
        if self._proportions is not None:
            self._proportions.close()
        self._table.close()

    def read_samples(self) -> list[Sample]:
        """Scan the processes; return the samples of all groups and of the ranking."""
        with self._lock:
            now = time.monotonic()
            try:
                self._table.scan()
            except FileNotFoundError:
                raise NoData(f"there is no {self._world.procfs}") from None
            if not self._table.processes:
                raise NoData(f"no process can be read in {self._world.procfs}")
            self._groups.add_scan(self._table, now)
            samples = list(self._describe_groups())
            if self._ranking is not None:
                samples += self._describe_ranking(self._ranking, now)
            partial_failures = self._groups.partial_failures
            if self._threads is not None:
                self._threads.add_scan(self._table.folder, self._groups.groups, self._groups.members)
                samples += _thread_metrics.describe_threads(self._threads, self._world.user_hz)
                partial_failures += self._threads.partial_failures
            return [*samples, UNREADABLE(self._table.unreadable), PARTIAL(partial_failures)]

    def _describe_groups(self) -> Iterator[Sample]:
        booted = procfs.required_value(procfs.parse_stat(procfs.read_proc(self._world, "stat")), b"btime")
        hertz = self._world.user_hz
        for name, group in self._groups.groups.items():
            yield from _describe_group(name, group, hertz, self._world.page_size)
            if group.oldest is not None:
                yield OLDEST(booted + group.oldest / hertz, name)
        if _INIT in self._table.processes:  # else /proc hides the processes of other users (hidepid), or has none
            for name, count in self._expected.items():
                yield EXPECTED(count, name)
        yield from self._describe_proportions()

    def _describe_proportions(self) -> Iterator[Sample]:
        """Yield proportional memory, of groups of which all processes have been read that a pass has met."""
        if self._proportions is None:
            return
        members = self._groups.members
        wanted = self._proportions.wanted  # before this scan, and so in a pass that has ended
        self._proportions.wanted = {pid: member.process for pid, member in members.items()}
        readings = self._proportions.latest()
        sums: dict[str, list[int]] = {}
        incomplete = set()
        names = {id(group): name for name, group in self._groups.groups.items()}
        for pid, member in members.items():
            name = names[id(member.group)]
            reading = readings.get(pid)
            if reading is not None and reading.process is member.process:
                total = sums.setdefault(name, [0, 0])
                total[0] += reading.resident
                total[1] += reading.swapped
            elif wanted.get(pid) is member.process:
                incomplete.add(name)
        for name, (resident, swapped) in sums.items():
            if name not in incomplete:
                yield MEMORY(resident, name, "proportionalResident")
                yield MEMORY(swapped, name, "proportionalSwapped")

    def _describe_ranking(self, ranking: ProcessRanking, now: float) -> Iterator[Sample]:
        cpu, memory, disk = ranking.rank_scan(self._table, now)
        names = self._name_containers({key[0] for key in (*cpu, *memory, *disk) if key[0]})
        yield from _describe_rank(TOP_CPU, cpu, names, 1 / self._world.user_hz)
        yield from _describe_rank(TOP_MEMORY, memory, names, self._world.page_size)
        yield from _describe_rank(TOP_DISK, disk, names, 1)

    def _name_containers(self, ids: set[str]) -> dict[str, str]:
        """Return the containers' names by id; the beginning of the id where no engine reports the name."""
        known: dict[str, str] = {"": ""}
        if ids:
            snapshot = self._world.source(Engine).latest_snapshot()
            known |= {each.id: each.name for each in (snapshot.containers if snapshot else ())}
        return {id_: known.get(id_) or id_[:_SHORT_ID] for id_ in ids} | {"": ""}


def _describe_group(name: str, group: Group, hertz: int, page_size: int) -> Iterator[Sample]:
    """Yield the samples of a group; values from files that cannot be read are left out."""
    user, system, minor, major, voluntary, nonvoluntary, read, written = group.counters
    yield NUM_PROCS(group.processes, name)
    yield THREADS(group.threads, name)
    yield CPU(user / hertz, name, "user")
    yield CPU(system / hertz, name, "system")
    yield MINOR_FAULTS(minor, name)
    yield MAJOR_FAULTS(major, name)
    yield MEMORY(group.resident_pages * page_size, name, "resident")
    yield MEMORY(group.virtual, name, "virtual")
    if group.has_status:
        yield MEMORY(group.swapped, name, "swapped")
        yield SWITCHES(voluntary, name, "voluntary")
        yield SWITCHES(nonvoluntary, name, "nonvoluntary")
    if group.has_io:
        yield READ(read, name)
        yield WRITTEN(written, name)
    if group.has_files:
        yield OPEN_FILES(group.open_files, name)
        yield FD_RATIO(group.fd_ratio, name)
    for letter, state in _STATES.items():
        yield STATES(group.states[letter], name, state)
    yield STATES(sum(count for letter, count in group.states.items() if letter not in _STATES), name, "Other")


def _describe_rank(
    metric: Metric, values: Mapping[Key, float], names: Mapping[str, str], factor: float
) -> Iterator[Sample]:
    """Yield the values of a ranking; two containers of the same name count as one."""
    sums: dict[tuple[str, str], float] = {}
    for (container, process), value in values.items():
        labels = (names[container], process)
        sums[labels] = sums.get(labels, 0) + value * factor
    for labels, value in sums.items():
        yield metric(value, *labels)


def configured_processes(world: World) -> Mapping[str, Processes]:
    """Return the processes as the only subject; none where they are not configured."""
    return {"processes": world.source(Processes)} if world.config.get("processes") else {}


@collector(
    *(NUM_PROCS, THREADS, CPU, MINOR_FAULTS, MAJOR_FAULTS, MEMORY, SWITCHES, READ, WRITTEN, OPEN_FILES, FD_RATIO),
    *(STATES, OLDEST, EXPECTED, UNREADABLE, PARTIAL, TOP_CPU, TOP_MEMORY, TOP_DISK),
    *_thread_metrics.METRICS,
    subjects=configured_processes,
    subject_label="source",
)
def collect(_world: World, processes: Processes) -> list[Sample]:
    """Groups of processes, and the processes that use most CPU, memory and disk, of the host and of each container."""
    return processes.read_samples()


def find_settings_problems(project: Project) -> Iterator[Problem]:
    """Yield the problems of `watch: processes:` that its schema does not cover."""
    problem = project.document.problem
    for index, entry in enumerate(project.data["watch"]["processes"].get("groups") or ()):
        path = ("watch", "processes", "groups", index)
        if not {"comm", "exe", "cmdline"} & entry.keys():
            yield problem(path, "expected at least one of comm, exe, cmdline")
        patterns = entry.get("cmdline", [])
        by_path = (
            {("cmdline",): patterns}
            if isinstance(patterns, str)
            else {("cmdline", place): pattern for place, pattern in enumerate(patterns)}
        )
        found = ((below, find_pattern_fault(pattern)) for below, pattern in by_path.items())
        faults = [problem((*path, *below), fault) for below, fault in found if fault]
        yield from faults
        for word, known in find_name_faults(entry["name"], () if faults else by_path.values()):
            yield problem((*path, "name"), f"unknown word {{{word}}}", did_you_mean(word, known))
        if "expected" in entry and has_template(entry["name"]):
            message = f"expected needs a fixed name, and {entry['name']} makes a group for each word in braces"
            yield problem((*path, "expected"), message)
