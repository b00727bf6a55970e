"""The migration of datasets: workers copy them, compare both systems, and roll back what differs."""

from __future__ import annotations

import logging
import queue
import threading
import time
from typing import TYPE_CHECKING

import psycopg
from systems import COMPONENTS, calculate_checksum

if TYPE_CHECKING:
    from ledger import Ledger
    from systems import NewSystem, OldSystem

WORKERS = 2
# A migrated dataset is compared again at this interval, one after another.
COMPARE_SECONDS = 1.0
# A difference that nobody repaired for so long is rolled back, and the dataset copied again.
REPAIR_SECONDS = 60.0
FAULTS = (psycopg.Error, queue.Empty)  # of the new system
_ALL = 1_000_000
_log = logging.getLogger("migration")


class Migration:
    """Workers with their queue, and a comparer of what is migrated.

    `migrated` are the datasets in the new system. Whoever changes a dataset holds its lock in `locks` meanwhile, so
    that a copy or a comparison never sees half of a change.
    """

    def __init__(self, old: OldSystem, new: NewSystem, ledger: Ledger) -> None:
        self._old, self._new, self._ledger = old, new, ledger
        self.locks = {dataset: threading.Lock() for numbers in COMPONENTS.values() for dataset in numbers}
        self.migrated = set(ledger.list_datasets("migrated", _ALL))
        self._queue: queue.Queue[int] = queue.Queue()
        self._queued: set[int] = set()  # waiting or being copied
        self._busy: set[int] = set()
        self._differing: dict[int, float] = {}
        self._queue_lock = threading.Lock()
        self._is_stopped = threading.Event()
        self._threads = [threading.Thread(target=self._copy_queued) for _ in range(WORKERS)]
        self._threads.append(threading.Thread(target=self._compare_in_turn))

    def start(self) -> None:
        """Start the workers and the comparer."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop after the current datasets."""
        self._is_stopped.set()
        for thread in self._threads:
            thread.join()

    def queue_datasets(self, until: int) -> int:
        """Queue pending datasets so that `until` will be migrated, if no copy fails; returns their number."""
        with self._queue_lock:
            queued = set(self._queued)  # before the ledger is read, so that none of them is chosen again
            missing = max(0, until - len(self.migrated | queued))
            pending = self._ledger.list_datasets("pending", _ALL) if missing else []
            chosen = [dataset for dataset in pending if dataset not in self.migrated | queued][:missing]
            self._queued.update(chosen)
        for dataset in chosen:
            self._queue.put(dataset)
        return len(chosen)

    def roll_back_newest(self, number: int) -> int:
        """Roll back the migrated datasets with the highest numbers, and return how many there were."""
        chosen = sorted(self.migrated, reverse=True)[:number]
        for dataset in chosen:
            with self.locks[dataset]:
                self._roll_back(dataset, "manual")
        return len(chosen)

    def describe_status(self) -> dict[str, object]:
        """Return the work under way and done, as the template's JSON source reads it."""
        busy = len(self._busy)
        return {
            "running": busy,
            "waiting": max(0, len(self._queued) - busy),
            "workers": {"busy": busy, "idle": WORKERS - busy},
            "rollbacks": self._ledger.count_rollbacks(),
            "datasets": self._ledger.count_by_component(),
        }

    def _copy_dataset(self, dataset: int) -> None:
        """Copy a dataset and compare its checksums; the caller holds its lock."""
        records = self._old.read_dataset(dataset)
        try:
            with self._new.connection() as connection:
                connection.execute("DELETE FROM records WHERE dataset = %s", (dataset,))
                connection.cursor().executemany("INSERT INTO records VALUES (%s, %s, %s, %s)", records)
        except FAULTS as fault:
            _log.warning("dataset %s was not copied: %s", dataset, fault)
            self._ledger.record_attempt(dataset, "failure", "failed")
            return
        if calculate_checksum(self._new.read_dataset(dataset)) == calculate_checksum(records):
            self._ledger.record_attempt(dataset, "success", "migrated")
            self.migrated.add(dataset)
        else:
            self._ledger.record_attempt(dataset, "failure", "failed")
            self._roll_back(dataset, "automatic")

    def _roll_back(self, dataset: int, kind: str) -> None:
        self._ledger.roll_back(dataset, kind)
        self.migrated.discard(dataset)

    def _is_same(self, dataset: int) -> bool:
        """Return whether a dataset is the same in both systems, and record the comparison of each record."""
        old, new = set(self._old.read_dataset(dataset)), set(self._new.read_dataset(dataset))
        results = ["match" if record in new else "mismatch" for record in old]
        results += ["mismatch"] * len({record.id for record in new} - {record.id for record in old})
        self._ledger.record_checks(dataset, results)
        return old == new

    def _copy_queued(self) -> None:
        while not self._is_stopped.is_set():
            try:
                dataset = self._queue.get(timeout=0.2)
            except queue.Empty:
                continue
            self._busy.add(dataset)
            try:
                with self.locks[dataset]:
                    self._copy_dataset(dataset)
            except FAULTS as fault:  # the ledger cannot be written: the dataset is still pending
                _log.warning("dataset %s: %s", dataset, fault)
            finally:
                self._busy.discard(dataset)
                self._queued.discard(dataset)

    def _compare_in_turn(self) -> None:
        position = 0
        while not self._is_stopped.wait(COMPARE_SECONDS):
            datasets = sorted(self.migrated)
            if not datasets:
                continue
            position = (position + 1) % len(datasets)
            try:
                self._compare_and_repair(datasets[position])
            except FAULTS as fault:
                _log.warning("nothing was compared: %s", fault)

    def _compare_and_repair(self, dataset: int) -> None:
        """Compare a dataset, and repair those that have differed for `REPAIR_SECONDS`."""
        with self.locks[dataset]:
            if not self._is_same(dataset):
                _log.error("dataset %s differs between the systems", dataset)
                self._differing.setdefault(dataset, time.monotonic())
        for late in [one for one, since in self._differing.items() if time.monotonic() - since > REPAIR_SECONDS]:
            with self.locks[late]:
                self._roll_back(late, "automatic")
                self._copy_dataset(late)
            del self._differing[late]
