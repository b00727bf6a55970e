"""Read topic files: YAML becomes Groups, and every mistake becomes a Problem with its place."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Literal

from deckwatch.alerting.model import Alert, Group, Limit, Operator, Recording
from deckwatch.alerting.read_proof import ProofReader
from deckwatch.core import expressions, units, yaml_file
from deckwatch.core.problems import did_you_mean
from deckwatch.core.schema import Schema
from deckwatch.core.signal_file import subject_of
from deckwatch.core.signal_lookup import Signals, UnknownSignal
from deckwatch.core.signals import THRESHOLDS, Reference

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from deckwatch.alerting.topic_data import AlertData, RecordingData
    from deckwatch.core.catalog import Catalog
    from deckwatch.core.problems import Problem
    from deckwatch.core.yaml_file import Document, Path

SCHEMA_FILE = FilePath(__file__).with_name("alert.schema.yaml")
SHIPPED_FOLDER = FilePath(__file__).with_name("rules")

_OPERATORS: dict[Literal["above", "below", "is"], Operator] = {"above": ">", "below": "<", "is": "=="}


@dataclass
class Topics:
    """All alerts and recordings read so far; a later file's replaces an earlier one of the same name."""

    catalog: Catalog
    signals: Signals
    alerts: dict[str, Alert] = field(default_factory=dict)
    recordings: dict[str, Recording] = field(default_factory=dict)
    documents: dict[str, list[Document]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def build_groups(self) -> list[Group]:
        """Return one group for each topic that has rules."""
        groups = []
        for topic, documents in self.documents.items():
            alerts = tuple(alert for alert in self.alerts.values() if alert.topic == topic)
            recordings = tuple(recording for recording in self.recordings.values() if recording.topic == topic)
            if alerts or recordings:
                title = _last_value(documents, "title") or topic.replace("_", " ").capitalize()
                interval = "" if alerts else _last_value(documents, "interval")
                groups.append(Group(topic, title, tuple(documents), recordings, alerts, interval))
        return groups


def _last_value(documents: Iterable[Document], key: str) -> str:
    """Return the value of a key in the last document that has it, '' where none has."""
    values: list[str] = [document.data[key] for document in documents if key in document.data]
    return values[-1] if values else ""


def shipped_documents(names: Iterable[str] | None = None) -> list[Document]:
    """Return the topic files that come with the program: all of them, or those with these names."""
    wanted = None if names is None else set(names)
    paths = (path for path in sorted(SHIPPED_FOLDER.glob("*.yaml")) if wanted is None or path.stem in wanted)
    return [yaml_file.read_yaml(path, f"alerting/rules/{path.name}") for path in paths]


@functools.cache
def _load_schema() -> Schema:
    return Schema(yaml_file.read_yaml(SCHEMA_FILE).data)


def read_topics(documents: Iterable[Document], catalog: Catalog, signals: Signals) -> Topics:
    """Return the content of the topic files. Documents without alerts or recordings are skipped."""
    topics = Topics(catalog, signals)
    schema = _load_schema()
    for document in documents:
        if not isinstance(document.data, dict) or not {"alerts", "recordings"} & set(document.data):
            continue
        faults = schema.problems_by_path(document)
        topics.problems += sorted(faults.values(), key=lambda problem: (problem.place, problem.message))
        invalid = {path[1] for path in faults if path[:1] == ("alerts",) and len(path) > 1}
        topics.problems += _expression_problems(document, faults, topics)
        if all(path[:1] == ("alerts",) and len(path) > 1 for path in faults):
            alerts = {name: data for name, data in document.data.get("alerts", {}).items() if name not in invalid}
            _TopicFile(replace(document, data={**document.data, "alerts": alerts}), topics).read_rules()
    return topics


def _expression_problems(document: Document, faults: Collection[Path], topics: Topics) -> Iterator[Problem]:
    """Yield problems in the expressions of alerts that failed the schema, so that one run reports everything.

    Expressions may read recordings of this file, so nothing is checked where the schema refuses one of those.
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
                place = functools.partial(document.place_in_text, path)
                yield from expressions.expression_problems(data[key].rstrip(), topics.catalog, place)
                continue
            try:
                topics.signals.find_reference(data[key], (subject_of(document.file),))
            except UnknownSignal as error:
                yield document.problem(path, error.message, error.hint)


class _TopicFile:
    """One topic file that has passed the schema."""

    def __init__(self, document: Document, topics: Topics) -> None:
        self.document = document
        self.topic = subject_of(document.file)
        self.topics = topics

    def read_rules(self) -> None:
        """Add the file's recordings and alerts to the topics."""
        self.topics.documents.setdefault(self.topic, []).append(self.document)
        for name, data in self.document.data.get("recordings", {}).items():
            recording = self._read_recording(name, data)
            if recording is not None:
                self.topics.recordings[name] = recording
        for name, data in self.document.data.get("alerts", {}).items():
            self.topics.alerts.pop(name, None)  # a replaced alert moves to the position in the replacing file
            alert = self._read_alert(name, data)
            if alert is not None:
                self.topics.alerts[name] = alert

    def _add_problem(self, path: Path, message: str, hint: str = "") -> None:
        self.topics.problems.append(self.document.problem(path, message, hint))

    def _read_recording(self, name: str, data: RecordingData) -> Recording | None:
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

    def _signal_recording(
        self, reference: Reference, name: str, path: Path, data: RecordingData | AlertData
    ) -> Recording:
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

    def _needed_metrics(self, data: RecordingData | AlertData) -> tuple[str, ...]:
        sources: tuple[Mapping[str, str], Mapping[str, object]] = (self.document.data, data)
        return tuple(str(source["needs"]) for source in sources if "needs" in source)

    def _find_signal(self, path: Path, text: str) -> Reference | None:
        try:
            return self.topics.signals.find_reference(text, (self.topic,))
        except UnknownSignal as error:
            self._add_problem(path, error.message, error.hint)
            return None

    def _read_alert(self, name: str, data: AlertData) -> Alert | None:
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
            job=topic.get("job", ""),
        )

    def _watched_expression(self, reference: Reference, path: Path, data: AlertData) -> str:
        """Return a signal's expression in a rule: the name of its recording if it has one, which is added here."""
        record = reference.recording_name
        if not record:
            return reference.build_expression(window=reference.signal.window)
        if record not in self.topics.recordings:
            self.topics.recordings[record] = self._signal_recording(reference, record, path, data)
        return record

    def _read_limit(self, path: Path, data: AlertData, reference: Reference | None, unit: str) -> Limit | None:
        keyword = next((keyword for keyword in _OPERATORS if keyword in data), None)
        if keyword is None:
            return None
        value, operator = data[keyword], _OPERATORS[keyword]
        if reference is not None and isinstance(value, str) and value in THRESHOLDS:
            thresholds = reference.signal.thresholds
            if value not in thresholds:
                message = f"the signal {reference.signal.name} has no threshold {value}"
                self._add_problem((*path, keyword), message, did_you_mean(value, sorted(thresholds)))
                return Limit(operator, 0.0)  # so that no check reports the same mistake again
            return Limit(operator, thresholds[value], value)
        try:
            return Limit(operator, units.parse_quantity(value, unit))
        except ValueError as error:
            self._add_problem((*path, keyword), str(error))
            return Limit(operator, 0.0)


def _expression_unit(expr: str, catalog: Catalog) -> str:
    """Return the unit of an expression that is a single metric, '' for any other."""
    info = catalog.series(expr.partition("{")[0].strip())
    return info.unit if info is not None else ""
