"""Label values with a bounded number: the method, the status and the protocol of a request."""

from __future__ import annotations

NO_HANDLER = "none"  # no route matched; clients can make up any number of such paths
OTHER = "_OTHER"  # beyond a bound, or unknown to the protocol; OpenTelemetry's term

# RFC 9110 section 9 and RFC 5789.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"})
_PROTOCOLS = {"1.0": "http/1.0", "1.1": "http/1.1", "2": "http/2", "2.0": "http/2", "3": "http/3", "3.0": "http/3"}


def method_label(method: str) -> str:
    """Return the `method` label; `_OTHER` for an unknown method."""
    return method if method in _METHODS else OTHER


def code_label(status: int) -> str:
    """Return the `code` label; 500 if the application sent no response."""
    if not status:
        return "500"
    return str(status) if 100 <= status <= 599 else OTHER


def protocol_label(version: str) -> str:
    """Return the `protocol` label for a version as ASGI and WSGI servers write it (`1.1`, `2`, `HTTP/2`)."""
    return _PROTOCOLS.get(version) or _PROTOCOLS.get(version.upper().removeprefix("HTTP/"), OTHER)
