"""Build the board from the newest reading, by the formulas of the shipped signals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deckwatch.exporter.live.board import Container, Database, Disk, FileSystem, Host, Probe, Tone
from deckwatch.exporter.live.measures import Key

if TYPE_CHECKING:
    from deckwatch.exporter.live.rates import Rates
    from deckwatch.exporter.live.reading import Reading
    from deckwatch.exporter.view_cards import Card, Subject

_RUNNING = "running"


def divide(part: float | None, whole: float | None) -> float | None:
    """Return part / whole; None where one is unknown or the whole is not positive."""
    return None if part is None or whole is None or whole <= 0 else part / whole


class Builder:
    """Builds the rows of one reading; `now` is a Unix time, which start times are relative to."""

    def __init__(self, reading: Reading, rates: Rates, now: float) -> None:
        self._reading = reading
        self._rates = rates
        self._now = now

    def build_host(self) -> Host:
        """Return the machine's own values."""
        cores = len(self._reading.idle)
        booted = self._read_gauge("host", "", "booted")
        available, total = (
            self._read_gauge("host", "", "memory_available"),
            self._read_gauge("host", "", "memory_total"),
        )
        swap_total = self._read_gauge("host", "", "swap_total")
        return Host(
            cpu=self._rates.busy(),
            cores=cores,
            load=divide(self._read_gauge("host", "", "load1"), cores),
            memory=self._compute_memory_share(available, total),
            memory_total=total,
            memory_available=available,
            swap=_compute_used_share(self._read_gauge("host", "", "swap_free"), swap_total),
            swap_total=swap_total,
            received=self._read_rate("host", "", "received"),
            sent=self._read_rate("host", "", "sent"),
            uptime=None if booted is None else max(self._now - booted, 0.0),
        )

    def _compute_memory_share(self, available: float | None, total: float | None) -> float | None:
        """Return the used share; the part of ZFS' cache that can shrink is available."""
        if available is None:
            return None
        cache, minimum = self._read_gauge("host", "", "arc"), self._read_gauge("host", "", "arc_min")
        shrinkable = max(cache - minimum, 0.0) if cache is not None and minimum is not None else 0.0
        return _compute_used_share(available + shrinkable, total)

    def build_filesystems(self) -> list[FileSystem]:
        """Return the file systems that alerts watch, the fullest first."""
        rows = []
        for name in self._reading.names("filesystem"):
            available, size = (
                self._read_gauge("filesystem", name, "available"),
                self._read_gauge("filesystem", name, "size"),
            )
            if not size:
                continue
            inodes = _compute_used_share(
                self._read_gauge("filesystem", name, "files_free"), self._read_gauge("filesystem", name, "files")
            )
            rows.append(FileSystem(name, _compute_used_share(available, size), available, size, inodes))
        return sorted(rows, key=lambda row: (-(row.used or 0.0), row.mountpoint))

    def build_disks(self) -> list[Disk]:
        """Return the disks by name."""
        return [
            Disk(name, *(self._read_rate("disk", name, measure) for measure in ("busy", "read", "written")))
            for name in self._reading.names("disk")
        ]

    def build_containers(self) -> list[Container]:
        """Return the containers: first those that should run and do not, then the others by name."""
        # Event counters of a removed container remain for some minutes, but it has no state any more.
        existing = {key.name for key in (*self._reading.states, *self._reading.counters) if key.kind == "container"}
        rows = [self._build_container(name) for name in existing]
        order = {"bad": 0, "late": 1}
        return sorted(rows, key=lambda row: (order.get(row.tone, 2), row.state != _RUNNING, row.name))

    def _build_container(self, name: str) -> Container:
        states = self._reading.states
        state, health = (
            states.get(Key("container", name, "state"), ""),
            states.get(Key("container", name, "health"), ""),
        )
        is_running = state == _RUNNING or not state
        expected = bool(self._read_gauge("container", name, "expected"))
        cpu, memory = self._read_rate("container", name, "cpu"), self._read_gauge("container", name, "memory")
        limit = self._read_gauge("container", name, "memory_limit") or None
        cores = divide(
            self._read_gauge("container", name, "cpu_quota"), self._read_gauge("container", name, "cpu_period")
        )
        started, code = self._read_gauge("container", name, "started"), self._read_gauge("container", name, "exit_code")
        traffic = {each: self._read_rate("container", name, each) for each in ("received", "sent", "read", "written")}
        return Container(
            name=name,
            state=state or _RUNNING,
            health=health,
            expected=expected,
            cpu=cpu,
            cpu_of_limit=divide(cpu, cores),
            memory=memory,
            memory_limit=limit,
            memory_of_limit=divide(memory, limit),
            restarts=self._read_gauge("container", name, "restarts"),
            exit_code=None if code is None else int(code),
            uptime=max(self._now - started, 0.0) if started and is_running else None,
            tone=_container_tone(state, health, expected=expected),
            **traffic,
        )

    def build_databases(self, card: Card | None) -> list[Database]:
        """Return the database servers of a card of the status page."""
        return [self._build_database(subject) for subject in card.subjects] if card else []

    def _build_database(self, subject: Subject) -> Database:
        name = subject.name
        used, allowed = (
            self._read_gauge("postgres", name, "connections"),
            self._read_gauge("postgres", name, "connections_allowed"),
        )
        committed, rolled = (
            self._read_rate("postgres", name, "committed"),
            self._read_rate("postgres", name, "rolled_back"),
        )
        return Database(
            **_describe_subject(subject),
            connections=used,
            connections_allowed=allowed,
            connections_used=divide(used, allowed),
            transactions=None if committed is None or rolled is None else committed + rolled,
            longest_query=self._read_gauge("postgres", name, "longest_query"),
            longest_transaction=self._read_gauge("postgres", name, "longest_transaction"),
            replication_lag=self._read_gauge("postgres", name, "replication_lag"),
        )

    def build_probes(self, card: Card | None) -> list[Probe]:
        """Return the probes of a card of the status page."""
        rows = []
        for subject in card.subjects if card else ():
            expiry = self._read_gauge("probe", subject.name, "certificate")
            left = None if expiry is None else expiry - self._now
            rows.append(
                Probe(
                    **_describe_subject(subject),
                    duration=self._read_gauge("probe", subject.name, "duration"),
                    certificate=left,
                )
            )
        return rows

    def _read_gauge(self, kind: Any, name: str, measure: str) -> float | None:
        return self._reading.gauges.get(Key(kind, name, measure))

    def _read_rate(self, kind: Any, name: str, measure: str) -> float | None:
        return self._rates.rate(Key(kind, name, measure))


def _compute_used_share(free: float | None, total: float | None) -> float | None:
    share = divide(free, total)
    return None if share is None else max(1 - share, 0.0)


def _container_tone(state: str, health: str, *, expected: bool) -> Tone:
    if (state not in (_RUNNING, "") and expected) or health == "unhealthy":
        return "bad"
    if state in ("restarting", "paused") or health == "starting":
        return "late"
    return "good" if state in (_RUNNING, "") else "none"


def _describe_subject(subject: Subject) -> dict[str, Any]:
    return {"name": subject.name, "status": subject.status, "tone": subject.tone, "reason": subject.reason}
