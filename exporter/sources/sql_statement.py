"""SQL that users write: what can be checked without a database, and its parameter `:watermark`.

Databases enforce the rest: one statement per request, in a read-only transaction (`sql_postgres`, `sql_mysql`), or with
an authorizer (`sql_sqlite`).
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

WATERMARK = "watermark"
_PARAMETER = f":{WATERMARK}"
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
