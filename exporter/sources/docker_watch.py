"""The threads of the Docker engine: one reads events, the other makes requests, keeps the table and publishes it."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import docker
import docker.errors
import requests

from deckwatch.exporter.sources.container import UNREADABLE, unix_time
from deckwatch.exporter.sources.container_table import ContainerTable
from deckwatch.exporter.sources.docker_client import (
    ANSWER_SECONDS,
    close_idle_connections,
    inspect_container,
    list_containers,
    open_client,
    ping_engine,
    read_info,
)
from deckwatch.exporter.sources.docker_events import Event, EventStream
from deckwatch.exporter.sources.docker_snapshot import EngineUnreachable, Snapshot, info_fields
from deckwatch.exporter.sources.errors import safe_message
from deckwatch.exporter.sources.snapshot_watch import SnapshotWatch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

log = logging.getLogger("deckwatch.docker")

_PING_SECONDS = 5.0
_LIST_SECONDS = 60.0
_REMEMBERED = 1024  # events; the engine itself keeps 256 to repeat
_BACK_OFF_SECONDS = (0.25, 5.0)  # first and longest pause before the next try


class EngineWatch(SnapshotWatch):
    """Keeps a table of an engine's containers until it is closed."""

    def __init__(self, address: str, age_clock: Callable[[], float]) -> None:
        super().__init__()
        self._address = address
        self._age_clock = age_clock
        self._table = ContainerTable()
        self._resume_at = 0  # where in the engine's time the stream is to go on after a loss, in nanoseconds
        self._recent_events: dict[tuple[int, str, str], None] = {}  # the newest events, since some of them come twice
        self._events: EventStream | None = None
        self._start_thread("docker-watch")

    def close(self) -> None:
        """End both threads; a thread stuck in a call ends with the call."""
        self._closing.set()
        if self._events is not None:
            self._events.signal_end()  # wakes the other thread
        self._thread.join(ANSWER_SECONDS)

    def _watch_until_closed(self) -> None:
        """Watch, and after every loss wait and watch again; nothing ends this thread but `close`."""
        shortest, longest = _BACK_OFF_SECONDS
        pause = shortest
        while not self._closing.is_set():
            try:
                self._watch_connection()
            except Exception as fault:  # noqa: BLE001 - the thread must survive every failure, and logs them all
                if self._closing.is_set():
                    return
                pause = shortest if self._snapshot.reachable else min(pause * 2, longest)
                self._publish_loss(fault)
            self._closing.wait(pause)

    def _watch_connection(self) -> None:
        """Connect, list and follow the events; returns at `close`, raises on a loss."""
        with open_client(self._address) as client:
            info = read_info(client)
            now = unix_time(info["SystemTime"])
            self._table.start_watching(now)
            self._resume_at = self._resume_at or int(now * 1e9)
            events = self._events = EventStream(client, self._resume_at)
            events.start()
            try:
                if not events.opened.wait(ANSWER_SECONDS):
                    raise EngineUnreachable("it gives no events")
                self._list_containers(client, everything=True)
                close_idle_connections(client)
                self._publish_snapshot(info)
                self._follow_events(client, events, info)
            finally:
                events.close()

    def _follow_events(self, client: docker.APIClient, events: EventStream, info: Mapping[str, Any]) -> None:
        next_ping = time.monotonic() + _PING_SECONDS
        next_list = time.monotonic() + _LIST_SECONDS
        while not self._closing.is_set():
            batch = events.take_batch(next_ping - time.monotonic())
            changed = dict.fromkeys(id_ for event in batch if (id_ := self._apply_event(event)))
            for id_ in changed:
                self._inspect_container(client, id_)
            if time.monotonic() >= next_ping:
                ping_engine(client, self._address)
                next_ping = time.monotonic() + _PING_SECONDS
            is_listing = time.monotonic() >= next_list
            if is_listing:
                self._list_containers(client, everything=False)
                next_list = time.monotonic() + _LIST_SECONDS
            if batch or is_listing or self._snapshot.departed:  # those leave the snapshot after some time
                close_idle_connections(client)
                self._publish_snapshot(info)

    def _apply_event(self, event: Event) -> str | None:
        at = int(event.get("timeNano") or 0)
        known_by = (at, str(event.get("Action")), str((event.get("Actor") or {}).get("ID")))
        if known_by in self._recent_events:
            return None
        self._recent_events[known_by] = None
        if len(self._recent_events) > _REMEMBERED:
            del self._recent_events[next(iter(self._recent_events))]
        self._resume_at = at or self._resume_at  # not the latest: a clock set back must not hide later events
        return self._table.apply_event(event, self._age_clock())

    def _list_containers(self, client: docker.APIClient, *, everything: bool) -> None:
        entries = list_containers(client, self._address)
        wanted = self._table.apply_list(entries, self._age_clock())
        for id_ in [entry["Id"] for entry in entries] if everything else wanted:
            self._inspect_container(client, id_)

    def _inspect_container(self, client: docker.APIClient, id_: str) -> None:
        """Inspect a container; one that cannot be inspected must not prevent the others from being watched.

        It stays as it was last known, and the next full list says whether to ask again.
        """
        try:
            self._table.apply_inspect(inspect_container(client, self._address, id_))
        except docker.errors.NotFound:
            return  # its `destroy` comes, or the next list lacks it
        except (requests.exceptions.ReadTimeout, TimeoutError):
            # A container that is stuck on its way up or down, in a mount for instance, is locked in the engine.
            ping_engine(client, self._address)
            log.warning("the Docker engine does not describe container %s in time", id_[:12])
        except (docker.errors.APIError, *UNREADABLE) as fault:
            log.warning("the Docker engine's description of container %s cannot be had: %r", id_[:12], fault)

    def _publish_snapshot(self, info: Mapping[str, Any]) -> None:
        before = self._snapshot
        self._snapshot = Snapshot(
            reachable=True,
            containers=self._table.all_containers(),
            departed=self._table.removed_containers(self._age_clock()),
            **info_fields(info),
        )
        self._published.set()
        if not before.reachable:
            number = len(self._snapshot.containers)
            log.info("the Docker engine answers: version %s, %d containers", self._snapshot.version, number)

    def _publish_loss(self, fault: Exception) -> None:
        before = self._snapshot
        if before.reachable or not self._published.is_set():
            reason = str(fault) if isinstance(fault, EngineUnreachable) else safe_message(fault)
            log.warning("the Docker engine at %s cannot be reached: %s", _without_credentials(self._address), reason)
        log.debug("the Docker engine: %s", fault)
        self._snapshot = replace(before, reachable=False, departed=())
        self._published.set()


def _without_credentials(address: str) -> str:
    """Return an address without the name and password that may stand in it."""
    scheme, separator, rest = address.partition("://")
    return scheme + separator + rest.rpartition("@")[2]
