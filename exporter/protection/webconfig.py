"""`web-config.yml`: how Prometheus' exporters are told of TLS, client certificates and passwords.

The format is exporter-toolkit's (docs/web-configuration.md there). What it knows and Python's `ssl` cannot do, or what
would protect nothing, is refused with its reason; nothing that is written there is left aside in silence.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from deckwatch.core import units, yaml_file
from deckwatch.core.problems import InvalidInput, Place, Problem
from deckwatch.core.subprocess_call import call_in_child

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deckwatch.core.yaml_file import Document
    from deckwatch.core.yaml_file import Path as YamlPath

SCHEMA = Path(__file__).with_name("web-config.schema.yaml")
REQUIRED, IF_GIVEN, NONE = "RequireAndVerifyClientCert", "VerifyClientCertIfGiven", "NoClientCert"
MAX_COST = 16  # of bcrypt: about 4 s, and each step doubles it

_TLS, _USERS = "tls_server_config", "basic_auth_users"
_UNVERIFIED = ("RequestClientCert", "RequireClientCert", "RequireAnyClientCert")
_BROKEN_VERSIONS = ("TLS10", "TLS11")
_HASH = re.compile(r"\$2[abxy]\$(0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{53}")
_SECRET_KEY = re.compile(r"\b(?:basic_auth_users|key)[\"']?\s*:")


class Pem(NamedTuple):
    """Certificates or a key in PEM: a file's path, or the text itself; and where the configuration names it."""

    path: Path | None
    text: str
    place: Place
    hidden: bool = False


@dataclass(frozen=True)
class Tls:
    """The server's certificate, whom it lets in, and what it speaks."""

    certificate: Pem
    key: Pem
    client_ca: Pem | None = None
    client_auth: str = NONE
    client_sans: tuple[str, ...] = ()
    min_version: str = "TLS12"
    max_version: str = "TLS13"
    ciphers: tuple[str, ...] = ()  # as Go and the IANA call them
    curve: str = ""
    prefer_server_order: bool = True

    @property
    def files(self) -> list[Path]:
        """The files that it is read from."""
        return [one.path for one in (self.certificate, self.key, self.client_ca) if one is not None and one.path]


class RateLimit(NamedTuple):
    """One request each `seconds`, and so many at once after a rest."""

    seconds: float
    burst: int


@dataclass(frozen=True)
class WebConfig:
    """A checked file. `users` are bcrypt hashes by name; an empty one lets everybody in."""

    tls: Tls | None = None
    headers: tuple[tuple[str, str], ...] = ()
    users: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    rate: RateLimit | None = None


def load_config(path: Path) -> WebConfig:
    """Read and check a file; raises InvalidInput with everything that is wrong. Paths in it are relative to it."""
    try:
        document = yaml_file.read_yaml(path)
    except InvalidInput as error:
        raise InvalidInput(_hide_secrets(error.problems, _file_text(path))) from None
    # In a child process at the program's start: the validator takes 8 MB.
    faults: dict[YamlPath, Problem] = call_in_child(lambda: _schema_problems(document))
    problems = [*faults.values(), *_secret_problems(document)]
    if not faults:
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
    from deckwatch.core.schema import Schema  # noqa: PLC0415 - a process that lives long should not keep it

    found = Schema(yaml_file.read_yaml(SCHEMA).data).problems_by_path(document)
    return {path: replace(one, hidden=_may_be_secret(document, path)) for path, one in found.items()}


def _may_be_secret(document: Document, path: YamlPath) -> bool:
    """Return whether what is wrong may be a password whose line is not indented, or a key under a wrong name."""
    value = document.data
    for step in path:
        value = value[step]
    return isinstance(value, str) and (len(path) == 1 or "PRIVATE KEY" in value)


def _hide_secrets(problems: list[Problem], text: str) -> list[Problem]:
    """Return the problems, those in lines that may hold a key or a password marked so that these are not printed."""
    lines = secret_lines(text)
    return [replace(one, hidden=one.hidden or one.place.line in lines) for one in problems]


def secret_lines(text: str) -> set[int]:
    """Return the numbers of the lines that may hold a key or a hash (or, by mistake, a password).

    By their look, for a file that is no YAML has its problems printed too: what follows a secret's key, as far as it
    is indented deeper, or to the end where a brace is open.
    """
    found: set[int] = set()
    depth: float | None = None
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.lstrip(" ")
        indent = len(line) - len(bare)
        if depth is not None and bare and indent <= depth:
            depth = None
        if depth is None and _SECRET_KEY.search(line.partition(" #")[0]):
            depth = -1 if line.count("{") > line.count("}") else indent
            found.add(number)
        if depth is not None:
            found.add(number)
    return found


def _secret_problems(document: Document) -> Iterator[Problem]:
    """Yield what is wrong with secrets, in words that do not repeat them."""
    data = document.data if isinstance(document.data, dict) else {}
    tls = data.get(_TLS)
    if isinstance(tls, dict) and "key" in tls and not isinstance(tls["key"], str):
        yield document.problem((_TLS, "key"), "expected the key itself, in PEM", "a file's name goes into key_file")
    users = data.get(_USERS)
    if users is None:
        return
    if not isinstance(users, dict):
        yield document.problem((_USERS,), "expected a mapping (name: bcrypt hash)")
        return
    for name, value in users.items():
        path = (_USERS, name)
        if not name or ":" in name:
            yield document.problem(path, "a user's name is not empty and has no colon", key=True)
        found = _HASH.fullmatch(value) if isinstance(value, str) else None
        if found is None:
            message = f"what stands behind {name} is no bcrypt hash such as $2y$10$…"
            yield document.problem(path, message, "`deckwatch password` makes one", key=True)
        elif int(found[1]) > MAX_COST:
            message = f"the hash of {name} has the cost {found[1]}: a check would take longer than a scrape waits"
            yield document.problem(path, message, "10 to 12 is usual", key=True)


def _semantic_problems(document: Document) -> Iterator[Problem]:
    """Yield what is wrong beyond the structure."""
    tls: dict[str, Any] = (document.data or {}).get(_TLS) or {}

    def tls_problem(key: str, message: str, hint: str = "") -> Problem:
        return document.problem((_TLS, key) if key in tls else (_TLS,), message, hint, key=key not in tls)

    for file, text in (("cert_file", "cert"), ("key_file", "key"), ("client_ca_file", "client_ca")):
        if file in tls and text in tls:
            yield tls_problem(text, f"{file} stands here too: only one of the two can be meant")
        if tls and file not in tls and text not in tls and text != "client_ca":
            yield tls_problem("", f"{file} is missing")
    auth = tls.get("client_auth_type", NONE)
    asked = "client_ca_file" in tls or "client_ca" in tls
    if auth in _UNVERIFIED:
        message = f"{auth} takes any certificate, also one that its holder has made: that protects nothing"
        yield tls_problem("client_auth_type", message, f"did you mean {REQUIRED}?")
    elif auth == NONE and asked:
        key = "client_ca_file" if "client_ca_file" in tls else "client_ca"
        yield tls_problem(key, "clients are not asked for certificates", f"say client_auth_type: {REQUIRED}")
    elif auth != NONE and not asked:
        yield tls_problem("client_auth_type", "client_ca_file is missing: who signs the clients' certificates?")
    if "client_allowed_sans" in tls and auth != REQUIRED:
        message = "who shows no certificate is not held to this list"
        yield tls_problem("client_allowed_sans", message, f"say client_auth_type: {REQUIRED}")
    for key in ("min_version", "max_version"):
        if tls.get(key) in _BROKEN_VERSIONS:
            yield tls_problem(key, f"{tls[key]} is broken and not spoken", "TLS12 or TLS13")
    if tls.get("min_version") == "TLS13" and tls.get("max_version") == "TLS12":
        yield tls_problem("max_version", "is below min_version")
    if len(tls.get("curve_preferences", ())) > 1:
        message = "Python can hold TLS to one curve, not to an order of several"
        yield tls_problem("curve_preferences", message, "name one, or leave it out")
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
        for word, is_path in ((f"{key}_file", True), (key, False)):
            if word in block:
                place = document.place((_TLS, word))
                path = folder / block[word] if is_path else None
                return Pem(path, "" if is_path else block[word], place, place.line in lines)
        return None

    certificate, key = read_pem("cert"), read_pem("key")
    assert certificate is not None  # noqa: S101 - `_meaning` has looked
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
