"""What is sent, and what its texts may contain."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deckwatch.core.masking import describe_secret_file
from deckwatch.core.problems import DeckwatchError

if TYPE_CHECKING:
    from pathlib import Path

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_MAX_SUBJECT = 200  # characters


@dataclass(frozen=True)
class Message:
    """A report to send: its subject, a summary as plain text and as an HTML document, and the file.

    `file_type` is the MIME type of the content.
    """

    subject: str
    text: str
    html: str
    file_name: str
    file_type: str
    content: bytes


def one_line(text: str, limit: int = _MAX_SUBJECT) -> str:
    """Return a text as one line without control characters, cut at a limit, such as for a header."""
    line = " ".join(_CONTROL.sub(" ", text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def read_secret(name: str, folder: Path, content: str) -> str:
    """Return the one line of a file with a secret, relative to a folder; `content` says what it should hold.

    Raises DeckwatchError, whose message never contains the secret.
    """
    path = folder / name
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise DeckwatchError(f"{describe_secret_file(path)} cannot be read: {reason}") from None
    if not text or _CONTROL.search(text):
        raise DeckwatchError(f"{describe_secret_file(path)} does not hold {content}: expected one line")
    return text
