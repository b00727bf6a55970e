"""Operations of users on both systems, with their metrics."""

from __future__ import annotations

import queue
import random
import sqlite3
import threading
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING

import psycopg
from prometheus_client import Counter, Histogram
from systems import COMPONENTS, RECORDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from copier import Migration
    from ledger import Ledger
    from systems import NewSystem, OldSystem, Record

OPERATIONS = ("read", "search", "write")
_LABELS = ("component", "system", "operation")
_COUNT = Counter("mdm_operations", "Operations.", _LABELS)
_ERRORS = Counter("mdm_errors", "Failed operations.", _LABELS)
_DURATION = Histogram(
    "mdm_operation_duration_seconds",
    "Duration of operations.",
    _LABELS,
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)
_SAVE_SECONDS = 2.0


class Operations:
    """Operations in the old system and, for migrated datasets, in the new one too."""

    def __init__(self, old: OldSystem, new: NewSystem, ledger: Ledger, migration: Migration) -> None:
        self._old, self._new, self._ledger, self._migration = old, new, ledger, migration
        self._rows: list[tuple[str, str, str, float]] = []
        self._is_stopped = threading.Event()
        self._saver = threading.Thread(target=self._save_in_turn)
        for component in COMPONENTS:
            for system in ("old", "new"):
                for operation in OPERATIONS:
                    for metric in (_COUNT, _ERRORS, _DURATION):
                        metric.labels(component, system, operation)  # so that the first one counts as an increase

    def start(self) -> None:
        """Start to save durations, from which a query calculates the extremes."""
        self._saver.start()

    def stop(self) -> None:
        """Stop it."""
        self._is_stopped.set()
        self._saver.join()

    def run_operation(self, component: str, operation: str, name: str | None) -> list[Record]:
        """Return what the old system returns for an operation on a random dataset of a component."""
        dataset = random.choice(COMPONENTS[component])  # noqa: S311 - no secret
        name = name or (f"renamed {random.randrange(1000)}" if operation == "write" else component[:2])  # noqa: S311
        with self._migration.locks[dataset] if operation == "write" else nullcontext():
            records = self._measure(
                (component, "old", operation), lambda: _perform(self._old, operation, dataset, name)
            )
            if dataset in self._migration.migrated:
                self._measure((component, "new", operation), lambda: _perform(self._new, operation, dataset, name))
        return records

    def _measure(self, labels: tuple[str, str, str], perform: Callable[[], list[Record]]) -> list[Record]:
        """Count and time an operation; a failed one returns no records."""
        start = time.perf_counter()
        try:
            return perform()
        except (psycopg.Error, sqlite3.Error, queue.Empty):
            _ERRORS.labels(*labels).inc()
            return []
        finally:
            seconds = time.perf_counter() - start
            _COUNT.labels(*labels).inc()
            _DURATION.labels(*labels).observe(seconds)
            self._rows.append((*labels, seconds))

    def _save_in_turn(self) -> None:
        while not self._is_stopped.wait(_SAVE_SECONDS):
            rows, self._rows = self._rows, []
            try:
                self._ledger.record_operations(rows)
            except (psycopg.Error, queue.Empty):
                continue  # these durations are missing in the extremes; the histogram has them


def _perform(system: OldSystem | NewSystem, operation: str, dataset: int, name: str) -> list[Record]:
    if operation == "search":
        return system.search_name(name)
    if operation == "write":
        system.write_name((dataset - 1) * RECORDS + 2, name)
        return []
    return system.read_dataset(dataset)
