"""Sessions of one database for the queries of users: opened when a query needs one, kept while they are of use."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from deckwatch.exporter.sources.source_failures import DatabaseDown, QueryTimeout

if TYPE_CHECKING:
    from deckwatch.exporter.sources.sql import Query, Rows

_SESSIONS = 2  # of one database: a query that runs into its timeout leaves room for the others
_IDLE_SECONDS = 300.0  # after which a session is not used again: the server or a firewall may have ended it

Session = TypeVar("Session")


class SessionKind(Protocol[Session]):
    """How sessions of one kind of server are handled; a database implements it for its own."""

    def open_session(self) -> Session:
        """Connect; raises DatabaseDown."""

    def is_open(self, session: Session) -> bool:
        """Whether another query can be run in the session."""

    def close_session(self, session: Session) -> None:
        """Close the session without waiting for the server."""

    def run_query(self, session: Session, query: Query) -> Rows:
        """Run a query; raises SourceFailure, and closes a session in which no other query can be run."""


class SessionPool(Generic[Session]):
    """At most two sessions of a database, each used by one query at a time."""

    def __init__(self, kind: SessionKind[Session]) -> None:
        self._kind = kind
        self._slots = threading.BoundedSemaphore(_SESSIONS)
        self._idle: list[tuple[Session, float]] = []  # with the time of their last use
        self._lock = threading.Lock()
        self._closed = False

    def run_query(self, query: Query) -> Rows:
        """Run a query in one of the sessions; raises SourceFailure."""
        if not self._slots.acquire(timeout=query.seconds):
            raise QueryTimeout(f"no turn within {query.seconds:g} s, since other queries of this database are slow")
        try:
            session = self._take_idle()
            if session is None:
                return self._run_and_keep(self._kind.open_session(), query)
            try:
                return self._run_and_keep(session, query)
            except DatabaseDown:  # the server was restarted since the last query
                self._close_idle()
                return self._run_and_keep(self._kind.open_session(), query)
        finally:
            self._slots.release()

    def close(self) -> None:
        """Close the sessions that are not in use; those in use are closed after it."""
        with self._lock:
            self._closed = True
        self._close_idle()

    def _run_and_keep(self, session: Session, query: Query) -> Rows:
        try:
            return self._kind.run_query(session, query)
        finally:
            self._keep_session(session)

    def _keep_session(self, session: Session) -> None:
        with self._lock:
            is_kept = not self._closed and self._kind.is_open(session)
            if is_kept:
                self._idle.append((session, time.monotonic()))
        if not is_kept:
            self._kind.close_session(session)

    def _take_idle(self) -> Session | None:
        """Return the session used last; None if there is none that is recent enough."""
        earliest = time.monotonic() - _IDLE_SECONDS
        with self._lock:
            expired = [session for session, used_at in self._idle if used_at < earliest]
            self._idle = [(session, used_at) for session, used_at in self._idle if used_at >= earliest]
            session = self._idle.pop()[0] if self._idle else None
        for each in expired:
            self._kind.close_session(each)
        return session

    def _close_idle(self) -> None:
        with self._lock:
            sessions, self._idle = self._idle, []
        for session, _ in sessions:
            self._kind.close_session(session)
