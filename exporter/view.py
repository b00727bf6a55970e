"""What the page for people shows, as plain values: gathered from the newest outcomes, without a scrape of its own."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from exporter.scrape import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from exporter.collector import Collector
    from exporter.scrape import Key, Scraper

Tone = Literal["good", "bad", "late", "none"]
State = Literal["ok", "absent", "failed", "late", "waiting"]

GROUPS = {
    "host": "Host",
    "container": "Containers",
    "postgres": "PostgreSQL",
    "app": "Applications",
    "deckwatch": "Deckwatch itself",
}
_TONES: dict[State, Tone] = {"ok": "good", "absent": "none", "failed": "bad", "late": "late", "waiting": "none"}
_URGENCY: dict[State, int] = {"failed": 0, "late": 1, "waiting": 2, "ok": 3, "absent": 4}
_STATE_COLLECTOR = "container_state"
_STALE_SECONDS = 5 * 60.0  # nobody scrapes this rarely


@dataclass(frozen=True)
class Row:
    """A collector, or its run for one subject: what it is called, how it did, and the figures of its last run."""

    name: str
    subject: str
    server: str
    about: str
    state: State
    said: str
    took: str = ""
    age: str = ""
    series: str = ""

    @property
    def tone(self) -> Tone:
        """How its state is coloured."""
        return _TONES[self.state]


@dataclass(frozen=True)
class Group:
    """The collectors of one kind; `word` is what `collect[]` calls them."""

    word: str
    title: str
    rows: list[Row]


@dataclass(frozen=True)
class Thing:
    """A database server or a probed service."""

    name: str
    said: str
    tone: Tone


@dataclass(frozen=True)
class Card:
    """One kind of what is watched."""

    title: str
    figure: str
    about: str = ""
    things: tuple[Thing, ...] = ()


@dataclass(frozen=True)
class View:
    """The whole page."""

    host: str
    about: str
    verdict: tuple[Tone, str]
    cards: list[Card]
    groups: list[Group]


def look(scraper: Scraper, now: float) -> View:
    """Return what is known at this moment."""
    records = dict(scraper.records)
    rows: dict[str, list[Row]] = {word: [] for word in GROUPS}
    for one in scraper.collectors.values():
        mine = [(subject, record) for (name, subject), record in records.items() if name == one.name]
        group = rows.setdefault(one.name.partition("_")[0], [])
        group += [_row(one, subject, record, now) for subject, record in mine or [("", Record())]]
    groups = [
        Group(word, GROUPS.get(word, word.capitalize()), sorted(found, key=lambda row: _URGENCY[row.state]))
        for word, found in rows.items()
        if found
    ]
    groups.sort(key=lambda group: min(_URGENCY[row.state] for row in group.rows) > _URGENCY["late"])
    host, about = _host(scraper, records)
    cards = [
        _containers(scraper, records),
        _things(scraper, records, "server", "Database servers", metric="pg_up", words=("up", "down")),
        _things(scraper, records, "service", "Probes", metric="probe_success", words=("answers", "fails")),
    ]
    return View(host, about, _verdict(records, groups, now), [card for card in cards if card], groups)


def duration(seconds: float) -> str:
    """Return a time that something took, in a unit that suits it."""
    if seconds < 0.001:
        return f"{seconds * 1e6:.0f} µs"
    return f"{seconds * 1000:.1f} ms" if seconds < 0.1 else f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.0f} s"


def age(seconds: float) -> str:
    """Return how long ago something was, in whole units."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def _row(one: Collector, subject: str, record: Record, now: float) -> Row:
    outcome = record.outcome
    state: State
    if outcome is None:
        state, said = "waiting", "no answer yet"
    elif outcome.absent is not None:
        state, said = "absent", outcome.absent
    elif outcome.error == "Timeout":
        state, said = "late", "too late"
    else:
        state, said = ("ok", "ok") if outcome.error is None else ("failed", outcome.error)
    if record.dropped:
        said = f"{said}, {record.dropped} series dropped"
    server = subject if one.subject_label == "server" else ""
    if outcome is None or outcome.absent is not None:
        return Row(one.name, subject, server, one.help, state, said)
    old = "never read" if outcome.at is None else age(now - outcome.at)
    took, series = duration(outcome.seconds), str(len(outcome.samples))
    return Row(one.name, subject, server, one.help, state, said, took, old, series)


def _verdict(records: Mapping[Key, Record], groups: list[Group], now: float) -> tuple[Tone, str]:
    rows = [row for group in groups for row in group.rows if row.state != "absent"]
    broken = [row for row in rows if row.state in ("failed", "late")]
    if broken:
        # Where a server is down, all of its collectors are: its name says it.
        counts = Counter(row.subject or row.name for row in broken)
        names = ", ".join(f"{name} ({count})" if count > 1 else name for name, count in counts.items())
        does = "does" if len(broken) == 1 else "do"
        tone: Tone = "bad" if any(row.state == "failed" for row in broken) else "late"
        return tone, f"{len(broken)} of {len(rows)} collectors {does} not answer: {names}"
    if waiting := sum(row.state == "waiting" for row in rows):
        return "none", f"Starting: {waiting} of {len(rows)} collectors have not answered yet"
    newest = max((record.good_at for record in records.values() if record.good_at is not None), default=now)
    if now - newest > _STALE_SECONDS:
        return "late", f"Nobody has read the metrics for {age(now - newest)}: is Prometheus running?"
    outcomes = [record.outcome for record in records.values() if record.outcome is not None]
    series, took = sum(len(one.samples) for one in outcomes), sum(one.seconds for one in outcomes)
    who = "The one collector answers" if len(rows) == 1 else f"All {len(rows)} collectors answer"
    return "good", f"{who}: {series} series in {duration(took)}"


def _host(scraper: Scraper, records: Mapping[Key, Record]) -> tuple[str, str]:
    for labels, _ in _series(records, "node_uname_info"):
        return labels["nodename"], f"{labels['sysname']} {labels['release']} on {labels['machine']}"
    return scraper.world.uname().nodename, ""


def _containers(scraper: Scraper, records: Mapping[Key, Record]) -> Card | None:
    if _STATE_COLLECTOR not in scraper.collectors:
        return None
    states = Counter(labels["state"] for labels, value in _series(records, "deckwatch_container_state") if value)
    if states:
        others = ", ".join(f"{count} {state}" for state, count in states.most_common() if state != "running")
        return Card("Containers", f"{states['running']} of {states.total()} running", others)
    outcome = records.get((_STATE_COLLECTOR, ""), Record()).outcome
    if outcome is None or outcome.error:
        return Card("Containers", "not known", "The engine has not been read.")
    return Card("Containers", "none", outcome.absent or "")


def _things(
    scraper: Scraper,
    records: Mapping[Key, Record],
    label: str,
    title: str,
    *,
    metric: str,
    words: tuple[str, str],
) -> Card | None:
    """Return the card of what is configured by name; `words` say that `metric` is 1, and that it is 0."""
    collectors = {one.name for one in scraper.collectors.values() if one.subjects and one.subject_label == label}
    if not collectors:
        return None
    names = dict.fromkeys(subject for name, subject in records if name in collectors and subject)
    values = {labels[label]: value for labels, value in _series(records, metric)}
    things: list[Thing] = []
    for name in names:
        value = values.get(name)
        good = value is not None and value > 0
        tone: Tone = "none" if value is None else "good" if good else "bad"
        things.append(Thing(name, "not known" if value is None else words[not good], tone))
    if not things:
        return Card(title, "none", "None is configured in deckwatch.yaml.")
    count = sum(thing.tone == "good" for thing in things)
    return Card(title, f"{count} of {len(things)} {'up' if label == 'server' else 'well'}", things=tuple(things))


def _series(records: Mapping[Key, Record], name: str) -> Iterator[tuple[dict[str, str], float]]:
    """Yield labels and value of each series of a metric, of the newest outcomes or else the last known states."""
    for record in records.values():
        outcome = record.outcome
        if outcome is None:
            continue
        for metric, labels, value in record.states if outcome.error else outcome.samples:
            if metric.name == name:
                yield dict(zip(metric.labels, labels, strict=True)), value
