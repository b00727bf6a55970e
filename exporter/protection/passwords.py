"""Passwords held against bcrypt hashes: each right one once, and wrong ones at a pace that costs little.

A check takes 60 ms and more, so a verified password is remembered: as a digest under a key that this process makes up
and nobody else has, one for each user, so that no number of wrong ones can push it out. Unknown ones wait in rooms,
one for each client, which are served in turn, one check at a time, and after a wrong one there is a pause: guessing
takes a fifth of one CPU at most, and nobody waits for it who has been let in before.
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
PAUSE_FACTOR = 4.0  # times as long as a check took that failed
_MAX_REJECTED = 1024  # digests of 32 bytes, so that who repeats one wrong password costs nothing
_MAX_PASSWORD_BYTES = 72  # bytes; bcrypt takes no more into account


class TooManyAttempts(Exception):
    """So many passwords wait that this one is not looked at."""


class _PendingCheck(NamedTuple):
    """A password to be checked. Nothing else keeps it."""

    user: str
    known: bool
    stored: bytes
    password: bytes
    digest: bytes
    answer: asyncio.Future[bool]


class PasswordChecker:
    """What is known of passwords. All of it runs on the event loop but bcrypt itself."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._verified: dict[str, bytes] = {}
        self._rejected: OrderedDict[bytes, None] = OrderedDict()
        self._queues: OrderedDict[str, deque[_PendingCheck]] = OrderedDict()
        self._pending: dict[bytes, asyncio.Future[bool]] = {}
        self._worker: asyncio.Task[None] | None = None

    async def verify_password(self, users: Mapping[str, bytes], user: str, password: bytes, client: str) -> bool:
        """Return whether the password is the user's; raises TooMany where it is not looked at. One user is there."""
        known = user in users
        # Who is unknown is checked too, as slowly as anybody, so that the time does not tell.
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
        room = self._queues.get(client, ())
        if len(room) >= MAX_PER_CLIENT:
            raise TooManyAttempts
        if sum(map(len, self._queues.values())) >= MAX_PENDING:
            fullest = max(self._queues, key=lambda one: len(self._queues[one]))
            if len(self._queues[fullest]) <= len(room) + 1:
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
        """Check what waits, a client's one after another client's, until nothing waits."""
        try:
            while self._queues:
                client, room = self._queues.popitem(last=False)
                waiting = room.popleft()
                if room:
                    self._queues[client] = room  # at the end of the row
                begun = time.monotonic()
                right = await self._complete_check(waiting)
                del waiting
                if not right:
                    await asyncio.sleep(PAUSE_FACTOR * (time.monotonic() - begun))
        finally:
            self._worker = None

    async def _complete_check(self, waiting: _PendingCheck) -> bool:
        right = False
        try:
            right = await run_in_thread(lambda: _check_hash(waiting)) and waiting.known
            self._remember_result(waiting, right=right)
            waiting.answer.set_result(right)
        except Exception as fault:  # noqa: BLE001 - raised where it is awaited; the next in the row must not suffer
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
    # Whoever asked may be gone; an exception that nobody fetches is none of the log's concern.
    future.add_done_callback(lambda one: one.cancelled() or one.exception())
    return future


def _hash_cost(stored: bytes) -> bytes:
    return stored[4:6]


def _check_hash(waiting: _PendingCheck) -> bool:
    import bcrypt  # noqa: PLC0415 - only where there are users

    try:
        return bool(bcrypt.checkpw(waiting.password, waiting.stored))
    except ValueError:
        return False
