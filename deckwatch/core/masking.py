"""Mask passwords in displayed text with asterisks; positions do not change."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# Rather too much than too little: a password may contain almost any character, and a string that libpq rejects may
# still contain one. A number after a colon that looks like a port is not a password.
_PORT = r"(?!\d{1,5}(?:[/?,\s\"'}\]]|$))"
_SECRETS = (
    re.compile(rf"://[^\s:/@]*:{_PORT}(\S*)@"),
    re.compile(rf"postgres(?:ql)?://[^:/@\n]*:{_PORT}(.*)@"),  # libpq's URIs may contain spaces
    re.compile(r"(?i)password\s*=\s*(['\"].*|(?:\\.|\S)+)"),
    # Not a valid key anywhere, but people write it.
    re.compile(r"(?im)(?:^|[-{,?])\s*[\"']?(?:password|passwd|passphrase|secret|token)[\"']?:\s+(.*\S)"),
)


def mask_secrets(text: str) -> str:
    """Return a text of the same length, with passwords in addresses and connection strings masked."""
    letters = list(text)
    for start, end in _secret_spans(text):
        letters[start:end] = "*" * (end - start)
    return "".join(letters)


def _secret_spans(text: str) -> Iterator[tuple[int, int]]:
    for pattern in _SECRETS:
        for match in pattern.finditer(text):
            yield match.span(1)
