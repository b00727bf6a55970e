"""The table of containers: a state machine fed with the engine's events and inspects, apart from all I/O.

Two counters are kept here because the engine does not keep them:

Restarts. `RestartCount` counts restarts by policy only, and every `docker start` and `docker restart` sets it back to
0 (`containerStart` calls `ResetRestartManager(true)`, moby daemon/start.go). So a restart is a `start` event after an
exit that no earlier start followed; `RestartCount` replaces lost events.

OOM kills. `State.OOMKilled` is a flag that the next start clears, and an `oom` event comes with each time that it is
set (moby daemon/monitor.go). So events are counted, and a run with the flag but no event counts once.

Both start at 0 with the table: earlier events are not counted.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from deckwatch.exporter.sources.container import Container, parse_inspect

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

# Of the container, not of `docker exec`, which healthchecks call every few seconds.
EVENTS = ("create", "start", "die", "oom", "pause", "unpause", "rename", "update", "health_status", "destroy")

# What Podman calls `die` where it is asked for it, and `destroy` (pkg/api/handlers/compat/events.go).
PODMAN_EVENTS = ("died", "remove")
_REMOVALS = ("destroy", "remove")

LINGER_SECONDS = 300.0  # how long the event counters of a removed container go on being shown
MAX_LINGERING = 200
_SAME_END_SECONDS = 5.0  # maximum delay of the event of an exit after FinishedAt
_HEALTHY = "(healthy)"  # in the Status of a list's entry
_HEALTHY_AT_ONCE = 10


@dataclass
class _Counts:
    """The history of a container, in times of the engine's clock."""

    ended: float | None = None  # the end that no start has followed yet
    answered: float = 0.0  # the end before the latest restart
    counted: bool = False  # a restart after that end was seen by RestartCount, and its events may still come
    restarts: int = 0
    policy_base: int = 0  # RestartCount less this is a number of restarts that we should know of
    policy_seen: int = 0
    oom_before: int = 0  # kills of earlier runs
    oom_events: int = 0  # of this run
    oom_flag: bool = False  # of this run
    flag_is_old: bool = False  # this run's flag was set before we began to watch

    def record_start(self, at: float) -> None:
        """Record a start: it is a restart if it is the first start after an exit."""
        if self.ended is not None and self.ended <= at:
            self.restarts += 1
            self.answered, self.ended = self.ended, None
        self.counted = False
        self.oom_before += self._kills_of_run()
        self.oom_events, self.oom_flag, self.flag_is_old = 0, False, False

    def record_end(self, at: float) -> None:
        """Record an end; an inspect may have reported it already, and even the restart after it."""
        if not (self.counted and at - self.answered < _SAME_END_SECONDS):
            self.ended = at

    def record_inspect(self, container: Container, *, old: bool) -> None:
        """Take an inspect; `old` if the container existed before the watch began."""
        if old:
            self.policy_base, self.flag_is_old = container.restart_count, container.oom_killed
        elif container.restart_count < self.policy_seen:
            self.policy_base = -self.restarts  # the engine has reset its count
        self.policy_seen = container.restart_count
        if self.ended is None and container.finished > self.answered:
            self.ended = container.finished
        by_policy = container.restart_count - self.policy_base
        if by_policy > self.restarts:
            # The engine raises RestartCount as soon as it has decided, before the start and its event.
            self.restarts, self.counted = by_policy, self.ended is not None
            self.answered, self.ended = self.ended or self.answered, None
        self.flag_is_old = self.flag_is_old and container.oom_killed
        self.oom_flag = self.oom_flag or (container.oom_killed and not self.flag_is_old)

    @property
    def oom_kills(self) -> int:
        return self.oom_before + self._kills_of_run()

    def _kills_of_run(self) -> int:
        return max(self.oom_events, int(self.oom_flag))


class ContainerTable:
    """Containers by id, in the order in which they were first seen. Not safe for several threads."""

    def __init__(self) -> None:
        self._containers: dict[str, Container] = {}
        self._counts: dict[str, _Counts] = {}
        self._event_only: dict[str, Container] = {}  # known from events only: gone before they could be inspected
        self._departed: dict[str, tuple[float, Container]] = {}  # id → when it was seen to be gone (World.age_clock)
        self._inspected: dict[str, None] = {}  # ids, in the order of their last inspects
        self._watched_since: float | None = None

    def start_watching(self, engine_time: float) -> None:
        """Watch from this moment of the engine's clock on; only the first call counts."""
        if self._watched_since is None:
            self._watched_since = engine_time

    def apply_event(self, event: Mapping[str, Any], now: float) -> str | None:
        """Apply an event, and return the id of the container to inspect, if any.

        `now` is a time of World.age_clock. Other kinds of events are ignored.
        """
        action, _, _ = str(event.get("Action", "")).partition(":")
        id_ = str((event.get("Actor") or {}).get("ID", ""))
        if event.get("Type", "container") != "container" or action not in (*EVENTS, *_REMOVALS) or not id_:
            return None
        if action in _REMOVALS:
            self.remove_container(id_, now)
            return None
        counts = self._counts.setdefault(id_, _Counts())
        attributes = event["Actor"].get("Attributes") or {}
        if id_ not in self._containers and id_ not in self._event_only:
            self._event_only[id_] = _from_event(id_, attributes)
        at = int(event.get("timeNano") or 0) / 1e9
        if action == "start":
            counts.record_start(at)
        elif action == "die":
            counts.record_end(at)
            self._record_exit_code(id_, str(attributes.get("exitCode", "")))
        elif action == "oom":
            counts.oom_events += 1
        return id_

    def _record_exit_code(self, id_: str, code: str) -> None:
        """Keep the exit code of the event: a restart may clear it before the inspect."""
        known = self._containers.get(id_)
        if known is not None and code.lstrip("-").isdigit():
            self._containers[id_] = replace(known, exit_code=int(code))

    def apply_inspect(self, data: Mapping[str, Any]) -> Container:
        """Take an inspect and return the container; raises as `container.parse` does."""
        return self.apply_container(parse_inspect(data))

    def apply_container(self, container: Container) -> Container:
        """Take a container as an engine describes it now, without the counters, and return it."""
        known = self._containers.get(container.id)
        counts = self._counts.setdefault(container.id, _Counts())
        old = known is None and self._watched_since is not None and container.created < self._watched_since
        counts.record_inspect(container, old=old)
        if container.pid and known is not None:
            container = replace(container, exit_code=known.exit_code)  # a running container's is always 0
        self._containers[container.id] = container
        self._inspected.pop(container.id, None)
        self._inspected[container.id] = None
        self._event_only.pop(container.id, None)
        return container

    def apply_list(self, entries: Iterable[Mapping[str, Any]], now: float) -> list[str]:
        """Apply the engine's full list, remove containers not in it, and return the ids to inspect.

        Those are the unknown and the changed, and such with a healthcheck, whose failing streak moves without an event:
        all that are not healthy, and of the healthy those that were inspected the longest time ago. An inspect costs
        more than all that a scrape reads of a container.
        """
        wanted, listed, healthy = [], set(), set()
        for entry in entries:
            id_ = str(entry["Id"])
            listed.add(id_)
            known = self._containers.get(id_)
            names = {str(name).removeprefix("/") for name in entry.get("Names") or ()}
            if known is None or known.state != entry.get("State") or known.name not in names:
                wanted.append(id_)
            elif known.health == "healthy" and _HEALTHY in str(entry.get("Status", _HEALTHY)):
                healthy.add(id_)
            elif known.health:
                wanted.append(id_)
        self.remove_unlisted(listed, now)
        return [*wanted, *itertools.islice((id_ for id_ in self._inspected if id_ in healthy), _HEALTHY_AT_ONCE)]

    def remove_unlisted(self, listed: Collection[str], now: float) -> None:
        """Take out all containers but these ids."""
        for id_ in [id_ for id_ in self._counts if id_ not in listed]:
            self.remove_container(id_, now)

    @staticmethod
    def is_same(known: Container, described: Container) -> bool:
        """Return whether an engine describes a container as it is known, whose counters only this table has."""
        return known == replace(described, restarts=known.restarts, oom_kills=known.oom_kills)

    def remove_container(self, id_: str, now: float) -> None:
        """Take a container out; if anything was counted of it, its counters linger."""
        last = self._current_state(id_)
        for kept in (self._containers, self._event_only, self._counts, self._inspected):
            kept.pop(id_, None)
        if last is not None and (last.restarts or last.oom_kills):
            self._departed[id_] = (now, last)
            while len(self._departed) > MAX_LINGERING:
                del self._departed[next(iter(self._departed))]

    def all_containers(self) -> tuple[Container, ...]:
        """Return all containers with their counters; an unchanged container is the same object as before."""
        return tuple(container for id_ in self._containers if (container := self._current_state(id_)) is not None)

    def removed_containers(self, now: float) -> tuple[Container, ...]:
        """Return the removed containers whose counters are still shown."""
        for id_ in [id_ for id_, (gone, _) in self._departed.items() if now - gone > LINGER_SECONDS]:
            del self._departed[id_]
        return tuple(container for _, container in self._departed.values())

    def _current_state(self, id_: str) -> Container | None:
        kept = self._containers if id_ in self._containers else self._event_only
        known, counts = kept.get(id_), self._counts.get(id_)
        if known is None or counts is None:
            return None
        if (known.restarts, known.oom_kills) != (counts.restarts, counts.oom_kills):
            known = kept[id_] = replace(known, restarts=counts.restarts, oom_kills=counts.oom_kills)
        return known


def _from_event(id_: str, attributes: Mapping[str, str]) -> Container:
    """Return the container described by an event: name, image, and attributes, which include its labels."""
    return Container(id_, attributes.get("name", ""), attributes.get("image", ""), dict(attributes))
