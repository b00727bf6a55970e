"""Connects to a Grafana server with a token, a user and password, or anonymously."""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING

from deckwatch.core.masking import describe_secret_file
from deckwatch.core.problems import DeckwatchError
from deckwatch.provisioning.grafana import Grafana

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = "DECKWATCH_GRAFANA_TOKEN"  # noqa: S105 - the name of a variable


def connect_grafana(
    url: str,
    *,
    token_file: Path | None = None,
    user: str | None = None,
    password_file: Path | None = None,
    seconds: float = 15.0,
) -> Grafana:
    """Return a Grafana client whose server has answered; raises as `Grafana` does.

    The token comes from its file or from DECKWATCH_GRAFANA_TOKEN; without a token and a user, access is anonymous.
    """
    headers = {"Accept": "application/json"}
    if token_file is not None:
        headers["Authorization"] = f"Bearer {_read_secret(token_file)}"
    elif user is not None:
        if password_file is None:
            raise DeckwatchError("--user needs --password-file")
        pair = f"{user}:{_read_secret(password_file)}".encode()
        headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
    elif token := os.environ.get(TOKEN, "").strip():
        if not token.isascii() or not token.isprintable():
            raise DeckwatchError(f"{TOKEN} is not a token: expected one line of ASCII letters")
        headers["Authorization"] = f"Bearer {token}"
    grafana = Grafana(url, headers, seconds=seconds)
    try:
        grafana.check_version()
    except BaseException:
        grafana.__exit__()
        raise
    return grafana


def _read_secret(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise DeckwatchError(f"{describe_secret_file(path)} cannot be read: {reason}") from None
    if not text or "\n" in text or not text.isascii():
        raise DeckwatchError(
            f"{describe_secret_file(path)} does not hold a token or password: expected one line of ASCII letters"
        )
    return text
