"""Why a request got no response, in a few words that say what to check."""

from __future__ import annotations

import errno
import socket
import ssl
from http.client import BadStatusLine, RemoteDisconnected
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Sequence

_NO_NAME = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))


def describe_failure(causes: Sequence[BaseException], base: str) -> str:
    """Return the reason from an exception and its causes, the outermost first; `base` is the server's address."""
    for cause in causes:
        if isinstance(cause, socket.gaierror):
            unknown = f"no host is called {urlsplit(base).hostname}"
            return unknown if cause.errno in _NO_NAME else f"{cause.strerror} ({urlsplit(base).hostname})"
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError):
            return "it does not speak TLS; should the address begin with http:?"
        if isinstance(cause, BadStatusLine) and not isinstance(cause, RemoteDisconnected):
            return "it does not speak HTTP"
        if isinstance(cause, OSError) and cause.errno == errno.ECONNREFUSED:
            return "connection refused"
    if any(isinstance(cause, TimeoutError) for cause in causes):
        return "it timed out"
    reasons = [cause.strerror for cause in causes if isinstance(cause, OSError) and cause.strerror]
    return reasons[-1] if reasons else "the connection was closed"
