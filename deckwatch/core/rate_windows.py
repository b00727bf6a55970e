"""Windows in which there cannot be enough figures: what a function returns over them is nothing, for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core import promql, units

if TYPE_CHECKING:
    from collections.abc import Iterator

# https://prometheus.io/docs/prometheus/latest/querying/functions/: these compare at least two figures.
_NEED_TWO_SAMPLES = frozenset(
    ("rate", "irate", "increase", "delta", "idelta", "deriv", "predict_linear", "double_exponential_smoothing")
)


def find_short_windows(text: str, interval: float) -> Iterator[tuple[int, str, str]]:
    """Yield the offset, what is wrong and what helps, for each window of an expression that is shorter than it must be.

    `interval` is how many seconds lie between two figures. Raises PromqlError.
    """
    for selector in promql.find_selectors(text):
        if not selector.window or ":" in selector.window or "$" in selector.window:
            continue
        needed = interval * (2 if selector.function in _NEED_TWO_SAMPLES else 1)
        try:
            seconds = units.parse_duration(selector.window)
        except ValueError:
            continue  # told as a fault of syntax
        if seconds < needed:
            what = "two figures" if selector.function in _NEED_TWO_SAMPLES else "one figure"
            message = f"{selector.function} over {selector.window} needs {what}, and one comes every {interval:g} s"
            yield selector.offset, message, f"at least {needed:g}s"
