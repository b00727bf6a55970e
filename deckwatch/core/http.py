"""HTTP client for Prometheus, Alertmanager and Grafana: timeouts, retries, one sentence on failure."""

from __future__ import annotations

import errno
import socket
import ssl
import time
from http.client import BadStatusLine, RemoteDisconnected
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import requests

from deckwatch.core.masking import mask_secrets
from deckwatch.core.problems import Refused, Unreachable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_TRIES = 3
_NO_NAME = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))


class Client:
    """A JSON client for one server. `headers` are sent with every request, such as credentials."""

    def __init__(
        self, base: str, *, seconds: float = 15.0, tries: int = _TRIES, headers: Mapping[str, str] | None = None
    ) -> None:
        self.base = base.rstrip("/")
        self.seconds = seconds
        self.tries = tries
        self._session = requests.Session()
        self._session.headers.update(headers or {})
        self._session.trust_env = False  # requests must not go through a proxy from the environment

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close pooled connections."""
        self._session.close()

    def get(self, path: str, **parameters: Any) -> Any:
        """Return the JSON response to a GET; raises Unreachable after several attempts."""
        return self.request("GET", path, params=parameters)

    def post(self, path: str, *, data: Any = None, json: Any = None) -> Any:
        """Return the JSON response to a POST, which is sent once; raises Unreachable."""
        return self.request("POST", path, data=data, json=json)

    def request(self, method: str, path: str, **options: Any) -> Any:
        """Send one request; a body that is not JSON is returned as text.

        Raises Refused for an error status, below 500 without a retry, and Unreachable if there is no response.
        """
        tries = self.tries if method == "GET" else 1
        for attempt in range(1, tries + 1):
            try:
                response = self._session.request(method, self.base + path, timeout=self.seconds, **options)
            except ValueError:  # what requests and urllib3 raise for malformed addresses
                raise Unreachable(
                    f"{mask_secrets(self.base)} is not an address such as http://127.0.0.1:9090"
                ) from None
            except requests.RequestException as error:
                if attempt == tries:
                    raise Unreachable(
                        f"{mask_secrets(self.base)} does not answer: {_failure_reason(error, self.base)}"
                    ) from None
            else:
                if response.status_code < 500 or attempt == tries:
                    return self._decode_body(response)
            time.sleep(0.2 * attempt)
        raise AssertionError("unreachable")  # pragma: no cover

    def _decode_body(self, response: requests.Response) -> Any:
        try:
            body = response.json()
        except ValueError:
            body = response.text
        if response.ok:
            return body
        reason = body.get("error") or body.get("message") if isinstance(body, dict) else _response_text(response)
        message = f"{mask_secrets(self.base)} says {response.status_code}: {reason or response.reason}"
        raise Refused(message, response.status_code)


def _response_text(response: requests.Response) -> str:
    """Return the start of a plain-text error body; '' for an HTML page."""
    return "" if "html" in response.headers.get("Content-Type", "") else response.text.strip()[:200]


def _failure_reason(error: requests.RequestException, base: str) -> str:
    """Return why a request got no response, as a hint at what to check."""
    causes = list(_cause_chain(error))
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
    if isinstance(error, requests.Timeout):
        return "it timed out"
    reasons = [cause.strerror for cause in causes if isinstance(cause, OSError) and cause.strerror]
    return reasons[-1] if reasons else "the connection was closed"


def _cause_chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and its causes: requests keeps urllib3's error among its arguments."""
    inner = getattr(error, "reason", None) or (error.args[0] if error.args else None)
    cause = inner if isinstance(inner, BaseException) else error.__cause__ or error.__context__
    yield error
    if cause is not None and cause is not error:
        yield from _cause_chain(cause)
