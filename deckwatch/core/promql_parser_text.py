"""Rewrite PromQL for the parser, which lacks some of Prometheus' syntax: the result has the same labels and types.

Raw strings, underscores in numbers, durations computed from others, `anchored` and `smoothed`, and the operators that
trim histograms. Grammar: https://prometheus.io/docs/prometheus/latest/querying/basics/ and …/feature_flags/
"""

from __future__ import annotations

import functools
import json
import math
from typing import TYPE_CHECKING, Any

from deckwatch.core.promql_tokens import CLOSING_BRACKETS, PromqlError, Token, tokenize

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

RANGE_MODIFIERS = frozenset(("anchored", "smoothed"))
TRIM_OPERATORS = frozenset(("</", ">/"))
_DURATION_FUNCTIONS = frozenset(("step", "range", "min", "max", "min_of", "max_of"))
_ARITHMETIC = frozenset("+-*/%^")
_DURATION = "5m"
# The parser compiles regular expressions, and refuses or takes seconds for long ones that Prometheus accepts.
_MAX_STRING = 10_000
_CLOSING = frozenset(CLOSING_BRACKETS.values())


def parse_tree(plain: str) -> Any:
    """Return the syntax tree of PromQL without variables; raises ValueError."""
    result = _parse_cached(plain)
    if isinstance(result, PromqlError):
        raise PromqlError(str(result), result.offset)
    if isinstance(result, ValueError):
        raise type(result)(*result.args)
    return result


@functools.lru_cache(maxsize=4096)  # many checks read the same expression, valid or not
def _parse_cached(plain: str) -> Any:
    import promql_parser  # noqa: PLC0415 - 5 ms that `serve` does not need

    try:
        return promql_parser.parse(to_parser_text(plain))
    except ValueError as error:
        return error.with_traceback(None)


def to_parser_text(plain: str) -> str:
    """Return the expression as the parser reads it. Raises PromqlError."""
    result: list[str] = []
    position = 0
    for start, end, replacement in _list_replacements(tokenize(plain)):
        result += [plain[position:start], replacement]
        position = end
    return "".join([*result, plain[position:]])


def _list_replacements(tokens: Sequence[Token]) -> Iterator[tuple[int, int, str]]:
    """Yield (start, end, replacement), in order."""
    info_arguments = _find_info_arguments(tokens)
    i = 0
    while i < len(tokens):
        token = tokens[i]
        end = token.offset + len(token.text)
        before = tokens[i - 1] if i else None
        if i in info_arguments and token.text not in "{}":
            raise PromqlError('expected the matchers of info(), such as {version=~".+"}', token.offset)
        if token.kind == "string" and len(token.text) > _MAX_STRING:
            yield token.offset, end, '".+"'
        elif token.text[:1] == "`":
            yield token.offset, end, json.dumps(token.text[1:-1], ensure_ascii=False)
        elif token.kind == "number" and _is_infinite(token.text):
            raise PromqlError("the number is out of range", token.offset)
        elif token.kind == "number" and "_" in token.text:
            yield token.offset, end, token.text.replace("_", "")
        elif token.kind == "op" and token.text in TRIM_OPERATORS:
            yield token.offset, end, " *"
        elif is_range_modifier(tokens, i):
            yield token.offset, end, ""
        elif token.kind == "name" and token.text.lower() in RANGE_MODIFIERS:  # a metric or label of that name
            yield token.offset, end, f"{token.text}_"
        elif token.text == "{" and i in info_arguments:
            yield token.offset, end, '{info="x",'
            _check_end_of_info(tokens, i)
        elif token.text in ("[", ":") or (before is not None and is_offset(tokens, i - 1)):
            first = i + (token.text in ("[", ":"))
            if first == len(tokens):
                break
            if token.text == ":" and tokens[first].text == "]":  # a subquery with the default step
                i += 1
                continue
            stop = duration_end(tokens, first)
            if stop - first > 1 + (tokens[first].text == "-"):
                last = tokens[stop - 1]
                yield tokens[first].offset, last.offset + len(last.text), _DURATION
                i = stop
                continue
        i += 1


def is_range_modifier(tokens: Sequence[Token], i: int) -> bool:
    """Return whether a token is `anchored` or `smoothed` after a selector, not a name."""
    if tokens[i].kind != "name" or tokens[i].text.lower() not in RANGE_MODIFIERS or not i:
        return False
    before = tokens[i - 1]
    if before.kind in ("number", "duration"):  # after @ or offset
        return True
    if before.text == ")" and i > 2:  # after @ start() or @ end()
        return tokens[i - 2].text == "(" and tokens[i - 3].text.lower() in ("start", "end")
    return before.text in ("]", "}") or (before.kind == "name" and before.text.lower() not in _BEFORE_OPERAND)


def _check_end_of_info(tokens: Sequence[Token], i: int) -> None:
    """Raise PromqlError if anything but `@` and `offset` follows the second argument of info()."""
    closing = next(end for end in range(i, len(tokens)) if tokens[end].text == "}")
    after = tokens[closing + 1]
    if after.text not in (")", "@") and after.text.lower() != "offset":
        raise PromqlError("expected only matchers in the second argument of info()", after.offset)


def is_offset(tokens: Sequence[Token], i: int) -> bool:
    """Return whether a token is the keyword `offset`, which follows a selector, not a name."""
    if not i or tokens[i].kind != "name" or tokens[i].text.lower() != "offset":
        return False
    before = tokens[i - 1]
    ends_operand = before.text in ("]", "}", ")") or before.kind in ("number", "duration", "variable")
    return ends_operand or (before.kind == "name" and before.text.lower() not in _BEFORE_OPERAND)


def is_offset_duration(tokens: Sequence[Token], i: int) -> bool:
    """Return whether a token begins the duration of an `offset`, after any signs."""
    while i > 1 and tokens[i - 1].text in ("+", "-"):
        i -= 1
    return i > 0 and is_offset(tokens, i - 1)


def _find_info_arguments(tokens: Sequence[Token]) -> set[int]:
    """Return the indices after a comma in info(): the second argument, whose braces may match everything."""
    found: set[int] = set()
    is_info: list[bool] = []  # for each open bracket
    for i, token in enumerate(tokens):
        if token.text in CLOSING_BRACKETS:
            is_info.append(token.text == "(" and i > 0 and tokens[i - 1].text.lower() == "info")
        elif token.text in _CLOSING and is_info:
            is_info.pop()
        elif token.text == "," and is_info and is_info[-1]:
            found.add(i + 1)
    return found


_BEFORE_OPERAND = frozenset(("and", "or", "unless", "atan2", "bool", "by", "without", "offset"))


def duration_end(tokens: Sequence[Token], i: int) -> int:
    """Return the index after the duration that starts at `i`: a literal or an expression of durations.

    Raises PromqlError where an operand is missing. Without brackets an `offset` takes one operand only.
    """
    inside = i > 0 and tokens[i - 1].text in ("[", ":")
    if inside and i < len(tokens) and tokens[i].text == "]":
        raise PromqlError("a duration is missing", tokens[i].offset)
    i = _operand_end(tokens, i)
    while inside and i < len(tokens) and tokens[i].text in _ARITHMETIC:
        i = _operand_end(tokens, i + 1)
    return i


def _operand_end(tokens: Sequence[Token], i: int) -> int:
    while i < len(tokens) and tokens[i].text in ("+", "-"):
        i += 1
    if i >= len(tokens):
        raise PromqlError("a duration is missing", tokens[-1].offset)
    token = tokens[i]
    if token.kind in ("duration", "number", "variable"):
        _check_duration(tokens, i)
        return i + 1
    if token.kind == "name" and token.text.lower() in _DURATION_FUNCTIONS:
        i += 1
    if i >= len(tokens) or tokens[i].text != "(":
        raise PromqlError("expected a duration such as 5m", token.offset)
    depth = 0
    for end in range(i, len(tokens)):
        text = tokens[end].text
        depth += (text in CLOSING_BRACKETS) - (text in CLOSING_BRACKETS.values())
        if tokens[end].kind in ("duration", "number"):
            _check_duration(tokens, end)
        if not depth:
            return end + 1
    raise PromqlError("'(' is not closed", tokens[i].offset)  # the tokenizer has reported it


def _check_duration(tokens: Sequence[Token], i: int) -> None:
    """Raise PromqlError for a division by zero and for a number of seconds that no duration can have."""
    token = tokens[i]
    if token.kind == "variable":
        return
    if i and tokens[i - 1].text in ("/", "%") and not any(digit in token.text for digit in "123456789"):
        raise PromqlError("division by zero", token.offset)
    if token.kind == "number" and not 0 <= _parse_seconds(token.text) < _MAX_SECONDS:
        raise PromqlError("the duration is out of range", token.offset)


def _is_infinite(text: str) -> bool:
    return not text.lower().startswith("0x") and math.isinf(_parse_seconds(text))


def _parse_seconds(text: str) -> float:
    plain = text.replace("_", "").lower()
    return int(plain, 16) if plain.startswith("0x") else float(plain)


_MAX_SECONDS = 2**63 / 1e9  # nanoseconds in 64 bits
