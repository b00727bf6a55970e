"""The engine's state in SQLite: runs with their queue, attempts and results, and the tables that the steps work on."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOCK_SECONDS = 1.0  # a write that waits longer for the database fails
_SCHEMA = """
    PRAGMA journal_mode = WAL;
    CREATE TABLE IF NOT EXISTS runs (
        id INTEGER PRIMARY KEY, tenant TEXT NOT NULL, workflow TEXT NOT NULL, body TEXT NOT NULL,
        status TEXT NOT NULL DEFAULT 'queued', attempt INTEGER NOT NULL DEFAULT 1, due_at REAL NOT NULL,
        started_at REAL, finished_at REAL, error TEXT
    );
    CREATE INDEX IF NOT EXISTS runs_by_status ON runs (status, due_at);
    CREATE INDEX IF NOT EXISTS runs_by_success ON runs (tenant, workflow, status, finished_at);
    CREATE TABLE IF NOT EXISTS orders (tenant TEXT NOT NULL, customer TEXT NOT NULL, cents INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS invoices (
        tenant TEXT NOT NULL, customer TEXT NOT NULL, cents INTEGER NOT NULL, PRIMARY KEY (tenant, customer)
    );
"""
_CLAIM = """
    UPDATE runs SET status = 'running', started_at = :now
    WHERE id = (SELECT id FROM runs WHERE status = 'queued' AND due_at <= :now ORDER BY due_at, id LIMIT 1)
    RETURNING id, tenant, workflow, body, attempt
"""


@dataclass(frozen=True)
class Run:
    """A run that a worker has claimed; `attempt` counts from 1."""

    id: int
    tenant: str
    workflow: str
    body: str
    attempt: int


class RunStore:
    """The runs in a database file. A connection is opened for each operation, so that any thread may use it."""

    def __init__(self, file: Path) -> None:
        self._file = file
        with closing(self.connect()) as connection:
            connection.executescript(_SCHEMA)
            # Of a process that was killed: their runs start again.
            connection.execute("UPDATE runs SET status = 'queued' WHERE status = 'running'")

    def connect(self) -> sqlite3.Connection:
        """Return a connection in autocommit mode; writes raise OperationalError after `LOCK_SECONDS` of waiting."""
        connection = sqlite3.connect(self._file, timeout=LOCK_SECONDS, isolation_level=None)
        connection.execute("PRAGMA synchronous = OFF")  # an example; a real engine keeps the default
        return connection

    def add_runs(self, tenant: str, workflow: str, bodies: list[str], *, attempt: int = 1, delay: float = 0.0) -> None:
        """Queue a run for each body, due after `delay` seconds."""
        rows = [(tenant, workflow, body, attempt, time.time() + delay) for body in bodies]
        with closing(self.connect()) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(
                "INSERT INTO runs (tenant, workflow, body, attempt, due_at) VALUES (?, ?, ?, ?, ?)", rows
            )
            connection.execute("COMMIT")

    def claim_run(self) -> Run | None:
        """Return the run that is due first, now running, or None."""
        with closing(self.connect()) as connection:
            row = connection.execute(_CLAIM, {"now": time.time()}).fetchone()
        return Run(*row) if row else None

    def finish_run(self, run: Run, status: str, error: str | None) -> None:
        """Record the end of a run: succeeded, failed or cancelled."""
        with closing(self.connect()) as connection:
            connection.execute(
                "UPDATE runs SET status = ?, finished_at = ?, error = ? WHERE id = ?",
                (status, time.time(), error, run.id),
            )

    def cancel_queued(self, tenant: str, workflow: str) -> int:
        """Cancel the waiting runs of a workflow and return their number."""
        with closing(self.connect()) as connection:
            return connection.execute(
                "UPDATE runs SET status = 'cancelled', finished_at = ? "
                "WHERE status = 'queued' AND tenant = ? AND workflow = ?",
                (time.time(), tenant, workflow),
            ).rowcount

    def count_runs(self, status: str) -> dict[tuple[str, str], int]:
        """Return the number of runs with a status by tenant and workflow."""
        with closing(self.connect()) as connection:
            rows = connection.execute(
                "SELECT tenant, workflow, count(*) FROM runs WHERE status = ? GROUP BY tenant, workflow", (status,)
            )
            return {(tenant, workflow): number for tenant, workflow, number in rows}

    def iterate_last_successes(self) -> Iterator[tuple[tuple[str, str], float]]:
        """Yield tenant and workflow with the Unix time of the last success."""
        with closing(self.connect()) as connection:
            yield from (
                ((tenant, workflow), end)
                for tenant, workflow, end in connection.execute(
                    "SELECT tenant, workflow, max(finished_at) FROM runs "
                    "WHERE status = 'succeeded' GROUP BY tenant, workflow"
                )
            )
