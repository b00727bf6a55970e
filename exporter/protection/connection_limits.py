"""Limits on the number of connections, in total and per client, and the choice of the one to close for a new one.

No client can displace others: at the limit, the client with the most connections loses one of its own, first one that
has not completed a request's header (or TLS handshake), then the one idle for longest. So a scraper's kept connection
outlives any number of slow ones.
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
_IPV6_PREFIX_BITS = 64  # bits of the network that one client is assigned (RFC 6177)

State = Literal["incomplete", "idle", "busy"]


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

    def __init__(self) -> None:
        self._by_client: dict[str, set[ConnectionSlot]] = {}
        self._count = 0
        self._throttle = LogThrottle()

    def add_slot(self, slot: ConnectionSlot) -> bool:
        """Add a connection, closing another if necessary; return False if it has to be refused."""
        slots = self._by_client.get(slot.client, set())
        if len(slots) >= MAX_PER_CLIENT:
            has_room = self._make_room(slots)
        else:
            has_room = self._count < MAX_CONNECTIONS or self._make_room(self.all_slots())
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

    def _make_room(self, slots: Iterable[ConnectionSlot]) -> bool:
        waiting = [slot for slot in slots if slot.state != "busy"]
        if not waiting:
            return False
        self.abort_slot(
            min(waiting, key=lambda slot: (-len(self._by_client[slot.client]), slot.state != "incomplete", slot.since))
        )
        return True
