"""The board: what the live page and `deckwatch top` show, as plain values. None is a value that is not known (yet)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Tone = Literal["good", "bad", "late", "none"]


@dataclass(frozen=True)
class Problem:
    """A condition of a shipped alert that holds now. `pending` until it has held for as long as the alert waits.

    `value` and `limit` are in `unit`; `seconds` is how long the condition has been seen to hold.
    """

    alert: str
    severity: str
    subject: str
    summary: str
    value: float
    operator: str
    limit: float
    unit: str
    seconds: float
    hold: float
    pending: bool


@dataclass(frozen=True)
class Host:
    """The machine: shares of 1, bytes, bytes per second, seconds. `load` is per core."""

    cpu: float | None = None
    cores: int = 0
    load: float | None = None
    memory: float | None = None
    memory_total: float | None = None
    memory_available: float | None = None
    swap: float | None = None
    swap_total: float | None = None
    received: float | None = None
    sent: float | None = None
    uptime: float | None = None


@dataclass(frozen=True)
class FileSystem:
    """A file system: used shares of space and inodes, and bytes."""

    mountpoint: str
    used: float | None
    available: float | None
    size: float | None
    inodes: float | None


@dataclass(frozen=True)
class Disk:
    """A disk: share of time busy, and bytes per second."""

    device: str
    busy: float | None
    read: float | None
    written: float | None


@dataclass(frozen=True)
class Container:
    """A container. `cpu` is in cores, `*_of_limit` a share of the limit, traffic in bytes per second.

    `restarts` are those since the exporter started, `exit_code` the one of the last run.
    """

    name: str
    state: str
    health: str
    expected: bool
    cpu: float | None
    cpu_of_limit: float | None
    memory: float | None
    memory_limit: float | None
    memory_of_limit: float | None
    received: float | None
    sent: float | None
    read: float | None
    written: float | None
    restarts: float | None
    exit_code: int | None
    uptime: float | None
    tone: Tone = "none"


@dataclass(frozen=True)
class Database:
    """A database server: sessions, transactions per second, seconds."""

    name: str
    status: str
    tone: Tone
    reason: str
    connections: float | None
    connections_allowed: float | None
    connections_used: float | None
    transactions: float | None
    longest_query: float | None
    longest_transaction: float | None
    replication_lag: float | None


@dataclass(frozen=True)
class Probe:
    """A probed service: duration of the probe, and seconds until the certificate expires."""

    name: str
    status: str
    tone: Tone
    reason: str
    duration: float | None
    certificate: float | None


@dataclass(frozen=True)
class Board:
    """Everything at one moment; `time` is a Unix time. `notes` say what is missing and why."""

    name: str
    about: str
    time: float
    verdict: tuple[Tone, str]
    measuring: bool
    host: Host
    problems: list[Problem] = field(default_factory=list)
    filesystems: list[FileSystem] = field(default_factory=list)
    disks: list[Disk] = field(default_factory=list)
    containers: list[Container] = field(default_factory=list)
    databases: list[Database] = field(default_factory=list)
    probes: list[Probe] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
