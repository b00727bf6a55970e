"""State, health, restarts and OOM kills of containers, as the engine tells them by events and inspects.

This is the collector that fails when the engine does not answer: its states are then held for a while, since they were
true when last heard and an alert on them must not resolve; its counters are not. A removed container's counters of
events stay for some minutes, so that what happened between two scrapes is seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.collector import collector
from exporter.collectors import _container
from exporter.collectors._container import metric
from exporter.metric import Metric
from exporter.sources.container import HEALTH, STATES, Container
from exporter.sources.docker import EngineUnreachable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.metric import Sample
    from exporter.world import World

STATE = metric("deckwatch_container_state", "gauge", "1 for the state it is in, else 0.", "state", state=True)
EXPECTED = metric(
    "deckwatch_container_expected_running",
    "gauge",
    "1 if it ought to run: by its restart policy (always, unless-stopped) or the label deckwatch.expected.",
    state=True,
)
EXIT_CODE = metric(
    "deckwatch_container_exit_code", "gauge", "Exit code of its last end, 0 before the first.", state=True
)
FINISHED = metric(
    "deckwatch_container_finished_timestamp_seconds", "gauge", "When it last ended, 0 before the first.", state=True
)
STARTED = metric("container_start_time_seconds", "gauge", "When it was started, as a Unix time.", state=True)
LAST_SEEN = metric("container_last_seen", "gauge", "When it was last seen to run, as a Unix time.")
RESTARTS = metric("deckwatch_container_restarts_total", "counter", "Starts after an end, by whomever.")
OOM_KILLS = metric(
    "deckwatch_container_oom_kills_total", "counter", "Kills for want of memory, also of earlier runs of the container."
)
HEALTH_STATUS = metric(
    "deckwatch_container_health_status", "gauge", "1 for what its healthcheck says, else 0.", "status", state=True
)
FAILING_STREAK = metric(
    "deckwatch_container_health_failing_streak", "gauge", "Healthchecks that failed one after the other.", state=True
)
HEALTH_STATE = metric(
    "container_health_state", "gauge", "1 if its healthcheck says healthy, 0 if not or not yet.", state=True
)
SCRAPE_ERROR = Metric("container_scrape_error", "gauge", "1 if the Docker engine does not answer, else 0.")


@collector(
    *(STATE, EXPECTED, EXIT_CODE, FINISHED, STARTED, LAST_SEEN, RESTARTS, OOM_KILLS),
    *(HEALTH_STATUS, FAILING_STREAK, HEALTH_STATE, SCRAPE_ERROR),
)
def collect(world: World) -> Iterator[Sample]:
    """State, health, restarts, exit code and OOM kills of each container, running or not."""
    known = _container.snapshot(world)
    yield SCRAPE_ERROR(0 if known.reachable else 1)
    if not known.reachable:
        raise EngineUnreachable(f"since {known.since:.0f}")
    now = world.clock()
    for container in known.containers:
        labels = _container.labels(world, container, known.driver)
        yield from _states(container, labels)
        if container.pid:
            yield STARTED(container.started, *labels)
            yield LAST_SEEN(now, *labels)
    for container in (*known.containers, *known.departed):
        labels = _container.labels(world, container, known.driver)
        yield RESTARTS(container.restarts, *labels)
        yield OOM_KILLS(container.oom_kills, *labels)


def _states(container: Container, labels: _container.Labels) -> Iterator[Sample]:
    for state in STATES:
        yield STATE(int(container.state == state), *labels, state)
    yield EXPECTED(int(container.expected_running), *labels)
    yield EXIT_CODE(container.exit_code, *labels)
    yield FINISHED(container.finished, *labels)
    if container.health:
        for status in HEALTH:
            yield HEALTH_STATUS(int(container.health == status), *labels, status)
        yield FAILING_STREAK(container.failing_streak, *labels)
        yield HEALTH_STATE(int(container.health == "healthy"), *labels)
