"""Split an alert's condition into its comparisons.

Precedence is PromQL's: comparisons bind tighter than `and` and `unless`, those tighter than `or`.
"""

from __future__ import annotations

from typing import NamedTuple

from deckwatch.core import promql

_SET_OPERATORS = frozenset(("and", "or", "unless"))
_COMPARISONS = frozenset((">", "<", ">=", "<=", "==", "!="))
_MODIFIERS = frozenset(("on", "ignoring", "group_left", "group_right", "bool"))


class Part(NamedTuple):
    """One operand of the set operators: `left operator right`, or only `left` where it has no comparison."""

    left: str
    operator: str
    right: str
    offset: int  # of the operator in the whole text; of the operand where it has no comparison
    joined: str = ""  # the set operator before it


def split_condition(text: str) -> list[Part]:
    """Return the operands of `and`, `or` and `unless`, from left to right. Raises PromqlError."""
    return _split_at(text, 0)


def has_comparison(text: str) -> bool:
    """Return whether an expression filters by a comparison, as an alert's must. Raises PromqlError."""
    return any(part.operator for part in split_condition(text))


def with_brackets(text: str) -> str:
    """Return the expression, in brackets where a comparison could not follow it otherwise. Raises PromqlError."""
    if _bracket_content(promql.tokenize(text)):
        return text
    parts = split_condition(text)
    return f"({text})" if len(parts) > 1 or parts[0].operator else text


def _split_at(text: str, base: int) -> list[Part]:
    operands = _split_operands(text)
    if len(operands) == 1:
        return _split_comparison(text, base)
    result = []
    for start, end, joined in operands:
        inner = _split_at(text[start:end], base + start)
        result += [inner[0]._replace(joined=joined or inner[0].joined), *inner[1:]]
        if joined == "unless":  # excludes everything in its brackets
            result[-len(inner) :] = [part._replace(joined=joined) for part in inner]
    return result


def _split_operands(text: str) -> list[tuple[int, int, str]]:
    """Return (start, end, preceding set operator) of each operand of the outermost set operators."""
    result: list[tuple[int, int, str]] = []
    start, depth, joined = 0, 0, ""
    tokens = promql.tokenize(text)
    for i, token in enumerate(tokens):
        word = token.text.lower()
        depth += _depth_change(token)
        if depth == 0 and token.kind == "name" and word in _SET_OPERATORS:
            result.append((start, token.offset, joined))
            start, joined = _operand_offset(tokens, i + 1, len(text)), word
    return [*result, (start, len(text), joined)]


def _operand_offset(tokens: list[promql.Token], i: int, end: int) -> int:
    """Return the offset of the operand after `on (…)`, `ignoring (…)`, `group_left (…)` and `bool`."""
    while i < len(tokens) and tokens[i].text.lower() in _MODIFIERS:
        i += 1
        if i < len(tokens) and tokens[i].text == "(" and tokens[i - 1].text.lower() != "bool":
            while tokens[i].text != ")":
                i += 1
            i += 1
    return tokens[i].offset if i < len(tokens) else end


def _depth_change(token: promql.Token) -> int:
    if token.kind != "op":
        return 0
    return (token.text in "([{") - (token.text in ")]}")


def _split_comparison(text: str, base: int) -> list[Part]:
    """Split an expression without outer set operators; of several comparisons the last is the outermost."""
    depth = 0
    part: Part | None = None
    tokens = promql.tokenize(text)
    for i, token in enumerate(tokens):
        depth += _depth_change(token)
        if depth == 0 and token.kind == "op" and token.text in _COMPARISONS:
            if i + 1 < len(tokens) and tokens[i + 1].text.lower() == "bool":
                continue  # returns 0 or 1 and filters nothing
            right = text[_operand_offset(tokens, i + 1, len(text)) :]
            part = Part(text[: token.offset].strip(), token.text, right.strip(), base + token.offset)
    if part is not None:
        return [part]
    if inner := _bracket_content(tokens):
        start, end = inner
        return _split_at(text[start:end], base + start)
    return [Part(text.strip(), "", "", base + len(text) - len(text.lstrip()))]


def _bracket_content(tokens: list[promql.Token]) -> tuple[int, int] | None:
    """Return (start, end) of the content if one pair of brackets encloses everything."""
    if not tokens or tokens[0].text != "(" or tokens[-1].text != ")":
        return None
    depth = 0
    for token in tokens[:-1]:
        depth += _depth_change(token)
        if depth == 0:
            return None
    return tokens[0].offset + 1, tokens[-1].offset
