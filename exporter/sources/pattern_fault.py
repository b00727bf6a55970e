"""Faults of regular expressions that users write: they are invalid, or may take exponential time.

The latter are repetitions whose whole body is itself a repetition. Matching holds the interpreter's lock, so that one
such expression stops the whole exporter.
"""

from __future__ import annotations

import re
from re import _constants, _parser  # type: ignore[attr-defined]  # the parse tree has no public interface
from typing import Any

_REPEATS = (_constants.MAX_REPEAT, _constants.MIN_REPEAT)
_POSITIONS = (_constants.AT, _constants.ASSERT, _constants.ASSERT_NOT)
_MANY = 8  # repetitions; the number of ways to divide a text among fewer is small


def find_pattern_fault(pattern: str) -> str:
    """Return the message of a Problem about a regular expression; '' for one that is sound."""
    try:
        re.compile(pattern)
    except re.error as error:
        return f"not a regular expression: {error}"
    if is_ambiguous(pattern):
        return "a repetition is repeated, as in (a+)+, so that matching may take years; repeat once"
    return ""


def is_ambiguous(pattern: str) -> bool:
    r"""Return whether a pattern repeats what is a repetition, such as `(a+)+` or `(\w+ ?)*`.

    A text of such a pattern can be divided in exponentially many ways, all of which are tried where a line does not
    match. With a separator that is not optional, as in `(\w+ )*`, or a possessive inner repetition there is one way.
    Raises re.error if the pattern is invalid.
    """
    return _has_ambiguity(_parser.parse(pattern))


def _has_ambiguity(tree: Any) -> bool:
    for operation, value in tree:
        if operation in _REPEATS and value[1] >= _MANY and _is_one_repetition(value[2]):
            return True
        if any(_has_ambiguity(inner) for inner in _list_parts(value)):
            return True
    return False


def _is_one_repetition(body: Any) -> bool:
    """Return whether a single repetition can match all that the body does: everything beside it is optional."""
    for i, (operation, value) in enumerate(body):
        others = [j for j in range(len(body)) if j != i]
        if any(body[j][0] in _POSITIONS or body[j : j + 1].getwidth()[0] > 0 for j in others):
            continue
        if operation in _REPEATS:
            lowest, highest, repeated = value
            several = (highest >= _MANY or lowest < highest > 1) and repeated.getwidth()[1] > 0
            is_one = several or _is_one_repetition(repeated)
        elif operation is _constants.SUBPATTERN:
            is_one = _is_one_repetition(value[-1])
        else:
            is_one = operation is _constants.BRANCH and any(map(_is_one_repetition, value[1]))
        if is_one:
            return True
    return False


def _list_parts(value: Any) -> list[Any]:
    """Return the parse trees inside the value of an operation."""
    if isinstance(value, _parser.SubPattern):
        return [value]
    if isinstance(value, (tuple, list)):
        return [tree for item in value for tree in _list_parts(item)]
    return []
