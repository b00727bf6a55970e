"""Read and edit PromQL that may contain Grafana's variables: selectors, labels and their offsets.

`promql-parser` checks the syntax, but it gives no positions and does not know Grafana's variables; our tokenizer
supplies both. Grammar: https://prometheus.io/docs/prometheus/latest/querying/basics/
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from deckwatch.core import promql_errors, promql_parser_text
from deckwatch.core.promql_tokens import CLOSING_BRACKETS, KEYWORDS, LABEL_LIST_KEYWORDS, PromqlError, Token, tokenize

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = [
    "Matcher",
    "PromqlError",
    "Selector",
    "Token",
    "check_syntax",
    "find_selectors",
    "grouping_labels",
    "tokenize",
    "with_matchers",
    "with_window",
    "without_variables",
]


_MATCH_OPERATOR = re.compile(r"[=!]")
_HOLT_WINTERS = re.compile(r"\bholt_winters(?=\s*\()")


class Matcher(NamedTuple):
    """`label op "value"` inside braces."""

    label: str
    op: str
    value: str
    offset: int


@dataclass(frozen=True, slots=True)
class Selector:
    """A selector of series. `end` is the offset after the metric name or the closing brace."""

    metric: str | None
    matchers: tuple[Matcher, ...]
    offset: int
    brace: int | None  # offset of `{`, if any
    end: int
    function: str | None  # the innermost enclosing function
    window: str | None  # the text inside `[…]`, if any


def find_selectors(text: str) -> list[Selector]:
    """Return all selectors of an expression, in order. Raises PromqlError."""
    return list(_find_selectors_cached(text))


@functools.lru_cache(maxsize=4096)
def _find_selectors_cached(text: str) -> tuple[Selector, ...]:
    return tuple(_iter_selectors(tokenize(text), text))


def _iter_selectors(tokens: list[Token], text: str) -> Iterator[Selector]:
    stack: list[str | None] = []
    i = 0
    while i < len(tokens):
        token = tokens[i]
        following = tokens[i + 1].text if i + 1 < len(tokens) else ""
        if token.kind == "name" and token.text.lower() in LABEL_LIST_KEYWORDS and following == "(":
            while tokens[i].text != ")":
                i += 1
        elif token.text == "(":
            stack.append(_enclosing_function(tokens, i))
        elif token.text == ")":
            if stack:
                stack.pop()
        elif promql_parser_text.is_range_modifier(tokens, i):
            pass
        elif token.text == "{" or _is_metric(token, following, tokens[i - 1].text if i else ""):
            function = next((name for name in reversed(stack) if name), None)
            selector, i = _parse_selector(tokens, i, text, function)
            yield selector
            continue
        i += 1


def _is_metric(token: Token, following: str, before: str) -> bool:
    if token.kind != "name" or following == "(" or before == "@":
        return False
    # `sum by (x) (…)`: an aggregation with its grouping before the argument
    if following.lower() in ("by", "without"):
        return False
    return token.text.lower() not in KEYWORDS


def _enclosing_function(tokens: list[Token], opening: int) -> str | None:
    """Return the function or aggregation of an opening bracket."""
    i = opening - 1
    if i >= 0 and tokens[i].text == ")":
        while i >= 0 and tokens[i].text != "(":
            i -= 1
        i -= 1
        if i >= 1 and tokens[i].text.lower() in ("by", "without"):
            return tokens[i - 1].text.lower()
        return None
    if i >= 0 and tokens[i].kind == "name" and tokens[i].text.lower() not in KEYWORDS:
        return tokens[i].text.lower()
    return None


def _parse_selector(tokens: list[Token], i: int, text: str, function: str | None) -> tuple[Selector, int]:
    first = tokens[i]
    metric = first.text if first.kind == "name" else None
    end = first.offset + len(first.text)
    brace: int | None = None
    matchers: list[Matcher] = []
    if metric is not None:
        i += 1
    if i < len(tokens) and tokens[i].text == "{":
        brace = tokens[i].offset
        i += 1
        while tokens[i].text != "}":
            if tokens[i - 1].text not in ("{", ",") and tokens[i].text != ",":
                raise PromqlError("a comma is missing between two matchers", tokens[i].offset)
            if tokens[i].kind in ("name", "string") and tokens[i + 1].text in ("=", "!=", "=~", "!~"):
                label, op, value = tokens[i : i + 3]
                if value.kind not in ("string", "variable"):
                    raise PromqlError(f"expected a quoted value after {op.text}", value.offset)
                matchers.append(Matcher(_unquote_text(label.text), op.text, _unquote_text(value.text), label.offset))
                i += 3
            elif tokens[i].kind == "string" and metric is None:  # {"name with dots"}, Prometheus 3
                metric = _unquote_text(tokens[i].text)
                i += 1
            elif tokens[i].text == ",":
                i += 1
            else:
                raise PromqlError('expected a label matcher such as label="value"', tokens[i].offset)
        end = tokens[i].offset + 1
        i += 1
    if metric is None:
        # Which metric `__name__="$metric"` selects is chosen in Grafana.
        names = [
            matcher.value
            for matcher in matchers
            if matcher.label == "__name__" and matcher.op == "=" and "$" not in matcher.value
        ]
        metric = names[0] if names else None
    window = None
    if i < len(tokens) and tokens[i].text == "[":
        start = tokens[i].offset + 1
        while tokens[i].text != "]":
            i += 1
        window = text[start : tokens[i].offset].strip()
        i += 1
    elif i < len(tokens) and tokens[i].kind == "variable" and tokens[i].text.startswith("[["):
        window = tokens[i].text
        i += 1
    return Selector(metric, tuple(matchers), first.offset, brace, end, function, window), i


def grouping_labels(text: str) -> Iterator[Token]:
    """Yield the labels in `by (…)`, `without (…)`, `on (…)`, `group_left (…)` and the like. Raises PromqlError."""
    inside = False
    before = ""
    for token in tokenize(text):
        if token.text == "(" and before.lower() in LABEL_LIST_KEYWORDS:
            inside = True
        elif token.text == ")":
            inside = False
        elif inside and token.kind == "name":
            yield token
        before = token.text


def _unquote_text(text: str) -> str:
    """Return the value of a quoted string; a bare name is returned unchanged."""
    if text[:1] == "`":
        return text[1:-1]
    if text[:1] in ("'", '"'):
        return re.sub(r"\\(.)", lambda match: {"n": "\n", "t": "\t"}.get(match[1], match[1]), text[1:-1])
    return text


@functools.lru_cache(maxsize=4096)  # many checks read the same expression
def without_variables(text: str) -> str:
    """Return the expression with Grafana's variables replaced by literals that parse.

    A variable becomes a duration inside brackets, a label in a list of labels, and a number elsewhere; inside quotes
    it needs no replacement.
    """
    result: list[str] = []
    position = 0
    inside: list[str] = []  # each open bracket: `[`, `(`, `{`, or the keyword before a list of labels
    before = ""
    tokens = tokenize(text)
    for i, token in enumerate(tokens):
        if token.text in CLOSING_BRACKETS and token.kind == "op":
            inside.append(before.lower() if before.lower() in LABEL_LIST_KEYWORDS else token.text)
        elif token.kind == "op" and token.text in ")]}":
            inside.pop()
        elif token.kind == "variable":
            duration = promql_parser_text.is_offset_duration(tokens, i) or inside[-1:] == ["["]
            listed = bool(inside) and inside[-1] in LABEL_LIST_KEYWORDS
            result.append(text[position : token.offset] + ("5m" if duration else "label" if listed else "1"))
            position = token.offset + len(token.text)
        before = token.text
    result.append(text[position:])
    return "".join(result)


@functools.lru_cache(maxsize=4096)
def check_syntax(text: str) -> None:
    """Raise PromqlError if an expression is not valid PromQL; Grafana's variables are allowed."""
    if not tokenize(text):
        raise PromqlError("the expression is empty")
    # Prometheus 3 renamed it and the parser knows only the new name; promql_versions checks which one the target has.
    plain = _HOLT_WINTERS.sub("double_exponential_smoothing", without_variables(text))
    try:
        find_selectors(text)  # its errors have positions
        promql_parser_text.parse_tree(plain)
    except PromqlError:
        raise
    except ValueError as error:
        raise PromqlError(*promql_errors.explain_error(str(error), text, tokenize(text))) from None


def with_matchers(text: str, matchers_for: Callable[[Selector], Sequence[str]]) -> str:
    """Return the expression with the matchers of `matchers_for`, such as `job=~"$job"`, added to each selector.

    A matcher on a label that the selector already restricts with = or =~ is not added.
    """
    result: list[str] = []
    position = 0
    for selector in find_selectors(text):
        present = {matcher.label for matcher in selector.matchers if matcher.op in ("=", "=~")}
        extra = [text for text in matchers_for(selector) if _MATCH_OPERATOR.split(text, maxsplit=1)[0] not in present]
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
