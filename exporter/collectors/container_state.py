"""State, health, restarts and OOM kills of containers, from the engine's events, lists and inspects.

This collector fails when the engine does not answer. Its states are then held for a while: they were true when last
read, and an alert on them must not resolve. Its counters are not held. Event counters of a removed container are kept
for some minutes, so that events between two scrapes are not lost, and so is the time when a container was last seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.collectors import _container
from deckwatch.exporter.collectors._container import MAX_CONTAINERS, KnownContainer, container_metric
from deckwatch.exporter.collectors._container_lines import no_reader, write_lines
from deckwatch.exporter.metric import Lines, Metric
from deckwatch.exporter.sources.container import HEALTH, STATES
from deckwatch.exporter.sources.container_table import LINGER_SECONDS, MAX_LINGERING
from deckwatch.exporter.sources.docker_snapshot import EngineUnreachable
from deckwatch.exporter.world import Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.exporter.collectors._container_lines import ContainerSample
    from deckwatch.exporter.metric import Sample
    from deckwatch.exporter.world import World

STATE = container_metric(
    "deckwatch_container_state", "gauge", "1 for the container's current state, else 0.", "state", state=True
)
EXPECTED = container_metric(
    "deckwatch_container_expected_running",
    "gauge",
    "1 if the container should be running: by its restart policy (always, unless-stopped) or label deckwatch.expected.",
    state=True,
)
EXIT_CODE = container_metric(
    "deckwatch_container_exit_code", "gauge", "Exit code of the last run, 0 before the first exit.", state=True
)
FINISHED = container_metric(
    "deckwatch_container_finished_timestamp_seconds",
    "gauge",
    "Time of the last exit, as a Unix time; 0 before the first.",
    state=True,
)
STARTED = container_metric(
    "container_start_time_seconds", "gauge", "Start time of the container, as a Unix time.", state=True
)
LAST_SEEN = container_metric(
    "container_last_seen",
    "gauge",
    "Time the container was last seen running, as a Unix time; shown for 5 more minutes after its end or removal.",
)
RESTARTS = container_metric(
    "deckwatch_container_restarts_total",
    "counter",
    "Container restarts, by policy or by hand, since the exporter started.",
)
OOM_KILLS = container_metric(
    "deckwatch_container_oom_kills_total", "counter", "OOM kills, including those of earlier runs of the container."
)
HEALTH_STATUS = container_metric(
    "deckwatch_container_health_status",
    "gauge",
    "1 for the current status of the healthcheck, else 0.",
    "status",
    state=True,
)
FAILING_STREAK = container_metric(
    "deckwatch_container_health_failing_streak", "gauge", "Consecutive failed healthchecks.", state=True
)
HEALTH_STATE = container_metric(
    "container_health_state", "gauge", "1 if the healthcheck reports healthy, 0 if unhealthy or starting.", state=True
)
SCRAPE_ERROR = Metric(
    "container_scrape_error", "gauge", "1 if the Docker engine does not answer, else 0.", is_about_reading=True
)


_STATES = (STATE, EXPECTED, EXIT_CODE, FINISHED, STARTED, HEALTH_STATUS, FAILING_STREAK, HEALTH_STATE)
_COUNTERS = (RESTARTS, OOM_KILLS)


@collector(*_STATES, LAST_SEEN, *_COUNTERS, SCRAPE_ERROR, budget=22 * MAX_CONTAINERS)
def collect(world: World) -> Iterator[Sample | Lines]:
    """State, health, restarts, exit code and OOM kills of each container, running or not."""
    engine = _container.engine_snapshot(world)
    yield SCRAPE_ERROR(0 if engine.reachable else 1)
    if not engine.reachable:
        raise EngineUnreachable("it does not answer")
    containers = _container.known_containers(world, engine)
    yield from write_lines(world, _STATES, containers, no_reader, _state_samples)
    lines = world.source(_LastSeen).update(containers, world.clock())
    yield Lines(LAST_SEEN, ["".join(lines).encode()], len(lines))
    yield from write_lines(world, _COUNTERS, _container.with_departed(world, engine), no_reader, _counter_samples)


class _LastSeen(Source):
    """When each running container was last seen, and each one that has ended within LINGER_SECONDS.

    Alerts such as `time() - container_last_seen > 60`, as written for cAdvisor, need the series of a container that is
    gone.
    """

    def __init__(self, world: World) -> None:
        self._age_clock = world.age_clock
        self._containers: Sequence[KnownContainer] = ()
        self._running: dict[str, str] = {}  # by container id, the beginning of its line
        self._seen_at = 0.0  # wall time of the last update
        self._ended: dict[str, tuple[float, str]] = {}  # id → age clock at the first update without it, and line

    def update(self, containers: Sequence[KnownContainer], now: float) -> list[str]:
        """Return the lines of the metric for the containers that run now, and for those that ended lately."""
        seen_at = self._age_clock()
        if containers is not self._containers:  # the identical list is unchanged
            self._find_ended(containers, seen_at)
        for id_ in [id_ for id_, (at, _) in self._ended.items() if seen_at - at > LINGER_SECONDS]:
            del self._ended[id_]
        self._seen_at = now
        ending = f"}} {now!r}\n"
        return [*[f"{head}{ending}" for head in self._running.values()], *[line for _, line in self._ended.values()]]

    def _find_ended(self, containers: Sequence[KnownContainer], seen_at: float) -> None:
        """Find the containers that run, and those that have ended since the last update."""
        running = {
            known.container.id: f"{LAST_SEEN.name}{known.label_prefix}" for known in containers if known.container.pid
        }
        for id_ in self._running.keys() - running.keys():
            self._ended[id_] = seen_at, f"{self._running[id_]}}} {self._seen_at!r}\n"
        for id_ in running.keys() & self._ended.keys():
            del self._ended[id_]
        for id_ in list(self._ended)[:-MAX_LINGERING]:
            del self._ended[id_]
        self._containers, self._running = containers, running


def _state_samples(known: KnownContainer, _: None) -> Iterator[ContainerSample]:
    container = known.container
    for state in STATES:
        yield STATE(int(container.state == state), state)
    yield EXPECTED(int(container.expected_running))
    yield EXIT_CODE(container.exit_code)
    yield FINISHED(container.finished)
    if container.pid:
        yield STARTED(container.started)
    if container.health:
        for status in HEALTH:
            yield HEALTH_STATUS(int(container.health == status), status)
        yield FAILING_STREAK(container.failing_streak)
        yield HEALTH_STATE(int(container.health == "healthy"))


def _counter_samples(known: KnownContainer, _: None) -> Iterator[ContainerSample]:
    yield RESTARTS(known.container.restarts)
    yield OOM_KILLS(known.container.oom_kills)
