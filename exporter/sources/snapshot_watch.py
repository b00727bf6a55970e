"""A thread that keeps the state of a container engine and publishes it as snapshots."""

from __future__ import annotations

import threading

from deckwatch.exporter.sources.docker_snapshot import Snapshot


class SnapshotWatch:
    """The newest snapshot of an engine, read by a thread until it is closed.

    A subclass calls `_start_thread` once it is complete, and sets `_snapshot` before `_published`.
    """

    def __init__(self) -> None:
        self._closing = threading.Event()
        self._published = threading.Event()
        self._snapshot = Snapshot(reachable=False)

    def latest_snapshot(self, seconds: float) -> Snapshot:
        """Return the newest snapshot; the first is waited for, but not longer than `seconds`."""
        self._published.wait(seconds)
        return self._snapshot

    def _start_thread(self, name: str) -> None:
        self._thread = threading.Thread(target=self._watch_until_closed, name=name, daemon=True)
        self._thread.start()

    def _watch_until_closed(self) -> None:
        """Read the engine until `_closing` is set; no failure may end the thread."""
        raise NotImplementedError
