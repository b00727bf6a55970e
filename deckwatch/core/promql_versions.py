"""Functions and syntax of PromQL by the Prometheus version that added or removed them.

From Prometheus' CHANGELOG.md; whatever the oldest supported version has is not listed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core import promql
from deckwatch.core.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deckwatch.core.problems import Place
    from deckwatch.core.targets import Targets

SINCE = {
    "histogram_stddev": "2.47",
    "histogram_stdvar": "2.47",
    "mad_over_time": "2.49",
    "sort_by_label": "2.49",
    "sort_by_label_desc": "2.49",
    "histogram_avg": "2.51",
    "limitk": "2.54",
    "limit_ratio": "2.54",
    "info": "2.55",
    "double_exponential_smoothing": "3.0",
    "ts_of_last_over_time": "3.5",
    "ts_of_max_over_time": "3.5",
    "ts_of_min_over_time": "3.5",
    "first_over_time": "3.7",
    "ts_of_first_over_time": "3.7",
    "fill": "3.10",
    "fill_left": "3.10",
    "fill_right": "3.10",
    "histogram_quantiles": "3.11",
    "end": "3.12",  # `@ end()` is older
    "range": "3.12",
    "start": "3.12",  # `@ start()` is older
    "step": "3.12",
    "max_of": "3.13",
    "min_of": "3.13",
    "start_timestamp": "3.14",
}
UNTIL = {"holt_winters": "3.0"}  # renamed to double_exponential_smoothing
# Experimental functions and their feature flags (docs/feature_flags.md), and since when no flag is needed.
_EXPERIMENTS = "promql-experimental-functions"
_STABLE = ("histogram_stddev", "histogram_stdvar", "histogram_avg")
FLAGS = dict.fromkeys((name for name in SINCE if name not in _STABLE), _EXPERIMENTS) | {
    "fill": "promql-binop-fill-modifiers",
    "fill_left": "promql-binop-fill-modifiers",
    "fill_right": "promql-binop-fill-modifiers",
    "start_timestamp": "use-start-timestamps",
}
_STABLE_SINCE = {"first_over_time": "3.14"}
_QUOTED_NAMES_SINCE = "3.0"  # quoted names of metrics and labels


def version_problems(text: str, targets: Targets, place: Callable[[int], Place]) -> Iterator[Problem]:
    """Yield an error for each function the target lacks, and a warning for each that needs a feature flag.

    `place` turns an offset into a Place. Raises PromqlError.
    """
    tokens = promql.tokenize(text)
    before = ""
    braces = 0
    for i, token in enumerate(tokens):
        following = tokens[i + 1].text if i + 1 < len(tokens) else ""
        braces += (token.text == "{") - (token.text == "}")
        name = token.text.lower()
        if token.kind == "name" and following in ("(", "by", "without") and before != "@":
            if name in SINCE:
                at = place(token.offset)
                yield from targets.problems_if_older("prometheus", SINCE[name], f"{name}()", at)
                allowed = name in _STABLE_SINCE and targets.supports("prometheus", _STABLE_SINCE[name])
                if name in FLAGS and not allowed and targets.supports("prometheus", SINCE[name]):
                    message = f"{name}() is experimental: Prometheus evaluates it with --enable-feature={FLAGS[name]}"
                    yield Problem(at, message, check="target", severity="warning")
            elif name in UNTIL:
                yield from targets.problems_if_newer("prometheus", UNTIL[name], f"{name}()", place(token.offset))
        elif token.kind == "string" and braces and before in ("{", ","):
            yield from targets.problems_if_older(
                "prometheus", _QUOTED_NAMES_SINCE, "a name in quotes", place(token.offset)
            )
        before = token.text
