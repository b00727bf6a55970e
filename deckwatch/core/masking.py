"""Mask passwords in displayed text with asterisks; positions do not change."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

# Rather too much than too little: a password may contain almost any character, and a string that libpq rejects may
# still contain one. A number after a colon that looks like a port is not a password.
_PORT = r"(?!\d{1,5}(?:[/?,\s\"'}\]]|$))"
# Words in the names of keys with secrets. A key that ends in _file or _command names a file or a program.
_KEY = (
    r"(?![\w.-]*_(?:file|command)\b)[\w.-]*(?:pass|pwd|secret|token|credential|authorization|bearer|private"
    r"|(?:routing|api|service|integration|user|access|license)_?key|api_?url|(?:webhook|slack)_?url)[\w.-]*"
)
_SECRETS = (
    re.compile(rf"//[^\s:/@]*:{_PORT}(\S*)@"),  # also without a scheme, as people shorten addresses
    re.compile(rf"postgres(?:ql)?://[^:/@\n]*:{_PORT}(.*)@"),  # libpq's URIs may contain spaces
    re.compile(r"(?<!postgres:)(?<!postgresql:)//([^\s:/@]+)@"),  # a token in place of a user
    re.compile(r"(?i)password\s*=\s*(['\"].*|(?:\\.|\S)+)"),
    re.compile(r"(?i)[?&][\w.-]*(?:token|key|secret|passw|pwd|auth|cred|sig)[\w.-]*=([^&\s\"']+)"),
    re.compile(rf"(?<![\w/:@.])[\w.%+-]+:{_PORT}([^\s:/@]+)@[\w\[]"),  # user:secret@host
    re.compile(r"(?i)\b(?:bearer|basic)\s+(?=[\w.~+/=-]*[\d=])([\w.~+/=-]{4,})"),  # an Authorization header
    # Tokens of GitHub, GitLab, Grafana, Slack, AWS and others, and JSON web tokens, by their published prefixes.
    re.compile(r"\b((?:gh[opsur]_|github_pat_|gl(?:pat|dt|rt)-|gl(?:sa|c)_|xox[a-z]-|sk-|AKIA|ASIA|eyJ)[\w.+/=-]{8,})"),
)
# Not valid keys anywhere, or keys of Prometheus, Alertmanager and Grafana; people write and misspell them.
_SECRET_KEY = re.compile(rf"(?im)(?:^|[-{{,?])\s*[\"']?{_KEY}[\"']?:\s+(.*\S)")

_RANDOM = re.compile(
    r"(?<![^\W_])(?:[0-9a-fA-F]{32,}|(?=[^\Wa-z]*[a-z])(?=[^\WA-Z]*[A-Z])(?=[^\W\d]*\d)[^\W_]{20,})(?![^\W_])"
)
_SCHEME = re.compile(r"\W?(?:[A-Za-z][\w+.-]*:)?//")


def mask_secrets(text: str) -> str:
    """Return a text of the same length, with secrets in addresses, connection strings and under telling keys masked."""
    return _mask_matches((*_SECRETS, _SECRET_KEY), text)


def mask_secret_forms(text: str) -> str:
    """Return a text of the same length, with whatever looks like a secret masked, whichever key it has."""
    return _RANDOM.sub(lambda match: "*" * len(match.group()), _mask_matches(_SECRETS, text))


def _mask_matches(patterns: Iterable[re.Pattern[str]], text: str) -> str:
    letters = list(text)
    for pattern in patterns:
        for match in pattern.finditer(text):
            start, end = match.span(1)
            letters[start:end] = "*" * (end - start)
    return "".join(letters)


def mask_address(text: str) -> str:
    """Return an address of the same length, of which only scheme, host, port and path are shown."""
    scheme = _SCHEME.match(text)
    start = scheme.end() if scheme else 0
    host = max(text.rfind("@") + 1, start)
    end = next((i for i in range(host, len(text)) if text[i] in "?#"), len(text))
    shown = _RANDOM.sub(lambda match: "*" * len(match.group()), text[host:end])
    authority, slash, path = shown.partition("/")
    name, colon, port = authority.rpartition(":")
    if colon and not port.strip("\"'").isdigit() and "]" not in port:
        authority = name + colon + "*" * len(port)
    return text[:start] + "*" * (host - start) + authority + slash + path + "*" * (len(text) - end)


def mask_if_address(text: str) -> str:
    """Return a value of any kind, masked as an address if it begins like one."""
    return mask_address(text) if _SCHEME.match(text) else text


def mask_file_name(text: str) -> str:
    """Return the name of a file with a secret, masked unless it is a path: people write the secret in its place."""
    is_path = text.strip("\"'").startswith(("/", "./", "../", "~/")) and not set("@=:+") & set(text)
    return text if is_path else "*" * len(text)


def describe_secret_file(path: Path) -> str:
    """Return the name of a file with a secret for a message, unless it may be the secret itself."""
    text = str(path)
    is_name = path.exists() or mask_file_name(text) == text
    return text if is_name else "the file with the secret (a name that is not a path is not shown)"
