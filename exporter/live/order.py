"""The orders of the containers' table, on the page and in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from deckwatch.exporter.live.board import Container

# The columns, by the name of the order.
ORDERS = {
    "name": "Container",
    "state": "State",
    "cpu": "CPU",
    "memory": "Memory",
    "network": "Network",
    "restarts": "Restarts",
    "uptime": "Uptime",
}

_KEYS: dict[str, Callable[[Container], float]] = {
    "cpu": lambda row: row.cpu or 0.0,
    "memory": lambda row: row.memory or 0.0,
    "network": lambda row: (row.received or 0.0) + (row.sent or 0.0),
    "restarts": lambda row: row.restarts or 0.0,
    "uptime": lambda row: row.uptime or 0.0,
}


def sort_containers(rows: Iterable[Container], order: str) -> list[Container]:
    """Return the containers in an order of ORDERS, the largest value first; as they are for any other."""
    if order in _KEYS:
        return sorted(rows, key=lambda row: (-_KEYS[order](row), row.name))
    if order == "name":
        return sorted(rows, key=lambda row: row.name)
    return list(rows)  # by state, as the board has them
