"""The content of the status page as plain values, collected from the newest outcomes without another scrape."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from deckwatch.exporter.durations import format_age, format_duration
from deckwatch.exporter.health_reason import HasLimitation
from deckwatch.exporter.metric import Lines
from deckwatch.exporter.metric import count_series as count
from deckwatch.exporter.outcome import Record
from deckwatch.exporter.view_cards import (
    Card,
    Tone,
    build_container_card,
    build_subject_card,
    describe_down,
    iter_values,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deckwatch.exporter.collector import Collector
    from deckwatch.exporter.outcome import Outcome
    from deckwatch.exporter.scrape import Key, Scraper
    from deckwatch.exporter.world import World

State = Literal["ok", "partial", "absent", "failed", "late", "waiting"]

GROUPS = {
    "host": "Host",
    "container": "Containers",
    "postgres": "PostgreSQL",
    "app": "Applications",
    "deckwatch": "Deckwatch itself",
}
_ORDER = {word: number for number, word in enumerate(GROUPS)}
_TONES: dict[State, Tone] = {
    "ok": "good",
    "partial": "late",
    "absent": "none",
    "failed": "bad",
    "late": "late",
    "waiting": "none",
}
_URGENCY: dict[State, int] = {"failed": 0, "late": 1, "partial": 2, "waiting": 3, "ok": 4, "absent": 5}
_PROBLEM_LABELS: dict[State, str] = {
    "failed": "failed",
    "late": "too late",
    "partial": "incomplete",
    "waiting": "not heard of yet",
}
_CARD_LABELS = ("server", "service")  # of subjects that a card shows
_FAILED_READINGS = "deckwatch_collector_failed_readings"
_STALE_SECONDS = 5 * 60.0  # nobody scrapes this rarely


@dataclass(frozen=True)
class Row:
    """A collector, or its run for one subject: its name, its state, and the figures of its last run."""

    name: str
    subject: str
    server: str
    about: str
    state: State
    status: str
    took: str = ""
    age: str = ""
    series: str = ""

    @property
    def tone(self) -> Tone:
        """The color of its state."""
        return _TONES[self.state]


@dataclass(frozen=True)
class Group:
    """The collectors of one kind, per subject where they have several; `prefix` selects them in `collect[]`."""

    prefix: str
    title: str
    server: str
    rows: list[Row]

    @property
    def visible_rows(self) -> list[Row]:
        """The rows of collectors that have something to watch."""
        return [row for row in self.rows if row.state != "absent"]

    @property
    def verdict(self) -> tuple[Tone, str]:
        """The state of the group, in a few words."""
        states = Counter(row.state for row in self.rows)
        for state, words in _PROBLEM_LABELS.items():
            if count := states[state]:
                return _TONES[state], f"{count} of {len(self.visible_rows)} {words}"
        if self.visible_rows:
            return "good", "ok"
        reasons = {row.status for row in self.rows}
        return "none", reasons.pop() if len(reasons) == 1 else "nothing to watch"


@dataclass(frozen=True)
class View:
    """The content of the whole page."""

    host: str
    about: str
    verdict: tuple[Tone, str]
    cards: list[Card]
    groups: list[Group]


def build_view(scraper: Scraper, now: float, scraped_at: float | None = None) -> View:
    """Return the current view of all collectors and subjects; `now` is a time of World.age_clock.

    `scraped_at` is the time of the last scrape; by default that of the newest reading.
    """
    records = dict(scraper.records)
    rows: dict[tuple[str, str], list[Row]] = {(word, ""): [] for word in GROUPS}
    for collector in scraper.collectors.values():
        runs = [(subject, record) for (name, subject), record in records.items() if name == collector.name]
        limitations = _list_limitations(scraper.world, collector)
        for subject, record in runs or [("", Record())]:
            # Twenty queries are twenty rows of one group, not twenty groups.
            own_group = subject if collector.subject_label in _CARD_LABELS else ""
            group = rows.setdefault((collector.name.partition("_")[0], own_group), [])
            group.append(_build_row(collector, subject, record, now, limitations.get(subject, "")))
    groups = [_build_group(prefix, subject, members) for (prefix, subject), members in rows.items() if members]
    # Groups with problems come first, the others in the order of GROUPS.
    groups.sort(key=lambda group: (_group_urgency(group) > _URGENCY["partial"], _ORDER.get(group.prefix, len(_ORDER))))
    host, about = _describe_host(scraper, records)
    possible_cards = [
        build_container_card(scraper, records),
        build_subject_card(scraper, records, "Database servers", key="postgres", metric="pg_up"),
        build_subject_card(scraper, records, "Probes", key="probes", metric="probe_success"),
        build_subject_card(
            scraper,
            records,
            "Logs",
            key="logs",
            metric="deckwatch_log_readable",
            states=("read", "not readable"),
            is_shown_empty=False,
        ),
    ]
    cards = [card for card in possible_cards if card]
    return View(host, about, _overall_verdict(records, groups, cards, now, scraped_at), cards, groups)


def _build_group(word: str, subject: str, rows: list[Row]) -> Group:
    title = GROUPS.get(word, word.capitalize())
    rows.sort(key=lambda row: _URGENCY[row.state])
    return Group(word, f"{title}: {subject}" if subject else title, rows[0].server, rows)


def _group_urgency(group: Group) -> int:
    return min(_URGENCY[row.state] for row in group.rows)


def _list_limitations(world: World, collector: Collector) -> dict[str, str]:
    """Return the limitations of subjects without a card, by the subject's name."""
    if collector.subjects is None or collector.subject_label in _CARD_LABELS:
        return {}
    try:
        subjects = collector.subjects(world)
    except Exception:  # noqa: BLE001 - reported as the failure of the collector
        return {}
    return {name: each.limitation(world) for name, each in subjects.items() if isinstance(each, HasLimitation)}


def _build_row(collector: Collector, subject: str, record: Record, now: float, limitation: str) -> Row:
    outcome = record.outcome
    state: State
    if outcome is None:
        state, status = "waiting", "no answer yet"
    elif outcome.absent is not None:
        state, status = "absent", outcome.absent
    elif outcome.error == "Timeout":
        state, status = "late", "too late"
    elif outcome.error is not None:
        state, status = "failed", f"{outcome.error}; partly read" if outcome.is_partial else outcome.error
    elif unread := _count_unread(outcome):
        state, status = "partial", f"{unread} {'file' if unread == 1 else 'files'} unreadable, see the log"
    else:
        state, status = "ok", f"ok; {limitation}" if limitation else "ok"
    if record.dropped:
        status = f"{status}, {record.dropped} series dropped"
    server = subject if collector.subject_label == "server" else ""
    about = (
        f"{subject}: {collector.help}" if subject and collector.subject_label not in _CARD_LABELS else collector.help
    )
    if outcome is None or outcome.absent is not None:
        return Row(collector.name, subject, server, about, state, status)
    old = "never" if outcome.at is None else format_age(now - outcome.at)
    took, series = format_duration(outcome.seconds), str(count(outcome.samples) - count(outcome.retained))
    return Row(collector.name, subject, server, about, state, status, took, old, series)


def _count_unread(outcome: Outcome) -> int:
    """Return how many files a collector left out that shows everything else."""
    values = (
        sample.value
        for sample in outcome.samples
        if not isinstance(sample, Lines) and sample.metric.name == _FAILED_READINGS
    )
    return int(sum(values))


def _overall_verdict(
    records: Mapping[Key, Record], groups: list[Group], cards: list[Card], now: float, scraped_at: float | None
) -> tuple[Tone, str]:
    down = list(filter(None, map(describe_down, cards)))
    rows = [row for group in groups for row in group.rows if row.state != "absent"]
    broken = [row for row in rows if row.state in ("failed", "late")]
    if broken:
        # Where a server is down, all of its collectors fail, so its name is enough.
        counts = Counter(row.subject or row.name for row in broken)
        names = ", ".join(f"{name} ({count})" if count > 1 else name for name, count in counts.items())
        does = "does" if len(broken) == 1 else "do"
        tone: Tone = "bad" if any(row.state == "failed" for row in broken) else "late"
        summary = f"{len(broken)} of {len(rows)} collectors {does} not answer: {names}"
        return "bad" if down else tone, "; ".join([*down, summary])
    if down:
        return "bad", "; ".join(down)
    if waiting := sum(row.state == "waiting" for row in rows):
        return "none", f"Starting: {waiting} of {len(rows)} collectors have not answered yet"
    if partial := [row.name for row in rows if row.state == "partial"]:
        verb = "does" if len(partial) == 1 else "do"
        return "late", f"{len(partial)} of {len(rows)} collectors {verb} not read everything: {', '.join(partial)}"
    newest = max((record.good_at for record in records.values() if record.good_at is not None), default=now)
    newest = newest if scraped_at is None else scraped_at
    if now - newest > _STALE_SECONDS:
        return "late", f"Nobody has read the metrics for {format_age(now - newest)}: is Prometheus running?"
    outcomes = [record.outcome for record in records.values() if record.outcome is not None]
    series, took = sum(count(outcome.samples) for outcome in outcomes), sum(outcome.seconds for outcome in outcomes)
    who = "The one collector answers" if len(rows) == 1 else f"All {len(rows)} collectors answer"
    return "good", f"{who}: {series} series in {format_duration(took)}"


def _describe_host(scraper: Scraper, records: Mapping[Key, Record]) -> tuple[str, str]:
    for _, labels, _ in iter_values(records, "node_uname_info"):
        return labels["nodename"], f"{labels['sysname']} {labels['release']} on {labels['machine']}"
    return scraper.world.uname().nodename, ""
