"""Passwords in text that is shown: their letters become stars, and everything else stays where it is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# Too much is hidden rather than too little: a password may hold nearly everything, and a string that libpq refuses
# holds one too. What stands behind a colon and looks like a port is none.
_PORT = r"(?!\d{1,5}(?:[/?,\s\"'}\]]|$))"
_SECRETS = (
    re.compile(rf"://[^\s:/@]*:{_PORT}(\S*)@"),
    re.compile(rf"postgres(?:ql)?://[^:/@\n]*:{_PORT}(.*)@"),  # libpq's addresses may have spaces
    re.compile(r"(?i)password\s*=\s*(['\"].*|(?:\\.|\S)+)"),
    # A key that is none: where a password is looked for in vain, somebody writes it.
    re.compile(r"(?im)(?:^|[-{,?])\s*[\"']?(?:password|passwd|passphrase|secret|token)[\"']?:\s+(.*\S)"),
)


def mask_secrets(text: str) -> str:
    """Return a text of the same length, in which passwords of addresses and connection strings are stars."""
    letters = list(text)
    for start, end in _secret_spans(text):
        letters[start:end] = "*" * (end - start)
    return "".join(letters)


def _secret_spans(text: str) -> Iterator[tuple[int, int]]:
    for pattern in _SECRETS:
        for found in pattern.finditer(text):
            yield found.span(1)
