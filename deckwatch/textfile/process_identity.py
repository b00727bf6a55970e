"""What identifies a process beyond its number, which the kernel gives to another one later."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple


class ProcessIdentity(NamedTuple):
    """A process's number, its start in clock ticks since boot, the boot, and the namespace of its number."""

    pid: int
    start: str
    boot: str
    namespace: str

    def to_text(self) -> str:
        """Return the four as words, for `parse_identity`."""
        return f"{self.pid} {self.start} {self.boot} {self.namespace}"


def identify(pid: int) -> ProcessIdentity:
    """Return the identity of a running process."""
    return ProcessIdentity(pid, _start_of(pid) or "-", _boot_id(), _read_namespace())


def parse_identity(text: str) -> ProcessIdentity | None:
    """Return the identity that `to_text` wrote; None for any other text."""
    words = text.split()
    if len(words) != len(ProcessIdentity._fields) or not words[0].isascii() or not words[0].isdigit():
        return None
    return ProcessIdentity(int(words[0]), *words[1:])


def is_running(process: ProcessIdentity) -> bool | None:
    """Return whether a process runs; None for one of another container, which cannot be seen from here."""
    if process.boot != _boot_id():
        return False
    if process.namespace != _read_namespace():
        return None
    return _start_of(process.pid) == process.start


def _start_of(pid: int) -> str:
    """Return the start of a process (proc(5), field 22 of stat); '' if it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in (b"Z", b"X") else fields[19].decode()


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return "-"


def _read_namespace() -> str:
    try:
        return os.readlink("/proc/self/ns/pid")  # noqa: PTH115 - a text such as pid:[4026531836], not a path
    except OSError:
        return "-"
