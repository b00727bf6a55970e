"""Reads topic files: YAML with places becomes Groups; what is wrong becomes Problems, all of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any, Literal

from deckwatch.alerting.model import Alert, Group, Limit, Recording
from deckwatch.alerting.read_proof import ProofReader
from deckwatch.core import expressions, units, yaml_file
from deckwatch.core.problems import did_you_mean
from deckwatch.core.schema import Schema
from deckwatch.core.signal_file import subject_of
from deckwatch.core.signal_lookup import Signals, UnknownSignal
from deckwatch.core.signals import THRESHOLDS, Reference

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from deckwatch.core.catalog import Catalog
    from deckwatch.core.problems import Problem
    from deckwatch.core.yaml_file import Document, Path

SCHEMA_FILE = FilePath(__file__).with_name("alert.schema.yaml")
SHIPPED_FOLDER = FilePath(__file__).with_name("rules")

_OPERATORS: dict[str, Literal[">", "<", "=="]] = {"above": ">", "below": "<", "is": "=="}


@dataclass
class Topics:
    """What was read so far; a later file's alert or recording replaces one of the same name."""

    catalog: Catalog
    signals: Signals
    alerts: dict[str, Alert] = field(default_factory=dict)
    recordings: dict[str, Recording] = field(default_factory=dict)
    documents: dict[str, list[Document]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def build_groups(self) -> list[Group]:
        """Return one group for each topic that has any rule."""
        result = []
        for topic, documents in self.documents.items():
            alerts = tuple(alert for alert in self.alerts.values() if alert.topic == topic)
            recordings = tuple(one for one in self.recordings.values() if one.topic == topic)
            if alerts or recordings:
                titles = [document.data["title"] for document in documents if "title" in document.data]
                title = titles[-1] if titles else topic.replace("_", " ").capitalize()
                intervals = [document.data["interval"] for document in documents if "interval" in document.data]
                interval = intervals[-1] if intervals and not alerts else ""
                result.append(Group(topic, title, tuple(documents), recordings, alerts, interval))
        return result


def shipped_documents(names: Iterable[str] | None = None) -> list[Document]:
    """Return the topic files that come with the program: all of them, or those with these names."""
    wanted = None if names is None else set(names)
    found = (path for path in sorted(SHIPPED_FOLDER.glob("*.yaml")) if wanted is None or path.stem in wanted)
    return [yaml_file.read_yaml(path, f"alerting/rules/{path.name}") for path in found]


def read_topics(documents: Iterable[Document], catalog: Catalog, signals: Signals) -> Topics:
    """Return everything that the topic files say. Documents without alerts or recordings are passed over."""
    topics = Topics(catalog, signals)
    schema = Schema(yaml_file.read_yaml(SCHEMA_FILE).data)
    for document in documents:
        if not isinstance(document.data, dict) or not {"alerts", "recordings"} & set(document.data):
            continue
        faults = schema.problems_by_path(document)
        topics.problems += sorted(faults.values(), key=lambda problem: (problem.place, problem.message))
        entries = {path[1] for path in faults if path[:1] == ("alerts",) and len(path) > 1}
        topics.problems += _expression_problems(document, faults, topics)
        if all(path[:1] == ("alerts",) and len(path) > 1 for path in faults):
            alerts = {name: one for name, one in document.data.get("alerts", {}).items() if name not in entries}
            _TopicFile(replace(document, data={**document.data, "alerts": alerts}), topics).read_rules()
    return topics


def _expression_problems(document: Document, faults: Collection[Path], topics: Topics) -> Iterator[Problem]:
    """Yield what is wrong with the expressions of alerts that are not well formed, so that one run tells all of it.

    Recordings may be what an expression misses, so with a fault in these nothing is said.
    """
    if any(path[:1] != ("alerts",) or len(path) < 2 for path in faults):
        return
    for name in {path[1]: None for path in faults}:
        data = document.data["alerts"][name]
        for key in ("expr", "signal") if isinstance(data, dict) else ():
            path = ("alerts", name, key)
            if path in faults or not isinstance(data.get(key), str):
                continue
            if key == "expr":
                place = partial(document.place_in_text, path)
                yield from expressions.expression_problems(data[key].rstrip(), topics.catalog, place)
                continue
            try:
                topics.signals.find_reference(data[key], (subject_of(document.file),))
            except UnknownSignal as error:
                yield document.problem(path, error.message, error.hint)


class _TopicFile:
    """One topic file whose structure is right."""

    def __init__(self, document: Document, topics: Topics) -> None:
        self.document = document
        self.topic = subject_of(document.file)
        self.topics = topics

    def read_rules(self) -> None:
        """Put the file's recordings and alerts with those that were read before."""
        self.topics.documents.setdefault(self.topic, []).append(self.document)
        for name, data in self.document.data.get("recordings", {}).items():
            recording = self._read_recording(name, data)
            if recording is not None:
                self.topics.recordings[name] = recording
        for name, data in self.document.data.get("alerts", {}).items():
            self.topics.alerts.pop(name, None)  # the order is that of the files which have the last word
            alert = self._read_alert(name, data)
            if alert is not None:
                self.topics.alerts[name] = alert

    def _add_problem(self, path: Path, message: str, hint: str = "") -> None:
        self.topics.problems.append(self.document.problem(path, message, hint))

    def _read_recording(self, name: str, data: Mapping[str, Any]) -> Recording | None:
        path: Path = ("recordings", name)
        if "signal" in data:
            reference = self._find_signal((*path, "signal"), data["signal"])
            return None if reference is None else self._signal_recording(reference, name, path, data)
        return Recording(
            name=name,
            topic=self.topic,
            document=self.document,
            path=path,
            expr=data["expr"].rstrip(),
            unit=data.get("unit", ""),
            about=data["about"],
            needs=self._needed_metrics(data),
            empty=data.get("empty", ""),
        )

    def _signal_recording(self, reference: Reference, name: str, path: Path, data: Mapping[str, Any]) -> Recording:
        signal = reference.signal
        return Recording(
            name=name,
            topic=self.topic,
            document=self.document,
            path=path,
            expr=reference.build_expression(window=signal.window),
            unit=reference.unit,
            about=signal.about or signal.title,
            needs=self._needed_metrics(data),
            empty=data.get("empty", ""),
            reference=reference,
        )

    def _needed_metrics(self, data: Mapping[str, Any]) -> tuple[str, ...]:
        return tuple(one["needs"] for one in (self.document.data, data) if "needs" in one)

    def _find_signal(self, path: Path, text: str) -> Reference | None:
        try:
            return self.topics.signals.find_reference(text, (self.topic,))
        except UnknownSignal as error:
            self._add_problem(path, error.message, error.hint)
            return None

    def _read_alert(self, name: str, data: Mapping[str, Any]) -> Alert | None:
        path: Path = ("alerts", name)
        reference = None
        if "signal" in data:
            reference = self._find_signal((*path, "signal"), data["signal"])
            if reference is None:
                return None
            watched, unit = self._watched_expression(reference, (*path, "signal"), data), reference.unit
        else:
            watched = data["expr"].rstrip()
            unit = data.get("unit") or _expression_unit(watched, self.topics.catalog)
        topic = self.document.data
        proofs = ProofReader(self.document, unit, self.topics.problems)
        return Alert(
            name=name,
            topic=self.topic,
            document=self.document,
            watched=watched,
            limit=self._read_limit(path, data, reference, unit),
            severity=data["severity"],
            owner=data.get("owner") or topic.get("owner", ""),
            summary=data["summary"],
            means=data["means"],
            do=tuple(data["do"]),
            proofs=proofs.read_proofs((*path, "proof"), data["proof"]),
            hold=units.parse_duration(data.get("for", "0s")),
            keep=units.parse_duration(data.get("keep_firing_for", "0s")),
            each=tuple(data.get("each", ())),
            unit=unit,
            family=data.get("family", ""),
            labels=data.get("labels", {}),
            dashboard=data.get("dashboard") or topic.get("dashboard", ""),
            panel=data.get("panel", ""),
            needs=self._needed_metrics(data),
            empty=data.get("empty", ""),
            reference=reference,
        )

    def _watched_expression(self, reference: Reference, path: Path, data: Mapping[str, Any]) -> str:
        """Return a signal's expression in a rule: the name of its recording, which is made here, if it has one."""
        record = reference.recording_name
        if not record:
            return reference.build_expression(window=reference.signal.window)
        if record not in self.topics.recordings:
            self.topics.recordings[record] = self._signal_recording(reference, record, path, data)
        return record

    def _read_limit(self, path: Path, data: Mapping[str, Any], reference: Reference | None, unit: str) -> Limit | None:
        word = next((word for word in _OPERATORS if word in data), None)
        if word is None:
            return None
        value = data[word]
        if reference is not None and value in THRESHOLDS:
            thresholds = reference.signal.thresholds
            if value not in thresholds:
                message = f"the signal {reference.signal.name} has no threshold {value}"
                self._add_problem((*path, word), message, did_you_mean(value, sorted(thresholds)))
                return Limit(_OPERATORS[word], 0.0)  # so that no check says once more what is told here
            return Limit(_OPERATORS[word], thresholds[value], value)
        try:
            return Limit(_OPERATORS[word], units.parse_quantity(value, unit))
        except ValueError as error:
            self._add_problem((*path, word), str(error))
            return Limit(_OPERATORS[word], 0.0)


def _expression_unit(expr: str, catalog: Catalog) -> str:
    """Return the unit of a metric that stands by itself, '' for any other expression."""
    info = catalog.series(expr.partition("{")[0].strip())
    return info.unit if info is not None else ""
