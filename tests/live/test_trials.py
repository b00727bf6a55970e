"""Trials by chance: kills of `generate`, thousands of scrapes, lost sources while reading, kills in the alert chain.

A few rounds of the first three by default; DECKWATCH_TRIALS=full runs 600 kills, 3,000 scrapes, ten rounds of lost
sources, and 20 kills in the chain, which takes most of an hour.
"""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psycopg
import pytest

from deckwatch.provisioning.servers import ALERTMANAGER, EXPORTER, PROMETHEUS

pytestmark = [pytest.mark.live, pytest.mark.slow]

FULL = os.environ.get("DECKWATCH_TRIALS") == "full"
GENERATE_KILLS = 600 if FULL else 8
SCRAPES = 3000 if FULL else 600
ROUNDS = 10 if FULL else 1
CHAIN_KILLS = 20
DECKWATCH = Path(sys.executable).with_name("deckwatch")
SEED = 13

STAYING = 10  # threads that stay for what goes over a network, once made
MORE_KB = 2048  # of fragments and stacks; a leak of 1 kB a scrape takes 3,000 of them to be seen
FIRING = "ContainerNotRunning"


def hash_tree(folder: Path) -> dict[str, str]:
    """Return a hash of every file below a folder, by its path."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_a_killed_generate_leaves_the_old_bundle_or_the_new_one(tmp_path: Path) -> None:
    projects = ["build: {include: [host]}\n", "build: {include: [host, containers]}\n"]
    project, chance = tmp_path / "project", random.Random(SEED)
    project.mkdir()
    out = project / "out"
    command = [DECKWATCH, "--project", project, "generate", "--out", out]
    bundles, seconds = [], 0.0
    for text in projects:
        (project / "deckwatch.yaml").write_text(text)
        started = time.monotonic()
        subprocess.run(command, check=True, capture_output=True)
        seconds = time.monotonic() - started
        bundles.append(hash_tree(out))
    assert bundles[0] != bundles[1]
    ends = []
    for number in range(GENERATE_KILLS):
        (project / "deckwatch.yaml").write_text(projects[number % 2])
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
            time.sleep(chance.uniform(0.5, 1.1) * seconds)  # it writes at the end
            running.kill()
        ends.append(running.returncode)
        assert hash_tree(out) in bundles
    assert -signal.SIGKILL in ends
    subprocess.run(command, check=True, capture_output=True)
    assert hash_tree(out) == bundles[(GENERATE_KILLS - 1) % 2]
    assert {path.name for path in project.iterdir()} <= {"deckwatch.yaml", ".deckwatch", "out"}


def test_thousands_of_scrapes_leave_nothing_behind(serving) -> None:
    exporter = serving("")
    for _ in range(SCRAPES // 2):  # caches fill up, and threads on a busy machine: what these cost once is no leak
        exporter.get()
    threads, descriptors, resident = exporter.threads(), exporter.descriptors(), exporter.resident_kb()
    for _ in range(SCRAPES):
        exporter.get()
    assert exporter.threads() <= threads + STAYING
    assert exporter.descriptors() <= descriptors + 2
    assert exporter.resident_kb() <= resident + MORE_KB


class Reader:
    """Scrapes without a pause, and keeps what was wrong with any page."""

    def __init__(self, exporter) -> None:
        self._exporter = exporter
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._read_pages)
        self.pages, self.faults = 0, []

    def _read_pages(self) -> None:
        while not self._ending.is_set():
            try:
                text = self._exporter.get()
                self.pages += 1
                if "\nnode_load1 " not in text or 'deckwatch_collector_success{collector="host_memory"} 1' not in text:
                    self.faults.append(text)
            except Exception as fault:
                self.faults.append(fault)
            self._ending.wait(0.05)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")  # docker-py, where it could not connect
def test_pages_are_served_while_sources_die_or_are_locked(
    engine, postgres_server, serving, eventually, tmp_path
) -> None:
    engine.run(name="shop")
    server = postgres_server()
    (tmp_path / "dsn").write_text(server.dsn)
    exporter = serving(engine.url, project="watch: {postgres: [{name: a, dsn_file: dsn}]}\n")
    eventually(lambda: exporter.page().values("pg_up") == [1] and not exporter.page().failed)

    def lock_tables() -> None:
        server.sql("CREATE TABLE IF NOT EXISTS goods (i int)", "shop")
        with psycopg.connect(server.admin, dbname="shop") as session:
            session.execute("LOCK goods, pg_class, pg_database IN ACCESS EXCLUSIVE MODE")
            time.sleep(3)

    faults = [
        (engine.freeze, engine.thaw),
        (engine.kill, engine.start),
        (engine.program.stop, engine.start),
        (server.freeze, server.thaw),
        (server.kill, server.start),
        (server.stop, server.start),
        (lock_tables, lambda: None),
    ]
    chance = random.Random(SEED)
    with Reader(exporter) as reader:
        for _ in range(ROUNDS):
            for lose, bring_back in chance.sample(faults, len(faults)):
                before = reader.pages
                lose()
                eventually(lambda before=before: reader.pages > before + 3, 60)
                bring_back()
        eventually(lambda: exporter.page().values("pg_up") == [1] and not exporter.page().failed, 60)
    assert reader.faults == []


@pytest.mark.skipif(not FULL, reason="takes minutes: DECKWATCH_TRIALS=full")
def test_kills_in_the_chain_lose_no_alert_and_resolve_none(engine, alarm, eventually) -> None:
    chain = alarm(engine.url, hurried=True, alerts=[FIRING])
    chain.wait_for_series("node_load1")
    wanted = {"restart_policy": {"Name": "no"}, "labels": {"deckwatch.expected": "running"}}
    engine.run("exit 3", name="shop", **wanted)
    chain.arrival(90, alertname=FIRING, name="shop")
    chance = random.Random(SEED)
    for number in range(CHAIN_KILLS):
        victim = (EXPORTER, PROMETHEUS, ALERTMANAGER)[number % 3]
        program = chain.stack.running[victim]
        assert program.process is not None
        program.process.kill()
        program.process.wait()
        engine.run("exit 4", name=f"cart-{number}", **wanted)  # fails while nobody can tell
        time.sleep(chance.uniform(0.5, 3.0))
        program.start().wait_ready(60)
        eventually(lambda: chain.query(f'ALERTS{{alertname="{FIRING}", alertstate="firing", name="shop"}}'), 60)
    for number in range(CHAIN_KILLS):
        chain.arrival(180, alertname=FIRING, name=f"cart-{number}")
    assert chain.inbox.alerts("/alerts", "resolved", alertname=FIRING) == []
    engine.client.containers.get("shop").remove(force=True)
    chain.arrival(180, "resolved", alertname=FIRING, name="shop")
    assert chain.inbox.alerts("/alerts", "resolved", alertname=FIRING, name="cart-0") == []
