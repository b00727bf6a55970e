"""A replica whose primary no longer sends: how far it is behind, and that it receives nothing."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.live

LAG = 'pg_replication_lag_seconds{server="b"}'
RECEIVING = 'deckwatch_postgres_wal_receiver_running{server="b"}'


def cut_off(primary) -> None:
    """Have a primary admit no more replicas, and send the present ones away."""
    rules = primary.folder / "data/pg_hba.conf"
    rules.write_text("local replication all reject\nhost replication all all reject\n" + rules.read_text())
    primary.sql("SELECT pg_reload_conf()")
    primary.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_replication")


def test_a_replica_that_lost_its_primary_falls_behind(postgres_server, watch_postgres, eventually):
    primary = postgres_server()
    replica = postgres_server(of=primary)
    primary.sql("CREATE TABLE first (i int)")
    watched = watch_postgres(a={"dsn": primary.dsn}, b={"dsn": replica.dsn})
    page = eventually(lambda: (page := watched.page()).get(RECEIVING) == 1 and page[LAG] == 0 and page)
    assert 'deckwatch_postgres_wal_receiver_running{server="a"}' not in page

    cut_off(primary)
    primary.sql("CREATE TABLE second (i int)")
    eventually(lambda: watched.page()[RECEIVING] == 0)
    page = eventually(lambda: (page := watched.page())[LAG] > 2 and page)
    assert page[LAG] == pytest.approx(page['pg_replication_last_replay_seconds{server="b"}'], abs=0.5)
    assert page[RECEIVING] == 0

    primary.stop()
    replica.stop()
    replica.start()
    watched.page()
    page = eventually(lambda: (page := watched.page()).get(RECEIVING) == 0 and page)
    assert not watched.errors("b")
    page = eventually(lambda: (page := watched.page())[LAG] > 1 and page)


def test_a_replica_fed_from_an_archive_alone_needs_no_receiver(postgres_server, watch_postgres, eventually):
    primary = postgres_server()
    replica = postgres_server(of=primary)
    replica.sql("ALTER SYSTEM SET primary_conninfo = ''")
    replica.sql("SELECT pg_reload_conf()")
    watched = watch_postgres(b={"dsn": replica.dsn})
    page = eventually(lambda: RECEIVING not in (page := watched.page()) and page)
    assert page['pg_replication_is_replica{server="b"}'] == 1
