"""Proofs become promtool's unit tests: fires when it says, not one evaluation earlier, and is silent afterwards.

Of each proof that fires, the test also goes on with what the first silent proof gives, and expects silence at its
end: the alert resolves. One more test gives no series at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deckwatch.alerting import condition, formatting
from deckwatch.alerting.model import SeriesStep
from deckwatch.alerting.series_notation import INTERVAL, Series, extend_steps, format_steps, parse_series
from deckwatch.core import promql, units

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from deckwatch.alerting.model import Alert, InputSeries, Proof, Recording

_LOOKBACK_SECONDS = 300.0  # seconds; as long as Prometheus looks back for a sample
_CONSTANT_SECONDS = 600.0  # seconds that a proof of numbers lasts, besides `for`

Check = tuple[float, dict[str, str] | None]  # at this second: the labels of what fires, or nothing does


def watched_series(alert: Alert) -> Series:
    """Return the series whose value the alert watches, with a made-up value for each label that tells alerts apart.

    Raises ValueError where the alert watches more than one plain series.
    """
    try:
        series = parse_series(alert.watched)
    except ValueError:
        raise ValueError("more than one plain series is watched: name each series that the proof gives") from None
    return Series(series.metric, {**{label: f"{label}-1" for label in alert.each}, **series.labels})


def input_series(alert: Alert, course: InputSeries) -> Series:
    """Return the series of a course. Raises ValueError."""
    return parse_series(course.series) if course.series else watched_series(alert)


def rule_labels(alert: Alert) -> dict[str, str]:
    """Return the labels that the rule adds to those of its series."""
    return {"severity": alert.severity, "owner": alert.owner, "topic": alert.topic, **alert.labels}


def _static_labels(alert: Alert) -> dict[str, str]:
    """Return the rule's labels but for those that Prometheus makes of a template."""
    return {label: text for label, text in rule_labels(alert).items() if "{{" not in text}


def expected_labels(alert: Alert, proof: Proof) -> dict[str, str]:
    """Return the labels that a proof's alert fires with: the rule's own, and those in `each`.

    Raises ValueError where the given series leave a choice, or the proof names another label.
    """
    said: Mapping[str, str] = proof.labels or {}
    given = [input_series(alert, course) for course in proof.inputs]
    if unknown := [label for label in said if label not in alert.each]:
        raise ValueError(f"{unknown[0]} is not one of the labels in `each`")
    result = {"alertname": alert.name, **_static_labels(alert)}
    for label in alert.each:
        values = {said[label]} if label in said else {s.labels[label] for s in given if label in s.labels}
        if len(values) > 1:
            raise ValueError(f"the series have different values of {label}: say in `labels` which one fires")
        if values:
            result[label] = values.pop()
    return result


def proof_seconds(alert: Alert, proof: Proof) -> float:
    """Return how many seconds a proof lasts."""
    longest = max((sum(step.seconds for step in course.steps) for course in proof.inputs), default=0.0)
    return max(longest or _next_evaluation(alert.hold + _CONSTANT_SECONDS), proof.fires or 0.0)


def build_tests(alert: Alert, recordings: Mapping[str, Recording]) -> Iterator[dict[str, Any]]:
    """Yield an alert's tests: {name, alert, by, series: [{series, values}], at: [{time, labels | None}]}.

    Raises ValueError for a proof that cannot be one; `checks/proof.py` tells where it stands.
    """
    silent = next((proof for proof in alert.proofs if proof.fires is None), None)
    for number, proof in enumerate(alert.proofs, 1):
        if proof.fires is None:
            yield _silent_test(alert, proof, number)
        else:
            given = {input_series(alert, course).metric for one in (proof, silent) if one for course in one.inputs}
            left = {name: one for name, one in recordings.items() if name not in given}
            calm = _next_evaluation(alert.keep + alert.hold + _memory_seconds(alert.watched, left) + _LOOKBACK_SECONDS)
            yield _firing_test(alert, proof, silent, number, calm)
    if all(proof.inputs for proof in alert.proofs):
        yield _build_test(alert, "silent without data", {}, [(_next_evaluation(alert.hold + _LOOKBACK_SECONDS), None)])


def computed_recordings(alert: Alert, recordings: Mapping[str, Recording]) -> set[str]:
    """Return the recordings that an alert reads and its proofs do not give, so that its tests must compute them."""
    given = [{input_series(alert, course).metric for course in proof.inputs} for proof in alert.proofs if proof.inputs]
    read = {one.metric for one in promql.find_selectors(alert.watched) if one.metric}
    return {name for name in read & set(recordings) if not given or not all(name in one for one in given)}


def _silent_test(alert: Alert, proof: Proof, number: int) -> dict[str, Any]:
    length = proof_seconds(alert, proof)
    starts = {0.0, length}
    for course in proof.inputs:
        starts |= {sum(step.seconds for step in course.steps[: i + 1]) for i in range(len(course.steps))}
    # At the end of each step, and at the first moment at which what began with it could fire.
    times = starts - {0.0} | {start + _next_evaluation(alert.hold) for start in starts}
    checks: list[Check] = [(time, None) for time in sorted(times) if time <= length]
    return _build_test(alert, f"silent, proof {number}", _steps_by_series(alert, proof), checks)


def _firing_test(alert: Alert, proof: Proof, silent: Proof | None, number: int, calm: float) -> dict[str, Any]:
    fires, length = proof.fires or 0.0, proof_seconds(alert, proof)
    courses = _steps_by_series(alert, proof)
    checks: list[Check] = [(fires - INTERVAL, None)] if fires >= INTERVAL else []
    checks.append((fires, expected_labels(alert, proof)))
    if silent is not None:
        end = proof_seconds(alert, silent) + calm
        after = {series: extend_steps(steps, end) for series, steps in _steps_by_series(alert, silent).items()}
        for series in {**courses, **after}:
            courses[series] = [*courses.get(series, [SeriesStep(length)]), *after.get(series, [SeriesStep(end)])]
        checks.append((length + end, None))
    return _build_test(alert, f"fires after {formatting.format_duration(fires)}, proof {number}", courses, checks)


def _steps_by_series(alert: Alert, proof: Proof) -> dict[str, list[SeriesStep]]:
    length = proof_seconds(alert, proof)
    return {
        str(input_series(alert, course)): extend_steps(
            course.steps or [SeriesStep(length, value=course.constant)], length
        )
        for course in proof.inputs
    }


def _build_test(
    alert: Alert, name: str, courses: Mapping[str, Sequence[SeriesStep]], checks: Iterable[Check]
) -> dict[str, Any]:
    return {
        "name": f"{alert.name}: {name}",
        "alert": alert.name,
        "by": sorted({"alertname", *_static_labels(alert), *alert.each}),
        "series": [{"series": series, "values": format_steps(steps)} for series, steps in courses.items()],
        "at": [{"time": formatting.format_duration(time), "labels": labels} for time, labels in checks],
    }


def _memory_seconds(expr: str, recordings: Mapping[str, Recording]) -> float:
    """Return after how many seconds a condition has forgotten what was; of several that all must hold, one suffices."""
    parts = condition.split_condition(expr)
    if any(part.joined not in ("", "and") for part in parts):
        return _lookback_seconds(expr, recordings)
    return min(_lookback_seconds(f"{part.left} {part.operator} {part.right}", recordings) for part in parts)


def _lookback_seconds(expr: str, recordings: Mapping[str, Recording]) -> float:
    """Return how many seconds back an expression may look, through the recordings that it reads."""
    seconds = 0.0
    seen: set[str] = set()
    waiting = [expr]
    while waiting:
        read = promql.find_selectors(waiting.pop())
        windows = [units.parse_duration(one.window.partition(":")[0]) for one in read if one.window]
        seconds += max(windows, default=0.0)
        names = {one.metric for one in read if one.metric is not None and one.metric in recordings} - seen
        seen |= names
        waiting += [recordings[name].expr for name in names]
    return seconds


def _next_evaluation(seconds: float) -> float:
    """Return the first moment of an evaluation at or after a second."""
    return -(-seconds // INTERVAL) * INTERVAL
