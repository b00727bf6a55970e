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


class NoAddress(OSError):
    """A name has no address of the IP version that is asked for."""


class StillRunning(OSError):
    """The call before has not ended, long after its time limit."""


class UnexpectedAnswer(OSError):
    """A server answers otherwise than its protocol says; the text is our own and contains nothing of the answer."""


_MESSAGES: tuple[tuple[type[BaseException], str], ...] = (  # the first match wins
    (socket.gaierror, "name not known"),
    (NoAddress, "the name has no address of this IP version"),
    (TimeoutError, "no answer in time"),
    (StillRunning, "the call before has not ended"),
    (ConnectionRefusedError, "connection refused"),
    (http.client.RemoteDisconnected, "connection closed without an answer"),
    (http.client.IncompleteRead, "answer cut short"),
    (http.client.HTTPException, "the answer is not HTTP"),
    (EOFError, "answer cut short"),
)


def safe_message(error: BaseException) -> str:
    """Return the message of the first known exception in the cause chain of an error, else the name of its class."""
    return next(filter(None, map(_message_for, _cause_chain(error))), type(error).__name__)


def drop_tracebacks(error: BaseException | None) -> None:
    """Remove the traceback of an exception, and of those that it was raised from or while handling.

    A frame that holds the exception, also in an object, is a reference cycle with its traceback: the data read would
    stay until the garbage collector runs. An exception that is kept should have no traceback either.
    """
    if error is not None and error.__traceback__ is not None:
        error.__traceback__ = None
        drop_tracebacks(error.__cause__)
        drop_tracebacks(error.__context__)


def _cause_chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and those that it was raised from: libraries wrap the system's errors in their own."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _message_for(error: BaseException) -> str:
    """Return the message for a known exception, '' for another."""
    # Only an error that OpenSSL raised has `verify_message` and `reason`.
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate: {getattr(error, 'verify_message', 'not trusted')}"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {(getattr(error, 'reason', None) or 'failed').replace('_', ' ').lower()}"
    if isinstance(error, UnexpectedAnswer):
        return str(error)
    for kind, message in _MESSAGES:
        if isinstance(error, kind):
            return message
    if isinstance(error, OSError) and isinstance(error.errno, int):
        return os.strerror(error.errno).lower()
    if isinstance(error, ConnectionError):  # of asyncio, where the connection ends during the TLS handshake
        return "connection lost"
    return ""
