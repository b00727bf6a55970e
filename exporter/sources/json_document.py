"""JSON documents over HTTP: one GET with bounds on time, size, depth and redirects, and values from it by JMESPath.

https://jmespath.org/specification.html
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from deckwatch.exporter.sources import http
from deckwatch.exporter.sources.dial import Dialer
from deckwatch.exporter.sources.event_loop import EventLoop
from deckwatch.exporter.sources.files import read_start
from deckwatch.exporter.sources.source_failures import (
    BodyTooLarge,
    EndpointDown,
    MalformedDocument,
    PathNotFound,
    SecretNotReadable,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from deckwatch.exporter.world import World

_MAX_SECRET_BYTES = 64 << 10
_SHOWN_EXPRESSION = 80  # characters


class Request(NamedTuple):
    """A GET of a document. `hosts` are those that a redirect may lead to, besides that of the URL."""

    url: str
    seconds: float
    max_bytes: int
    headers: tuple[tuple[str, str], ...] = ()
    authority: Path | None = None
    hosts: frozenset[str] = frozenset()


def read_document(world: World, request: Request) -> tuple[Any, int]:
    """Return the parsed document and its size in bytes; raises EndpointDown, BodyTooLarge and MalformedDocument."""
    own_host = http.host_of(request.url)
    options = http.FetchOptions(
        headers=(("Accept", "application/json"), *request.headers),
        keep_bytes=request.max_bytes + 1,
        may_visit=lambda host: host == own_host or host in request.hosts,
        connection={"authority": request.authority},
    )
    fetch = http.fetch_url(world.source(Dialer), request.url, seconds=request.seconds, options=options)
    answer = world.source(EventLoop).run_task(fetch)
    if answer.body_length > request.max_bytes:
        raise BodyTooLarge(f"the body has more than {request.max_bytes} bytes; ask for less, or raise max_bytes")
    if answer.error:
        raise EndpointDown(answer.error)
    if answer.status // 100 != 2:
        raise EndpointDown(f"status {answer.status}{_explain_refusal(answer.body)}")
    return parse_document(answer.body), answer.body_length


def parse_document(body: bytes) -> Any:
    """Return the value of a JSON text; raises MalformedDocument, also for NaN and for lists nested too deep."""
    try:
        return json.loads(body, parse_constant=_refuse_constant)
    except RecursionError:
        raise MalformedDocument("the document is nested too deep") from None
    except UnicodeDecodeError:
        raise MalformedDocument("the document is not text in UTF-8") from None
    except json.JSONDecodeError as fault:
        place = f"line {fault.lineno} column {fault.colno}"
        raise MalformedDocument(f"the document is not JSON: {fault.msg}, {place}") from None
    except ValueError as fault:  # a number of thousands of digits
        raise MalformedDocument(f"the document is not JSON: {str(fault)[:80]}") from None


def find_value(expression: Any, document: Any) -> Any:
    """Return the value at a compiled JMESPath expression, None without one; raises PathNotFound if it does not fit."""
    try:
        return expression.search(document)
    except (TypeError, ValueError, RecursionError) as fault:  # errors of JMESPath are ValueErrors
        text = str(fault).partition("\n")[0][:_SHOWN_EXPRESSION]
        raise PathNotFound(f"{expression.expression[:_SHOWN_EXPRESSION]}: {text}") from None


def read_headers(entry: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return the headers of an entry with `headers`, `basic_auth` and `bearer_token_file`.

    Secrets are read from their files every time, since they may change. Raises SecretNotReadable.
    """
    headers = dict(entry.get("headers", {}))
    if "bearer_token_file" in entry:
        headers["Authorization"] = f"Bearer {_read_secret(entry['bearer_token_file'])}"
    if basic := entry.get("basic_auth"):
        password = _read_secret(basic["password_file"]) if "password_file" in basic else ""
        encoded = base64.b64encode(f"{basic['username']}:{password}".encode()).decode()
        headers["Authorization"] = f"Basic {encoded}"
    return tuple(headers.items())


def named_hosts(entries: Collection[Mapping[str, Any]]) -> frozenset[str]:
    """Return the hosts of the URLs of entries: those that the project names."""
    return frozenset(http.host_of(entry["url"]) for entry in entries)


def _read_secret(path: str) -> str:
    try:
        return read_start(path, _MAX_SECRET_BYTES).decode().strip()
    except OSError as fault:
        raise SecretNotReadable(f"{path}: {fault.strerror}") from None
    except UnicodeDecodeError:
        raise SecretNotReadable(f"{path} is not text in UTF-8") from None


def _refuse_constant(name: str) -> NoReturn:
    raise MalformedDocument(f"the document contains {name}, which is not JSON")


def _explain_refusal(body: bytes) -> str:
    """Return the message in a refusal of Prometheus' API, in parentheses; empty for anything else."""
    try:
        message = json.loads(body)["error"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return ""
    return f" ({message[:200]})" if isinstance(message, str) else ""
