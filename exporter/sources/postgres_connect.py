"""Opening connections to PostgreSQL: on a thread of their own where somebody waits, and never too many."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from deckwatch.exporter.sources.postgres_dsn import ServerDown

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from deckwatch.exporter.sources.postgres_link import Link, Row

MAX_CONNECTIONS = 3  # one in use, and up to two whose server processes hang


class ConnectAttempt:
    """One attempt to connect, on a daemon thread: a name server or a handshake can hang for long."""

    def __init__(self, dsn: Callable[[], str], hanging: set[tuple[int, str]]) -> None:
        self.started = time.monotonic()
        self.done = threading.Event()
        self.link: Link | None = None
        self.rights: list[Row] = []
        self.reason = ""
        self._abandoned = False
        self._lock = threading.Lock()
        self._dsn = dsn
        self._hanging = frozenset(hanging)
        threading.Thread(target=self._connect, name="postgres-connect", daemon=True).start()

    def _connect(self) -> None:
        link = None
        try:
            link = open_connection(self._dsn, self._hanging)
            self.rights = link.read_rights()
        except Exception as fault:  # noqa: BLE001 - whatever it is, the waiting page must hear of it
            self.reason = str(fault) if isinstance(fault, ServerDown) else f"unexpected error ({type(fault).__name__})"
        with self._lock:
            if self._abandoned and link is not None:
                link.close()
            else:
                self.link = link
            self.done.set()

    def abandon(self) -> None:
        """Close the connection that the attempt has opened or will open."""
        with self._lock:
            self._abandoned = True
            if self.link is not None:
                self.link.close()


def open_connection(dsn: Callable[[], str], hanging: Collection[tuple[int, str]], database: str = "") -> Link:
    """Return a new connection; raises ServerDown, also where too many server processes hang that once were ours."""
    from deckwatch.exporter.sources.postgres_link import open_link  # noqa: PLC0415 - psycopg, only where configured

    link = open_link(dsn(), database)
    if len(link.sessions.intersection(hanging)) >= MAX_CONNECTIONS - 1:
        link.close()
        raise ServerDown("processes of earlier connections hang")
    return link
