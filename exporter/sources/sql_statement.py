"""SQL that users write: what can be checked without a database, and its parameter `:watermark`.

Databases enforce the rest: one statement per request, in a read-only transaction (`sql_postgres`, `sql_mysql`), or with
an authorizer (`sql_sqlite`).
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

WATERMARK = "watermark"
_PARAMETER = f":{WATERMARK}"
_LIST_ENDS = ("FROM", "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "UNION", "EXCEPT", "INTERSECT", "FETCH", "WINDOW")
_READING_WORDS = ("SELECT", "WITH", "VALUES", "TABLE")

# Strings, quoted names and comments first: what they contain is no SQL. An unterminated one extends to the end.
_REST = r"""
    |(?P<cast>::)
    |(?P<parameter>:[A-Za-z_]\w*)
    |(?P<word>[A-Za-z_]\w*)
    |(?P<end>;)
    |(?P<other>.)
"""
_STANDARD = (
    r"""
    (?P<space>\s+|--[^\n]*|/\*.*?(?:\*/|\Z))
    |(?P<quoted>'(?:[^']|'')*(?:'|\Z)|"(?:[^"]|"")*(?:"|\Z)|`[^`]*(?:`|\Z)
        |\$(?P<tag>[A-Za-z_]\w*|)\$.*?(?:\$(?P=tag)\$|\Z))
    """
    + _REST
)
# MySQL's: backslashes in strings, comments after #, and no dollar quotes.
_MYSQL = (
    r"""
    (?P<space>\s+|(?:--(?=\s|\Z)|\#)[^\n]*|/\*.*?(?:\*/|\Z))
    |(?P<quoted>'(?:[^'\\]|\\.|'')*(?:'|\Z)|"(?:[^"\\]|\\.|"")*(?:"|\Z)|`[^`]*(?:`|\Z))
    """
    + _REST
)


def find_fault(sql: str, *, has_watermark: bool, is_mysql: bool = False) -> str | None:
    """Return the reason why a statement is not accepted; None if it is."""
    tokens = [(kind, text) for kind, text in _split_tokens(sql, is_mysql=is_mysql) if kind != "space"]
    if not tokens:
        return "the query is empty"
    kind, first = next((token for token in tokens if token[1] != "("), tokens[0])
    if kind != "word" or first.upper() not in _READING_WORDS:
        return f"{first} does not begin a query; expected one of {', '.join(_READING_WORDS)}"
    if any(kind == "end" for kind, _ in tokens[:-1]):
        return "the query has more than one statement"
    if any(kind == "word" and text.upper() == "INTO" for kind, text in tokens):
        return "INTO writes what is selected; a query only reads"
    parameters = [text for kind, text in tokens if kind == "parameter"]
    if unknown := [text for text in parameters if text != _PARAMETER]:
        return f"unknown parameter {unknown[0]}; the only one is {_PARAMETER}"
    if has_watermark and not parameters:
        return f"the query does not use {_PARAMETER}, so it would read every row again each time"
    if parameters and not has_watermark:
        return f"{_PARAMETER} needs `watermark:`, the column whose newest value it stands for"
    return None


class SelectList(NamedTuple):
    """The columns of a result, in lower case: `names` are certain, `possible` may be the names of the other ones."""

    names: tuple[str, ...]
    possible: frozenset[str]

    def may_have(self, column: str) -> bool:
        """Return whether the result may have a column.

        Databases differ in how they fold letters, and name an expression by its function, its column or its text.
        """
        is_expression = bool(self.possible) and not column.isidentifier()
        return is_expression or column.lower() in self.names or column.lower() in self.possible


def read_select_list(sql: str, *, is_mysql: bool = False) -> SelectList | None:
    """Return the columns that a statement selects; None where only the database knows, as with an asterisk."""
    names: list[str] = []
    possible: set[str] = set()
    items = list(_split_select_list(sql, is_mysql=is_mysql))
    for item in items:
        words = [_unquote(text).lower() for kind, text in item if kind in ("word", "quoted")]
        if not words or item[-1][1] == "*":
            return None
        is_chain = all(
            kind in ("word", "quoted") if at % 2 == 0 else text == "." for at, (kind, text) in enumerate(item)
        )
        has_alias = len(item) > 1 and item[-2][1].upper() == "AS" and item[-1][0] in ("word", "quoted")
        if (is_chain and item[0][0] == "word") or has_alias:
            names.append(words[-1])
        else:
            possible.update(words)
    return SelectList(tuple(names), frozenset(possible)) if items else None


def _split_select_list(sql: str, *, is_mysql: bool) -> Iterator[list[tuple[str, str]]]:
    """Yield the tokens of each item between the first SELECT outside of brackets and its FROM."""
    depth, is_inside, before = 0, False, ""
    item: list[tuple[str, str]] = []
    for kind, text in _split_tokens(sql, is_mysql=is_mysql):
        if kind == "space":
            continue
        word = text.upper() if kind == "word" and depth == 0 else ""
        depth += {"(": 1, ")": -1}.get(text, 0)
        if not is_inside:
            is_inside = word == "SELECT"
        elif (word in _LIST_ENDS and before not in ("DISTINCT", "WITHIN")) or kind == "end":  # but IS DISTINCT FROM
            break
        elif text == "," and depth == 0:
            yield item
            item = []
        elif item or word not in ("ALL", "DISTINCT"):
            item.append((kind, text))
        before = word
    if item:
        yield item


def _unquote(text: str) -> str:
    quote = text[0]
    return text[1:].removesuffix(quote).replace(quote * 2, quote) if quote in "\"'`" else text


def without_end(sql: str, *, is_mysql: bool = False) -> str:
    """Return a statement without the semicolon after it."""
    return "".join(text for kind, text in _split_tokens(sql, is_mysql=is_mysql) if kind != "end")


def to_percent_style(sql: str, *, is_mysql: bool = False) -> str:
    """Return a statement with `%(watermark)s` for `:watermark`, and every other % doubled."""
    tokens = _split_tokens(sql, is_mysql=is_mysql)
    return "".join(
        f"%({WATERMARK})s" if kind == "parameter" and text == _PARAMETER else text.replace("%", "%%")
        for kind, text in tokens
    )


def _split_tokens(sql: str, *, is_mysql: bool) -> Iterator[tuple[str, str]]:
    for match in _compile_tokens(is_mysql=is_mysql).finditer(sql):
        kind = match.lastgroup or "other"
        yield ("quoted" if kind == "tag" else kind), match.group()


@functools.cache
def _compile_tokens(*, is_mysql: bool) -> re.Pattern[str]:
    """Compile at the first use: it takes 10 ms, which an exporter without queries need not spend."""
    return re.compile(_MYSQL if is_mysql else _STANDARD, re.VERBOSE | re.DOTALL)
