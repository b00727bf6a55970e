"""An alert's condition taken apart: what is compared with what.

Precedence is PromQL's: comparisons bind tighter than `and` and `unless`, those tighter than `or`.
"""

from __future__ import annotations

from typing import NamedTuple

from deckwatch.core import promql

_SET_OPERATORS = frozenset(("and", "or", "unless"))
_COMPARISONS = frozenset((">", "<", ">=", "<=", "==", "!="))
_MODIFIERS = frozenset(("on", "ignoring", "group_left", "group_right", "bool"))


class Part(NamedTuple):
    """One operand of the set operators: `left operator right`, or only `left` where nothing is compared."""

    left: str
    operator: str
    right: str
    offset: int  # of the operator in the whole text; of the operand where nothing is compared
    joined: str = ""  # the set operator before it


def split_condition(text: str) -> list[Part]:
    """Return the operands of `and`, `or` and `unless`, from left to right. Raises PromqlError."""
    return _split_at(text, 0)


def has_comparison(text: str) -> bool:
    """Return whether an expression filters by a comparison, as an alert's must. Raises PromqlError."""
    return any(part.operator for part in split_condition(text))


def with_brackets(text: str) -> str:
    """Return an expression such that a comparison can follow it. Raises PromqlError."""
    if _bracket_content(promql.tokenize(text)):
        return text
    found = split_condition(text)
    return f"({text})" if len(found) > 1 or found[0].operator else text


def _split_at(text: str, base: int) -> list[Part]:
    operands = _split_operands(text)
    if len(operands) == 1:
        return _split_comparison(text, base)
    result = []
    for start, end, joined in operands:
        inner = _split_at(text[start:end], base + start)
        result += [inner[0]._replace(joined=joined or inner[0].joined), *inner[1:]]
        if joined == "unless":  # all that stands in its brackets is taken away
            result[-len(inner) :] = [part._replace(joined=joined) for part in inner]
    return result


def _split_operands(text: str) -> list[tuple[int, int, str]]:
    """Return where the operands of the outermost set operators begin and end, each with the operator before it."""
    result: list[tuple[int, int, str]] = []
    start, depth, joined = 0, 0, ""
    pieces = promql.tokenize(text)
    for i, token in enumerate(pieces):
        word = token.text.lower()
        depth += _depth_change(token)
        if depth == 0 and token.kind == "name" and word in _SET_OPERATORS:
            result.append((start, token.offset, joined))
            start, joined = _operand_offset(pieces, i + 1, len(text)), word
    return [*result, (start, len(text), joined)]


def _operand_offset(pieces: list[promql.Token], i: int, end: int) -> int:
    """Return the offset of the operand behind `on (…)`, `ignoring (…)`, `group_left (…)` and `bool`."""
    while i < len(pieces) and pieces[i].text.lower() in _MODIFIERS:
        i += 1
        if i < len(pieces) and pieces[i].text == "(" and pieces[i - 1].text.lower() != "bool":
            while pieces[i].text != ")":
                i += 1
            i += 1
    return pieces[i].offset if i < len(pieces) else end


def _depth_change(token: promql.Token) -> int:
    if token.kind != "op":
        return 0
    return (token.text in "([{") - (token.text in ")]}")


def _split_comparison(text: str, base: int) -> list[Part]:
    """Return what an expression without outer set operators compares; the last comparison is the outermost."""
    depth = 0
    found: Part | None = None
    pieces = promql.tokenize(text)
    for i, token in enumerate(pieces):
        depth += _depth_change(token)
        if depth == 0 and token.kind == "op" and token.text in _COMPARISONS:
            if i + 1 < len(pieces) and pieces[i + 1].text.lower() == "bool":
                continue  # gives 0 or 1 and filters nothing
            right = text[_operand_offset(pieces, i + 1, len(text)) :]
            found = Part(text[: token.offset].strip(), token.text, right.strip(), base + token.offset)
    if found is not None:
        return [found]
    if inner := _bracket_content(pieces):
        start, end = inner
        return _split_at(text[start:end], base + start)
    return [Part(text.strip(), "", "", base + len(text) - len(text.lstrip()))]


def _bracket_content(pieces: list[promql.Token]) -> tuple[int, int] | None:
    """Return what is inside if one pair of brackets encloses everything."""
    if not pieces or pieces[0].text != "(" or pieces[-1].text != ")":
        return None
    depth = 0
    for token in pieces[:-1]:
        depth += _depth_change(token)
        if depth == 0:
            return None
    return pieces[0].offset + 1, pieces[-1].offset
