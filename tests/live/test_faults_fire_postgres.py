"""Every alert on databases: real servers in real trouble, and its end. How to add one: `test_faults_fire.py`."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from typing import TYPE_CHECKING

import psycopg
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.live, pytest.mark.slow]

# Limits that time or a large disk would have to be wasted for are lower, as a project may set them.
PROJECT = """\
watch:
  postgres:
%s
build:
  set:
    postgres.longest_query.high: 2s
    postgres.longest_query.critical: 3s
    postgres.longest_transaction.high: 2s
    postgres.longest_transaction.critical: 3s
    postgres.lock_wait.high: 3s
    postgres.replication_lag.high: 3s
    postgres.slot_keeps.high: 8MiB
    PostgresStatementsSlow.above: 30ms
"""
SHOP = {"server": "shop-db", "datname": "shop"}
FAULTS = {
    "PostgresDown": {"server": "gone", "severity": "critical"},
    "PostgresConnectionsHigh": {"server": "crowded"},
    "PostgresConnectionsCritical": {"server": "crowded"},
    "PostgresQueryLong": {"server": "shop-db"},
    "PostgresTransactionOld": {"server": "shop-db"},
    "PostgresDeadlocks": SHOP,
    "PostgresCacheHitLow": SHOP,
    "PostgresReplicationLag": {"server": "shop-db-2"},
    "PostgresReplicaCutOff": {"server": "shop-db-2"},
    "PostgresRoleLimited": {"server": "old"},
    "PostgresSlowQueries": SHOP,
    "PostgresLockWait": SHOP,
    "PostgresWraparoundNear": {"server": "old", "datname": "shop"},
    "PostgresWraparoundCritical": {"server": "old", "datname": "shop"},
    "PostgresSlotKeepsLog": {"server": "shop-db", "slot_name": "nobody"},
    "PostgresArchivingFails": {"server": "shop-db"},
    "PostgresRoleMayWrite": {"server": "shop-db"},
    "PostgresStatementsSlow": {"server": "shop-db"},
}
MOST, CROWD = 30, 28
WAITERS, SLEEPERS = 7, 10
OLD_TRANSACTIONS = 1_700_000_000  # of the 2³¹ that there are
TRANSACTIONS_IN_FILE = 32 * 8192 * 4  # of pg_xact, two bits each; its name is its number


@contextlib.contextmanager
def busy(work, number: int = 1) -> Iterator[None]:
    """Run `work` in threads; it may end by the end of its session."""

    def run() -> None:
        with contextlib.suppress(psycopg.Error):
            work()

    threads = [threading.Thread(target=run) for _ in range(number)]
    for thread in threads:
        thread.start()
    yield
    for thread in threads:
        thread.join()


def grow_old(server) -> None:
    """Have a server count on from a late transaction, as if it had not been vacuumed for years."""
    server.sql("CHECKPOINT")  # what is only in the log is thrown away with it
    server.stop()
    command = [server.programs / "pg_resetwal", "-f", "-x", str(OLD_TRANSACTIONS), server.folder / "data"]
    extra = {"user": server.program.user, "group": server.program.user, "extra_groups": []}
    subprocess.run(command, check=True, capture_output=True, cwd="/", **(extra if server.program.user else {}))
    (server.folder / f"data/pg_xact/{OLD_TRANSACTIONS // TRANSACTIONS_IN_FILE:04X}").write_bytes(bytes(32 * 8192))
    server.start()


def deadlock(server) -> None:
    with psycopg.connect(server.admin, dbname="shop") as one, psycopg.connect(server.admin, dbname="shop") as two:
        one.execute("UPDATE pair SET n = 1 WHERE i = 1")
        two.execute("UPDATE pair SET n = 2 WHERE i = 2")
        with busy(lambda: one.execute("UPDATE pair SET n = 1 WHERE i = 2")):
            with contextlib.suppress(psycopg.errors.DeadlockDetected):
                two.execute("UPDATE pair SET n = 2 WHERE i = 1")
            two.rollback()
        one.rollback()


@pytest.fixture
def servers(postgres_server):
    shop = postgres_server(
        shared_buffers="4MB",
        shared_preload_libraries="pg_stat_statements",
        archive_mode="on",
        archive_command="false",
        deadlock_timeout="100ms",
        autovacuum="off",  # it would read the large table into the memory of others
    )
    shop.sql("CREATE EXTENSION pg_stat_statements")
    shop.sql("CREATE TABLE pair (i int PRIMARY KEY, n int); INSERT INTO pair VALUES (1, 0), (2, 0)", "shop")
    made = {
        "shop-db": shop,
        "shop-db-2": postgres_server(of=shop),
        "crowded": postgres_server(max_connections=str(MOST), superuser_reserved_connections="1"),
        "old": postgres_server(autovacuum_freeze_max_age="2000000000"),
        "gone": postgres_server(),
    }
    grow_old(made["old"])
    return made


def test_servers_that_are_locked_crowded_old_behind_and_gone(servers, alarm, tmp_path):
    entries = []
    for name, server in servers.items():
        (tmp_path / name).write_text(server.dsn)
        entries.append(f"    - {{name: {name}, dsn_file: {tmp_path / name}}}")
    shop, replica = servers["shop-db"], servers["shop-db-2"]
    shop.sql("GRANT pg_write_server_files TO deckwatch")
    servers["old"].sql("REVOKE pg_monitor FROM deckwatch")
    chain = alarm("", project=PROJECT % "\n".join(entries), hurried=True, alerts=FAULTS)
    chain.wait_for_series(f"count(pg_up == 1) == {len(servers)}")
    chain.wait_for_series('pg_stat_database_deadlocks{server="shop-db", datname="shop"} == 0')

    over = threading.Event()

    def scan() -> None:
        with psycopg.connect(shop.admin, dbname="shop", autocommit=True) as session:
            while not over.wait(0.3):
                session.execute("SELECT count(*) FROM large")

    def sleep() -> None:
        with psycopg.connect(shop.admin, autocommit=True) as session:
            while not over.wait(0.1):
                session.execute("SELECT pg_sleep(2)")

    def wait_for_lock() -> None:
        with psycopg.connect(shop.admin, dbname="shop") as session:
            session.execute("LOCK pair")

    servers["gone"].stop()
    replica.sql("SELECT pg_wal_replay_pause()")
    rules = shop.folder / "data/pg_hba.conf"
    admitting = rules.read_text()
    rules.write_text(f"local replication all reject\n{admitting}")
    shop.sql("SELECT pg_reload_conf()")
    shop.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_replication")
    shop.sql("SELECT pg_create_physical_replication_slot('nobody', true)")
    shop.sql("CREATE TABLE large AS SELECT repeat('x', 1000) FROM generate_series(1, 30000)", "shop")
    deadlock(shop)
    with contextlib.ExitStack() as faults:
        for _ in range(CROWD):
            faults.enter_context(psycopg.connect(servers["crowded"].admin))
        faults.enter_context(busy(scan))
        faults.enter_context(busy(sleep, SLEEPERS))
        holder = faults.enter_context(psycopg.connect(shop.admin, dbname="shop"))
        holder.execute("LOCK pair")
        faults.enter_context(busy(wait_for_lock, WAITERS))
        faults.callback(holder.close)  # before the threads are waited for: the last that was entered is left first
        faults.callback(over.set)
        chain.fire(FAULTS)
        shop.sql("REVOKE pg_write_server_files FROM deckwatch")

    servers["gone"].start()
    rules.write_text(admitting)
    shop.sql("SELECT pg_reload_conf()")
    replica.sql("SELECT pg_wal_replay_resume()")
    servers["old"].sql("GRANT pg_monitor TO deckwatch")
    shop.sql("SELECT pg_drop_replication_slot('nobody')")
    shop.sql("ALTER SYSTEM SET archive_command = 'true'")
    shop.sql("SELECT pg_reload_conf()")
    for database in ("postgres", "template1", "shop"):
        servers["old"].sql("VACUUM (FREEZE)", database)
    chain.end(FAULTS)
