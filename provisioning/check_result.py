"""Compares a query's result with what is expected: labels, table rows, buckets, agreement with another expression."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from deckwatch.core.expected_result import ExpectedResult

Series = dict[str, Any]  # as in Prometheus' API: {metric: {label: text}, value: [time, text] or values: [...]}

TOLERANCE = 0.05  # relative; the two expressions are evaluated at different moments
_MIN_BUCKETS = 2


def find_faults(
    series: Sequence[Series], expected: ExpectedResult, run_query: Callable[[str], Sequence[Series]]
) -> Iterator[str]:
    """Yield the faults of a result that has data. `run_query` returns the instant result of another expression."""
    if expected.shape == "heatmap":
        yield from _check_buckets(series)
    labels = {label for sample in series for label, text in sample["metric"].items() if text}
    for label in expected.labels:
        if label not in labels:
            yield f"no series has the label {label}, which the panel or alert uses"
    if expected.shape == "table":
        yield from _check_rows(series, expected.labels)
    if expected.agrees_with:
        yield from _check_agreement(series, run_query(expected.agrees_with), expected.agrees_with)


def find_remarks(series: Sequence[Series], expected: ExpectedResult) -> Iterator[str]:
    """Yield remarks on a result that are not faults."""
    if expected.max_series and len(series) > expected.max_series:
        yield f"{len(series):,} series; more than {expected.max_series:,} are not legible"


def _check_buckets(series: Sequence[Series]) -> Iterator[str]:
    bounds = {sample["metric"].get("le") for sample in series}
    if None in bounds:
        yield "a heat map needs the label le: sum by (le) (…)"
    elif len(bounds) < _MIN_BUCKETS:
        yield f"a heat map of {len(bounds)} bucket"
    else:
        invalid = [bound for bound in bounds if not _is_number(bound)]
        if invalid:
            yield f"the bucket bound {invalid[0]} is not a number"


def _check_rows(series: Sequence[Series], labels: Sequence[str]) -> Iterator[str]:
    seen: set[tuple[str, ...]] = set()
    for sample in series:
        row = tuple(sample["metric"].get(label, "") for label in labels)
        if row in seen:
            pairs = ", ".join(f"{label}={text}" for label, text in zip(labels, row, strict=True)) or "no labels"
            yield f"two table rows have {pairs}, so their cells would be merged"
            return
        seen.add(row)


def _check_agreement(series: Sequence[Series], others: Sequence[Series], expr: str) -> Iterator[str]:
    ours, theirs = _last_values(series), _last_values(others)
    if len(ours) == len(theirs) == 1:
        # The labels of a single value do not matter: the other expression may keep different ones.
        (value,), (other,) = ours.values(), theirs.values()
        pairs: list[tuple[tuple[tuple[str, str], ...], float, float]] = [((), value, other)]
    else:
        pairs = [(key, ours[key], theirs[key]) for key in ours.keys() & theirs.keys()]
    if not pairs:
        yield f"{expr} has no value to compare with"
    for key, value, other in sorted(pairs):
        if not math.isclose(value, other, rel_tol=TOLERANCE, abs_tol=1e-9):
            labels = "{" + ", ".join(f'{label}="{text}"' for label, text in key) + "} " if key else ""
            yield f"{labels}is {value:g}, but {expr} is {other:g}"
            return


def _last_values(series: Sequence[Series]) -> dict[tuple[tuple[str, str], ...], float]:
    """Return the last value of each series by its labels, without its name."""
    return {
        tuple(sorted((label, text) for label, text in sample["metric"].items() if label != "__name__")): float(
            (sample.get("values") or [sample["value"]])[-1][1]
        )
        for sample in series
    }


def _is_number(text: str | None) -> bool:
    try:
        float(text or "")
    except ValueError:
        return False
    return True
