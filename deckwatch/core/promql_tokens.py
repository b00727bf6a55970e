"""Split PromQL into tokens with their offsets, Grafana's variables included."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOKEN = re.compile(
    r"""
    (?P<space>\s+) | (?P<comment>\#[^\n]*)
  | (?P<string>"(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*' | `[^`]*`)
  | (?P<variable>\$\{[^}]*\} | \$\w+ | \[\[\w+(?::\w+)?\]\])
  | (?P<duration>(?:\d+(?:ms|[smhdwy]))+(?![\w.]))
  | (?P<number>0[xX][0-9a-fA-F]+(?:_[0-9a-fA-F]+)*
           | (?:\d+(?:_\d+)*\.?(?:\d+(?:_\d+)*)?|\.\d+(?:_\d+)*)(?:[eE][-+]?\d+)?)
  | (?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)
  | (?P<op></|>/|=~|!~|!=|==|>=|<=|[-+*/%^<>=(){}\[\],:@])
    """,
    re.VERBOSE,
)
LABEL_LIST_KEYWORDS = frozenset(("by", "without", "on", "ignoring", "group_left", "group_right"))
KEYWORDS = LABEL_LIST_KEYWORDS | frozenset(
    ("and", "or", "unless", "atan2", "bool", "offset", "start", "end", "inf", "nan")
)
CLOSING_BRACKETS = {"(": ")", "[": "]", "{": "}"}
# The native parser crashes the process on a stack overflow; no real expression comes near these limits.
_MAX_BRACKETS, _MAX_OPERATORS = 100, 1000
_REPLACEMENT = "\ufffd"  # Prometheus rejects it even in strings
_OPERATORS = frozenset(("+", "-", "*", "/", "%", "^", "==", "!=", ">", "<", ">=", "<=", "</", ">/"))
_WORD_OPERATORS = frozenset(("and", "or", "unless", "atan2"))


class PromqlError(ValueError):
    """A syntax error, with the offset of its first character."""

    def __init__(self, message: str, offset: int = 0) -> None:
        super().__init__(message)
        self.offset = offset


class Token(NamedTuple):
    """A token of an expression; its kind is the name of the group in the pattern above."""

    kind: str
    text: str
    offset: int


def tokenize(text: str) -> list[Token]:
    """Split an expression into tokens; raises PromqlError for an unexpected character or an unclosed bracket."""
    result = _tokenize_cached(text)
    if isinstance(result, PromqlError):
        raise PromqlError(str(result), result.offset)
    return list(result)


@functools.lru_cache(maxsize=4096)  # many checks read the same expression, valid or not
def _tokenize_cached(text: str) -> tuple[Token, ...] | PromqlError:
    try:
        return tuple(_iterate_tokens(text))
    except PromqlError as error:
        return PromqlError(str(error), error.offset)


def _iterate_tokens(text: str) -> Iterator[Token]:
    if _REPLACEMENT in text:
        raise PromqlError(_explain_character(_REPLACEMENT), text.index(_REPLACEMENT))
    opened: list[Token] = []
    operators = position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise PromqlError(_explain_character(text[position]), position)
        token = Token(match.lastgroup or "", match.group(), match.start())
        if token.text.startswith(":") and opened and opened[-1].text == "[":
            token = Token("op", ":", position)  # the colon of a subquery; elsewhere a rule name may start with one
        position += len(token.text)
        if token.kind in ("space", "comment"):
            continue
        yield token
        operators += _is_operator(token)
        if operators > _MAX_OPERATORS:
            raise PromqlError(f"more than {_MAX_OPERATORS} operators in one expression")
        if token.kind == "op" and token.text in CLOSING_BRACKETS:
            opened.append(token)
            if len(opened) > _MAX_BRACKETS:
                raise PromqlError(f"more than {_MAX_BRACKETS} levels of brackets", token.offset)
        elif token.kind == "op" and token.text in ")]}":
            if not opened or CLOSING_BRACKETS[opened[-1].text] != token.text:
                raise PromqlError(f"{token.text!r} has no opening bracket", token.offset)
            opened.pop()
    if opened:
        raise PromqlError(f"{opened[-1].text!r} is not closed", opened[-1].offset)


def _is_operator(token: Token) -> bool:
    return token.text in _OPERATORS if token.kind == "op" else token.text.lower() in _WORD_OPERATORS


def _explain_character(character: str) -> str:
    if character == _REPLACEMENT:
        return "a character that is not valid UTF-8"
    if character in "\"'`":
        return "this string is not closed"
    return f"unexpected {character!r}" + (": a matcher is =, !=, =~ or !~" if character == "~" else "")
