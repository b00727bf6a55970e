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

from deckwatch.exporter.protection.log_throttle import LogThrottle

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable

log = logging.getLogger("deckwatch.listen")

MAX_CONNECTIONS = 128
MAX_PER_CLIENT = 64
_IPV6_PREFIX_BITS = 64  # bits of an IPv6 address that one client is given (RFC 6177)

State = Literal["unfinished", "resting", "busy"]


def client_key(address: str) -> str:
    """Return whose an address is: of IPv6 the network of 64 bits, which one client may have for itself."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, _IPV6_PREFIX_BITS), strict=False))


@dataclass(eq=False)
class ConnectionSlot:
    """One connection that was accepted. `since` is when its state began, by the loop's clock."""

    transport: asyncio.Transport  # TCP's own, also where TLS runs over it
    loop: asyncio.AbstractEventLoop
    client: str = field(init=False)
    state: State = field(init=False, default="unfinished")
    since: float = field(init=False)
    _deadline: asyncio.TimerHandle | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        peer = self.transport.get_extra_info("peername")
        self.client = client_key(str(peer[0])) if isinstance(peer, tuple) else ""
        self.since = self.loop.time()

    def mark_incomplete(self, seconds: float) -> None:
        """Give so many seconds for completing what has begun; at their end the connection is cut."""
        self._set_state("unfinished")
        self._deadline = self.loop.call_later(seconds, self.transport.abort)

    def mark_busy(self) -> None:
        """Note that a request is being answered."""
        self._set_state("busy")

    def mark_idle(self) -> None:
        """Note that the last request is answered, and no other has come."""
        self._set_state("resting")

    def cancel_deadline(self) -> None:
        """Forget the time limit."""
        self._set_state("resting")

    def _set_state(self, state: State) -> None:
        self.state, self.since = state, self.loop.time()
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class ConnectionPool:
    """All connections of a server."""

    def __init__(self) -> None:
        self._by_client: dict[str, set[ConnectionSlot]] = {}
        self._count = 0
        self._throttle = LogThrottle()

    def add_slot(self, guest: ConnectionSlot) -> bool:
        """Take a connection in, if need be in the place of another; False where it must go."""
        mine = self._by_client.get(guest.client, set())
        if len(mine) >= MAX_PER_CLIENT:
            made = self._make_room(mine)
        else:
            made = self._count < MAX_CONNECTIONS or self._make_room(self.all_slots())
        if not made:
            if (more := self._throttle(guest.client)) is not None:
                log.warning("a connection of %s was refused: all others are busy%s", guest.client, more)
            return False
        self._by_client.setdefault(guest.client, set()).add(guest)
        self._count += 1
        return True

    def remove_slot(self, guest: ConnectionSlot) -> None:
        """Forget a connection; harmless where it is forgotten already."""
        guest.cancel_deadline()
        mine = self._by_client.get(guest.client, set())
        if guest in mine:
            mine.remove(guest)
            self._count -= 1
        if not mine:
            self._by_client.pop(guest.client, None)

    def all_slots(self) -> list[ConnectionSlot]:
        """Return all connections."""
        return [guest for mine in self._by_client.values() for guest in mine]

    def abort_slot(self, guest: ConnectionSlot) -> None:
        """End a connection at once."""
        self.remove_slot(guest)
        guest.transport.abort()

    def _make_room(self, of: Iterable[ConnectionSlot]) -> bool:
        waiting = [guest for guest in of if guest.state != "busy"]
        if not waiting:
            return False
        self.abort_slot(
            min(waiting, key=lambda one: (-len(self._by_client[one.client]), one.state != "unfinished", one.since))
        )
        return True
