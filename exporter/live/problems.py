"""What is wrong now: the conditions of the shipped alerts, evaluated on the board's values and the last hour.

An alert is evaluated here if its signal or expression is in MEASURED; the others need a Prometheus. Rates are averaged
over five minutes, as in the alerts, where the history has them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.live.board import Problem
from deckwatch.exporter.live.measures import Key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from deckwatch.exporter.live.board import Board
    from deckwatch.exporter.live.history import History
    from deckwatch.exporter.live.reading import Reading
    from deckwatch.exporter.live.rules import AlertRule, Rules

_RATE_SECONDS = 300.0
_SEVERITIES = ("critical", "error", "warning", "info")
_STOPPED = ("created", "exited", "dead")
_PROBE_KIND = "kind"


class Moment:
    """The board, the reading it was built from, and the history, for the functions of MEASURED."""

    def __init__(self, board: Board, reading: Reading, history: History) -> None:
        self.board = board
        self.reading = reading
        self._history = history

    def mean(self, key: Key, newest: float | None) -> float | None:
        """Return a rate over five minutes; the newest value where there is no history."""
        if newest is None:
            return None
        mean = self._history.mean(key, self.reading.at, _RATE_SECONDS)
        return newest if mean is None else mean

    def increase(self, key: Key, minutes: float) -> float | None:
        """Return how much a total grew within some minutes, as far as the history goes back."""
        return self._history.increase(key, self.reading.at, minutes * 60)


def _find_cpu(moment: Moment) -> Iterator[tuple[str, float | None]]:
    yield "", moment.mean(Key("host", "", "cpu"), moment.board.host.cpu)


def _cpu_of_limit(moment: Moment) -> Iterator[tuple[str, float | None]]:
    for row in moment.board.containers:
        if row.cpu and row.cpu_of_limit is not None:
            cores = row.cpu / row.cpu_of_limit
            mean = moment.mean(Key("container", row.name, "cpu"), row.cpu)
            yield row.name, None if mean is None else mean / cores


def _make_increase_finder(measure: str, minutes: float) -> Callable[[Moment], Iterator[tuple[str, float | None]]]:
    def find_increases(moment: Moment) -> Iterator[tuple[str, float | None]]:
        for row in moment.board.containers:
            yield row.name, moment.increase(Key("container", row.name, measure), minutes)

    return find_increases


def _not_running(moment: Moment) -> Iterator[tuple[str, float | None]]:
    for row in moment.board.containers:
        if row.expected and row.state in _STOPPED:
            yield row.name, 1.0


def _oom_kills(moment: Moment) -> Iterator[tuple[str, float | None]]:
    for name, increase in _make_increase_finder("oom_kills", 10)(moment):
        if increase:
            yield name, increase


def _make_probe_finder(kind: str) -> Callable[[Moment], Iterator[tuple[str, float | None]]]:
    def find_probes(moment: Moment) -> Iterator[tuple[str, float | None]]:
        for key, value in moment.reading.gauges.items():
            if key.kind == "probe" and key.measure == "success":
                declared = moment.reading.states.get(Key("probe", key.name, _PROBE_KIND))
                if declared == kind:
                    yield key.name, value

    return find_probes


def _make_gauge_finder(kind: str, measure: str) -> Callable[[Moment], Iterator[tuple[str, float | None]]]:
    def find_gauges(moment: Moment) -> Iterator[tuple[str, float | None]]:
        for key, value in moment.reading.gauges.items():
            if key.kind == kind and key.measure == measure:
                yield key.name, value

    return find_gauges


# By an alert's signal, its expression, or, where that contains the comparison, its name.
MEASURED: Mapping[str, Callable[[Moment], Iterable[tuple[str, float | None]]]] = {
    "host.cpu": _find_cpu,
    "host.load": lambda moment: [("", moment.board.host.load)],
    "host.memory": lambda moment: [("", moment.board.host.memory)],
    "host.filesystem": lambda moment: [(row.mountpoint, row.used) for row in moment.board.filesystems],
    "host.inodes": lambda moment: [(row.mountpoint, row.inodes) for row in moment.board.filesystems],
    "time() - node_boot_time_seconds": lambda moment: [("", moment.board.host.uptime)],
    "increase(node_vmstat_oom_kill[10m])": lambda moment: [("", moment.increase(Key("host", "", "oom_kills"), 10))],
    "containers.cpu_of_limit": _cpu_of_limit,
    "containers.memory_of_limit": lambda moment: [(row.name, row.memory_of_limit) for row in moment.board.containers],
    "increase(deckwatch_container_restarts_total[15m])": _make_increase_finder("restarts", 15),
    'deckwatch_container_health_status{status="unhealthy"}': lambda moment: [
        (row.name, 1.0) for row in moment.board.containers if row.health == "unhealthy"
    ],
    "ContainerNotRunning": _not_running,
    "ContainerOomKilled": _oom_kills,
    "pg_up": _make_gauge_finder("postgres", "up"),
    "postgres.connections_used": lambda moment: [(row.name, row.connections_used) for row in moment.board.databases],
    "postgres.longest_query": _make_gauge_finder("postgres", "longest_query"),
    "postgres.longest_transaction": _make_gauge_finder("postgres", "longest_transaction"),
    "postgres.replication_lag": _make_gauge_finder("postgres", "replication_lag"),
    'probe_success{kind="component"}': _make_probe_finder("component"),
    'probe_success{kind="dependency"}': _make_probe_finder("dependency"),
    "application.certificate": lambda moment: [(row.name, row.certificate) for row in moment.board.probes],
}


class ProblemFinder:
    """Evaluates the shipped alerts' conditions, and remembers since when each has held."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._since: dict[tuple[str, str], float] = {}  # by alert and subject, on World.age_clock

    def find_problems(self, moment: Moment) -> list[Problem]:
        """Return the conditions that hold, the most severe first; of several alerts on one signal only one.

        That is the most severe of those that have held long enough, or else of those that have not.
        """
        at = moment.reading.at
        since: dict[tuple[str, str], float] = {}
        problems: dict[tuple[str, str], Problem] = {}
        for rule in sorted(self._rules.alerts, key=lambda rule: _SEVERITIES.index(rule.severity)):
            measure = MEASURED.get(rule.name) or MEASURED.get(rule.source)
            for subject, value in measure(moment) if measure else ():
                if value is None or not rule.is_met(value):
                    continue
                start = since[rule.name, subject] = self._since.get((rule.name, subject), at)
                problem, shown = _build_problem(rule, subject, value, at - start), problems.get((rule.source, subject))
                if shown is None or (shown.pending and not problem.pending):
                    problems[rule.source, subject] = problem
        self._since = since
        rank = {severity: number for number, severity in enumerate(_SEVERITIES)}
        return sorted(problems.values(), key=lambda each: (each.pending, rank[each.severity], each.subject))


def _build_problem(rule: AlertRule, subject: str, value: float, seconds: float) -> Problem:
    return Problem(
        alert=rule.name,
        severity=rule.severity,
        subject=subject,
        summary=rule.summary,
        value=value,
        operator=rule.operator,
        limit=rule.limit,
        unit=rule.unit,
        seconds=seconds,
        hold=rule.hold,
        pending=seconds < rule.hold,
    )
