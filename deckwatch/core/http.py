"""HTTP to Prometheus, Alertmanager and Grafana: time limits, a few tries, one sentence on failure."""

from __future__ import annotations

import time
from typing import Any, Self

import requests

from deckwatch.core.place import Unreachable

_TRIES = 3


class Client:
    """A JSON client for one server."""

    def __init__(self, base: str, *, seconds: float = 15.0, tries: int = _TRIES) -> None:
        self.base = base.rstrip("/")
        self.seconds = seconds
        self.tries = tries
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy from the environment must not see a server's own addresses

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections that were kept."""
        self._session.close()

    def get(self, path: str, **parameters: Any) -> Any:
        """Return the JSON answer to a GET; raises Unreachable, after a few tries where the server is away."""
        return self.request("GET", path, params=parameters)

    def post(self, path: str, *, data: Any = None, json: Any = None) -> Any:
        """Return the JSON answer to a POST, which is tried once; raises Unreachable."""
        return self.request("POST", path, data=data, json=json)

    def request(self, method: str, path: str, **options: Any) -> Any:
        """Send one request. An answer below 500 is never sent again; a body that is not JSON comes as text."""
        tries = self.tries if method == "GET" else 1
        for attempt in range(1, tries + 1):
            try:
                response = self._session.request(method, self.base + path, timeout=self.seconds, **options)
            except requests.RequestException as error:
                if attempt == tries:
                    raise Unreachable(f"{self.base} does not answer: {_reason(error)}") from None
            else:
                if response.status_code < 500 or attempt == tries:
                    return self._body(response)
            time.sleep(0.2 * attempt)
        raise AssertionError("unreachable")  # pragma: no cover

    def _body(self, response: requests.Response) -> Any:
        try:
            body = response.json()
        except ValueError:
            body = response.text
        if response.ok:
            return body
        said = body.get("error") or body.get("message") if isinstance(body, dict) else str(body)[:200]
        raise Unreachable(f"{self.base} says {response.status_code}: {said}")


def _reason(error: requests.RequestException) -> str:
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.ConnectionError):
        return "connection refused or lost"
    return type(error).__name__
