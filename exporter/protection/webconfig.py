"""`web-config.yml`: the configuration of TLS, client certificates and passwords for Prometheus exporters.

The format is exporter-toolkit's (docs/web-configuration.md there). Settings that Python's `ssl` does not support, or
that would protect nothing, are rejected with the reason; no setting is ignored silently.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from deckwatch.core import units, yaml_file
from deckwatch.core.own_command import format_command
from deckwatch.core.problems import InvalidInput, Place, Problem
from deckwatch.core.subprocess_call import call_in_child

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deckwatch.core.yaml_file import Document
    from deckwatch.core.yaml_file import Path as YamlPath

SCHEMA = Path(__file__).with_name("web-config.schema.yaml")
REQUIRED, IF_GIVEN, NONE = "RequireAndVerifyClientCert", "VerifyClientCertIfGiven", "NoClientCert"
MAX_COST = 16  # of bcrypt: about 4 s, doubling with each step

_TLS, _USERS = "tls_server_config", "basic_auth_users"
_UNVERIFIED = ("RequestClientCert", "RequireClientCert", "RequireAnyClientCert")
_BROKEN_VERSIONS = ("TLS10", "TLS11")
_HASH = re.compile(r"\$2[abxy]\$(0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{53}")
_SECRET_KEY = re.compile(r"\b(?:basic_auth_users|key)[\"']?\s*:")


class Pem(NamedTuple):
    """Certificates or a key in PEM: the path of a file, or the text itself; and its place in the configuration."""

    path: Path | None
    text: str
    place: Place
    hidden: bool = False


@dataclass(frozen=True)
class Tls:
    """The server's certificate, the clients it accepts, and the protocol versions and ciphers."""

    certificate: Pem
    key: Pem
    client_ca: Pem | None = None
    client_auth: str = NONE
    client_sans: tuple[str, ...] = ()
    min_version: str = "TLS12"
    max_version: str = "TLS13"
    ciphers: tuple[str, ...] = ()  # by their names in Go and at the IANA
    curve: str = ""
    prefer_server_order: bool = True

    @property
    def files(self) -> list[Path]:
        """The paths of the PEM files."""
        return [pem.path for pem in (self.certificate, self.key, self.client_ca) if pem is not None and pem.path]


class RateLimit(NamedTuple):
    """One request per `seconds`, and up to `burst` at once after a pause."""

    seconds: float
    burst: int


@dataclass(frozen=True)
class WebConfig:
    """A validated file. `users` maps names to bcrypt hashes; empty means no authentication."""

    tls: Tls | None = None
    headers: tuple[tuple[str, str], ...] = ()
    users: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    rate: RateLimit | None = None


def load_config(path: Path) -> WebConfig:
    """Read and validate a file; raises InvalidInput with all problems. Paths in it are relative to its folder."""
    try:
        document = yaml_file.read_yaml(path)
    except InvalidInput as error:
        raise InvalidInput(_hide_secrets(error.problems, _file_text(path))) from None
    # In a child process, since the validator takes 8 MB.
    schema_problems: dict[YamlPath, Problem] = call_in_child(lambda: _schema_problems(document))
    problems = [*schema_problems.values(), *_secret_problems(document)]
    if not schema_problems:
        problems += _semantic_problems(document)
    if problems:
        raise InvalidInput(_hide_secrets(problems, document.text))
    return _build_config(document, path.parent)


def _file_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _schema_problems(document: Document) -> dict[YamlPath, Problem]:
    from deckwatch.core.schema import Schema  # noqa: PLC0415 - not kept in a long-lived process

    problems = Schema(yaml_file.read_yaml(SCHEMA).data).problems_by_path(document)
    return {path: replace(problem, hidden=_may_be_secret(document, path)) for path, problem in problems.items()}


def _may_be_secret(document: Document, path: YamlPath) -> bool:
    """Return whether an invalid value may be a password on an unindented line, or a key under a wrong name."""
    value = document.data
    for step in path:
        value = value[step]
    return isinstance(value, str) and (len(path) == 1 or "PRIVATE KEY" in value)


def _hide_secrets(problems: list[Problem], text: str) -> list[Problem]:
    """Return the problems, with the source hidden for lines that may contain a key or a password."""
    lines = secret_lines(text)
    return [replace(problem, hidden=problem.hidden or problem.place.line in lines) for problem in problems]


def secret_lines(text: str) -> set[int]:
    """Return the numbers of the lines that may contain a key or a hash (or, by mistake, a password).

    This works on text, since the problems of invalid YAML are printed too: it takes the lines after a secret's key that
    are indented deeper, or all lines if a brace is open.
    """
    numbers: set[int] = set()
    depth: float | None = None
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.lstrip(" ")
        indent = len(line) - len(bare)
        if depth is not None and bare and indent <= depth:
            depth = None
        if depth is None and _SECRET_KEY.search(line.partition(" #")[0]):
            depth = -1 if line.count("{") > line.count("}") else indent
            numbers.add(number)
        if depth is not None:
            numbers.add(number)
    return numbers


def _secret_problems(document: Document) -> Iterator[Problem]:
    """Yield problems with secrets, in messages that do not repeat them."""
    data = document.data if isinstance(document.data, dict) else {}
    tls = data.get(_TLS)
    if isinstance(tls, dict) and "key" in tls and not isinstance(tls["key"], str):
        yield document.problem(
            (_TLS, "key"), "expected the key itself, in PEM", "the name of a file goes into key_file"
        )
    users = data.get(_USERS)
    if users is None:
        return
    if not isinstance(users, dict):
        yield document.problem((_USERS,), "expected a mapping (name: bcrypt hash)")
        return
    for name, value in users.items():
        path = (_USERS, name)
        if not name or ":" in name:
            yield document.problem(path, "a user's name must not be empty or contain a colon", key=True)
        match = _HASH.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            message = f"the value of {name} is not a bcrypt hash such as $2y$10$…"
            yield document.problem(path, message, f"`{format_command('password', project=Path())}` makes one", key=True)
        elif int(match[1]) > MAX_COST:
            message = f"the hash of {name} has the cost {match[1]}: a check would take longer than a scrape timeout"
            yield document.problem(path, message, "10 to 12 is usual", key=True)


def _semantic_problems(document: Document) -> Iterator[Problem]:
    """Yield problems beyond the structure."""
    tls: dict[str, Any] = (document.data or {}).get(_TLS) or {}

    def tls_problem(key: str, message: str, hint: str = "") -> Problem:
        return document.problem((_TLS, key) if key in tls else (_TLS,), message, hint, key=key not in tls)

    for file, text in (("cert_file", "cert"), ("key_file", "key"), ("client_ca_file", "client_ca")):
        if file in tls and text in tls:
            yield tls_problem(text, f"{file} is also set: give only one of the two")
        if tls and file not in tls and text not in tls and text != "client_ca":
            yield tls_problem("", f"{file} is missing")
    auth = tls.get("client_auth_type", NONE)
    has_client_ca = "client_ca_file" in tls or "client_ca" in tls
    if auth in _UNVERIFIED:
        message = f"{auth} accepts any certificate, including self-signed ones, which protects nothing"
        yield tls_problem("client_auth_type", message, f"did you mean {REQUIRED}?")
    elif auth == NONE and has_client_ca:
        key = "client_ca_file" if "client_ca_file" in tls else "client_ca"
        yield tls_problem(key, "clients are not asked for certificates", f"set client_auth_type: {REQUIRED}")
    elif auth != NONE and not has_client_ca:
        yield tls_problem("client_auth_type", "client_ca_file is missing: it verifies the clients' certificates")
    if "client_allowed_sans" in tls and auth != REQUIRED:
        message = "a client without a certificate is not checked against this list"
        yield tls_problem("client_allowed_sans", message, f"set client_auth_type: {REQUIRED}")
    for key in ("min_version", "max_version"):
        if tls.get(key) in _BROKEN_VERSIONS:
            yield tls_problem(key, f"{tls[key]} is insecure and not supported", "TLS12 or TLS13")
    if tls.get("min_version") == "TLS13" and tls.get("max_version") == "TLS12":
        yield tls_problem("max_version", "is below min_version")
    if len(tls.get("curve_preferences", ())) > 1:
        message = "Python supports only one curve, not a list in order of preference"
        yield tls_problem("curve_preferences", message, "give one, or none")
    interval = ((document.data or {}).get("rate_limit") or {}).get("interval", 0)
    if isinstance(interval, int) and interval != 0:
        yield document.problem(("rate_limit", "interval"), f"{interval} has no unit", "such as 500ms or 1s")


def _build_config(document: Document, folder: Path) -> WebConfig:
    data = document.data or {}
    rate = data.get("rate_limit")
    interval = units.parse_duration(rate["interval"]) if rate and str(rate["interval"]) != "0" else 0.0
    headers = (data.get("http_server_config") or {}).get("headers") or {}
    return WebConfig(
        _build_tls(document, data[_TLS], folder) if data.get(_TLS) else None,
        tuple((name.lower(), value) for name, value in headers.items() if value),
        {name: value.encode("ascii") for name, value in (data.get(_USERS) or {}).items()},
        RateLimit(interval, rate["burst"]) if rate and interval else None,
    )


def _build_tls(document: Document, block: Mapping[str, Any], folder: Path) -> Tls:
    lines = secret_lines(document.text)

    def read_pem(key: str) -> Pem | None:
        for keyword, is_path in ((f"{key}_file", True), (key, False)):
            if keyword in block:
                place = document.place((_TLS, keyword))
                path = folder / block[keyword] if is_path else None
                return Pem(path, "" if is_path else block[keyword], place, place.line in lines)
        return None

    certificate, key = read_pem("cert"), read_pem("key")
    assert certificate is not None  # noqa: S101 - `_semantic_problems` has checked this
    assert key is not None  # noqa: S101
    return Tls(
        certificate,
        key,
        read_pem("client_ca"),
        block.get("client_auth_type", NONE),
        tuple(block.get("client_allowed_sans", ())),
        block.get("min_version", "TLS12"),
        block.get("max_version", "TLS13"),
        tuple(block.get("cipher_suites", ())),
        next(iter(block.get("curve_preferences", ())), ""),
        block.get("prefer_server_cipher_suites", True),
    )
