"""PromQL as Grafana and people write it: names, labels, variables and where they stand.

`promql-parser` judges the syntax, but it gives no positions and does not know Grafana's variables; the tokenizer
here supplies both. Grammar: https://prometheus.io/docs/prometheus/latest/querying/basics/
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from deckwatch.core import promql_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_TOKEN = re.compile(
    r"""
    (?P<space>\s+) | (?P<comment>\#[^\n]*)
  | (?P<string>"(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*' | `[^`]*`)
  | (?P<variable>\$\{[^}]*\} | \$\w+ | \[\[\w+(?::\w+)?\]\])
  | (?P<duration>(?:\d+(?:ms|[smhdwy]))+(?![\w.]))
  | (?P<number>0[xX][0-9a-fA-F]+ | (?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)
  | (?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)
  | (?P<op>=~|!~|!=|==|>=|<=|[-+*/%^<>=(){}\[\],:@])
    """,
    re.VERBOSE,
)
_LISTS = frozenset(("by", "without", "on", "ignoring", "group_left", "group_right"))
_KEYWORDS = _LISTS | frozenset(("and", "or", "unless", "atan2", "bool", "offset", "start", "end", "inf", "nan"))
_CLOSING = {"(": ")", "[": "]", "{": "}"}
# The parser is native code that ends the whole process where the stack ends; nobody writes such expressions.
_MAX_BRACKETS, _MAX_OPERATORS = 100, 500


class PromqlError(ValueError):
    """A fault in an expression, with the offset of the character where it stands."""

    def __init__(self, message: str, offset: int = 0) -> None:
        super().__init__(message)
        self.offset = offset


class Token(NamedTuple):
    """A piece of an expression: its kind is the name of its group in the pattern above."""

    kind: str
    text: str
    offset: int


class Matcher(NamedTuple):
    """`label op "value"` inside braces."""

    label: str
    op: str
    value: str
    offset: int


@dataclass(frozen=True, slots=True)
class Selector:
    """A selection of series. `end` is the offset behind the metric's name or the closing brace."""

    metric: str | None
    matchers: tuple[Matcher, ...]
    offset: int
    brace: int | None  # offset of `{`, if there is one
    end: int
    function: str | None  # the function whose brackets are the nearest around it
    window: str | None  # the text inside `[…]`, if there is one


def tokenize(text: str) -> list[Token]:
    """Cut an expression into tokens; raises PromqlError at a character that fits nowhere, or an unclosed bracket."""
    return list(_tokenize_uncached(text))


@functools.lru_cache(maxsize=4096)  # one expression is looked at by many checks
def _tokenize_uncached(text: str) -> tuple[Token, ...]:
    result: list[Token] = []
    opened: list[Token] = []
    position = 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            what = "this text is not closed" if text[position] in "\"'`" else f"unexpected {text[position]!r}"
            what += ": a matcher is =, !=, =~ or !~" if text[position] == "~" else ""
            raise PromqlError(what, position)
        token = Token(found.lastgroup or "", found.group(), found.start())
        if token.text.startswith(":") and opened and opened[-1].text == "[":
            token = Token("op", ":", position)  # a subquery's colon; elsewhere a rule's name may begin with one
        position += len(token.text)
        if token.kind in ("space", "comment"):
            continue
        result.append(token)
        if token.kind == "op" and token.text in _CLOSING:
            opened.append(token)
            if len(opened) > _MAX_BRACKETS:
                raise PromqlError(f"more than {_MAX_BRACKETS} brackets in each other", token.offset)
        elif token.kind == "op" and token.text in ")]}":
            if not opened or _CLOSING[opened[-1].text] != token.text:
                raise PromqlError(f"{token.text!r} closes nothing", token.offset)
            opened.pop()
    if opened:
        raise PromqlError(f"{opened[-1].text!r} is not closed", opened[-1].offset)
    if sum(token.kind != "name" and token.text in "+-*/%^" for token in result) > _MAX_OPERATORS:
        raise PromqlError(f"more than {_MAX_OPERATORS} operators in one expression")
    return tuple(result)


def find_selectors(text: str) -> list[Selector]:
    """Return every selection of series in an expression, in order. Raises PromqlError."""
    return list(_find_selectors_cached(text))


@functools.lru_cache(maxsize=4096)
def _find_selectors_cached(text: str) -> tuple[Selector, ...]:
    return tuple(_iter_selectors(tokenize(text), text))


def _iter_selectors(all_tokens: list[Token], text: str) -> Iterator[Selector]:
    stack: list[str | None] = []
    i = 0
    while i < len(all_tokens):
        token = all_tokens[i]
        following = all_tokens[i + 1].text if i + 1 < len(all_tokens) else ""
        if token.kind == "name" and token.text.lower() in _LISTS and following == "(":
            while all_tokens[i].text != ")":
                i += 1
        elif token.text == "(":
            stack.append(_enclosing_function(all_tokens, i))
        elif token.text == ")":
            if stack:
                stack.pop()
        elif token.text == "{" or _is_metric(token, following, all_tokens[i - 1].text if i else ""):
            function = next((name for name in reversed(stack) if name), None)
            selector, i = _parse_selector(all_tokens, i, text, function)
            yield selector
            continue
        i += 1


def _is_metric(token: Token, following: str, before: str) -> bool:
    if token.kind != "name" or following == "(" or before == "@":
        return False
    # `sum by (x) (…)`: an aggregation whose grouping stands before its brackets
    if following.lower() in ("by", "without"):
        return False
    return token.text.lower() not in _KEYWORDS


def _enclosing_function(all_tokens: list[Token], opening: int) -> str | None:
    """Return the function or aggregation that an opening bracket belongs to."""
    i = opening - 1
    if i >= 0 and all_tokens[i].text == ")":
        while i >= 0 and all_tokens[i].text != "(":
            i -= 1
        i -= 1
        if i >= 1 and all_tokens[i].text.lower() in ("by", "without"):
            return all_tokens[i - 1].text.lower()
        return None
    if i >= 0 and all_tokens[i].kind == "name" and all_tokens[i].text.lower() not in _KEYWORDS:
        return all_tokens[i].text.lower()
    return None


def _parse_selector(all_tokens: list[Token], i: int, text: str, function: str | None) -> tuple[Selector, int]:
    first = all_tokens[i]
    metric = first.text if first.kind == "name" else None
    end = first.offset + len(first.text)
    brace: int | None = None
    matchers: list[Matcher] = []
    if metric is not None:
        i += 1
    if i < len(all_tokens) and all_tokens[i].text == "{":
        brace = all_tokens[i].offset
        i += 1
        while all_tokens[i].text != "}":
            if all_tokens[i].kind in ("name", "string") and all_tokens[i + 1].text in ("=", "!=", "=~", "!~"):
                label, op, value = all_tokens[i : i + 3]
                matchers.append(Matcher(_unquote_text(label.text), op.text, _unquote_text(value.text), label.offset))
                i += 3
            elif all_tokens[i].kind == "string" and metric is None:  # {"name with dots"}, Prometheus 3
                metric = _unquote_text(all_tokens[i].text)
                i += 1
            elif all_tokens[i].text == ",":
                i += 1
            else:
                raise PromqlError('expected a label matcher such as label="value"', all_tokens[i].offset)
        end = all_tokens[i].offset + 1
        i += 1
    if metric is None:
        named = [matcher for matcher in matchers if matcher.label == "__name__" and matcher.op == "="]
        metric = named[0].value if named else None
    window = None
    if i < len(all_tokens) and all_tokens[i].text == "[":
        start = all_tokens[i].offset + 1
        while all_tokens[i].text != "]":
            i += 1
        window = text[start : all_tokens[i].offset].strip()
        i += 1
    elif i < len(all_tokens) and all_tokens[i].kind == "variable" and all_tokens[i].text.startswith("[["):
        window = all_tokens[i].text
        i += 1
    return Selector(metric, tuple(matchers), first.offset, brace, end, function, window), i


def grouping_labels(text: str) -> Iterator[Token]:
    """Yield the labels that stand in lists: `by (…)`, `without (…)`, `on (…)`, `group_left (…)`. Raises PromqlError."""
    inside = False
    before = ""
    for token in tokenize(text):
        if token.text == "(" and before.lower() in _LISTS:
            inside = True
        elif token.text == ")":
            inside = False
        elif inside and token.kind == "name":
            yield token
        before = token.text


def _unquote_text(text: str) -> str:
    """Return what a quoted text stands for; a bare name stands for itself."""
    if text[:1] == "`":
        return text[1:-1]
    if text[:1] in ("'", '"'):
        return re.sub(r"\\(.)", lambda found: {"n": "\n", "t": "\t"}.get(found[1], found[1]), text[1:-1])
    return text


def without_variables(text: str) -> str:
    """Return the expression with Grafana's variables replaced by words that parse in their place.

    Inside brackets a variable becomes a duration, in a list of labels a label, elsewhere a number; inside quotes
    it is text already.
    """
    result: list[str] = []
    position = 0
    inside: list[str] = []  # what each open bracket is: `[`, `(`, `{`, or the word before a list of labels
    before = ""
    for token in tokenize(text):
        if token.text in _CLOSING and token.kind == "op":
            inside.append(before.lower() if before.lower() in _LISTS else token.text)
        elif token.kind == "op" and token.text in ")]}":
            inside.pop()
        elif token.kind == "variable":
            duration = before.lower() == "offset" or inside[-1:] == ["["]
            listed = bool(inside) and inside[-1] in _LISTS
            result.append(text[position : token.offset] + ("5m" if duration else "label" if listed else "1"))
            position = token.offset + len(token.text)
        before = token.text
    result.append(text[position:])
    return "".join(result)


@functools.lru_cache(maxsize=4096)
def check_syntax(text: str) -> None:
    """Raise PromqlError where an expression, with Grafana's variables allowed, is not PromQL."""
    import promql_parser  # noqa: PLC0415 - 5 ms that `serve` does not need

    if not tokenize(text):
        raise PromqlError("the expression is empty")
    # Prometheus 3 renamed it and the parser knows only the new name; which of them fits is told by promql_versions.
    plain = re.sub(r"\bholt_winters(?=\s*\()", "double_exponential_smoothing", without_variables(text))
    try:
        promql_parser.parse(plain)
    except ValueError as error:
        raise PromqlError(*promql_errors.explain_error(str(error), text, tokenize(text))) from None


def with_matchers(text: str, wanted: Callable[[Selector], Sequence[str]]) -> str:
    """Return the expression with matchers such as `job=~"$job"` added to each selection, as `wanted` says.

    A matcher on a label that the selection restricts to certain values already is not added.
    """
    result: list[str] = []
    position = 0
    for selector in find_selectors(text):
        present = {matcher.label for matcher in selector.matchers if matcher.op in ("=", "=~")}
        extra = [one for one in wanted(selector) if re.split(r"[=!]", one, maxsplit=1)[0] not in present]
        if not extra:
            continue
        at = selector.end if selector.brace is None else selector.brace + 1
        result.append(text[position:at])
        joined = ", ".join(extra)
        if selector.brace is None:
            result.append("{" + joined + "}")
        else:
            result.append(joined + (", " if selector.matchers else ""))
        position = at
    result.append(text[position:])
    return "".join(result)


def with_window(text: str, window: str) -> str:
    """Return the expression with `$__rate_interval`, `$__interval` and `$__range` replaced by one fixed window."""
    return re.sub(r"\$(?:__rate_interval|__interval|__range)\b|\$\{__(?:rate_interval|interval|range)\}", window, text)
