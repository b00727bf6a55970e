"""A PostgreSQL server with many databases and tables, its copies, and the CPU that its processes use.

Each exporter has a copy of one server and runs at the same moment as the others: so all CPU of a server's processes is
caused by one exporter, including that of visits, whose server processes are gone when a measurement ends.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import pwd
import shutil
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench._options import print_progress
from bench._process import Client, cpu_seconds
from bench._series import Series

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bench._peers import Server

INTERVAL_SECONDS = 15.0
_GZIP = b"\x1f\x8b"
_TICKS = os.sysconf("SC_CLK_TCK")
_OWN_AND_ENDED = slice(11, 15)  # utime, stime, cutime and cstime in /proc/PID/stat, from the field after the name
# Autovacuum would visit every database in turn, at the cost of several exporters.
_OPTIONS = ("-c", "autovacuum=off", "-c", "max_connections=50")


@dataclass
class Target:
    """An exporter with a server of its own, and what both used in each minute."""

    exporter: Server
    server: Any
    pid: int = 0
    exporter_ms: list[float] = field(default_factory=list)
    server_ms: list[float] = field(default_factory=list)
    page: bytes = b""

    @property
    def minute(self) -> tuple[float, float]:
        """CPU per minute of the exporter and of the server's processes, in ms: the mean of all minutes."""
        return statistics.fmean(self.exporter_ms), statistics.fmean(self.server_ms)

    @property
    def series(self) -> int:
        """The number of series on the last page."""
        page = gzip.decompress(self.page) if self.page.startswith(_GZIP) else self.page
        return Series.from_page(page).count

    def clear(self) -> None:
        """Forget the minutes measured so far."""
        self.exporter_ms.clear()
        self.server_ms.clear()

    def used(self) -> tuple[float, float]:
        return cpu_seconds(self.pid), server_cpu_seconds(self.server.program.process.pid)


def server_cpu_seconds(postmaster: int) -> float:
    """Return the CPU time that a server's processes have used: running ones, and ended ones as /proc counts them."""
    fields = Path(f"/proc/{postmaster}/stat").read_text().rpartition(")")[2].split()
    used = sum(int(ticks) for ticks in fields[_OWN_AND_ENDED]) / _TICKS
    for pid in Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split():
        with contextlib.suppress(ProcessLookupError, OSError):  # it has ended: counted by the next call
            used += cpu_seconds(int(pid))
    return used


@contextlib.contextmanager
def make_template(fixture: Any, databases: int, tables: int) -> Iterator[Any]:
    """Make a server with so many databases, and so many tables in `postgres`; stop it, for `copied_server`."""
    programs = fixture.installed()
    folder = fixture.make_data(programs)
    server = fixture.PostgresServer(folder, programs, options=_OPTIONS)
    try:
        server.start()
        server.make_shop()
        server.pgbench("-i", "-q", "-I", "dtp")  # without rows, which cost disk space only
        for number in range(databases - 2):  # besides postgres and shop
            server.sql(f"CREATE DATABASE bench{number} TEMPLATE shop")
        make = "DO $$ BEGIN FOR i IN {}..{} LOOP EXECUTE format('CREATE TABLE t%s (i int)', i); END LOOP; END $$"
        for first in range(0, tables, 1_000):
            server.sql(make.format(first + 1, min(first + 1_000, tables)))
        server.sql("VACUUM ANALYZE")
        server.sql("CHECKPOINT")
        server.program.stop()
        print_progress(f"a server with {databases:,} databases and {tables:,} tables")
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


@contextlib.contextmanager
def copied_server(fixture: Any, template: Any) -> Iterator[Any]:
    """Run a copy of a stopped server."""
    folder = Path(tempfile.mkdtemp(prefix="deckwatch-pg-"))
    if fixture.USER:
        os.chown(folder, pwd.getpwnam(fixture.USER).pw_uid, -1)
    server = fixture.PostgresServer(folder, template.programs, password=template.password, options=_OPTIONS)
    try:
        subprocess.run(["cp", "-a", "--reflink=auto", str(template.folder / "data"), str(folder / "data")], check=True)
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


def measure_minutes(targets: Mapping[str, Target], minutes: int) -> None:
    """Scrape every target once in 15 seconds, and add the CPU of each minute to its lists."""
    with contextlib.ExitStack() as stack:
        clients = {
            name: stack.enter_context(contextlib.closing(Client(target.exporter.url)))
            for name, target in targets.items()
        }
        started, rounds = time.monotonic(), round(60 / INTERVAL_SECONDS)
        for minute in range(minutes):
            before = {name: target.used() for name, target in targets.items()}
            for number in range(minute * rounds + 1, (minute + 1) * rounds + 1):
                for name, client in clients.items():
                    targets[name].page = client.get_page()
                time.sleep(max(0.0, started + number * INTERVAL_SECONDS - time.monotonic()))
            _add_minute(targets, before, 1.0)


def measure_rest(targets: Mapping[str, Target], seconds: float) -> None:
    """Let the targets run without scrapes, and add the CPU that they use per minute to their lists."""
    before = {name: target.used() for name, target in targets.items()}
    time.sleep(seconds)
    _add_minute(targets, before, seconds / 60)


def _add_minute(targets: Mapping[str, Target], before: Mapping[str, tuple[float, float]], minutes: float) -> None:
    for name, target in targets.items():
        exporter, server = target.used()
        target.exporter_ms.append(1000 * (exporter - before[name][0]) / minutes)
        target.server_ms.append(1000 * (server - before[name][1]) / minutes)
