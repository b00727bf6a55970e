"""An alert's condition taken apart: what is compared with what.

Precedence is PromQL's: comparisons bind tighter than `and` and `unless`, those tighter than `or`.
"""

from __future__ import annotations

from typing import NamedTuple

from deckwatch.core import promql

_SETS = frozenset(("and", "or", "unless"))
_COMPARISONS = frozenset((">", "<", ">=", "<=", "==", "!="))
_MODIFIERS = frozenset(("on", "ignoring", "group_left", "group_right", "bool"))


class Part(NamedTuple):
    """One operand of the set operators: `left operator right`, or only `left` where nothing is compared."""

    left: str
    operator: str
    right: str
    offset: int  # of the operator in the whole text; of the operand where nothing is compared


def parts(text: str) -> list[Part]:
    """Return the operands of `and`, `or` and `unless`, from left to right. Raises PromqlError."""
    return _parts(text, 0)


def compares(text: str) -> bool:
    """Return whether an expression filters by a comparison, as an alert's must. Raises PromqlError."""
    return any(part.operator for part in parts(text))


def bracketed(text: str) -> str:
    """Return an expression such that a comparison can follow it. Raises PromqlError."""
    if _inside_brackets(promql.tokens(text)):
        return text
    found = parts(text)
    return f"({text})" if len(found) > 1 or found[0].operator else text


def _parts(text: str, base: int) -> list[Part]:
    operands = _split(text)
    if len(operands) == 1:
        start, end = operands[0]
        return _one(text[start:end], base + start)
    return [part for start, end in operands for part in _parts(text[start:end], base + start)]


def _split(text: str) -> list[tuple[int, int]]:
    """Return where the operands of the outermost set operators begin and end, their modifiers left out."""
    result: list[tuple[int, int]] = []
    start, depth, at_modifier = 0, 0, False
    pieces = promql.tokens(text)
    for i, token in enumerate(pieces):
        word = token.text.lower()
        if token.kind == "op" and token.text in "([{":
            depth += 1
        elif token.kind == "op" and token.text in ")]}":
            depth -= 1
            if depth == 0 and at_modifier:
                following = pieces[i + 1].text.lower() if i + 1 < len(pieces) else ""
                if following not in _MODIFIERS:
                    start, at_modifier = token.offset + 1, False
        elif depth == 0 and token.kind == "name" and word in _SETS:
            result.append((start, token.offset))
            start = token.offset + len(word)
            at_modifier = i + 1 < len(pieces) and pieces[i + 1].text.lower() in _MODIFIERS
    result.append((start, len(text)))
    return result


def _one(text: str, base: int) -> list[Part]:
    """Return what an expression without outer set operators compares; the last comparison is the outermost."""
    depth = 0
    found: Part | None = None
    pieces = promql.tokens(text)
    for i, token in enumerate(pieces):
        if token.kind == "op" and token.text in "([{":
            depth += 1
        elif token.kind == "op" and token.text in ")]}":
            depth -= 1
        elif depth == 0 and token.kind == "op" and token.text in _COMPARISONS:
            following = i + 1
            if following < len(pieces) and pieces[following].text.lower() == "bool":
                continue  # gives 0 or 1 and filters nothing
            while following < len(pieces) and pieces[following].text.lower() in _MODIFIERS:
                while pieces[following].text != ")":
                    following += 1
                following += 1
            right = text[pieces[following].offset :] if following < len(pieces) else ""
            found = Part(text[: token.offset].strip(), token.text, right.strip(), base + token.offset)
    if found is not None:
        return [found]
    if inner := _inside_brackets(pieces):
        start, end = inner
        return _parts(text[start:end], base + start)
    lead = len(text) - len(text.lstrip())
    return [Part(text.strip(), "", "", base + lead)]


def _inside_brackets(pieces: list[promql.Token]) -> tuple[int, int] | None:
    """Return what is inside if one pair of brackets encloses everything."""
    if not pieces or pieces[0].text != "(" or pieces[-1].text != ")":
        return None
    depth = 0
    for token in pieces[:-1]:
        depth += (token.kind == "op" and token.text in "([{") - (token.kind == "op" and token.text in ")]}")
        if depth == 0:
            return None
    return pieces[0].offset + 1, pieces[-1].offset
