"""The threads behind the Docker engine: one reads its events, the other asks, keeps the table and publishes it."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import docker
import docker.errors
import requests

from deckwatch.exporter.sources.container import UNREADABLE, unix_time
from deckwatch.exporter.sources.container_table import Table
from deckwatch.exporter.sources.docker import EngineUnreachable, Snapshot, facts
from deckwatch.exporter.sources.docker_client import ANSWER_SECONDS, about, connect, ping, release
from deckwatch.exporter.sources.docker_events import Event, Events
from deckwatch.exporter.sources.faults import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

log = logging.getLogger("deckwatch.docker")

_PING_SECONDS = 5.0
_LIST_SECONDS = 60.0
_REMEMBERED = 1024  # events; the engine itself keeps 256 to tell again
_BACK_OFF_SECONDS = (0.25, 5.0)  # first and longest pause before the next try


class Watch:
    """Keeps a table of one engine's containers until it is closed."""

    def __init__(self, address: str, clock: Callable[[], float]) -> None:
        self._address = address
        self._clock = clock
        self._table = Table()
        self._resume = 0  # where in the engine's time the stream is to go on after a loss, in nanoseconds
        self._taken: dict[tuple[int, str, str], None] = {}  # the newest events, since some of them come twice
        self._events: Events | None = None
        self._closing = threading.Event()
        self._told = threading.Event()
        self._snapshot = Snapshot(reachable=False, since=clock())
        self._thread = threading.Thread(target=self._run, name="docker-watch", daemon=True)
        self._thread.start()

    def snapshot(self, seconds: float) -> Snapshot:
        """Return the newest snapshot; the first is waited for, but not longer than `seconds`."""
        self._told.wait(seconds)
        return self._snapshot

    def close(self) -> None:
        """End both threads; one that is stuck in a call ends when the call does."""
        self._closing.set()
        if self._events is not None:
            self._events.end()  # wakes the other thread
        self._thread.join(ANSWER_SECONDS)

    def _run(self) -> None:
        """Watch, and after every loss wait and watch again; nothing ends this thread but `close`."""
        shortest, longest = _BACK_OFF_SECONDS
        pause = shortest
        while not self._closing.is_set():
            try:
                self._watch()
            except Exception as fault:  # noqa: BLE001 - the thread must outlive every fault, and tells them all
                if self._closing.is_set():
                    return
                pause = shortest if self._snapshot.reachable else min(pause * 2, longest)
                self._publish_loss(fault)
            self._closing.wait(pause)

    def _watch(self) -> None:
        """Connect, list and follow the events; returns at `close`, raises on a loss."""
        with connect(self._address) as client:
            info = about(client)
            now = unix_time(info["SystemTime"])
            self._table.begin(now)
            self._resume = self._resume or int(now * 1e9)
            events = self._events = Events(client, self._resume)
            events.start()
            try:
                if not events.opened.wait(ANSWER_SECONDS):
                    raise EngineUnreachable("it gives no events")
                self._list(client, everything=True)
                release(client)
                self._publish(info)
                self._follow(client, events, info)
            finally:
                events.close()

    def _follow(self, client: docker.APIClient, events: Events, info: Mapping[str, Any]) -> None:
        next_ping = time.monotonic() + _PING_SECONDS
        next_list = time.monotonic() + _LIST_SECONDS
        while not self._closing.is_set():
            batch = events.take(next_ping - time.monotonic())
            changed = dict.fromkeys(id_ for event in batch if (id_ := self._take(event)))
            for id_ in changed:
                self._inspect(client, id_)
            if time.monotonic() >= next_ping:
                ping(client, self._address)
                next_ping = time.monotonic() + _PING_SECONDS
            if time.monotonic() >= next_list:
                self._list(client, everything=False)
                next_list = time.monotonic() + _LIST_SECONDS
            release(client)
            self._publish(info)

    def _take(self, event: Event) -> str | None:
        at = int(event.get("timeNano") or 0)
        known_by = (at, str(event.get("Action")), str((event.get("Actor") or {}).get("ID")))
        if known_by in self._taken:
            return None
        self._taken[known_by] = None
        if len(self._taken) > _REMEMBERED:
            del self._taken[next(iter(self._taken))]
        self._resume = at or self._resume  # not the latest: a clock that is set back must not silence what follows
        return self._table.take_event(event, self._clock())

    def _list(self, client: docker.APIClient, *, everything: bool) -> None:
        entries = client.containers(all=True)
        wanted = self._table.take_list(entries, self._clock())
        for id_ in [entry["Id"] for entry in entries] if everything else wanted:
            self._inspect(client, id_)

    def _inspect(self, client: docker.APIClient, id_: str) -> None:
        """Ask for one container; one that cannot be described now must not blind us for all the others.

        It stays as it was last known, and the next full list says whether to ask again.
        """
        try:
            self._table.take_inspect(client.inspect_container(id_))
        except docker.errors.NotFound:
            return  # its `destroy` comes, or the next list lacks it
        except requests.exceptions.ReadTimeout:
            # A container that is stuck on its way up or down, in a mount for instance, is locked in the engine.
            ping(client, self._address)
            log.warning("the Docker engine does not describe container %s in time", id_[:12])
        except (docker.errors.APIError, *UNREADABLE) as fault:
            log.warning("the Docker engine's description of container %s cannot be had: %r", id_[:12], fault)

    def _publish(self, info: Mapping[str, Any]) -> None:
        before = self._snapshot
        now = self._clock()
        self._snapshot = Snapshot(
            reachable=True,
            since=before.since if before.reachable else now,
            containers=self._table.containers(),
            departed=self._table.departed(now),
            **facts(info),
        )
        self._told.set()
        if not before.reachable:
            number = len(self._snapshot.containers)
            log.info("the Docker engine answers: version %s, %d containers", self._snapshot.version, number)

    def _publish_loss(self, fault: Exception) -> None:
        before = self._snapshot
        if before.reachable or not self._told.is_set():
            reason = str(fault) if isinstance(fault, EngineUnreachable) else plain(fault)
            log.warning("the Docker engine at %s cannot be reached: %s", _shown(self._address), reason)
        log.debug("the Docker engine: %s", fault)
        since = self._clock() if before.reachable else before.since
        self._snapshot = replace(before, reachable=False, since=since, departed=())
        self._told.set()


def _shown(address: str) -> str:
    """Return an address without the name and password that may stand in it."""
    scheme, separator, rest = address.partition("://")
    return scheme + separator + rest.rpartition("@")[2]
