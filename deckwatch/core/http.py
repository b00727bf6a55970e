"""HTTP client for Prometheus, Alertmanager and Grafana: timeouts, retries, one sentence on failure."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, BinaryIO, Self, TypeVar

import requests

from deckwatch.core.connection_failure import describe_failure
from deckwatch.core.deadline import run_before_deadline
from deckwatch.core.masking import mask_address
from deckwatch.core.problems import Refused, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

T = TypeVar("T")

_TRIES = 3
_RESPONSE_FACTOR = 4  # times the limit of a wait: for a whole response
_BLOCK_BYTES = 1 << 18  # of a body that is not kept in memory


class Client:
    """A JSON client for one server. `headers` are sent with every request, such as credentials.

    `seconds` limits each wait for the network, and four times as many a response in all, so that a server that sends a
    byte now and then does not hold up a command; a downloaded body may take as long as it comes.
    """

    def __init__(
        self, base: str, *, seconds: float = 15.0, tries: int = _TRIES, headers: Mapping[str, str] | None = None
    ) -> None:
        self.base = base.rstrip("/")
        self.seconds = seconds
        self.tries = tries
        self._headers = dict(headers or {})
        self._session = self._open_session()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close pooled connections."""
        self._session.close()

    def _open_session(self) -> requests.Session:
        session = requests.Session()
        session.headers.update(self._headers)
        session.trust_env = False  # requests must not go through a proxy from the environment
        return session

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

        def send() -> Any:
            session = self._session
            return run_before_deadline(
                lambda: session.request(method, self.base + path, timeout=self.seconds, **options),
                _RESPONSE_FACTOR * self.seconds,
            )

        try:
            return self._send_repeatedly(lambda: self._decode_body(send()), tries)
        except TimeoutError as error:
            self._session = self._open_session()  # a thread still waits with the other one
            raise Unreachable(f"{mask_address(self.base)} does not answer: {error}") from None

    def download(self, path: str, form: Mapping[str, str], file: BinaryIO) -> None:
        """Write the body of the response to a POST without side effects, such as a query, to an empty file.

        Memory is bounded, whatever the size of the body. Raises Refused and Unreachable, as `request` does.
        """

        def send() -> None:
            file.seek(0)
            file.truncate()
            with self._session.post(self.base + path, data=form, timeout=self.seconds, stream=True) as response:
                if not response.ok:
                    self._decode_body(response)
                file.writelines(response.iter_content(_BLOCK_BYTES))

        self._send_repeatedly(send, self.tries)

    def _send_repeatedly(self, send: Callable[[], T], tries: int) -> T:
        """Return the result of `send`, called again where the server does not answer or has an error."""
        for attempt in range(1, tries + 1):
            try:
                return send()
            except Refused as error:
                if error.status < 500 or attempt == tries:
                    raise
            except ValueError:  # what requests and urllib3 raise for malformed addresses
                raise Unreachable(
                    f"{mask_address(self.base)} is not an address such as http://127.0.0.1:9090"
                ) from None
            except requests.RequestException as error:
                if attempt == tries:
                    raise Unreachable(
                        f"{mask_address(self.base)} does not answer: {_failure_reason(error, self.base)}"
                    ) from None
            time.sleep(0.2 * attempt)
        raise AssertionError("unreachable")  # pragma: no cover

    def _decode_body(self, response: requests.Response) -> Any:
        try:
            body = response.json()
        except (ValueError, RecursionError):  # not JSON, or nested too deeply
            body = response.text
        if response.ok:
            return body
        reason = body.get("error") or body.get("message") if isinstance(body, dict) else _response_text(response)
        message = f"{mask_address(self.base)} says {response.status_code}: {reason or response.reason}"
        raise Refused(message, response.status_code)


def _response_text(response: requests.Response) -> str:
    """Return the start of a plain-text error body; '' for an HTML page."""
    return "" if "html" in response.headers.get("Content-Type", "") else response.text.strip()[:200]


def _failure_reason(error: requests.RequestException, base: str) -> str:
    """Return why a request got no response, as a hint at what to check."""
    if isinstance(error, requests.TooManyRedirects):
        return "it redirects without an end; does it require a login?"
    causes: list[BaseException] = list(_cause_chain(error))
    if isinstance(error, requests.Timeout):
        causes.append(TimeoutError())
    return describe_failure(causes, base)


def _cause_chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and its causes: requests keeps urllib3's error among its arguments."""
    inner = getattr(error, "reason", None) or (error.args[0] if error.args else None)
    cause = inner if isinstance(inner, BaseException) else error.__cause__ or error.__context__
    yield error
    if cause is not None and cause is not error:
        yield from _cause_chain(cause)
