"""To a webhook: one JSON object by HTTP POST.

    {"title": …, "text": …, "file": {"name": …, "type": …, "base64": …}}

A receiver with `text: true` gets what apprise-api reads: `title`, `body` and `type`.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import requests

from deckwatch.core.connection_failure import describe_failure
from deckwatch.core.masking import mask_address
from deckwatch.core.problems import DeckwatchError
from deckwatch.reports.delivery.message import one_line, read_secret

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from deckwatch.reports.delivery.message import Message

_TIMEOUT_SECONDS = 30.0


def send(options: Mapping[str, Any], message: Message, folder: Path) -> None:
    """Post a message; raises DeckwatchError unless the status is 2xx."""
    is_secret = "url_file" in options
    url = read_secret(options["url_file"], folder, "an address") if is_secret else options["url"]
    shown = f"the webhook in {options['url_file']}" if is_secret else mask_address(url)
    body = build_body(message, as_text=options.get("text", False))
    try:
        with requests.Session() as session:
            session.trust_env = False  # no credentials or proxies from the environment
            response = session.post(url, json=body, timeout=_TIMEOUT_SECONDS, allow_redirects=False)
    except requests.RequestException as error:
        raise DeckwatchError(f"{shown} does not answer: {_failure_reason(error)}") from None
    except ValueError:
        raise DeckwatchError(f"{shown} is not an address such as http://bot.internal:8080/reports") from None
    if not 200 <= response.status_code < 300:
        reply = one_line(response.text) if "html" not in response.headers.get("Content-Type", "") else ""
        reason = reply.replace(url, "…") or response.reason
        raise DeckwatchError(f"{shown} says {response.status_code}: {reason}")


def build_body(message: Message, *, as_text: bool) -> dict[str, Any]:
    """Return the JSON object for a message."""
    title = one_line(message.subject)
    if as_text:
        return {"title": title, "body": message.text, "type": "info"}
    content = base64.b64encode(message.content).decode("ascii")
    file = {"name": message.file_name, "type": message.file_type, "base64": content}
    return {"title": title, "text": message.text, "file": file}


def _failure_reason(error: requests.RequestException) -> str:
    causes: list[BaseException] = []
    cause: Any = error
    while isinstance(cause, BaseException) and cause not in causes:
        causes.append(cause)
        inner = getattr(cause, "reason", None) or (cause.args[0] if cause.args else None)
        cause = inner if isinstance(inner, BaseException) else cause.__cause__ or cause.__context__
    if isinstance(error, requests.Timeout):
        causes.append(TimeoutError())
    return describe_failure(causes, "//the host of the webhook")
