"""What stands before the application: passwords, a rate, and headers on every answer.

/healthz is open: it says `ok` and nothing else, and a health check should need no secret. exporter-toolkit asks there
too. The rate counts who has been let in: were the others counted, a guesser could use it up for the scraper.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import time
from typing import TYPE_CHECKING

from deckwatch.exporter.protection.connection_limits import client_key
from deckwatch.exporter.protection.log_throttle import LogThrottle
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
_SHUTTING_DOWN = Response(503, b"this server ends\n")
_RATE_LIMITED = Response(429, b"more requests than rate_limit allows\n", headers=(("retry-after", "1"),))


class AuthMiddleware:
    """An ASGI application around another, which answers whoever is let in."""

    def __init__(self, app: Asgi, protection: ReloadingConfig) -> None:
        self._app = app
        self._protection = protection
        self._passwords = PasswordChecker()
        self._bucket = TokenBucket()
        self._throttle = LogThrottle()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or let the application answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        config = (await self._protection.reload_if_changed()).config
        send = with_headers(config.headers, send)
        refusal = None if scope["path"] == OPEN_PATH else await self._check_request(scope, config)
        if refusal is not None:
            await send_response(scope, send, refusal)
            return
        # Nobody behind needs the password.
        headers = [(name, value) for name, value in scope["headers"] if name != b"authorization"]
        await self._app({**scope, "headers": headers}, receive, send)

    async def _check_request(self, scope: Scope, config: WebConfig) -> Response | None:
        """Return the answer for who may not go on."""
        if config.users:
            client = client_key(str((scope.get("client") or ("",))[0]))
            credentials = read_basic_auth(scope["headers"])
            if credentials is None:
                return _UNAUTHORIZED
            user, password = credentials
            try:
                fits = await self._passwords.verify_password(config.users, user, password, client)
            except TooManyAttempts:
                self._log_rejection(client, "too many passwords at once")
                await asyncio.sleep(_RETRY_DELAY_SECONDS)  # or whoever guesses in a loop would ask again at once
                return _TOO_MANY_ATTEMPTS
            except asyncio.CancelledError:  # the server ends; uvicorn would call that a fault
                return _SHUTTING_DOWN
            if not fits:
                self._log_rejection(
                    client, f"a wrong password for {user}" if user in config.users else "an unknown user"
                )
                return _UNAUTHORIZED
        if config.rate is not None and not self._bucket.take_token(config.rate, time.monotonic()):
            return _RATE_LIMITED
        return None

    def _log_rejection(self, client: str, what: str) -> None:
        if (more := self._throttle(f"{client} {what}")) is not None:
            log.warning("%s came with %s%s", client or "somebody", what, more)


class TokenBucket:
    """Tokens for requests: one more each interval, up to the burst, which is there at the beginning."""

    def __init__(self) -> None:
        self._rate: RateLimit | None = None
        self._tokens = 0.0
        self._since = 0.0

    def take_token(self, rate: RateLimit, now: float) -> bool:
        """Take a token if there is one; `now` is of a clock that only goes forward, in seconds."""
        if rate != self._rate:
            self._rate, self._tokens, self._since = rate, rate.burst, now
        self._tokens = min(rate.burst, self._tokens + (now - self._since) / rate.seconds)
        self._since = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


def read_basic_auth(headers: list[tuple[bytes, bytes]]) -> tuple[str, bytes] | None:
    """Return user and password of a request (RFC 7617); None where there are none, or several."""
    given = [value for name, value in headers if name == b"authorization"]
    if len(given) != 1:
        return None
    scheme, _, token = given[0].strip().partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        user, colon, password = base64.b64decode(token.strip(), validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return None
    return (user.decode("utf-8", "surrogateescape"), password) if colon else None


def with_headers(headers: tuple[tuple[str, str], ...], send: Send) -> Send:
    """Return a `send` that puts these headers on the answer, in the place of those of the same name."""
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
