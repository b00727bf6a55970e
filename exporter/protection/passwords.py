"""Password checks against bcrypt hashes: correct ones are cached, wrong ones are rate limited.

A check takes 60 ms or more, so the digest of a verified password is cached, one per user, under a random key of this
process; no number of wrong passwords can evict it. Unknown passwords wait in one queue per client. The queues are
served in turn, one check at a time, with a pause after a wrong one: guessing takes at most a fifth of one CPU and does
not delay clients that have been verified.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import time
from collections import OrderedDict, deque
from typing import TYPE_CHECKING, NamedTuple

from deckwatch.exporter.server import run_in_thread

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_PENDING = 32
MAX_PER_CLIENT = 4
PAUSE_FACTOR = 4.0  # the pause after a failed check, as a multiple of its duration
_MAX_REJECTED = 1024  # digests of 32 bytes; repeating one wrong password costs nothing
_MAX_PASSWORD_BYTES = 72  # bcrypt ignores the rest


class TooManyAttempts(Exception):
    """Too many checks are pending, so this password is not checked."""


class _PendingCheck(NamedTuple):
    """A pending check, the only object that holds the password."""

    user: str
    known: bool
    stored: bytes
    password: bytes
    digest: bytes
    answer: asyncio.Future[bool]


class PasswordChecker:
    """Checks and caches passwords. Everything except bcrypt runs on the event loop."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._verified: dict[str, bytes] = {}
        self._rejected: OrderedDict[bytes, None] = OrderedDict()
        self._queues: OrderedDict[str, deque[_PendingCheck]] = OrderedDict()
        self._pending: dict[bytes, asyncio.Future[bool]] = {}
        self._worker: asyncio.Task[None] | None = None

    async def verify_password(self, users: Mapping[str, bytes], user: str, password: bytes, client: str) -> bool:
        """Return whether the password is the user's; raises TooManyAttempts if unchecked. `users` is not empty."""
        known = user in users
        # The password of an unknown user is checked too, so that the time does not reveal which users exist.
        stored = users[user] if known else max(users.values(), key=_hash_cost)
        digest = self._password_digest(user, stored, password)
        if known and hmac.compare_digest(self._verified.get(user, b""), digest):
            return True
        if digest in self._rejected:
            self._rejected.move_to_end(digest)
            return False
        if digest not in self._pending:
            self._enqueue_check(
                client, _PendingCheck(user, known, stored, password[:_MAX_PASSWORD_BYTES], digest, _make_future())
            )
        return await asyncio.shield(self._pending[digest])

    def _password_digest(self, user: str, stored: bytes, password: bytes) -> bytes:
        name = user.encode("utf-8", "surrogateescape")
        text = b"".join(len(part).to_bytes(4) + part for part in (name, stored, password))
        return hashlib.blake2b(text, key=self._key, digest_size=32).digest()

    def _enqueue_check(self, client: str, waiting: _PendingCheck) -> None:
        queue = self._queues.get(client, ())
        if len(queue) >= MAX_PER_CLIENT:
            raise TooManyAttempts
        if sum(map(len, self._queues.values())) >= MAX_PENDING:
            fullest = max(self._queues, key=lambda key: len(self._queues[key]))
            if len(self._queues[fullest]) <= len(queue) + 1:
                raise TooManyAttempts
            self._reject_check(self._queues[fullest].pop())
        self._queues.setdefault(client, deque()).append(waiting)
        self._pending[waiting.digest] = waiting.answer
        if self._worker is None:
            self._worker = asyncio.create_task(self._run_checks())

    def _reject_check(self, waiting: _PendingCheck) -> None:
        del self._pending[waiting.digest]
        waiting.answer.set_exception(TooManyAttempts())

    async def _run_checks(self) -> None:
        """Run pending checks, alternating between clients, until none is left."""
        try:
            while self._queues:
                client, queue = self._queues.popitem(last=False)
                waiting = queue.popleft()
                if queue:
                    self._queues[client] = queue  # to the end of the rotation
                started = time.monotonic()
                right = await self._complete_check(waiting)
                del waiting
                if not right:
                    await asyncio.sleep(PAUSE_FACTOR * (time.monotonic() - started))
        finally:
            self._worker = None

    async def _complete_check(self, waiting: _PendingCheck) -> bool:
        right = False
        try:
            right = await run_in_thread(lambda: _check_hash(waiting)) and waiting.known
            self._remember_result(waiting, right=right)
            waiting.answer.set_result(right)
        except Exception as fault:  # noqa: BLE001 - raised where it is awaited; the next check must still run
            waiting.answer.set_exception(fault)
        finally:
            del self._pending[waiting.digest]
        return right

    def _remember_result(self, waiting: _PendingCheck, *, right: bool) -> None:
        if right:
            self._verified[waiting.user] = waiting.digest
            return
        self._rejected[waiting.digest] = None
        if len(self._rejected) > _MAX_REJECTED:
            self._rejected.popitem(last=False)


def _make_future() -> asyncio.Future[bool]:
    future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    # The client may be gone; an exception that nobody retrieves must not be logged.
    future.add_done_callback(lambda done: done.cancelled() or done.exception())
    return future


def _hash_cost(stored: bytes) -> bytes:
    return stored[4:6]


def _check_hash(waiting: _PendingCheck) -> bool:
    import bcrypt  # noqa: PLC0415 - only where there are users

    try:
        return bool(bcrypt.checkpw(waiting.password, waiting.stored))
    except ValueError:
        return False
