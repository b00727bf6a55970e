"""Threads of groups by name: which are counted from when, and the bounds on names and on threads that are read."""

from __future__ import annotations

import os
import shutil

import pytest

from deckwatch.exporter.sources import process_threads
from deckwatch.exporter.sources.process_files import Stat
from deckwatch.exporter.sources.process_groups import Group, Member
from deckwatch.exporter.sources.process_table import Identity, Process
from deckwatch.exporter.sources.process_threads import ThreadGroups

STAT = b"%d (%s) S 1 1 1 0 -1 0 0 0 0 0 %d 0 0 0 20 0 1 0 %d 4096 1 0\n"
STATUS = b"Name:\tx\nvoluntary_ctxt_switches:\t2\nnonvoluntary_ctxt_switches:\t1\n"
IO = b"rchar: 1\nread_bytes: 4096\nwrite_bytes: 0\n"
USER, READ = 0, 6


class Machine:
    """A /proc with threads that a test sets, and their totals after each scan."""

    def __init__(self, folder, max_names):
        self.folder = folder
        self.threads = ThreadGroups(max_names)
        self.groups: dict[str, Group] = {}
        self.members: dict[str, Member] = {}
        self.descriptor = os.open(folder, os.O_RDONLY)

    def set_thread(self, pid, number, name, *, ticks=0, start=5, io=IO):
        path = self.folder / str(pid) / "task" / str(number)
        path.mkdir(parents=True, exist_ok=True)
        (path / "stat").write_bytes(STAT % (number, name.encode(), ticks, start))
        (path / "status").write_bytes(STATUS)
        (path / "io").write_bytes(io)

    def end_thread(self, pid, number):
        shutil.rmtree(self.folder / str(pid) / "task" / str(number))

    def scan(self, **pids):
        """Scan groups of processes; return count and user time of each thread name by group."""
        self.groups = {name: self.groups.get(name) or Group(is_fixed=True) for name in pids}
        members = {}
        for name, pid in pids.items():
            count = len(list((self.folder / str(pid) / "task").iterdir()))
            stat = Stat(b"x", b"S", 1, 0, 0, 0, 0, count, 5, 0, 0)
            member = self.members.get(str(pid))
            if member is None:
                member = Member(Process(str(pid), stat, Identity("x", (), 0, "")), self.groups[name], None)
            member.process.stat = stat
            members[str(pid)] = member
        self.members = members
        self.threads.add_scan(self.descriptor, self.groups, members)
        return {
            group: {name: (total.count, total.counters[USER]) for name, total in totals.items()}
            for group, totals in self.threads.groups.items()
        }


@pytest.fixture
def machine(tmp_path):
    made = []

    def make(max_names=10):
        made.append(Machine(tmp_path, max_names))
        return made[-1]

    yield make
    for each in made:
        os.close(each.descriptor)


def test_threads_of_the_first_scan_count_from_it_and_later_ones_from_their_start(machine):
    made = machine()
    made.set_thread(10, 10, "main", ticks=700)
    made.set_thread(10, 11, "pool", ticks=300)
    assert made.scan(web=10) == {"web": {"main": (1, 0), "pool": (1, 0)}}
    made.set_thread(10, 10, "main", ticks=720)
    made.set_thread(10, 12, "pool", ticks=9, start=80)
    assert made.scan(web=10) == {"web": {"main": (1, 20), "pool": (2, 9)}}
    made.end_thread(10, 12)
    made.set_thread(10, 12, "pool", ticks=4, start=90)  # another thread with the same number
    assert made.scan(web=10) == {"web": {"main": (1, 20), "pool": (2, 13)}}


def test_counters_stay_when_threads_and_processes_end(machine):
    made = machine()
    made.set_thread(9, 9, "other")
    assert made.scan(web=9) == {}  # a process with one thread is left out
    for number in (20, 21):
        made.set_thread(20, number, "pool", ticks=50, start=99)
    assert made.scan(web=20) == {"web": {"pool": (2, 100)}}
    made.end_thread(20, 21)
    assert made.scan(web=20) == {"web": {"pool": (0, 100)}}
    assert made.scan(other=20) == {}  # the group is gone
    assert made.scan(web=20) == {}


def test_a_process_that_starts_a_second_thread_late_is_not_counted_from_its_start(machine):
    made = machine()
    made.set_thread(10, 10, "main", ticks=700)
    assert made.scan(web=10) == {}
    made.set_thread(10, 10, "main", ticks=800)
    made.set_thread(10, 11, "pool", ticks=3, start=80)
    assert made.scan(web=10) == {"web": {"main": (1, 0), "pool": (1, 3)}}


def test_names_beyond_the_bound_share_one(machine):
    made = machine(max_names=2)
    for number, name in enumerate(("pool", "main", "main", "pool", "pool", "rare", "rarer"), 10):
        made.set_thread(10, number, name)
    assert made.scan(web=10) == {"web": {"pool": (3, 0), "main": (2, 0), "_OTHER": (2, 0)}}
    for number in range(17, 90):
        made.set_thread(10, number, f"conn-{number}", start=number, ticks=1)
    totals = made.scan(web=10)["web"]
    assert totals.keys() == {"pool", "main", "_OTHER"}
    assert totals["_OTHER"] == (2 + 73, 73)


def test_a_group_with_too_many_threads_is_left_out_and_named_once(machine, monkeypatch, caplog):
    monkeypatch.setattr(process_threads, "MAX_THREADS", 4)
    made = machine()
    for pid in (10, 20, 30):
        for number in range(3 if pid == 20 else 2):
            made.set_thread(pid, pid + number, "pool")
    for _ in range(2):
        assert made.scan(web=10, big=20, mail=30).keys() == {"web", "mail"}
    assert [record.getMessage() for record in caplog.records] == [
        "threads of the group big are not read: with them there are more than 4"
    ]


def test_without_privileges_there_is_no_io(machine):
    made = machine()
    for number in (10, 11):
        made.set_thread(10, number, "pool", io=b"")
    made.scan(web=10)
    assert not made.threads.groups["web"]["pool"].has_io
    assert made.threads.partial_failures == 2
