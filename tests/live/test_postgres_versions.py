"""Every collector against servers of other versions: `DECKWATCH_POSTGRES_VERSIONS` names a folder with one each.

`FOLDER/17/bin/postgres` is a server of that version. What a version lacks is absent, and nothing of it fails.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytestmark = [pytest.mark.live, pytest.mark.sampled]

FOLDER = Path(os.environ.get("DECKWATCH_POSTGRES_VERSIONS", "/nowhere"))
VERSIONS = (13, 14, 15, 16, 17, 18)
CHECKPOINTS_DONE = 18  # the version that counts them
TEMPORARY_BLOCKS = 1000  # fewer than the temporary table has
SINCE = {
    "postgres_buffercache_summary": 16,
    "postgres_checkpointer": 17,
    "postgres_io": 16,
    "postgres_wal_activity": 14,
}


@pytest.fixture(params=VERSIONS)
def server_of(request, need, postgres_server):
    """A server of a version, with that version."""
    programs = FOLDER / f"{request.param}/bin"
    need.luck(
        (programs / "postgres").exists(),
        f"DECKWATCH_POSTGRES_VERSIONS names no folder with {request.param}/bin/postgres",
    )
    return request.param, postgres_server(programs=programs)


def test_nothing_fails_and_what_is_absent_is_newer(server_of, watch_postgres, eventually):
    version, server = server_of
    server.sql("CREATE TABLE goods (i int PRIMARY KEY); INSERT INTO goods SELECT generate_series(1, 100)", "shop")
    server.sql('CREATE SCHEMA "Its Own"; CREATE EXTENSION pg_buffercache SCHEMA "Its Own"')
    server.sql('GRANT USAGE ON SCHEMA "Its Own" TO deckwatch')
    watched = watch_postgres(a={"dsn": server.dsn, "databases_every": "1s"})
    tables = 'pg_stat_user_tables_n_tup_ins{server="a",datname="shop",schemaname="public",relname="goods"}'
    # Before 15 the figures come a little later, through a process that collects them.
    eventually(lambda: watched.page().get(tables) == 100)
    assert not watched.errors("a")
    absent = {one.collector.name for one in watched.outcomes if one.absent} - {
        "postgres_statements",
        "postgres_statement_texts",
    }
    assert absent == {name for name, since in SINCE.items() if version < since}
    # What 17 and 18 moved elsewhere keeps its name.
    server.sql("CREATE TEMPORARY TABLE own AS SELECT repeat('x', 1000) FROM generate_series(1, 20000)")
    server.sql("CHECKPOINT")
    eventually(lambda: watched.page()['pg_stat_bgwriter_checkpoints_req_total{server="a"}'] >= 1)
    page = watched.page()
    if version >= SINCE["postgres_wal_activity"]:
        assert page['deckwatch_postgres_wal_writes_total{server="a"}'] > 0
        assert page['deckwatch_postgres_wal_syncs_total{server="a"}'] >= 0
    if version >= SINCE["postgres_io"]:
        conflicts = [series for series in page if "confl_active_logicalslot" in series]
        assert conflicts
    if version >= SINCE["postgres_checkpointer"]:
        assert page['pg_stat_bgwriter_buffers_backend_total{server="a"}'] < TEMPORARY_BLOCKS, "they are not shared"
    if version >= CHECKPOINTS_DONE:
        assert page['pg_stat_checkpointer_num_done_total{server="a"}'] >= 1
        assert page['pg_stat_checkpointer_slru_written_total{server="a"}'] >= 0
        logs = [series for series in page if series.startswith("deckwatch_postgres_io_writes_total")]
        assert any('object="wal"' in series for series in logs)
    [[size]] = server.sql("SELECT pg_database_size('shop')")
    assert watched.page()['pg_database_size_bytes{server="a",datname="shop"}'] == pytest.approx(size, rel=0.05)
    if version >= SINCE["postgres_buffercache_summary"]:
        page = watched.page()
        held = sum(page[f'pg_buffercache_summary_buffers_{kind}{{server="a"}}'] for kind in ("used", "unused"))
        assert held * 8192 == page['pg_settings_shared_buffers_bytes{server="a"}']
        assert 0 < page['pg_buffercache_summary_usagecount_avg{server="a"}'] <= 5
