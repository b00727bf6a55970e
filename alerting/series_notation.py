"""Series of proofs, in the notation of promtool's test files.

The notation: https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/#series
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from deckwatch.alerting import formatting
from deckwatch.core import promql

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deckwatch.alerting.model import SeriesStep

INTERVAL = 15.0  # seconds between samples, and between evaluations


@dataclass(frozen=True, slots=True)
class Series:
    """The name and the labels of one series."""

    metric: str
    labels: Mapping[str, str]

    def __str__(self) -> str:
        inside = ", ".join(f'{label}="{value}"' for label, value in self.labels.items())
        return f"{self.metric}{{{inside}}}" if inside else self.metric


def parse_series(text: str) -> Series:
    """Parse the full name of a series, such as `up{job="node"}`. Raises ValueError, also for other selectors."""
    try:
        selectors = promql.find_selectors(text)
    except promql.PromqlError as error:
        raise ValueError(str(error)) from None
    if (
        len(selectors) != 1
        or selectors[0].offset
        or selectors[0].end != len(text.rstrip())
        or selectors[0].metric is None
    ):
        raise ValueError(f"{text!r} is not the name of one series")
    if patterns := [matcher.label for matcher in selectors[0].matchers if matcher.op != "="]:
        raise ValueError(f"a series has one value for {patterns[0]}, not a pattern")
    return Series(selectors[0].metric, {matcher.label: matcher.value for matcher in selectors[0].matchers})


def format_steps(steps: Sequence[SeriesStep]) -> str:
    """Return steps in promtool's notation: `a+bxn` is a and n more samples, each b higher; `_` is no sample."""
    pieces: list[str] = []
    last: float | None = None
    for step in steps:
        samples = count_samples(step)
        if step.value is None and step.rate is None:
            # Prometheus writes a staleness marker when a series disappears from a page.
            pieces += ["stale"] * (last is not None) + [f"_x{samples - (last is not None)}"]
            last = None
            continue
        grows = (step.rate or 0.0) * INTERVAL
        first = step.value if step.value is not None else 0.0 if last is None else last + grows
        sign = "-" if grows < 0 else "+"
        grown = formatting.format_number(abs(grows))
        pieces.append(f"{formatting.format_number(first)}{sign}{grown}x{samples - 1}")
        last = first + grows * (samples - 1)
    return " ".join(piece for piece in pieces if piece != "_x0")


def count_samples(step: SeriesStep) -> int:
    """Return the number of samples of a step, at least one."""
    return max(1, round(step.seconds / INTERVAL))


def extend_steps(steps: Sequence[SeriesStep], seconds: float) -> list[SeriesStep]:
    """Return the steps with the last one extended, so that together they last `seconds`."""
    missing = seconds - sum(step.seconds for step in steps)
    if missing <= 0:
        return list(steps)
    return [*steps[:-1], replace(steps[-1], seconds=steps[-1].seconds + missing)]
