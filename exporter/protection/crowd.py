"""Who holds a connection: at most so many in all and of one client, and who goes when a new one comes.

No address can take the place of others: where it is full, the client with the most connections loses one of its own,
first one that has not completed a request's header (or TLS handshake), then the one that has rested longest. So a
scraper's kept connection outlives any number that dawdle.
"""

from __future__ import annotations

import ipaddress
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from deckwatch.exporter.protection.seldom import Seldom

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable

log = logging.getLogger("deckwatch.listen")

MOST_CONNECTIONS = 128
MOST_OF_A_CLIENT = 64
_SUBSCRIBER = 64  # bits of an IPv6 address that one client is given (RFC 6177)

State = Literal["unfinished", "resting", "busy"]


def client_of(address: str) -> str:
    """Return whose an address is: of IPv6 the network of 64 bits, which one client may have for itself."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, _SUBSCRIBER), strict=False))


@dataclass(eq=False)
class Guest:
    """One connection that was accepted. `since` is when its state began, by the loop's clock."""

    transport: asyncio.Transport  # TCP's own, also where TLS runs over it
    loop: asyncio.AbstractEventLoop
    client: str = field(init=False)
    state: State = field(init=False, default="unfinished")
    since: float = field(init=False)
    _limit: asyncio.TimerHandle | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        peer = self.transport.get_extra_info("peername")
        self.client = client_of(str(peer[0])) if isinstance(peer, tuple) else ""
        self.since = self.loop.time()

    def unfinished(self, seconds: float) -> None:
        """Give so many seconds for completing what has begun; at their end the connection is cut."""
        self._become("unfinished")
        self._limit = self.loop.call_later(seconds, self.transport.abort)

    def busy(self) -> None:
        """Note that a request is being answered."""
        self._become("busy")

    def resting(self) -> None:
        """Note that the last request is answered, and no other has come."""
        self._become("resting")

    def gone(self) -> None:
        """Forget the time limit."""
        self._become("resting")

    def _become(self, state: State) -> None:
        self.state, self.since = state, self.loop.time()
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None


class Crowd:
    """All connections of a server."""

    def __init__(self) -> None:
        self._by_client: dict[str, set[Guest]] = {}
        self._count = 0
        self._seldom = Seldom()

    def enter(self, guest: Guest) -> bool:
        """Take a connection in, if need be in the place of another; False where it must go."""
        mine = self._by_client.get(guest.client, set())
        if len(mine) >= MOST_OF_A_CLIENT:
            made = self._make_room(mine)
        else:
            made = self._count < MOST_CONNECTIONS or self._make_room(self.guests())
        if not made:
            if (more := self._seldom(guest.client)) is not None:
                log.warning("a connection of %s was refused: all others are busy%s", guest.client, more)
            return False
        self._by_client.setdefault(guest.client, set()).add(guest)
        self._count += 1
        return True

    def leave(self, guest: Guest) -> None:
        """Forget a connection; harmless where it is forgotten already."""
        guest.gone()
        mine = self._by_client.get(guest.client, set())
        if guest in mine:
            mine.remove(guest)
            self._count -= 1
        if not mine:
            self._by_client.pop(guest.client, None)

    def guests(self) -> list[Guest]:
        """Return all connections."""
        return [guest for mine in self._by_client.values() for guest in mine]

    def cut(self, guest: Guest) -> None:
        """End a connection at once."""
        self.leave(guest)
        guest.transport.abort()

    def _make_room(self, of: Iterable[Guest]) -> bool:
        waiting = [guest for guest in of if guest.state != "busy"]
        if not waiting:
            return False
        self.cut(
            min(waiting, key=lambda one: (-len(self._by_client[one.client]), one.state != "unfinished", one.since))
        )
        return True
