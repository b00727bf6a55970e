"""Error messages that contain no secret: our own or the system's, never an exception's text.

That text may contain an address with a password.
"""

from __future__ import annotations

import http.client
import os
import socket
import ssl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_MESSAGES: tuple[tuple[type[BaseException], str], ...] = (  # the first that fits
    (socket.gaierror, "name not known"),
    (TimeoutError, "no answer in time"),
    (ConnectionRefusedError, "connection refused"),
    (http.client.RemoteDisconnected, "connection closed without an answer"),
    (http.client.IncompleteRead, "answer cut short"),
    (http.client.HTTPException, "the answer is not HTTP"),
)


def safe_message(fault: BaseException) -> str:
    """Return the reason for an error, looking below the exceptions in which libraries wrap it; at worst, its class."""
    return next(filter(None, map(_message_for, _cause_chain(fault))), type(fault).__name__)


def _cause_chain(fault: BaseException | None) -> Iterator[BaseException]:
    while fault is not None:
        yield fault
        fault = fault.__cause__ or fault.__context__


def _message_for(fault: BaseException) -> str:
    # An error that OpenSSL did not raise has neither of the two attributes.
    if isinstance(fault, ssl.SSLCertVerificationError):
        return f"certificate: {getattr(fault, 'verify_message', 'not trusted')}"
    if isinstance(fault, ssl.SSLError):
        return f"TLS: {(getattr(fault, 'reason', None) or 'failed').replace('_', ' ').lower()}"
    for kind, words in _MESSAGES:
        if isinstance(fault, kind):
            return words
    if isinstance(fault, OSError) and isinstance(fault.errno, int):
        return os.strerror(fault.errno).lower()
    return ""
