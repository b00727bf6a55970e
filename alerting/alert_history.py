"""What fired in the past, for how long, and who acknowledged it, from Prometheus' ALERTS and Alertmanager's silences.

Prometheus knows when an alert fired, Alertmanager when somebody silenced it or its escalation. Both forget: Prometheus
after its retention, Alertmanager five days (`--data.retention`) after a silence ended.
"""

from __future__ import annotations

import itertools
import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from deckwatch.alerting.alertmanager import RULE_LABELS
from deckwatch.alerting.escalation import STEP_LABEL, TEAM_LABEL
from deckwatch.core.problems import Unreachable
from deckwatch.core.query_response import read_series

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from deckwatch.alerting.alertmanager import Silence
    from deckwatch.core.http import Client

Identity = tuple[tuple[str, str], ...]  # sorted labels
Answer = Literal["yes", "no", "in advance", "unknown"]

SELECTOR = 'ALERTS{alertstate="firing", severity!="info", escalation=""}'
METRICS_MARK = b"# TYPE alert_history_"  # near the start of what `render_metrics` returns
JOIN_SECONDS = 300  # firings with less between them are one: a restart of Prometheus, or a value near the limit
SILENCES_KEPT_SECONDS = 5 * 86400  # Alertmanager's default
_CHUNK_SAMPLES = 100_000  # of all alerts, about as many as one query returns
_EPSILON = 0.01
_INTERVAL_SECONDS = 60.0  # of rules, where no two samples tell
_INTERNAL_LABELS = ("__name__", "alertstate")


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Whether somebody reacted to a firing. `seconds` is the time from its start to the silence, for "yes" only."""

    answer: Answer
    author: str = ""
    comment: str = ""
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Firing:
    """A time during which an alert fired. Times are Unix times; `cut` if it began before the range."""

    labels: Mapping[str, str]
    start: float
    end: float
    is_firing: bool = False
    cut: bool = False
    acknowledgement: Acknowledgement = Acknowledgement("unknown")

    @property
    def name(self) -> str:
        """The alert's name."""
        return self.labels.get("alertname", "")

    @property
    def location(self) -> str:
        """The labels that locate the alert, on one line."""
        return " ".join(f"{key}={value}" for key, value in sorted(self.labels.items()) if key not in RULE_LABELS)


@dataclass(frozen=True, slots=True)
class History:
    """The firings of a range of Unix times, the newest first; `covered` is the share for which there are samples."""

    start: float
    end: float
    covered: float
    firings: Sequence[Firing]

    @property
    def reaction_seconds(self) -> list[float]:
        """The times to acknowledge that are known, in ascending order."""
        return sorted(each.acknowledgement.seconds for each in self.firings if each.acknowledgement.seconds is not None)


def read_history(client: Client, seconds: float, *, end: float | None = None) -> History:
    """Return the firings of the `seconds` before a Unix time, without acknowledgements; raises Unreachable.

    Without a time, it is the present by Prometheus' clock.
    """
    end = float(_query(client, "time()", None)[0]["value"][1]) if end is None else end
    start = end - seconds
    points: dict[Identity, set[float]] = {}
    counted = _query(client, f"sum(count_over_time({SELECTOR}[{round(seconds * 1000)}ms]))", end)
    chunks = math.ceil(float(counted[0]["value"][1]) / _CHUNK_SAMPLES) if counted else 0
    chunk, at = seconds / max(chunks, 1), end
    while chunks and at - start > _EPSILON:
        length = min(chunk, at - start)
        for series in _query(client, f"{SELECTOR}[{round(length * 1000)}ms]", at):
            points.setdefault(_identify(series["metric"]), set()).update(when for when, _ in series["values"])
        at -= length
    counted = _query(client, build_coverage(seconds), end)
    covered = float(counted[0]["value"][1]) if counted else 0.0
    present = {_identify(series["metric"]) for series in _query(client, SELECTOR, end)}
    return History(start, end, covered, find_firings(points, start, end, present))


def build_coverage(seconds: float) -> str:
    """Return PromQL for the share of the last `seconds` for which Prometheus has samples; empty where it has none."""
    step = max(60, round(seconds / 10_000))
    counted = f'count_over_time(group({{__name__=~"up|ALERTS"}})[{round(seconds)}s:{step}s])'
    return f"clamp_max({counted} * {step} / {round(seconds)}, 1)"


def find_firings(
    points: Mapping[Identity, Collection[float]], start: float, end: float, present: Collection[Identity] = ()
) -> list[Firing]:
    """Return the firings of alerts, the newest first.

    `points` are the times of the samples by the alerts' labels, `present` the labels of those that fire at the end.
    """
    times = {labels: sorted(moments) for labels, moments in points.items()}
    intervals = {labels: _smallest_step(moments) for labels, moments in times.items()}
    usual = min((step for step in intervals.values() if step < math.inf), default=_INTERVAL_SECONDS)
    firings = []
    for labels, moments in times.items():
        interval = intervals[labels] if intervals[labels] < math.inf else usual
        join = max(JOIN_SECONDS, 2 * interval)
        first = last = moments[0]
        for moment in (*moments[1:], None):
            if moment is not None and moment - last <= join:
                last = moment
                continue
            is_firing = moment is None and labels in present
            until = end if is_firing else min(last + interval, end)
            firings.append(Firing(dict(labels), first, until, is_firing, first - start <= interval))
            first = last = moment or 0.0
    return sorted(firings, key=lambda firing: (-firing.start, sorted(firing.labels.items())))


def _smallest_step(moments: Sequence[float]) -> float:
    """Return the interval of a rule; longer steps are between firings."""
    steps = (after - before for before, after in itertools.pairwise(moments))
    return min((step for step in steps if step <= JOIN_SECONDS), default=math.inf)


def _identify(labels: Mapping[str, str]) -> Identity:
    return tuple(sorted((name, value) for name, value in labels.items() if name not in _INTERNAL_LABELS))


def acknowledge(
    firings: Iterable[Firing], silences: Sequence[Silence], now: float, external: Mapping[str, str]
) -> Iterator[Firing]:
    """Yield the firings with their acknowledgements; `external` are labels that Prometheus adds to alerts it sends.

    A silence of the alert or of its escalation that begins while it fires acknowledges it. One that began earlier was
    planned. Without a silence the answer is "unknown" if Alertmanager may have forgotten it.
    """
    for firing in firings:
        known = _find_acknowledgement(firing, silences, external)
        if known is None:
            known = Acknowledgement("unknown" if now - firing.end > SILENCES_KEPT_SECONDS else "no")
        yield Firing(firing.labels, firing.start, firing.end, firing.is_firing, firing.cut, known)


def read_external_labels(client: Client) -> dict[str, str]:
    """Return the labels that Prometheus adds to alerts that it sends; {} if its configuration cannot be read."""
    from deckwatch.core import yaml_file  # noqa: PLC0415 - only for this
    from deckwatch.core.problems import InvalidInput  # noqa: PLC0415

    try:
        text = client.get("/api/v1/status/config")["data"]["yaml"]
        labels = yaml_file.parse_yaml(text, "prometheus.yml").data["global"].get("external_labels") or {}
    except (Unreachable, InvalidInput, KeyError, TypeError, AttributeError):
        return {}
    return {str(name): str(value) for name, value in labels.items()}


def render_metrics(history: History) -> str:
    """Return the history as gauges in the text format, for the textfile collector; see docs/guide/alerts.md."""
    by_owner: dict[tuple[str, str], list[Firing]] = {}
    for firing in history.firings:
        key = firing.labels.get("owner", ""), firing.labels.get("severity", "")
        by_owner.setdefault(key, []).append(firing)
    counts, medians, longest = [], [], []
    for (owner, severity), firings in sorted(by_owner.items()):
        labels = f'owner="{_escape(owner)}",severity="{_escape(severity)}"'
        for answer in ("yes", "no", "in advance", "unknown"):
            count = sum(firing.acknowledgement.answer == answer for firing in firings)
            counts.append(f'{{{labels},acknowledged="{answer}"}} {count}')
        seconds = [one.acknowledgement.seconds for one in firings if one.acknowledgement.seconds is not None]
        if seconds:
            medians.append(f"{{{labels}}} {statistics.median(seconds):g}")
            longest.append(f"{{{labels}}} {max(seconds):g}")
    tables = {
        "alert_history_firings": counts,
        "alert_history_acknowledge_median_seconds": medians,
        "alert_history_acknowledge_longest_seconds": longest,
        "alert_history_window_seconds": [f" {history.end - history.start:g}"],
        "alert_history_covered_ratio": [f" {history.covered:g}"],
        "alert_history_timestamp_seconds": [f" {history.end:.0f}"],
    }
    return "".join(
        f"# TYPE {name} gauge\n" + "".join(f"{name}{line}\n" for line in lines)
        for name, lines in tables.items()
        if lines
    )


def _find_acknowledgement(
    firing: Firing, silences: Sequence[Silence], external: Mapping[str, str]
) -> Acknowledgement | None:
    labels = {**external, **firing.labels}
    found: list[tuple[float, Silence]] = []
    for silence in silences:
        matchers = [each for each in silence.matchers if each.name not in (TEAM_LABEL, STEP_LABEL)]
        starts, ends = silence.starts.timestamp(), silence.ends.timestamp()
        if starts < firing.end and ends > firing.start and all(each.matches_labels(labels) for each in matchers):
            found.append((starts, silence))
    if not found:
        return None
    starts, silence = min(found, key=lambda pair: pair[0])
    if starts < firing.start - 1:  # Alertmanager's times are whole seconds here
        # Where the start of a firing is not known, neither is which came first.
        answer: Answer = "unknown" if firing.cut else "in advance"
        return Acknowledgement(answer, silence.author, silence.comment)
    return Acknowledgement(
        "yes", silence.author, silence.comment, None if firing.cut else max(0.0, starts - firing.start)
    )


def _query(client: Client, expr: str, at: float | None) -> Any:
    form = {"query": expr} | ({} if at is None else {"time": f"{at:.3f}"})
    return read_series(client.post("/api/v1/query", data=form), client.base)


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
