"""Find windows too short to contain enough samples: a function over them always returns nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core import promql, units

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# https://prometheus.io/docs/prometheus/latest/querying/functions/: these need at least two samples.
_NEED_TWO_SAMPLES = frozenset(
    ("rate", "irate", "increase", "delta", "idelta", "deriv", "predict_linear", "double_exponential_smoothing")
)


def find_short_windows(text: str, find_interval: Callable[[str | None], float]) -> Iterator[tuple[int, str, str]]:
    """Yield offset, message and hint for each window of an expression that is too short.

    `find_interval` returns the scrape interval of a metric, in seconds. Raises PromqlError.
    """
    for selector in promql.find_selectors(text):
        if not selector.window or ":" in selector.window or "$" in selector.window:
            continue
        interval = find_interval(selector.metric)
        needed = interval * (2 if selector.function in _NEED_TWO_SAMPLES else 1)
        try:
            seconds = units.parse_duration(selector.window)
        except ValueError:
            continue  # reported as a syntax error
        if seconds < needed:
            samples = "two samples" if selector.function in _NEED_TWO_SAMPLES else "one sample"
            message = (
                f"{selector.function} over {selector.window} needs {samples}, but the scrape interval is {interval:g} s"
            )
            yield selector.offset, message, f"at least {needed:g}s"
