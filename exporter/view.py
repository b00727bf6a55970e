"""The content of the status page as plain values, collected from the newest outcomes without another scrape."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from deckwatch.exporter.health_reason import HasHealthReason
from deckwatch.exporter.metric import Lines
from deckwatch.exporter.metric import count_series as count
from deckwatch.exporter.outcome import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deckwatch.exporter.collector import Collector
    from deckwatch.exporter.scrape import Key, Scraper

Tone = Literal["good", "bad", "late", "none"]
State = Literal["ok", "absent", "failed", "late", "waiting"]

GROUPS = {
    "host": "Host",
    "container": "Containers",
    "postgres": "PostgreSQL",
    "app": "Applications",
    "deckwatch": "Deckwatch itself",
}
_ORDER = {word: number for number, word in enumerate(GROUPS)}
_TONES: dict[State, Tone] = {"ok": "good", "absent": "none", "failed": "bad", "late": "late", "waiting": "none"}
_URGENCY: dict[State, int] = {"failed": 0, "late": 1, "waiting": 2, "ok": 3, "absent": 4}
_PROBLEM_LABELS: dict[State, str] = {"failed": "failed", "late": "too late", "waiting": "not heard of yet"}
_STATE_COLLECTOR = "container_state"
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
class Subject:
    """A database server or a probed service."""

    name: str
    status: str
    tone: Tone
    reason: str = ""


@dataclass(frozen=True)
class Card:
    """One kind of watched subject, with the number that is well."""

    title: str
    figure: str
    about: str = ""
    subjects: tuple[Subject, ...] = ()


@dataclass(frozen=True)
class View:
    """The content of the whole page."""

    host: str
    about: str
    verdict: tuple[Tone, str]
    cards: list[Card]
    groups: list[Group]


def build_view(scraper: Scraper, now: float) -> View:
    """Return the current view of all collectors and subjects."""
    records = dict(scraper.records)
    rows: dict[tuple[str, str], list[Row]] = {(word, ""): [] for word in GROUPS}
    for collector in scraper.collectors.values():
        runs = [(subject, record) for (name, subject), record in records.items() if name == collector.name]
        for subject, record in runs or [("", Record())]:
            group = rows.setdefault((collector.name.partition("_")[0], subject), [])
            group.append(_build_row(collector, subject, record, now))
    groups = [_build_group(prefix, subject, members) for (prefix, subject), members in rows.items() if members]
    # Groups with problems come first, the others in the order of GROUPS.
    groups.sort(key=lambda group: (_group_urgency(group) > _URGENCY["late"], _ORDER.get(group.prefix, len(_ORDER))))
    host, about = _describe_host(scraper, records)
    possible_cards = [
        _container_card(scraper, records),
        _subject_card(scraper, records, "Database servers", label="server", key="postgres", metric="pg_up", good="up"),
        _subject_card(scraper, records, "Probes", label="service", key="probes", metric="probe_success", good="well"),
    ]
    cards = [card for card in possible_cards if card]
    return View(host, about, _overall_verdict(records, groups, cards, now), cards, groups)


def format_duration(seconds: float) -> str:
    """Return a duration in a suitable unit."""
    if seconds < 0.001:
        return f"{seconds * 1e6:.0f} µs"
    return f"{seconds * 1000:.1f} ms" if seconds < 0.1 else f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.0f} s"


def format_age(seconds: float) -> str:
    """Return an age in whole units."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def _build_group(word: str, subject: str, rows: list[Row]) -> Group:
    title = GROUPS.get(word, word.capitalize())
    rows.sort(key=lambda row: _URGENCY[row.state])
    return Group(word, f"{title}: {subject}" if subject else title, rows[0].server, rows)


def _group_urgency(group: Group) -> int:
    return min(_URGENCY[row.state] for row in group.rows)


def _build_row(collector: Collector, subject: str, record: Record, now: float) -> Row:
    outcome = record.outcome
    state: State
    if outcome is None:
        state, status = "waiting", "no answer yet"
    elif outcome.absent is not None:
        state, status = "absent", outcome.absent
    elif outcome.error == "Timeout":
        state, status = "late", "too late"
    else:
        state, status = ("ok", "ok") if outcome.error is None else ("failed", outcome.error)
    if record.dropped:
        status = f"{status}, {record.dropped} series dropped"
    server = subject if collector.subject_label == "server" else ""
    if outcome is None or outcome.absent is not None:
        return Row(collector.name, subject, server, collector.help, state, status)
    old = "never" if outcome.at is None else format_age(now - outcome.at)
    took, series = format_duration(outcome.seconds), str(count(outcome.samples) - count(outcome.retained))
    return Row(collector.name, subject, server, collector.help, state, status, took, old, series)


def _overall_verdict(
    records: Mapping[Key, Record], groups: list[Group], cards: list[Card], now: float
) -> tuple[Tone, str]:
    down = list(filter(None, map(_describe_down, cards)))
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
    newest = max((record.good_at for record in records.values() if record.good_at is not None), default=now)
    if now - newest > _STALE_SECONDS:
        return "late", f"Nobody has read the metrics for {format_age(now - newest)}: is Prometheus running?"
    outcomes = [record.outcome for record in records.values() if record.outcome is not None]
    series, took = sum(count(outcome.samples) for outcome in outcomes), sum(outcome.seconds for outcome in outcomes)
    who = "The one collector answers" if len(rows) == 1 else f"All {len(rows)} collectors answer"
    return "good", f"{who}: {series} series in {format_duration(took)}"


def _describe_down(card: Card) -> str:
    """Return how many of a card's subjects are down, as text; empty if none is."""
    count = sum(subject.tone == "bad" for subject in card.subjects)
    verb = "is" if count == 1 else "are"
    return f"{count} of {len(card.subjects)} {card.title.lower()} {verb} down" if count else ""


def _describe_host(scraper: Scraper, records: Mapping[Key, Record]) -> tuple[str, str]:
    for _, labels, _ in _metric_values(records, "node_uname_info"):
        return labels["nodename"], f"{labels['sysname']} {labels['release']} on {labels['machine']}"
    return scraper.world.uname().nodename, ""


def _container_card(scraper: Scraper, records: Mapping[Key, Record]) -> Card | None:
    if _STATE_COLLECTOR not in scraper.collectors:
        return None
    states = Counter(
        labels["state"] for _, labels, value in _metric_values(records, "deckwatch_container_state") if value
    )
    if states:
        others = ", ".join(f"{count} {state}" for state, count in states.most_common() if state != "running")
        return Card("Containers", f"{states['running']} of {states.total()} running", others)
    outcome = records.get((_STATE_COLLECTOR, ""), Record()).outcome
    if outcome is None or outcome.error:
        return Card("Containers", "not known", "The engine has not been read.")
    return Card("Containers", "none", outcome.absent or "")


def _subject_card(
    scraper: Scraper, records: Mapping[Key, Record], title: str, *, label: str, key: str, metric: str, good: str
) -> Card | None:
    """Return the card of the subjects under a key of `watch:`; `good` is their status where `metric` is 1."""
    collectors = {
        name: collector
        for name, collector in scraper.collectors.items()
        if collector.subjects and collector.subject_label == label
    }
    if not collectors:
        return None
    names = dict.fromkeys(subject for name, subject in records if name in collectors and subject)
    if not names:
        return Card(title, "none", f"Configure them in deckwatch.yaml, under watch: {key}.")
    values = {subject: value for subject, _, value in _metric_values(records, metric)}
    subjects = tuple(_subject_status(name, values.get(name), good) for name in names)
    subjects = tuple(
        replace(subject, reason=_down_reason(scraper, collectors, subject.name)) if subject.tone == "bad" else subject
        for subject in subjects
    )
    count = sum(subject.tone == "good" for subject in subjects)
    return Card(title, f"{count} of {len(subjects)} {good}", subjects=subjects)


def _subject_status(name: str, value: float | None, good: str) -> Subject:
    if value is None:
        return Subject(name, "not known", "none")
    return Subject(name, good, "good") if value else Subject(name, "down", "bad")


def _down_reason(scraper: Scraper, collectors: Mapping[str, Collector], name: str) -> str:
    """Return why a subject is down and for how long, as far as known."""
    for collector in collectors.values():
        subject = collector.subjects(scraper.world).get(name) if collector.subjects else None
        if isinstance(subject, HasHealthReason) and (health := subject.health_reason(scraper.world)):
            return f"{health.reason}, for {format_age(health.seconds)}"
    return ""


def _metric_values(records: Mapping[Key, Record], name: str) -> Iterator[tuple[str, dict[str, str], float]]:
    """Yield subject, labels and value of each series of a metric, of the newest outcomes or the last known states."""
    for (_, subject), record in records.items():
        outcome = record.outcome
        if outcome is None:
            continue
        for sample in record.states if outcome.error else outcome.samples:
            if sample.metric.name == name:
                values = sample.values if isinstance(sample, Lines) else [(sample.labels, sample.value)]
                for labels, value in values:
                    names = sample.metric.labels[len(sample.metric.labels) - len(labels) :]
                    yield subject, dict(zip(names, labels, strict=True)), value
