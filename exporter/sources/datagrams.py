"""Sockets that exchange datagrams with one address."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

    from deckwatch.exporter.sources.dial import Address


def connect_datagrams(addresses: Sequence[Address], open_socket: Callable[[int], socket.socket]) -> socket.socket:
    """Return a socket for the first of these addresses that there is a route to; `open_socket` gets the family.

    Datagrams of others are not received. Raises OSError.
    """
    for number, (family, _, _, _, address) in enumerate(addresses, 1):
        connection = open_socket(family)
        try:
            connection.setblocking(False)
            connection.connect(address)
        except OSError:
            connection.close()
            if number == len(addresses):
                raise
        else:
            return connection
    raise ValueError("no addresses")
