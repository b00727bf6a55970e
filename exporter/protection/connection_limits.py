"""Limits on the number of connections, in total and per client, and the choice of the one to close for a new one.

No client can displace others: at the limit, the client with the most connections loses one of its own, first one that
has not completed a request's header (or TLS handshake), then the one idle for longest, then one that does not read its
page, and of a client with many connections even one whose page is being made. So a scraper's kept connection outlives
any number of slow ones, and a scraper without a connection gets one.
"""

from __future__ import annotations

import ipaddress
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from deckwatch.exporter.log_throttle import LogThrottle

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable, Iterator

log = logging.getLogger("deckwatch.listen")

MAX_CONNECTIONS = 128
MAX_PER_CLIENT = 64
_GREEDY_CONNECTIONS = 8  # a client with more than these can lose one whose page is being made
_IPV6_PREFIX_BITS = 64  # bits of the network that one client is assigned (RFC 6177)

State = Literal["incomplete", "idle", "unread", "busy"]
_STATES_BY_VALUE: tuple[State, ...] = ("incomplete", "idle", "unread", "busy")  # the first loses least


def client_key(address: str) -> str:
    """Return the key by which clients are counted: the IPv4 address, or the /64 network of an IPv6 address."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, _IPV6_PREFIX_BITS), strict=False))


@dataclass(eq=False)
class ConnectionSlot:
    """An accepted connection. `since` is the start of its state, by the loop's clock."""

    transport: asyncio.Transport  # of TCP, also below TLS
    loop: asyncio.AbstractEventLoop
    client: str = field(init=False)
    state: State = field(init=False, default="incomplete")
    since: float = field(init=False)
    _deadline: asyncio.TimerHandle | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        peer = self.transport.get_extra_info("peername")
        self.client = client_key(str(peer[0])) if isinstance(peer, tuple) else ""
        self.since = self.loop.time()

    def mark_incomplete(self, seconds: float) -> None:
        """Wait for the rest of a header or handshake; close the connection after `seconds`."""
        self._set_state("incomplete")
        self._deadline = self.loop.call_later(seconds, self.transport.abort)

    def mark_busy(self) -> None:
        """Mark the connection as answering a request."""
        self._set_state("busy")

    def mark_unread(self) -> None:
        """Mark the connection as waiting for the client to read its page."""
        self._set_state("unread")

    def mark_idle(self) -> None:
        """Mark the connection as waiting for the next request."""
        self._set_state("idle")

    def cancel_deadline(self) -> None:
        """Cancel the time limit."""
        self._set_state("idle")

    def _set_state(self, state: State) -> None:
        self.state, self.since = state, self.loop.time()
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class ConnectionPool:
    """The connections of a server."""

    def __init__(self, targets: int = 0) -> None:
        """`targets` are pages that a scraper reads at a time besides the usual ones, such as those of probes."""
        self._targets = targets
        self._by_client: dict[str, set[ConnectionSlot]] = {}
        self._count = 0
        self._throttle = LogThrottle()

    def add_slot(self, slot: ConnectionSlot) -> bool:
        """Add a connection, closing another if necessary; return False if it has to be refused."""
        slots = self._by_client.get(slot.client, set())
        if len(slots) >= MAX_PER_CLIENT + self._targets:
            has_room = self._make_room(other for other in slots if other.state != "busy")
        else:
            has_room = self._count < MAX_CONNECTIONS + self._targets or self._make_room(
                self._displaceable_slots(slot.client)
            )
        if not has_room:
            if (more := self._throttle(slot.client)) is not None:
                log.warning("a connection of %s was refused: all others are busy%s", slot.client, more)
            return False
        self._by_client.setdefault(slot.client, set()).add(slot)
        self._count += 1
        return True

    def remove_slot(self, slot: ConnectionSlot) -> None:
        """Remove a connection, if it has not been removed already."""
        slot.cancel_deadline()
        slots = self._by_client.get(slot.client, set())
        if slot in slots:
            slots.remove(slot)
            self._count -= 1
        if not slots:
            self._by_client.pop(slot.client, None)

    def all_slots(self) -> list[ConnectionSlot]:
        """Return all connections."""
        return [slot for slots in self._by_client.values() for slot in slots]

    def abort_slot(self, slot: ConnectionSlot) -> None:
        """Close a connection at once."""
        self.remove_slot(slot)
        slot.transport.abort()

    def _displaceable_slots(self, client: str) -> Iterator[ConnectionSlot]:
        """Yield the connections that a new one of this client may replace: its own, and of clients that have more."""
        own = len(self._by_client.get(client, ()))
        for other, slots in self._by_client.items():
            for slot in slots:
                if slot.state == "busy":
                    if len(slots) > max(own + 1, _GREEDY_CONNECTIONS):
                        yield slot
                elif len(slots) > own or other == client:
                    yield slot

    def _make_room(self, slots: Iterable[ConnectionSlot]) -> bool:
        """Close the connection that loses least; return whether there was one."""

        def rank_slot(slot: ConnectionSlot) -> tuple[int, int, float]:
            return -len(self._by_client[slot.client]), _STATES_BY_VALUE.index(slot.state), slot.since

        slot = min(slots, key=rank_slot, default=None)
        if slot is not None:
            self.abort_slot(slot)
        return slot is not None
