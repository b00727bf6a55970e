"""Functions and syntax of PromQL by the Prometheus version that added or removed them.

From Prometheus' CHANGELOG.md; whatever the oldest supported version has is not listed.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING

from deckwatch.core import promql, promql_parser_text
from deckwatch.core.problems import Place, Problem
from deckwatch.core.promql_tokens import LABEL_LIST_KEYWORDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from deckwatch.core.promql import Token
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
    "integral": "3.16",
}
UNTIL = {"holt_winters": "3.0"}  # renamed to double_exponential_smoothing
# Experimental functions and their feature flags (docs/feature_flags.md), and since when no flag is needed.
_EXPERIMENTS = "promql-experimental-functions"
_STABLE = ("histogram_stddev", "histogram_stdvar", "histogram_avg")
FLAGS = dict.fromkeys((name for name in SINCE if name not in _STABLE), _EXPERIMENTS) | {
    "fill": "promql-binop-fill-modifiers",
    "fill_left": "promql-binop-fill-modifiers",
    "fill_right": "promql-binop-fill-modifiers",
    "start_timestamp": f"{_EXPERIMENTS},use-start-timestamps",
}
_STABLE_SINCE = {"first_over_time": "3.14"}
_NUMBERS_SINCE = "2.54"  # 1_000, and a number of seconds as a duration
_DURATIONS_SINCE, _DURATIONS_STABLE = "3.4", "3.14"
_DURATION_FUNCTIONS_RENAMED = "3.13"  # min() and max() of durations are min_of() and max_of()
_MODIFIERS_SINCE, _MODIFIERS_STABLE = "3.7", "3.16"
_TRIM_SINCE = "3.11"
_QUOTED_NAMES_SINCE = "3.0"  # quoted names of metrics and labels


def version_problems(
    text: str, targets: Targets, place: Callable[[int], Place], *, in_rule: bool = False
) -> Iterator[Problem]:
    """Yield an error for each function the target lacks, and a warning for each that needs a feature flag.

    The target includes the engine that answers queries, unless the expression is a rule's that Prometheus evaluates.
    `place` turns an offset into a Place. Raises PromqlError.
    """
    if in_rule and not targets.engine_rules:
        targets = replace(targets, engine="")
    for problem in _problems_by_offset(text, targets):
        yield replace(problem, place=place(problem.place.column))


@functools.lru_cache(maxsize=4096)  # many panels show the same expression
def _problems_by_offset(text: str, targets: Targets) -> tuple[Problem, ...]:
    """Return the problems, whose column is the offset."""
    problems = list(_find_problems(text, targets, lambda offset: Place("", 0, offset)))
    if targets.engine:
        problems += _engine_problems(text, targets)
    return tuple(problems)


def _engine_problems(text: str, targets: Targets) -> Iterator[Problem]:
    """Yield the problems of the engine that answers queries."""
    from deckwatch.core import promql_engines  # noqa: PLC0415 - most projects have none

    yield from promql_engines.engine_problems(text, targets, lambda offset: Place("", 0, offset), FLAGS)
    if (syntax := promql_engines.syntax_targets(targets)) is not None:
        problems = _find_problems(text, syntax, lambda offset: Place("", 0, offset))
        yield from (problem for problem in problems if problem.severity == "error")


def _find_problems(text: str, targets: Targets, place: Callable[[int], Place]) -> Iterator[Problem]:
    tokens = promql.tokenize(text)
    before = ""
    braces = 0
    lists = False  # inside a list of labels
    for i, token in enumerate(tokens):
        following = tokens[i + 1].text if i + 1 < len(tokens) else ""
        braces += (token.text == "{") - (token.text == "}")
        lists = token.text != ")" and (lists or (token.text == "(" and before.lower() in LABEL_LIST_KEYWORDS))
        name = token.text.lower()
        if token.kind == "name" and following in ("(", "by", "without") and before != "@":
            if name in SINCE:
                at = place(token.offset)
                yield from targets.problems_if_older("prometheus", SINCE[name], f"{name}()", at)
                allowed = name in _STABLE_SINCE and targets.supports("prometheus", _STABLE_SINCE[name])
                if name in FLAGS and not allowed and targets.supports("prometheus", SINCE[name]):
                    yield _experimental_problem(f"{name}()", FLAGS[name], at)
            elif name in UNTIL:
                yield from targets.problems_if_newer("prometheus", UNTIL[name], f"{name}()", place(token.offset))
        elif token.kind == "string" and (braces or lists) and before in ("{", "(", ","):
            yield from targets.problems_if_older(
                "prometheus", _QUOTED_NAMES_SINCE, "a name in quotes", place(token.offset)
            )
        if token.kind != "string":
            yield from _syntax_problems(tokens, i, targets, place)
        before = token.text


def _syntax_problems(
    tokens: Sequence[Token], i: int, targets: Targets, place: Callable[[int], Place]
) -> Iterator[Problem]:
    """Yield the problems of syntax other than functions that starts at a token."""
    token = tokens[i]
    offset = token.offset
    if token.kind == "number" and "_" in token.text:
        yield from targets.problems_if_older("prometheus", _NUMBERS_SINCE, f"{token.text}", place(offset))
    elif token.text in promql_parser_text.TRIM_OPERATORS:
        yield from targets.problems_if_older("prometheus", _TRIM_SINCE, f"the operator {token.text}", place(offset))
    elif promql_parser_text.is_range_modifier(tokens, i):
        yield from targets.problems_if_older("prometheus", _MODIFIERS_SINCE, token.text, place(offset))
        if targets.supports("prometheus", _MODIFIERS_SINCE) and not targets.supports("prometheus", _MODIFIERS_STABLE):
            yield _experimental_problem(token.text, "promql-extended-range-selectors", place(offset))
    elif token.text in ("[", ":") or promql_parser_text.is_offset(tokens, i):
        yield from _duration_problems(tokens, i + 1, targets, place(offset))
    elif _is_number(tokens, i):
        yield from targets.problems_if_older("prometheus", _NUMBERS_SINCE, "a duration as a number", place(offset))


def _is_number(tokens: Sequence[Token], i: int) -> bool:
    """Return whether a token is a duration where a number of seconds or a timestamp is expected."""
    follows_operator = i > 0 and tokens[i - 1].text in ("@", ",", "(", *"+-*/%^")
    return tokens[i].kind == "duration" and follows_operator and not promql_parser_text.is_offset_duration(tokens, i)


def _duration_problems(tokens: Sequence[Token], i: int, targets: Targets, place: Place) -> Iterator[Problem]:
    """Yield the problems of the duration that starts at index `i`, in brackets or after `offset`."""
    if tokens[i].text == "]":  # a subquery with the default step
        return
    end = promql_parser_text.duration_end(tokens, i)
    signs = tokens[i].text == "-"
    if end - i > 1 + signs:
        yield from targets.problems_if_older("prometheus", _DURATIONS_SINCE, "a computed duration", place)
        if targets.supports("prometheus", _DURATIONS_SINCE) and not targets.supports("prometheus", _DURATIONS_STABLE):
            yield _experimental_problem("a computed duration", "promql-duration-expr", place)
        names = {token.text.lower() for token in tokens[i:end] if token.kind == "name"}
        for name in sorted(names & {"min", "max"}):
            yield from targets.problems_if_newer("prometheus", _DURATION_FUNCTIONS_RENAMED, f"{name}()", place)
    elif tokens[end - 1].kind == "number":
        yield from targets.problems_if_older("prometheus", _NUMBERS_SINCE, "a duration without unit", place)


def _experimental_problem(what: str, flag: str, place: Place) -> Problem:
    message = f"{what} is experimental: Prometheus evaluates it with --enable-feature={flag}"
    return Problem(place, message, check="target", severity="warning")
