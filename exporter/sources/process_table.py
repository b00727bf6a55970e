"""The machine's processes: one stat read for each at every scan, and the identity of each, read when it is first seen.

A process is known by its number and its start, so that a number that is used again is another process. Its identity is
read once more at the second scan, because a process runs its parent's program until it has started its own, and when
the name in its stat changes.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from deckwatch.exporter.sources import process_files
from deckwatch.exporter.sources.process_files import ENDED, Stat
from deckwatch.exporter.sources.procfs import decode_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_PROC_ROOT_INODE = 1  # of the root of a mounted /proc (fs/proc/root.c); captured machines have another
_INTERPRETERS = ("python", "node", "ruby", "perl", "php", "bash", "sh", "dash", "java", "beam.smp", "dotnet")
_MODULE_OPTIONS = ("-m", "-jar")  # the next word is the program
_MAX_NAME = 40  # characters of a process's name with its script
_MAX_OTHERS = 5  # words of a command line that may stand before the script


class Identity(NamedTuple):
    """What a process is: its name in the kernel (15 bytes at most), command line, owner and container's id."""

    comm: str
    arguments: tuple[str, ...]
    uid: int
    container: str


class Process:
    """A process with its newest stat; `identity` is replaced by a new object when it changes."""

    __slots__ = ("identity", "is_settled", "pid", "stat")

    def __init__(self, pid: str, stat: Stat, identity: Identity) -> None:
        self.pid = pid
        self.stat = stat
        self.identity = identity
        self.is_settled = False


class ProcessTable:
    """The processes by number. Not safe for several threads."""

    def __init__(self, procfs: Path, *, with_containers: bool) -> None:
        self.folder = -1  # a descriptor, once it is open
        self.has_sizes = False  # whether the size of /proc/<pid>/fd may be the number of files
        self.processes: dict[str, Process] = {}
        self.unreadable = 0  # failures to read a process that has not ended, since the start
        self._procfs = procfs
        self._with_containers = with_containers

    def close(self) -> None:
        """Close the folder."""
        if self.folder >= 0:
            os.close(self.folder)
            self.folder = -1

    def scan(self) -> None:
        """Read the stat of every process, and drop those that have ended; raises OSError without a /proc."""
        if self.folder < 0:
            self.folder = os.open(self._procfs, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            self.has_sizes = os.fstat(self.folder).st_ino == _PROC_ROOT_INODE
        known, present = self.processes, {}
        for pid in os.listdir(self.folder):  # noqa: PTH208 - of a descriptor
            if not pid.isdecimal():
                continue
            try:
                stat = process_files.parse_stat(process_files.read_file(self.folder, f"{pid}/stat"))
                process = self._update_process(known.get(pid), pid, stat)
            except ENDED:
                continue
            except (OSError, ValueError):
                self.unreadable += 1
                continue
            present[pid] = process
        self.processes = present

    def _update_process(self, process: Process | None, pid: str, stat: Stat) -> Process:
        """Return the process with its new stat, or a new one where the number is used again."""
        if process is None or process.stat.start_ticks != stat.start_ticks:
            return Process(pid, stat, self._read_identity(pid, stat))
        if not process.is_settled or process.stat.comm != stat.comm:
            identity = self._read_identity(pid, stat)
            if identity.arguments or stat.state != b"Z":  # one that has ended has lost its command line
                process.identity = identity if identity != process.identity else process.identity
            process.is_settled = True
        process.stat = stat
        return process

    def _read_identity(self, pid: str, stat: Stat) -> Identity:
        line = process_files.read_file(self.folder, f"{pid}/cmdline")
        container = ""
        if self._with_containers:
            container = process_files.parse_container_id(process_files.read_file(self.folder, f"{pid}/cgroup"))
        uid = os.stat(pid, dir_fd=self.folder).st_uid
        return Identity(decode_text(stat.comm), split_arguments(line), uid, container)


def split_arguments(line: bytes) -> tuple[str, ...]:
    """Return the words of a cmdline file; of a process that has replaced it by a title, the title as one word."""
    return tuple(decode_text(word) for word in line.rstrip(b"\0").split(b"\0")) if line.rstrip(b"\0") else ()


def describe_process(identity: Identity) -> str:
    """Return a short name: that in the kernel, with the script or module that an interpreter runs.

    Kernel threads lose their numbers, since they come and go: `kworker/0:1-events` is `kworker`. Nothing else of a
    command line is in it, since that may hold passwords.
    """
    comm = identity.comm
    if not identity.arguments:
        return comm.partition("/")[0].rstrip("0123456789:-.") or comm
    program = os.path.basename(identity.arguments[0].partition(" ")[0])  # noqa: PTH119 - no Path for each process
    if not program.rstrip("0123456789.").startswith(_INTERPRETERS) or not comm.startswith(_INTERPRETERS):
        return comm
    script = next(_find_scripts(identity.arguments), "")
    return f"{comm} {script}"[:_MAX_NAME].rstrip()


def _find_scripts(arguments: tuple[str, ...]) -> Iterator[str]:
    """Yield the script that an interpreter runs, without its folder; nothing where it runs a text from an option."""
    words = arguments[1 : 1 + _MAX_OTHERS]
    for index, word in enumerate(words):
        if word in ("-c", "-e", "-p", "-r"):
            return
        if word in _MODULE_OPTIONS:
            yield from (os.path.basename(each) for each in words[index + 1 : index + 2])  # noqa: PTH119
            return
        if not word.startswith("-"):
            name = os.path.basename(word)  # noqa: PTH119
            if "=" not in name and "@" not in name and not name.isdecimal():  # /dev/fd/3 is a text too
                yield name
            return
