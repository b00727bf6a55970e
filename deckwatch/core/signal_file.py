"""Read the `signals:` of YAML documents; the file name is the subject: `host.yaml` declares `host.cpu`."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

from deckwatch.core import expression_labels, expressions, promql, units, yaml_file
from deckwatch.core.problems import Problem, did_you_mean
from deckwatch.core.schema import Schema
from deckwatch.core.signal_lookup import Signals, UnknownSignal
from deckwatch.core.signals import (
    THRESHOLDS,
    Reference,
    Signal,
    label_matchers,
    misordered_threshold,
    title_of,
    with_thresholds,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from deckwatch.core.catalog import Catalog
    from deckwatch.core.problems import Place
    from deckwatch.core.yaml_file import Document

SCHEMA = FilePath(__file__).with_name("signal.schema.yaml")


def load_signals(
    documents: Iterable[Document], catalog: Catalog, settings: Mapping[str, tuple[Any, Place]] | None = None
) -> tuple[Signals, list[Problem]]:
    """Return the signals of all documents, and their problems.

    Documents without `signals:` are skipped; a later signal replaces an earlier one of the same name. `settings` are
    thresholds by full name with the position that sets them: {"host.cpu.high": ("70%", place)}. Unknown metrics are
    not reported here: expressions are checked where they are used.
    """
    problems: list[Problem] = []
    declared: dict[str, tuple[Document, dict[str, Any]]] = {}
    faulty: set[str] = set()
    schema = _load_schema()
    for document in documents:
        if not isinstance(document.data, dict) or "signals" not in document.data:
            continue
        schema_problems = schema.find_problems(document)
        problems += schema_problems
        subject = subject_of(document.file)
        names = _signals_with_problems(document, schema_problems)
        faulty |= {f"{subject}.{name}" for name in names}
        for name, data in _signals_mapping(document.data["signals"]).items():
            if name not in names:
                declared[f"{subject}.{name}"] = (document, data)
    signals = {name: _read_signal(name, *entry, catalog, problems) for name, entry in declared.items()}
    for name, (document, data) in declared.items():
        if "share_of" in data:
            known = Signals(signals, faulty)
            signals[name] = _join_whole(signals[name], data["share_of"], known, document, problems)
    signals = _override_thresholds(signals, settings or {}, problems)
    problems += _misordered_thresholds(signals, settings or {})
    return Signals(signals, faulty), problems


def _misordered_thresholds(
    signals: Mapping[str, Signal], settings: Mapping[str, tuple[Any, Place]]
) -> Iterator[Problem]:
    """Yield a problem for each threshold out of order, at the setting that replaced it or else at its declaration."""
    for name, signal in signals.items():
        if misordered := misordered_threshold(signal.thresholds, signal.bad):
            word, message = misordered
            place = signal.document.place((*signal.path, word))
            overrides = [at for key, (_, at) in settings.items() if key.rpartition(".")[0] == name]
            yield Problem(overrides[0] if overrides else place, f"{name}: {message}")


def _signals_with_problems(document: Document, problems: Iterable[Problem]) -> set[str]:
    """Return the names of the signals that contain these problems."""
    places = {problem.place for problem in problems}
    paths = [*document.values.items(), *document.keys.items()]
    return {str(path[1]) for path, place in paths if place in places and len(path) > 1 and path[0] == "signals"}


def _signals_mapping(data: Any) -> dict[str, Any]:
    return data if isinstance(data, dict) else {}


def check_signals(signals: Signals, catalog: Catalog) -> list[Problem]:
    """Return the signals' unknown metrics and labels.

    Separate from `load_signals`, because recorded signals are metrics too and enter the catalogue only after loading.
    """
    problems: list[Problem] = []
    for signal in signals.values():
        document, path = signal.document, signal.path
        if signal.expr:
            problems += expressions.expression_problems(signal.expr, catalog, signal.place_in_expr)
            continue
        known = expression_labels.metric_labels(signal.metric, catalog)
        if catalog.get(signal.metric) is None and catalog.series(signal.metric) is None:
            hint = expressions.hint_for_metric(signal.metric, catalog)
            message = f"no metric is called {signal.metric}"
            problems.append(document.problem((*path, "metric"), message, hint, check="promql_metric"))
        elif known is not None:
            problems += _unknown_labels(signal, known)
    return problems


def _unknown_labels(signal: Signal, known: frozenset[str]) -> Iterator[Problem]:
    data = signal.document.data["signals"][signal.path[-1]]
    named = [(("by", i), label) for i, label in enumerate(data.get("by", []))]
    named += [((key, label), label) for key in ("where", "except") for label in data.get(key, {})]
    for steps, label in named:
        if label not in known:
            place = signal.document.place((*signal.path, *steps), key=steps[0] != "by")
            hint = did_you_mean(label, sorted(known))
            yield Problem(place, f"{signal.metric} has no label {label}", hint, check="promql_label")


def subject_of(file: str) -> str:
    """Return the subject of a file's signals: its name without the suffix."""
    return FilePath(file).stem.replace("-", "_").lower()


@functools.cache
def _load_schema() -> Schema:
    part = yaml_file.read_yaml(SCHEMA).data
    return Schema({"type": "object", "required": ["signals"], **part})


def _read_signal(
    name: str, document: Document, data: Mapping[str, Any], catalog: Catalog, problems: list[Problem]
) -> Signal:
    short = name.rpartition(".")[2]
    path = ("signals", short)
    info = (catalog.get(data["metric"]) or catalog.series(data["metric"])) if "metric" in data else None
    kind: Any = data.get("kind") or ("expression" if "expr" in data else info.kind if info else "untyped")
    part_of_family = info is not None and info.name != data["metric"]
    if part_of_family and "kind" not in data:
        kind = "counter"  # `x_count` of a histogram, used on its own
    if "expr" in data:
        try:
            promql.check_syntax(data["expr"])
        except promql.PromqlError as error:
            place = document.place_in_text((*path, "expr"), error.offset)
            problems.append(Problem(place, str(error), check="promql_syntax"))
    unit = data.get("unit") or _read_unit(data, kind, info.unit if info else "")
    signal = Signal(
        name,
        document,
        path,
        data.get("title") or title_of(short),
        data.get("about") or (info.help if info else ""),
        unit,
        kind,
        data.get("expr", ""),
        data.get("metric", ""),
        tuple(data["by"]) if "by" in data else None,
        label_matchers(data.get("where", {})) + label_matchers(data.get("except", {}), exclude=True),
        data.get("combine", "sum"),
        data.get("over", ""),
        bad=data.get("bad"),
        values=data.get("values", {}),
        legend=data.get("legend", ""),
        record=data.get("record", ""),
        window=data.get("window", "5m"),
    )
    thresholds = {}
    for word in THRESHOLDS:
        if word in data:
            try:
                thresholds[word] = units.parse_quantity(data[word], unit)
            except ValueError as error:
                problems.append(document.problem((*path, word), str(error)))
    return with_thresholds(signal, thresholds)


def _read_unit(data: Mapping[str, Any], kind: str, unit: str) -> str:
    if "share_of" in data:
        return "ratio"
    return units.rate_of(unit) if kind == "counter" and "over" not in data else unit


def _join_whole(signal: Signal, text: str, signals: Signals, document: Document, problems: list[Problem]) -> Signal:
    """Return the signal with its whole, the signal it is a share of."""
    path = (*signal.path, "share_of")
    subject = signal.name.partition(".")[0]
    try:
        whole: Reference = signals.find_reference(text, (subject,))
    except UnknownSignal as error:
        if not error.is_reported:
            problems.append(document.problem(path, error.message, error.hint))
        return signal
    seen = {signal.name}
    part: Signal | None = whole.signal
    while part is not None:
        if part.name in seen:
            problems.append(document.problem(path, f"{signal.name} would be a share of itself"))
            return signal
        seen.add(part.name)
        part = part.whole.signal if part.whole else None
    return replace(signal, whole=whole)


def _override_thresholds(
    signals: dict[str, Signal], settings: Mapping[str, tuple[Any, Place]], problems: list[Problem]
) -> dict[str, Signal]:
    """Return the signals with the thresholds of the settings."""
    result = dict(signals)
    for full, (value, place) in settings.items():
        name, _, word = full.rpartition(".")
        signal = result.get(name)
        if signal is None or word not in signal.thresholds:
            known = [f"{key}.{word}" for key, other in signals.items() for word in other.thresholds]
            problems.append(Problem(place, f"no threshold is called {full}", did_you_mean(full, known)))
            continue
        if percent := units.meant_percent(value, signal.unit):
            message = f"{value:g} of a ratio is {value:.0%}"
            problems.append(Problem(place, message, f"did you mean {percent}?", severity="warning"))
        try:
            result[name] = with_thresholds(signal, {word: units.parse_quantity(value, signal.unit)})
        except ValueError as error:
            problems.append(Problem(place, str(error)))
    return result
