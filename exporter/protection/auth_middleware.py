"""Middleware that checks passwords and the request rate, and adds headers to every response.

/healthz needs no password: it returns only `ok`, and a health check should need no secret. The rate limit counts only
authenticated requests, since otherwise a client that guesses passwords could exhaust it.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import time
from typing import TYPE_CHECKING

from deckwatch.exporter.log_throttle import LogThrottle
from deckwatch.exporter.protection.connection_limits import client_key
from deckwatch.exporter.protection.passwords import PasswordChecker, TooManyAttempts
from deckwatch.exporter.server import Response, send_response

if TYPE_CHECKING:
    from deckwatch.exporter.protection.reloading_config import ReloadingConfig
    from deckwatch.exporter.protection.webconfig import RateLimit, WebConfig
    from deckwatch.exporter.server import Receive, Scope, Send

    from collections.abc import Awaitable, Callable  # isort: skip

    Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]

log = logging.getLogger("deckwatch.protection")

OPEN_PATH = "/healthz"
_UNAUTHORIZED = Response(
    401, b"a name and a password, please\n", headers=(("www-authenticate", 'Basic realm="deckwatch"'),)
)
_TOO_MANY_ATTEMPTS = Response(429, b"too many passwords are being tried\n", headers=(("retry-after", "5"),))
_RETRY_DELAY_SECONDS = 1.0
_SHUTTING_DOWN = Response(503, b"the server is shutting down\n")
_RATE_LIMITED = Response(429, b"more requests than rate_limit allows\n", headers=(("retry-after", "1"),))


class AuthMiddleware:
    """An ASGI application that passes authorized requests to another."""

    def __init__(self, app: Asgi, protection: ReloadingConfig) -> None:
        self._app = app
        self._protection = protection
        self._passwords = PasswordChecker()
        self._bucket = TokenBucket()
        self._throttle = LogThrottle()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Reject a request, or pass it to the application."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        config = (await self._protection.reload_if_changed()).config
        send = with_headers(config.headers, send)
        refusal = None if scope["path"] == OPEN_PATH else await self._check_request(scope, config)
        if refusal is not None:
            await send_response(scope, send, refusal)
            return
        # The application does not need the password.
        headers = [(name, value) for name, value in scope["headers"] if name != b"authorization"]
        await self._app({**scope, "headers": headers}, receive, send)

    async def _check_request(self, scope: Scope, config: WebConfig) -> Response | None:
        """Return the response to an unauthorized request; None for an authorized one."""
        if config.users:
            client = client_key(str((scope.get("client") or ("",))[0]))
            credentials = read_basic_auth(scope["headers"])
            if credentials is None:
                return _UNAUTHORIZED
            user, password = credentials
            try:
                is_correct = await self._passwords.verify_password(config.users, user, password, client)
            except TooManyAttempts:
                self._log_rejection(client, "too many passwords at once")
                await asyncio.sleep(_RETRY_DELAY_SECONDS)  # slows down a client that guesses in a loop
                return _TOO_MANY_ATTEMPTS
            except asyncio.CancelledError:  # the server is stopping; uvicorn would log an error
                return _SHUTTING_DOWN
            if not is_correct:
                self._log_rejection(
                    client, f"a wrong password for {user}" if user in config.users else "an unknown user"
                )
                return _UNAUTHORIZED
        if config.rate is not None and not self._bucket.take_token(config.rate, time.monotonic()):
            return _RATE_LIMITED
        return None

    def _log_rejection(self, client: str, what: str) -> None:
        if (more := self._throttle(f"{client} {what}")) is not None:
            log.warning("%s sent %s%s", client or "a client", what, more)


class TokenBucket:
    """A token bucket: one more token per interval, up to the burst, which is the initial number."""

    def __init__(self) -> None:
        self._rate: RateLimit | None = None
        self._tokens = 0.0
        self._since = 0.0

    def take_token(self, rate: RateLimit, now: float) -> bool:
        """Take a token if one is available; `now` is a monotonic time in seconds."""
        if rate != self._rate:
            self._rate, self._tokens, self._since = rate, rate.burst, now
        self._tokens = min(rate.burst, self._tokens + (now - self._since) / rate.seconds)
        self._since = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


def read_basic_auth(headers: list[tuple[bytes, bytes]]) -> tuple[str, bytes] | None:
    """Return the user and password of a request (RFC 7617); None unless there is exactly one pair."""
    values = [value for name, value in headers if name == b"authorization"]
    if len(values) != 1:
        return None
    scheme, _, token = values[0].strip().partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        user, colon, password = base64.b64decode(token.strip(), validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return None
    return (user.decode("utf-8", "surrogateescape"), password) if colon else None


def with_headers(headers: tuple[tuple[str, str], ...], send: Send) -> Send:
    """Return a `send` that adds these headers to the response, replacing those of the same name."""
    if not headers:
        return send
    pairs = [(name.encode("ascii"), value.encode("ascii")) for name, value in headers]
    names = {name for name, _ in pairs}

    async def send_with_headers(message: dict[str, object]) -> None:
        if message["type"] == "http.response.start":
            own = message.get("headers")
            kept = [pair for pair in own if pair[0] not in names] if isinstance(own, list) else []
            message = {**message, "headers": [*kept, *pairs]}
        await send(message)

    return send_with_headers
