"""Databases, compared with postgres_exporter, with default settings and tuned.

A separate server with pgbench's tables; in "working" sheets pgbench runs. Deckwatch serves `collect[]=postgres`. Then
the same server with more databases, and with ten thousand tables in the database that both are connected to.
"""

from __future__ import annotations

import re
import statistics
import subprocess
import tempfile
import threading
import urllib.request
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import _containers, _cost, _database, _peers
from bench._options import print_progress
from bench._sheet import Sheet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench._options import Options

_SCALE = "5"  # of pgbench: 500,000 rows
_RATE = "50"  # transactions per second under load
_TURNS = 3
_DATABASES = (20, 100)
_TABLES = 10_000


def sheets(options: Options) -> Iterator[Sheet]:
    print_progress(_peers.installed_versions(("postgres_exporter",)))
    fixture = _containers.load_fixture("postgres")
    if not (fixture.installed() / "initdb").exists():
        print_progress("postgres skipped: requires PostgreSQL")
        return
    with _database.running_server(fixture, _SCALE) as server:
        yield _measure_throughput(server, options)
        for load in options.loads:
            with _run_pgbench(server) if load == "working" else nullcontext():
                yield _cost_sheet(server, f"one server, {load}", options)
        for number in _DATABASES:
            _make_databases(server, number)
            yield _cost_sheet(server, f"{number} databases, idle", options)
        _make_tables(server)
        yield _cost_sheet(server, f"{_TABLES:,} tables, idle", options)


def _cost_sheet(server: Any, what: str, options: Options) -> Sheet:
    print_progress(what)
    ours = replace(
        _peers.deckwatch_server(None),
        metrics="/metrics?collect[]=postgres",
        environment=(("DECKWATCH_POSTGRES_DSN", server.dsn),),
    )
    peers = _peers.postgres_exporter_servers(f"{server.dsn}?sslmode=disable")
    with tempfile.TemporaryDirectory() as name:
        return _cost.cost_sheet(f"Databases: {what}", _cost.measure_costs([ours, *peers], Path(name), options))


def _measure_throughput(server: Any, options: Options) -> Sheet:
    """Measure the transactions per second of fifty clients, alternately with and without scrapes every five seconds."""
    print_progress("pgbench with 50 clients, with and without scrapes")
    ours = replace(_peers.deckwatch_server(None), environment=(("DECKWATCH_POSTGRES_DSN", server.dsn),))
    seconds = 10 if options.quick else 30
    rates: dict[bool, list[float]] = {False: [], True: []}
    with tempfile.TemporaryDirectory() as name, ours.run_in(Path(name)):
        for scraped in [False, True] * _TURNS:
            stop = threading.Event()
            scraping = threading.Thread(target=_scrape_until, args=(f"http://{ours.address}/metrics", stop))
            if scraped:
                scraping.start()
            output = server.pgbench("-c", "50", "-j", "2", "-T", str(seconds), "-n")
            rates[scraped].append(float(re.search(r"tps = ([0-9.]+)", output)[1]))  # type: ignore[index]
            stop.set()
            if scraped:
                scraping.join()
    rows = [
        [what, *(f"{rate:,.0f}" for rate in rates[scraped])] for what, scraped in (("without", False), ("with", True))
    ]
    ratio = statistics.median(rates[True]) / statistics.median(rates[False])
    columns = ["transactions per second", *(f"run {turn + 1}" for turn in range(_TURNS))]
    return Sheet("Databases: effect of scrapes on fifty clients", columns, rows, f"with / without: {ratio:.3f}")


def _scrape_until(url: str, stop: threading.Event) -> None:
    while not stop.wait(5):
        urllib.request.urlopen(url, timeout=10).read()


def _make_databases(server: Any, number: int) -> None:
    """Create databases with pgbench's tables until the server has `number`."""
    [[count]] = server.sql("SELECT count(*) FROM pg_database WHERE datname LIKE 'bench%'")
    for index in range(count, number - 2):  # in addition to postgres and shop
        server.sql(f"CREATE DATABASE bench{index} TEMPLATE shop")


def _make_tables(server: Any) -> None:
    make = "DO $$ BEGIN FOR i IN {}..{} LOOP EXECUTE format('CREATE TABLE t%s (i int)', i); END LOOP; END $$"
    for first in range(0, _TABLES, 1_000):
        server.sql(make.format(first + 1, first + 1_000))


@contextmanager
def _run_pgbench(server: Any) -> Iterator[None]:
    login = ["-h", str(server.folder), "-p", str(server.port), "-U", "postgres"]
    command = [str(server.programs / "pgbench"), *login, "-R", _RATE, "-T", "3600", "-c", "2", "shop"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        try:
            yield
        finally:
            running.terminate()
