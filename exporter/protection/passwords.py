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

from deckwatch.exporter.server import in_thread

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_WAITING = 32
MOST_OF_A_CLIENT = 4
PAUSE = 4.0  # times as long as a check took that failed
_MOST_WRONG = 1024  # digests of 32 bytes, so that who repeats one wrong password costs nothing
_LONGEST = 72  # bytes; bcrypt takes no more into account


class TooMany(Exception):
    """So many passwords wait that this one is not looked at."""


class _Waiting(NamedTuple):
    """A password to be checked. Nothing else keeps it."""

    user: str
    known: bool
    stored: bytes
    password: bytes
    digest: bytes
    answer: asyncio.Future[bool]


class Passwords:
    """What is known of passwords. All of it runs on the event loop but bcrypt itself."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._right: dict[str, bytes] = {}
        self._wrong: OrderedDict[bytes, None] = OrderedDict()
        self._rooms: OrderedDict[str, deque[_Waiting]] = OrderedDict()
        self._asked: dict[bytes, asyncio.Future[bool]] = {}
        self._worker: asyncio.Task[None] | None = None

    async def fits(self, users: Mapping[str, bytes], user: str, password: bytes, client: str) -> bool:
        """Return whether the password is the user's; raises TooMany where it is not looked at. One user is there."""
        known = user in users
        # Who is unknown is checked too, as slowly as anybody, so that the time does not tell.
        stored = users[user] if known else max(users.values(), key=_cost)
        digest = self._digest(user, stored, password)
        if known and hmac.compare_digest(self._right.get(user, b""), digest):
            return True
        if digest in self._wrong:
            self._wrong.move_to_end(digest)
            return False
        if digest not in self._asked:
            self._enter(client, _Waiting(user, known, stored, password[:_LONGEST], digest, _future()))
        return await asyncio.shield(self._asked[digest])

    def _digest(self, user: str, stored: bytes, password: bytes) -> bytes:
        name = user.encode("utf-8", "surrogateescape")
        text = b"".join(len(part).to_bytes(4) + part for part in (name, stored, password))
        return hashlib.blake2b(text, key=self._key, digest_size=32).digest()

    def _enter(self, client: str, waiting: _Waiting) -> None:
        room = self._rooms.get(client, ())
        if len(room) >= MOST_OF_A_CLIENT:
            raise TooMany
        if sum(map(len, self._rooms.values())) >= MOST_WAITING:
            fullest = max(self._rooms, key=lambda one: len(self._rooms[one]))
            if len(self._rooms[fullest]) <= len(room) + 1:
                raise TooMany
            self._turn_away(self._rooms[fullest].pop())
        self._rooms.setdefault(client, deque()).append(waiting)
        self._asked[waiting.digest] = waiting.answer
        if self._worker is None:
            self._worker = asyncio.create_task(self._work())

    def _turn_away(self, waiting: _Waiting) -> None:
        del self._asked[waiting.digest]
        waiting.answer.set_exception(TooMany())

    async def _work(self) -> None:
        """Check what waits, a client's one after another client's, until nothing waits."""
        try:
            while self._rooms:
                client, room = self._rooms.popitem(last=False)
                waiting = room.popleft()
                if room:
                    self._rooms[client] = room  # at the end of the row
                begun = time.monotonic()
                right = await self._answer(waiting)
                del waiting
                if not right:
                    await asyncio.sleep(PAUSE * (time.monotonic() - begun))
        finally:
            self._worker = None

    async def _answer(self, waiting: _Waiting) -> bool:
        right = False
        try:
            right = await in_thread(lambda: _check(waiting)) and waiting.known
            self._remember(waiting, right=right)
            waiting.answer.set_result(right)
        except Exception as fault:  # noqa: BLE001 - raised where it is awaited; the next in the row must not suffer
            waiting.answer.set_exception(fault)
        finally:
            del self._asked[waiting.digest]
        return right

    def _remember(self, waiting: _Waiting, *, right: bool) -> None:
        if right:
            self._right[waiting.user] = waiting.digest
            return
        self._wrong[waiting.digest] = None
        if len(self._wrong) > _MOST_WRONG:
            self._wrong.popitem(last=False)


def _future() -> asyncio.Future[bool]:
    future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    # Whoever asked may be gone; an exception that nobody fetches is none of the log's concern.
    future.add_done_callback(lambda one: one.cancelled() or one.exception())
    return future


def _cost(stored: bytes) -> bytes:
    return stored[4:6]


def _check(waiting: _Waiting) -> bool:
    import bcrypt  # noqa: PLC0415 - only where there are users

    try:
        return bool(bcrypt.checkpw(waiting.password, waiting.stored))
    except ValueError:
        return False
