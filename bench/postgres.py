"""Databases, beside postgres_exporter, as it comes and tuned.

A server of our own with pgbench's tables; where "working" stands, pgbench runs. Ours is `collect[]=postgres`.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import _containers, _cost, _peers
from bench._options import say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench._options import Options
    from bench._sheet import Sheet

_SCALE = "5"  # of pgbench: 500,000 rows
_RATE = "50"  # transactions a second, where it works


def sheets(options: Options) -> Iterator[Sheet]:
    say(_peers.versions(("postgres_exporter",)))
    fixture = _containers.fixture("postgres")
    if not (fixture.installed() / "initdb").exists():
        say("no databases: PostgreSQL is not installed")
        return
    with _server(fixture) as server, tempfile.TemporaryDirectory() as name:
        for load in options.loads:
            say(f"one server, {load}")
            with _pgbench(server) if load == "working" else nullcontext():
                ours = replace(
                    _peers.deckwatch(None),
                    metrics="/metrics?collect[]=postgres",
                    environment=(("DECKWATCH_POSTGRES_DSN", server.dsn),),
                )
                peers = _peers.postgres_exporter(f"{server.dsn}?sslmode=disable")
                yield _cost.table(f"Databases: one server, {load}", _cost.measure([ours, *peers], Path(name), options))


@contextmanager
def _server(fixture: Any) -> Iterator[Any]:
    programs = fixture.installed()
    folder = fixture.make_data(programs)
    server = fixture.PostgresServer(folder, programs)
    try:
        server.start()
        server.make_shop()
        server.pgbench("-i", "-q", "-s", _SCALE)
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


@contextmanager
def _pgbench(server: Any) -> Iterator[None]:
    login = ["-h", str(server.folder), "-p", str(server.port), "-U", "postgres"]
    command = [str(server.programs / "pgbench"), *login, "-R", _RATE, "-T", "3600", "-c", "2", "shop"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        try:
            yield
        finally:
            running.terminate()
