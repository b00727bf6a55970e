"""systemd's units, over the host's system bus (org.freedesktop.systemd1(5))."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from deckwatch.exporter.sources import rootfs
from deckwatch.exporter.sources.dbus import Bus, ErrorReply
from deckwatch.exporter.sources.dbuswire import Call
from deckwatch.exporter.sources.procfs import ParseError
from deckwatch.exporter.world import NoData, Source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deckwatch.exporter.world import World

_SOCKET = "run/dbus/system_bus_socket"
_NAME = "org.freedesktop.systemd1"
_MANAGER = ("/org/freedesktop/systemd1", f"{_NAME}.Manager")
_PATIENCE_SECONDS = 5.0
# Nobody owns the name where the host has no systemd; the others say that we may not ask.
_ABSENT = frozenset(
    f"org.freedesktop.DBus.Error.{name}"
    for name in ("ServiceUnknown", "NameHasNoOwner", "AccessDenied", "InteractiveAuthorizationRequired")
)


class Unit(NamedTuple):
    """One unit: name, load state (`loaded`, `not-found`, …), active state, and its object on the bus."""

    name: str
    loaded: str
    active: str
    path: str


class Property(NamedTuple):
    """A property of one unit: `interface` is Service, Socket, Timer, …."""

    unit: Unit
    interface: str
    name: str


class Systemd(Source):
    """A persistent connection to the host's systemd, closed after any error and reopened for the next call."""

    def __init__(self, world: World) -> None:
        self._path = rootfs.host_path(world, _SOCKET)
        self._bus: Bus | None = None

    def list_units(self) -> list[Unit]:
        """Return all units that systemd has in memory; raises NoData, OSError or ParseError."""
        (answer,) = self._call_methods([Call(_NAME, *_MANAGER, "ListUnits")])
        try:
            return [Unit(unit[0], unit[2], unit[3], unit[6]) for unit in _require_reply(answer)[0]]
        except (IndexError, TypeError):
            raise ParseError("systemd's list of units reads otherwise") from None

    def manager_properties(self, *names: str) -> list[Any]:
        """Return properties of the manager; None for a property that this systemd does not have."""
        return self._get_properties([(*_MANAGER, name) for name in names])

    def unit_properties(self, properties: Sequence[Property]) -> list[Any]:
        """Return properties of units; None for an unknown property, and for a removed unit."""
        return self._get_properties(
            [
                (unit_property.unit.path, f"{_NAME}.{unit_property.interface}", unit_property.name)
                for unit_property in properties
            ]
        )

    def _get_properties(self, asked: Sequence[tuple[str, str, str]]) -> list[Any]:
        get = ("org.freedesktop.DBus.Properties", "Get")
        answers = self._call_methods([Call(_NAME, path, *get, (interface, name)) for path, interface, name in asked])
        return [None if isinstance(answer, ErrorReply) or not answer else answer[0] for answer in answers]

    def _call_methods(self, calls: Sequence[Call]) -> list[tuple[Any, ...] | ErrorReply]:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        kept = self._bus
        try:
            return self._open_bus(deadline).call_methods(calls, deadline)
        except (BrokenPipeError, ConnectionResetError):
            self.close()
            if kept is None:
                raise
            return self._open_bus(deadline).call_methods(calls, deadline)  # the bus was restarted meanwhile
        except (OSError, ParseError):
            self.close()
            raise

    def _open_bus(self, deadline: float) -> Bus:
        if self._bus is None:
            try:
                self._bus = Bus(self._path, deadline)
            except (FileNotFoundError, NotADirectoryError):
                raise NoData(f"the host has no /{_SOCKET}") from None
            except PermissionError:
                raise NoData(f"the host's /{_SOCKET} is not for us") from None
        return self._bus

    def close(self) -> None:
        """Close the connection."""
        if self._bus is not None:
            self._bus.close()
            self._bus = None


def _require_reply(answer: tuple[Any, ...] | ErrorReply) -> tuple[Any, ...]:
    if isinstance(answer, ErrorReply):
        if answer.name in _ABSENT:
            raise NoData(f"systemd does not answer: {answer.name}")
        raise ParseError(f"systemd refuses: {answer.name}")
    return answer
