"""Sessions for users' queries: used by one query at a time, kept once, replaced where the server was restarted."""

import threading
import time

import pytest

from deckwatch.exporter.sources import sql_sessions
from deckwatch.exporter.sources.source_failures import DatabaseDown, QueryRefused, QueryTimeout
from deckwatch.exporter.sources.sql import Query, Rows
from deckwatch.exporter.sources.sql_sessions import SessionPool

QUERY = Query("SELECT 1", seconds=5, max_rows=1)
ROWS = Rows(("value",), [(1,)], is_cut=False)


class Session:
    """A session that notes how many queries run in it at a time."""

    def __init__(self) -> None:
        self.is_open = True
        self.users = 0
        self.failure: Exception | None = None


class Sessions:
    """A kind of session that is not of any server: what the pool does with it is all that is tested here."""

    def __init__(self) -> None:
        self.opened: list[Session] = []
        self.release = threading.Event()
        self.release.set()
        self.pool: SessionPool[Session] = SessionPool(self)

    def open_session(self) -> Session:
        self.opened.append(Session())
        return self.opened[-1]

    def is_open(self, session: Session) -> bool:
        return session.is_open

    def close_session(self, session: Session) -> None:
        session.is_open = False

    def run_query(self, session: Session, _query: Query) -> Rows:
        assert session.is_open
        session.users += 1
        assert session.users == 1
        self.release.wait(10)
        session.users -= 1
        if session.failure is not None:
            raise session.failure
        return ROWS


def test_a_session_is_kept_for_the_next_query():
    sessions = Sessions()
    assert [sessions.pool.run_query(QUERY) for _ in range(3)] == [ROWS] * 3
    assert len(sessions.opened) == 1


def test_a_refused_query_keeps_its_session_once():
    sessions = Sessions()
    sessions.pool.run_query(QUERY)
    sessions.opened[0].failure = QueryRefused("no such table")
    with pytest.raises(QueryRefused):
        sessions.pool.run_query(QUERY)
    sessions.opened[0].failure = None
    sessions.release.clear()
    threads = [threading.Thread(target=sessions.pool.run_query, args=(QUERY,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 5
    while sum(session.users for session in sessions.opened) < 2 and time.monotonic() < deadline:
        time.sleep(0.005)
    assert [session.users for session in sessions.opened] == [1, 1]
    sessions.release.set()
    for thread in threads:
        thread.join()


def test_a_query_waits_for_its_turn_no_longer_than_its_limit():
    sessions = Sessions()
    sessions.release.clear()
    threads = [threading.Thread(target=sessions.pool.run_query, args=(QUERY,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    with pytest.raises(QueryTimeout, match=r"no turn within 0\.05 s"):
        sessions.pool.run_query(Query("SELECT 1", seconds=0.05, max_rows=1))
    sessions.release.set()
    for thread in threads:
        thread.join()


def test_after_a_restart_of_the_server_all_kept_sessions_are_replaced():
    sessions = Sessions()
    sessions.pool.run_query(QUERY)
    sessions.opened[0].failure = DatabaseDown("connection lost")
    assert sessions.pool.run_query(QUERY) == ROWS
    assert [session.is_open for session in sessions.opened] == [False, True]


def test_a_new_session_that_fails_is_not_tried_twice():
    sessions = Sessions()
    down = DatabaseDown("connection lost")

    def open_failing() -> Session:
        session = Session()
        session.failure = down
        sessions.opened.append(session)
        return session

    sessions.open_session = open_failing  # type: ignore[method-assign]
    with pytest.raises(DatabaseDown):
        sessions.pool.run_query(QUERY)
    assert len(sessions.opened) == 1


def test_a_session_that_was_idle_for_long_is_replaced(monkeypatch: pytest.MonkeyPatch):
    sessions = Sessions()
    sessions.pool.run_query(QUERY)
    monkeypatch.setattr(sql_sessions, "_IDLE_SECONDS", -1.0)
    sessions.pool.run_query(QUERY)
    assert [session.is_open for session in sessions.opened] == [False, True]


def test_closing_closes_kept_sessions_and_those_in_use_when_they_end():
    sessions = Sessions()
    sessions.release.clear()
    thread = threading.Thread(target=sessions.pool.run_query, args=(QUERY,))
    thread.start()
    deadline = time.monotonic() + 5
    while not sessions.opened and time.monotonic() < deadline:
        time.sleep(0.005)
    sessions.pool.close()
    sessions.release.set()
    thread.join()
    assert [session.is_open for session in sessions.opened] == [False]
