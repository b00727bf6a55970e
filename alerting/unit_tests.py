"""Proofs become promtool's unit tests: fires when it says, not one evaluation earlier, and is silent afterwards.

Of each proof that fires, the test also goes on with what the first silent proof gives, and expects silence at its
end: the alert resolves. One more test gives no series at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deckwatch.alerting import condition, formatting
from deckwatch.alerting.model import Step
from deckwatch.alerting.series_notation import INTERVAL, Series, lasting, notation, parse
from deckwatch.core import promql, units

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from deckwatch.alerting.model import Alert, Course, Proof, Recording

_AFTERWARDS = 300.0  # seconds; as long as Prometheus looks back for a sample
_CONSTANT = 600.0  # seconds that a proof of numbers lasts, besides `for`

Check = tuple[float, dict[str, str] | None]  # at this second: the labels of what fires, or nothing does


def watched(alert: Alert) -> Series:
    """Return the series whose value the alert watches, with a made-up value for each label that tells alerts apart.

    Raises ValueError where the alert watches more than one plain series.
    """
    try:
        series = parse(alert.watched)
    except ValueError:
        raise ValueError("more than one plain series is watched: name each series that the proof gives") from None
    return Series(series.metric, {**{label: f"{label}-1" for label in alert.each}, **series.labels})


def series_of(alert: Alert, course: Course) -> Series:
    """Return the series of a course. Raises ValueError."""
    return parse(course.series) if course.series else watched(alert)


def rule_labels(alert: Alert) -> dict[str, str]:
    """Return the labels that the rule adds to those of its series."""
    return {"severity": alert.severity, "owner": alert.owner, "topic": alert.topic, **alert.labels}


def _fixed(alert: Alert) -> dict[str, str]:
    """Return the rule's labels but for those that Prometheus makes of a template."""
    return {label: text for label, text in rule_labels(alert).items() if "{{" not in text}


def expected(alert: Alert, proof: Proof) -> dict[str, str]:
    """Return the labels that a proof's alert fires with: the rule's own, and those in `each`.

    Raises ValueError where the given series leave a choice, or the proof names another label.
    """
    said: Mapping[str, str] = proof.labels or {}
    given = [series_of(alert, course) for course in proof.courses]
    if unknown := [label for label in said if label not in alert.each]:
        raise ValueError(f"{unknown[0]} is not one of the labels in `each`")
    result = {"alertname": alert.name, **_fixed(alert)}
    for label in alert.each:
        values = {said[label]} if label in said else {s.labels[label] for s in given if label in s.labels}
        if len(values) > 1:
            raise ValueError(f"the series have different values of {label}: say in `labels` which one fires")
        if values:
            result[label] = values.pop()
    return result


def lasts(alert: Alert, proof: Proof) -> float:
    """Return how many seconds a proof lasts."""
    longest = max((sum(step.seconds for step in course.steps) for course in proof.courses), default=0.0)
    return max(longest or _grid(alert.hold + _CONSTANT), proof.fires or 0.0)


def tests(alert: Alert, recordings: Mapping[str, Recording]) -> Iterator[dict[str, Any]]:
    """Yield an alert's tests: {name, alert, by, series: [{series, values}], at: [{time, labels | None}]}.

    Raises ValueError for a proof that cannot be one; `checks/proof.py` tells where it stands.
    """
    silent = next((proof for proof in alert.proofs if proof.fires is None), None)
    for number, proof in enumerate(alert.proofs, 1):
        if proof.fires is None:
            yield _silent(alert, proof, number)
        else:
            given = {series_of(alert, course).metric for one in (proof, silent) if one for course in one.courses}
            left = {name: one for name, one in recordings.items() if name not in given}
            calm = _grid(alert.keep + alert.hold + _remembers(alert.watched, left) + _AFTERWARDS)
            yield _firing(alert, proof, silent, number, calm)
    if all(proof.courses for proof in alert.proofs):
        yield _test(alert, "silent without data", {}, [(_grid(alert.hold + _AFTERWARDS), None)])


def computed(alert: Alert, recordings: Mapping[str, Recording]) -> set[str]:
    """Return the recordings that an alert reads and its proofs do not give, so that its tests must compute them."""
    given = [{series_of(alert, course).metric for course in proof.courses} for proof in alert.proofs if proof.courses]
    read = {one.metric for one in promql.find_selectors(alert.watched) if one.metric}
    return {name for name in read & set(recordings) if not given or not all(name in one for one in given)}


def _silent(alert: Alert, proof: Proof, number: int) -> dict[str, Any]:
    length = lasts(alert, proof)
    starts = {0.0, length}
    for course in proof.courses:
        starts |= {sum(step.seconds for step in course.steps[: i + 1]) for i in range(len(course.steps))}
    # At the end of each step, and at the first moment at which what began with it could fire.
    times = starts - {0.0} | {start + _grid(alert.hold) for start in starts}
    checks: list[Check] = [(time, None) for time in sorted(times) if time <= length]
    return _test(alert, f"silent, proof {number}", _courses(alert, proof), checks)


def _firing(alert: Alert, proof: Proof, silent: Proof | None, number: int, calm: float) -> dict[str, Any]:
    fires, length = proof.fires or 0.0, lasts(alert, proof)
    courses = _courses(alert, proof)
    checks: list[Check] = [(fires - INTERVAL, None)] if fires >= INTERVAL else []
    checks.append((fires, expected(alert, proof)))
    if silent is not None:
        end = lasts(alert, silent) + calm
        after = {series: lasting(steps, end) for series, steps in _courses(alert, silent).items()}
        for series in {**courses, **after}:
            courses[series] = [*courses.get(series, [Step(length)]), *after.get(series, [Step(end)])]
        checks.append((length + end, None))
    return _test(alert, f"fires after {formatting.duration(fires)}, proof {number}", courses, checks)


def _courses(alert: Alert, proof: Proof) -> dict[str, list[Step]]:
    length = lasts(alert, proof)
    return {
        str(series_of(alert, course)): lasting(course.steps or [Step(length, value=course.constant)], length)
        for course in proof.courses
    }


def _test(alert: Alert, name: str, courses: Mapping[str, Sequence[Step]], checks: Iterable[Check]) -> dict[str, Any]:
    return {
        "name": f"{alert.name}: {name}",
        "alert": alert.name,
        "by": sorted({"alertname", *_fixed(alert), *alert.each}),
        "series": [{"series": series, "values": notation(steps)} for series, steps in courses.items()],
        "at": [{"time": formatting.duration(time), "labels": labels} for time, labels in checks],
    }


def _remembers(expr: str, recordings: Mapping[str, Recording]) -> float:
    """Return after how many seconds a condition has forgotten what was; of several that all must hold, one suffices."""
    parts = condition.parts(expr)
    if any(part.joined not in ("", "and") for part in parts):
        return _looks_back(expr, recordings)
    return min(_looks_back(f"{part.left} {part.operator} {part.right}", recordings) for part in parts)


def _looks_back(expr: str, recordings: Mapping[str, Recording]) -> float:
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


def _grid(seconds: float) -> float:
    """Return the first moment of an evaluation at or after a second."""
    return -(-seconds // INTERVAL) * INTERVAL
