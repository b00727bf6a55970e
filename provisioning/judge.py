"""Judges answers of Prometheus by what is wanted: labels, lines, buckets, the value that another way gives too."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from deckwatch.core.expected_result import ExpectedResult

Series = dict[str, Any]  # as Prometheus' API has it: {metric: {label: text}, value: [time, text] or values: [...]}

TOLERANCE = 0.05  # of the value; two ways of asking read their samples at different moments
_LEAST_BUCKETS = 2


def faults(series: Sequence[Series], wanted: ExpectedResult, ask: Callable[[str], Sequence[Series]]) -> Iterator[str]:
    """Yield what is wrong with an answer that has data. `ask` gives the answer to another expression at one moment."""
    if wanted.shape == "heatmap":
        yield from _buckets(series)
    carried = {label for one in series for label, text in one["metric"].items() if text}
    for label in wanted.labels:
        if label not in carried:
            yield f"no series has the label {label}, which is named here"
    if wanted.shape == "table":
        yield from _lines(series, wanted.labels)
    if wanted.agrees_with:
        yield from _disagreement(series, ask(wanted.agrees_with), wanted.agrees_with)


def remarks(series: Sequence[Series], wanted: ExpectedResult) -> Iterator[str]:
    """Yield what is worth knowing of an answer, and no fault."""
    if wanted.max_series and len(series) > wanted.max_series:
        yield f"{len(series):,} series; more than {wanted.max_series:,} cannot be read"


def _buckets(series: Sequence[Series]) -> Iterator[str]:
    limits = {one["metric"].get("le") for one in series}
    if None in limits:
        yield "a heat map needs the label le: sum by (le) (…)"
    elif len(limits) < _LEAST_BUCKETS:
        yield f"a heat map of {len(limits)} bucket"
    else:
        wrong = [limit for limit in limits if not _is_number(limit)]
        if wrong:
            yield f"the bucket {wrong[0]} is no number"


def _lines(series: Sequence[Series], labels: Sequence[str]) -> Iterator[str]:
    seen: set[tuple[str, ...]] = set()
    for one in series:
        line = tuple(one["metric"].get(label, "") for label in labels)
        if line in seen:
            shown = ", ".join(f"{label}={text}" for label, text in zip(labels, line, strict=True)) or "no label at all"
            yield f"two lines of the table have {shown}: their cells would be mixed up"
            return
        seen.add(line)


def _disagreement(series: Sequence[Series], others: Sequence[Series], expr: str) -> Iterator[str]:
    mine, theirs = _values(series), _values(others)
    if len(mine) == len(theirs) == 1:
        # Of one value the labels do not matter: the other way may keep some or none.
        (value,), (other,) = mine.values(), theirs.values()
        pairs: list[tuple[tuple[tuple[str, str], ...], float, float]] = [((), value, other)]
    else:
        pairs = [(key, mine[key], theirs[key]) for key in mine.keys() & theirs.keys()]
    if not pairs:
        yield f"{expr} has no value to compare with"
    for key, value, other in sorted(pairs):
        if not math.isclose(value, other, rel_tol=TOLERANCE, abs_tol=1e-9):
            of = "{" + ", ".join(f'{label}="{text}"' for label, text in key) + "} " if key else ""
            yield f"{of}is {value:g}, but by {expr} it is {other:g}"
            return


def _values(series: Sequence[Series]) -> dict[tuple[tuple[str, str], ...], float]:
    """Return the last value of each series by its labels, without its name."""
    return {
        tuple(sorted((label, text) for label, text in one["metric"].items() if label != "__name__")): float(
            (one.get("values") or [one["value"]])[-1][1]
        )
        for one in series
    }


def _is_number(text: str | None) -> bool:
    try:
        float(text or "")
    except ValueError:
        return False
    return True
