"""Proofs as unit tests of promtool: an alert fires at the stated time, not one evaluation earlier, and resolves.

After each proof that fires, the test continues with the series of the first silent proof and expects that the alert
resolves. One more test gives no series at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from deckwatch.alerting import condition, formatting
from deckwatch.alerting.model import SeriesStep
from deckwatch.alerting.series_notation import INTERVAL, Series, extend_steps, format_steps, parse_series
from deckwatch.core import promql, units

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from deckwatch.alerting.model import Alert, InputSeries, Proof, Recording

_LOOKBACK_SECONDS = 300.0  # Prometheus's default lookback delta
_CONSTANT_SECONDS = 600.0  # duration of a proof of constants, in addition to `for`

_Check = tuple[float, dict[str, str] | None]  # second; labels of the firing alert, None where none may fire


class SeriesInput(TypedDict):
    """One series of a test, in promtool's notation."""

    series: str
    values: str


class ExpectedAlert(TypedDict):
    """The labels of the alert that fires at a time, None where none may fire."""

    time: str
    labels: dict[str, str] | None


class UnitTest(TypedDict):
    """A test as the Jsonnet library reads it; `by` are the labels that are compared."""

    name: str
    alert: str
    by: list[str]
    series: list[SeriesInput]
    at: list[ExpectedAlert]


def watched_series(alert: Alert) -> Series:
    """Return the series whose value the alert watches, with a made-up value for each label in `each`.

    Raises ValueError where the alert reads more than one plain series.
    """
    try:
        series = parse_series(alert.watched)
    except ValueError:
        raise ValueError("more than one plain series is watched: name each series that the proof gives") from None
    return Series(series.metric, {**{label: f"{label}-1" for label in alert.each}, **series.labels})


def input_series(alert: Alert, given: InputSeries) -> Series:
    """Return the series that a proof gives. Raises ValueError."""
    return parse_series(given.series) if given.series else watched_series(alert)


def rule_labels(alert: Alert) -> dict[str, str]:
    """Return the labels that the rule adds to those of its series."""
    return {"severity": alert.severity, "owner": alert.owner, "topic": alert.topic, **alert.labels}


def _static_labels(alert: Alert) -> dict[str, str]:
    """Return the rule's labels without those that contain a template."""
    return {label: text for label, text in rule_labels(alert).items() if "{{" not in text}


def expected_labels(alert: Alert, proof: Proof) -> dict[str, str]:
    """Return the labels of the alert that a proof fires: the rule's own, and those in `each`.

    Raises ValueError where the given series have several values of a label, or the proof names an unknown label.
    """
    chosen: Mapping[str, str] = proof.labels or {}
    series = [input_series(alert, given) for given in proof.inputs]
    if unknown := [label for label in chosen if label not in alert.each]:
        raise ValueError(f"{unknown[0]} is not one of the labels in `each`")
    labels = {"alertname": alert.name, **_static_labels(alert)}
    for label in alert.each:
        values = {chosen[label]} if label in chosen else {s.labels[label] for s in series if label in s.labels}
        if len(values) > 1:
            raise ValueError(f"the series have different values of {label}: name the one that fires in `labels`")
        if values:
            labels[label] = values.pop()
    return labels


def proof_seconds(alert: Alert, proof: Proof) -> float:
    """Return the duration of a proof in seconds."""
    longest = max((sum(step.seconds for step in given.steps) for given in proof.inputs), default=0.0)
    return max(longest or _next_evaluation(alert.hold + _CONSTANT_SECONDS), proof.fires or 0.0)


def build_tests(alert: Alert, recordings: Mapping[str, Recording]) -> Iterator[UnitTest]:
    """Yield an alert's tests.

    Raises ValueError for an invalid proof; `checks/proof.py` reports its place.
    """
    silent = next((proof for proof in alert.proofs if proof.fires is None), None)
    for number, proof in enumerate(alert.proofs, 1):
        if proof.fires is None:
            yield _silent_test(alert, proof, number)
        else:
            given = {input_series(alert, series).metric for each in (proof, silent) if each for series in each.inputs}
            computed = {name: recording for name, recording in recordings.items() if name not in given}
            memory = _memory_seconds(alert.watched, computed)
            calm = _next_evaluation(alert.keep + alert.hold + memory + _LOOKBACK_SECONDS)
            yield _firing_test(alert, proof, silent, number, calm)
    if all(proof.inputs for proof in alert.proofs):
        end = _next_evaluation(alert.hold + _LOOKBACK_SECONDS)
        yield _build_test(alert, "silent without data", {}, [(end, None)])


def computed_recordings(alert: Alert, recordings: Mapping[str, Recording]) -> set[str]:
    """Return the recordings that an alert reads and its proofs do not give, which its tests must compute."""
    given = [{input_series(alert, series).metric for series in proof.inputs} for proof in alert.proofs if proof.inputs]
    read = {selector.metric for selector in promql.find_selectors(alert.watched) if selector.metric}
    return {name for name in read & set(recordings) if not given or not all(name in metrics for metrics in given)}


def _silent_test(alert: Alert, proof: Proof, number: int) -> UnitTest:
    length = proof_seconds(alert, proof)
    starts = {0.0, length}
    for given in proof.inputs:
        starts |= {sum(step.seconds for step in given.steps[: i + 1]) for i in range(len(given.steps))}
    # At the end of each step, and at the first evaluation at which it could make the alert fire.
    times = starts - {0.0} | {start + _next_evaluation(alert.hold) for start in starts}
    checks: list[_Check] = [(time, None) for time in sorted(times) if time <= length]
    return _build_test(alert, f"silent, proof {number}", _steps_by_series(alert, proof), checks)


def _firing_test(alert: Alert, proof: Proof, silent: Proof | None, number: int, calm: float) -> UnitTest:
    fires, length = proof.fires or 0.0, proof_seconds(alert, proof)
    steps = _steps_by_series(alert, proof)
    checks: list[_Check] = [(fires - INTERVAL, None)] if fires >= INTERVAL else []
    checks.append((fires, expected_labels(alert, proof)))
    if silent is not None:
        end = proof_seconds(alert, silent) + calm
        after = {series: extend_steps(quiet, end) for series, quiet in _steps_by_series(alert, silent).items()}
        for series in {**steps, **after}:
            steps[series] = [*steps.get(series, [SeriesStep(length)]), *after.get(series, [SeriesStep(end)])]
        checks.append((length + end, None))
    return _build_test(alert, f"fires after {formatting.format_duration(fires)}, proof {number}", steps, checks)


def _steps_by_series(alert: Alert, proof: Proof) -> dict[str, list[SeriesStep]]:
    length = proof_seconds(alert, proof)
    return {
        str(input_series(alert, given)): extend_steps(given.steps or [SeriesStep(length, value=given.constant)], length)
        for given in proof.inputs
    }


def _build_test(
    alert: Alert, name: str, steps: Mapping[str, Sequence[SeriesStep]], checks: Iterable[_Check]
) -> UnitTest:
    return {
        "name": f"{alert.name}: {name}",
        "alert": alert.name,
        "by": sorted({"alertname", *_static_labels(alert), *alert.each}),
        "series": [{"series": series, "values": format_steps(given)} for series, given in steps.items()],
        "at": [{"time": formatting.format_duration(time), "labels": labels} for time, labels in checks],
    }


def _memory_seconds(expr: str, recordings: Mapping[str, Recording]) -> float:
    """Return how long past values keep a condition true; of parts joined by `and` the shortest counts."""
    parts = condition.split_condition(expr)
    if any(part.joined not in ("", "and") for part in parts):
        return _lookback_seconds(expr, recordings)
    return min(_lookback_seconds(f"{part.left} {part.operator} {part.right}", recordings) for part in parts)


def _lookback_seconds(expr: str, recordings: Mapping[str, Recording]) -> float:
    """Return how many seconds an expression looks back, through the recordings that it reads."""
    seconds = 0.0
    seen: set[str] = set()
    pending = [expr]
    while pending:
        selectors = promql.find_selectors(pending.pop())
        windows = [_window_seconds(each.window) for each in selectors if each.window]
        seconds += max(windows, default=0.0)
        names = {each.metric for each in selectors if each.metric is not None and each.metric in recordings} - seen
        seen |= names
        pending += [recordings[name].expr for name in names]
    return seconds


def _window_seconds(window: str) -> float:
    """Return the length of a window; 0 for a variable, which is reported, and for a computed duration."""
    try:
        return units.parse_duration(window.partition(":")[0])
    except ValueError:
        return 0.0


def _next_evaluation(seconds: float) -> float:
    """Return the first evaluation at or after a second."""
    return -(-seconds // INTERVAL) * INTERVAL
