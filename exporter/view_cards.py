"""The cards of the status page: containers, database servers and probes, each with the number that is up."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from deckwatch.exporter.durations import format_age
from deckwatch.exporter.health_reason import HasHealthReason, HasLimitation, MayBeElsewhere
from deckwatch.exporter.metric import Lines
from deckwatch.exporter.outcome import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deckwatch.exporter.collector import Collector
    from deckwatch.exporter.scrape import Key, Scraper

Tone = Literal["good", "bad", "late", "none"]

STATE_COLLECTOR = "container_state"
_ELSEWHERE = "not here"


@dataclass(frozen=True)
class Subject:
    """A database server or a probed service."""

    name: str
    status: str
    tone: Tone
    reason: str = ""


@dataclass(frozen=True)
class Card:
    """One kind of watched subject, with the number that is up."""

    title: str
    figure: str
    about: str = ""
    subjects: tuple[Subject, ...] = ()


def describe_down(card: Card) -> str:
    """Return how many of a card's subjects are down, as text; empty if none is."""
    count = sum(subject.tone == "bad" for subject in card.subjects)
    verb = "is" if count == 1 else "are"
    return f"{count} of {len(card.subjects)} {card.title.lower()} {verb} down" if count else ""


def build_container_card(scraper: Scraper, records: Mapping[Key, Record]) -> Card | None:
    """Return the card of the containers by state; None where they are not watched."""
    if STATE_COLLECTOR not in scraper.collectors:
        return None
    states = Counter(labels["state"] for _, labels, value in iter_values(records, "deckwatch_container_state") if value)
    if states:
        others = ", ".join(f"{count} {state}" for state, count in states.most_common() if state != "running")
        return Card("Containers", f"{states['running']} of {states.total()} running", others)
    outcome = records.get((STATE_COLLECTOR, ""), Record()).outcome
    if outcome is None or outcome.error:
        return Card("Containers", "not known", "The engine has not been read.")
    return Card("Containers", "none", outcome.absent or "")


def build_subject_card(
    scraper: Scraper,
    records: Mapping[Key, Record],
    title: str,
    *,
    key: str,
    metric: str,
    states: tuple[str, str] = ("up", "down"),
    is_shown_empty: bool = True,
) -> Card | None:
    """Return the card of the subjects under a key of `watch:`, which are up where `metric` is 1.

    `states` are the words for 1 and 0. Without subjects there is a card only if `is_shown_empty`.
    """
    collectors = {
        name: collector
        for name, collector in scraper.collectors.items()
        if collector.subjects and any(declared.name == metric for declared in collector.metrics)
    }
    related = {collector.subjects for collector in collectors.values()}
    collectors |= {name: each for name, each in scraper.collectors.items() if each.subjects in related}
    if not collectors:
        return None
    names = dict.fromkeys(subject for name, subject in records if name in collectors and subject)
    if not names and not is_shown_empty:
        return None
    if not names:
        return Card(title, "none", f"Configure them in deckwatch.yaml, under watch: {key}.")
    values = {subject: value for subject, _, value in iter_values(records, metric)}
    subjects = tuple(
        _elsewhere_status(scraper, collectors, name) or _subject_status(name, values.get(name), states)
        for name in names
    )
    subjects = tuple(
        replace(subject, reason=subject.reason or _explain_status(scraper, collectors, subject)) for subject in subjects
    )
    read_here = [subject for subject in subjects if subject.status != _ELSEWHERE]
    count = sum(subject.tone == "good" for subject in read_here)
    figure = f"{count} of {len(read_here)} {states[0]}" if read_here else "none here"
    return Card(title, figure, subjects=subjects)


def _subject_status(name: str, value: float | None, states: tuple[str, str]) -> Subject:
    if value is None:
        return Subject(name, "not known", "none")
    return Subject(name, states[0], "good") if value else Subject(name, states[1], "bad")


def _elsewhere_status(scraper: Scraper, collectors: Mapping[str, Collector], name: str) -> Subject | None:
    """Return the status of a subject that another host reads; None if this one does."""
    for collector in collectors.values():
        subject = collector.subjects(scraper.world).get(name) if collector.subjects else None
        outcome = scraper.records.get((collector.name, name), Record()).outcome
        if isinstance(subject, MayBeElsewhere) and subject.elsewhere and outcome is not None and outcome.absent:
            return Subject(name, _ELSEWHERE, "none", subject.elsewhere)
    return None


def _explain_status(scraper: Scraper, collectors: Mapping[str, Collector], shown: Subject) -> str:
    """Return why a subject is down and for how long, or what it hides while it is up, as far as known."""
    for collector in collectors.values():
        subject = collector.subjects(scraper.world).get(shown.name) if collector.subjects else None
        if shown.tone == "bad" and isinstance(subject, HasHealthReason):
            if health := subject.health_reason(scraper.world):
                return f"{health.reason}, for {format_age(health.seconds)}"
        elif shown.tone == "good" and isinstance(subject, HasLimitation):
            return subject.limitation(scraper.world)
    return ""


def iter_values(records: Mapping[Key, Record], name: str) -> Iterator[tuple[str, dict[str, str], float]]:
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
