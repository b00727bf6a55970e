"""Explain errors of the PromQL parser with a position and the nearest valid word; the parser gives no positions."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

from deckwatch.core.problems import nearest_word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deckwatch.core.promql_tokens import Token

# https://prometheus.io/docs/prometheus/latest/querying/functions/ and …/operators/
FUNCTIONS = frozenset(
    (
        "abs",
        "absent",
        "absent_over_time",
        "acos",
        "acosh",
        "asin",
        "asinh",
        "atan",
        "atanh",
        "avg_over_time",
        "ceil",
        "changes",
        "clamp",
        "clamp_max",
        "clamp_min",
        "cos",
        "cosh",
        "count_over_time",
        "day_of_month",
        "day_of_week",
        "day_of_year",
        "days_in_month",
        "deg",
        "delta",
        "deriv",
        "double_exponential_smoothing",
        "exp",
        "first_over_time",
        "floor",
        "histogram_avg",
        "histogram_count",
        "histogram_fraction",
        "histogram_quantile",
        "histogram_quantiles",
        "histogram_stddev",
        "histogram_stdvar",
        "histogram_sum",
        "holt_winters",
        "hour",
        "idelta",
        "increase",
        "info",
        "integral",
        "irate",
        "label_join",
        "label_replace",
        "last_over_time",
        "ln",
        "log10",
        "log2",
        "mad_over_time",
        "max_of",
        "max_over_time",
        "min_of",
        "min_over_time",
        "minute",
        "month",
        "pi",
        "predict_linear",
        "present_over_time",
        "quantile_over_time",
        "rad",
        "range",
        "rate",
        "resets",
        "round",
        "scalar",
        "sgn",
        "sin",
        "sinh",
        "sort",
        "sort_by_label",
        "sort_by_label_desc",
        "sort_desc",
        "sqrt",
        "start_timestamp",
        "stddev_over_time",
        "stdvar_over_time",
        "sum_over_time",
        "tan",
        "tanh",
        "time",
        "timestamp",
        "ts_of_first_over_time",
        "ts_of_last_over_time",
        "ts_of_max_over_time",
        "ts_of_min_over_time",
        "vector",
        "year",
    )
)
AGGREGATIONS = frozenset(
    (
        "avg",
        "bottomk",
        "count",
        "count_values",
        "group",
        "limit_ratio",
        "limitk",
        "max",
        "min",
        "quantile",
        "stddev",
        "stdvar",
        "sum",
        "topk",
    )
)
_OPERATORS = frozenset(("+", "-", "*", "/", "%", "^", "==", "!=", ">", "<", ">=", "<=", ",", "and", "or", "unless"))
_KEYWORDS = frozenset(
    ("and", "or", "unless", "atan2", "bool", "offset", "by", "without", "on", "ignoring", "group_left", "group_right")
)
_UNKNOWN_FUNCTION = re.compile(r"unknown function with name '(\w+)'")
_QUOTED_TEXT = re.compile(r"(?:duration syntax: |illegal regex for )(.+)")
_NAMED_FUNCTION = re.compile(r"(?:call to function|aggregate expression|function) ['\"]?(\w+)")


def explain_error(message: str, text: str, tokens: Sequence[Token]) -> tuple[str, int]:
    """Return the message for a parser error, and the offset of the fault."""
    last = tokens[-1]
    if last.text.lower() in _OPERATORS:
        return f"an operand is missing after {last.text!r}", last.offset
    if match := _UNKNOWN_FUNCTION.search(message):
        near = nearest_word(match[1], FUNCTIONS | AGGREGATIONS)
        explanation = f"no function is called {match[1]}" + (f": did you mean {near}?" if near else "")
        return explanation, _name_offset(text, match[1])
    if match := _QUOTED_TEXT.search(message):
        return message, max(text.find(match[1].strip()), 0)
    for left, right in itertools.pairwise(tokens):
        if left.text == right.text == "," or (left.text in _OPERATORS and right.text in (")", "]", ",")):
            return f"an operand is missing between {left.text!r} and {right.text!r}", right.offset
        if right.kind == "name" and right.text.lower() not in _KEYWORDS and _ends_operand(left):
            return f"an operator is missing before {right.text}", right.offset
    if (match := _NAMED_FUNCTION.search(message)) and (at := _name_offset(text, match[1])) >= 0:
        return message, at
    return message, _quoted_word_offset(text, message)


def _ends_operand(token: Token) -> bool:
    """Return whether an operand can end with the token."""
    if token.kind == "name":
        return token.text.lower() not in _KEYWORDS | AGGREGATIONS
    return token.kind == "number" or token.text in ("}", "]")


def _name_offset(text: str, name: str) -> int:
    match = re.search(rf"\b{re.escape(name)}\b", text)
    return match.start() if match else -1


def _quoted_word_offset(text: str, message: str) -> int:
    """Return the offset of the word that the message quotes; 0 if it quotes none."""
    for quoted in re.findall(r"['\"`]([^'\"`]+)['\"`]", message):
        if (at := text.find(quoted)) >= 0:
            return at
    return 0
