"""The thread that asks a CRI runtime for its pods and containers, and publishes them.

Lists every few seconds, and a status for each change. A stream of events (GetContainerEvents) is optional in runtimes,
and kubelet itself lists every second.
"""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from deckwatch.exporter.sources.cri_client import ANSWER_SECONDS, Missing, RuntimeClient
from deckwatch.exporter.sources.cri_table import CriTable
from deckwatch.exporter.sources.docker_snapshot import EngineUnreachable
from deckwatch.exporter.sources.errors import UnexpectedAnswer, safe_message
from deckwatch.exporter.sources.snapshot_watch import SnapshotWatch

if TYPE_CHECKING:
    from collections.abc import Callable

    from deckwatch.exporter.sources.cri_messages import Runtime

log = logging.getLogger("deckwatch.cri")

_LIST_SECONDS = 5.0
_MAX_STATUS_SECONDS = 20.0  # for all statuses of a round; the others follow in the next


class RuntimeWatch(SnapshotWatch):
    """Keeps the state of a runtime until it is closed."""

    def __init__(
        self,
        find_socket: Callable[[], str],
        clock: Callable[[], float],
        age_clock: Callable[[], float],
        list_seconds: float = _LIST_SECONDS,
    ) -> None:
        super().__init__()
        self._find_socket = find_socket
        self._age_clock = age_clock
        self._list_seconds = list_seconds
        self._table = CriTable(clock())
        self._start_thread("cri-watch")

    def close(self) -> None:
        """End the thread; a call under way is waited for."""
        self._closing.set()
        self._thread.join(ANSWER_SECONDS)

    def _watch_until_closed(self) -> None:
        with RuntimeClient(self._find_socket) as client:
            while not self._closing.is_set():
                try:
                    self._read_round(client)
                except Exception as fault:  # noqa: BLE001 - the thread must survive every failure, and logs them all
                    self._publish_loss(fault)
                self._closing.wait(self._list_seconds)

    def _read_round(self, client: RuntimeClient) -> None:
        """List everything, read the status of what has changed, and publish it."""
        runtime = client.read_version()
        deadline = time.monotonic() + _MAX_STATUS_SECONDS
        for id_ in self._table.find_changed_pods(client.list_pods()):
            self._read_status("pod", id_, lambda id_: self._table.put_pod(client.read_pod(id_)), deadline)
        for id_ in self._table.find_changed_containers(client.list_containers(), self._age_clock()):
            self._read_status(
                "container", id_, lambda id_: self._table.put_container(client.read_container(id_)), deadline
            )
        self._publish_snapshot(runtime)

    def _read_status(self, kind: str, id_: str, read: Callable[[str], None], deadline: float) -> None:
        """Read one status; a pod or container without one must not prevent the others from being read."""
        if time.monotonic() > deadline or self._closing.is_set():
            return
        try:
            read(id_)
        except Missing:
            return  # removed since it was listed
        except (TimeoutError, EngineUnreachable, UnexpectedAnswer) as fault:
            log.warning("the status of %s %s cannot be had: %s", kind, id_[:12], _describe_fault(fault))

    def _publish_snapshot(self, runtime: Runtime) -> None:
        before = self._snapshot
        self._snapshot = self._table.make_snapshot(runtime, self._age_clock())
        self._published.set()
        if not before.reachable:
            number, pods = len(self._snapshot.containers), len(self._table.pods)
            log.info("%s answers: version %s, %d pods, %d containers", runtime.name, runtime.version, pods, number)

    def _publish_loss(self, fault: Exception) -> None:
        before = self._snapshot
        if before.reachable or not self._published.is_set():
            log.warning("the CRI runtime at %s cannot be reached: %s", self._find_socket(), _describe_fault(fault))
        log.debug("the CRI runtime: %r", fault)
        self._snapshot = replace(before, reachable=False, departed=())
        self._published.set()


def _describe_fault(fault: Exception) -> str:
    return str(fault) if isinstance(fault, EngineUnreachable) else safe_message(fault)
