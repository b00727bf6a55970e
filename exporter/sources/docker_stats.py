"""Statistics of containers whose cgroups are not visible: requested from a remote engine, in the background.

Docker Engine API: `GET /containers/{id}/stats?stream=false&one-shot=true`, since version 1.41. Engines before 25 let
each call wait for the next tick of a clock of one second (moby#46448), so several calls are made concurrently.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from typing import TYPE_CHECKING, Any

from deckwatch.core import units
from deckwatch.exporter.sources.api_cgroup import Stats, parse_stats
from deckwatch.exporter.sources.background import Background
from deckwatch.exporter.sources.container import UNREADABLE
from deckwatch.exporter.sources.docker import Engine
from deckwatch.exporter.sources.docker_snapshot import EngineUnreachable
from deckwatch.exporter.world import Source

if TYPE_CHECKING:
    import docker

    from deckwatch.exporter.world import Reading, World

_EVERY = "15s"  # default of the configuration

_AT_ONCE = 10  # calls; docker-py's pool of connections to an engine holds as many
_ANSWER_SECONDS = 10
_FIRST_SECONDS = 4.0  # that a scrape waits for the first reading, once
_NOT_RUNNING = (404, 409)


class ContainerStats(Source):
    """The newest figures of all running containers."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._background: Background[dict[str, Stats]] = Background(
            world,
            "the engine's statistics of containers",
            self._read_stats,
            seconds=units.parse_duration((world.config.get("containers") or {}).get("stats_every", _EVERY)),
            first_seconds=_FIRST_SECONDS,
        )

    def latest_reading(self) -> Reading[dict[str, Stats]]:
        """Return the figures by container id; raises as Background.latest does."""
        return self._background.latest_reading()

    def close(self) -> None:
        """End the thread."""
        self._background.close()

    def _read_stats(self) -> dict[str, Stats]:
        from deckwatch.exporter.sources.docker_client import open_client, refusal_as_no_data  # noqa: PLC0415 - costly, see Engine

        engine = self._world.source(Engine)
        known = engine.latest_snapshot()
        if known is None or not known.reachable:
            raise EngineUnreachable("it does not answer")
        ids = [container.id for container in known.containers if container.pid]
        with refusal_as_no_data(), open_client(engine.engine_address(), _ANSWER_SECONDS) as client:
            if engine.engine_address().startswith("unix://"):
                client.headers["Connection"] = "close"  # docker-py would keep an unused connection per container
            return _StatsRound(client, ids, self._background, self._world.user_hz).read_all()


class _StatsRound:
    """One call for each container, several at once. One that fails leaves its container out; all together fail."""

    def __init__(self, client: docker.APIClient, ids: list[str], background: Background[Any], user_hz: int) -> None:
        self._client = client
        self._background = background
        self._user_hz = user_hz
        self._remaining: queue.SimpleQueue[str] = queue.SimpleQueue()
        for id_ in ids:
            self._remaining.put(id_)
        self._workers = min(_AT_ONCE, len(ids))
        self._stats: dict[str, Stats] = {}
        self._fault: Exception | None = None
        self._lost = threading.Event()  # the engine itself

    def read_all(self) -> dict[str, Stats]:
        """Return the statistics; raises the newest error if there are none."""
        threads = [
            # Daemons, so that a thread stuck in a call does not prevent the exit of the process.
            threading.Thread(target=self._run_worker, name=f"docker-stats-{number}", daemon=True)
            for number in range(self._workers)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self._fault is not None and (self._lost.is_set() or not self._stats):
            raise self._fault
        return self._stats

    def _run_worker(self) -> None:
        with contextlib.suppress(queue.Empty):
            while not self._background.is_closing and not self._lost.is_set():
                self._read_container(self._remaining.get_nowait())

    def _read_container(self, id_: str) -> None:
        import docker.errors  # noqa: PLC0415
        import requests  # noqa: PLC0415

        try:
            try:
                stats = parse_stats(self._client.stats(id_, stream=False, one_shot=True), self._user_hz)
            except requests.exceptions.ReadTimeout as fault:
                self._fault = fault
                self._client.ping()  # a container locked in the engine does not affect the others
                return
        except docker.errors.APIError as fault:
            if fault.status_code not in _NOT_RUNNING:
                self._fault = fault
            return
        except UNREADABLE as fault:
            self._fault = fault
            return
        except (requests.exceptions.RequestException, docker.errors.DockerException) as fault:
            self._fault = fault
            self._lost.set()
            return
        if stats is not None:
            self._stats[id_] = stats
