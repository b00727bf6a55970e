"""Many databases and many tables, compared with postgres_exporter: CPU of the exporter and of the server.

100 databases, and 20,000 tables in the one that both are connected to. postgres_exporter without its table collectors
exposes no table, ours 500: what they add is measured with postgres_exporter as well, with and without these collectors
on a server that has 500 tables. Another build (`--against CHECKOUT`) has a server of its own too, scraped at the same
moments. Then nobody scrapes: the last sheet begins five minutes later.
"""

from __future__ import annotations

import contextlib
import functools
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import _containers, _large_database, _peers
from bench._large_database import Target
from bench._options import print_progress
from bench._sheet import Row, Sheet, Targets, format_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bench._options import Options
    from bench._peers import Server

DATABASES, TABLES, SHOWN = 100, 20_000, 500
_CYCLE_MINUTES = 5  # in which every size is read once; each minute has as many visits as any other
_IDLE_SECONDS = 310.0  # after which readings for nobody have ended
_REST_MS = 120.0  # 0.2 % of a core, per minute
OTHER = "deckwatch, other build"
OURS, THEIRS, PLAIN_FEW, TUNED_FEW = "deckwatch", "postgres_exporter, no tables", "500 tables", "500 tables, not shown"


def sheets(options: Options) -> Iterator[Sheet]:
    fixture = _containers.load_fixture("postgres")
    if not (fixture.installed() / "initdb").exists():
        print_progress("postgres_many skipped: requires PostgreSQL")
        return
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        many = stack.enter_context(_large_database.make_template(fixture, DATABASES, TABLES))
        targets = {OURS: start_target(stack, fixture, many, deckwatch_for, folder)}
        if options.against:
            other = functools.partial(deckwatch_for, checkout=options.against, title=OTHER)
            targets[OTHER] = start_target(stack, fixture, many, other, folder)
        peers = {"tuned": 0, "plain": 1} if list(_peers.postgres_exporter_servers("")) else {}
        if peers:
            few = stack.enter_context(_large_database.make_template(fixture, 2, SHOWN))
            targets[THEIRS] = start_target(stack, fixture, many, _peer_maker(peers["tuned"]), folder)
            targets[TUNED_FEW] = start_target(stack, fixture, few, _peer_maker(peers["tuned"]), folder)
            targets[PLAIN_FEW] = start_target(stack, fixture, few, _peer_maker(peers["plain"]), folder)
        minutes = 1 if options.quick else _CYCLE_MINUTES
        _large_database.measure_minutes(targets, 1)  # the first one is that of the start
        for target in targets.values():
            target.clear()
        print_progress(f"scraping every 15 s for {minutes} min …")
        _large_database.measure_minutes(targets, minutes)
        yield cost_sheet(f"{DATABASES} databases and {TABLES:,} tables", targets)
        if peers or options.against:
            yield target_sheet(targets)
        if not options.quick:
            yield _rest_sheet({OURS: targets[OURS]})


def start_target(stack: contextlib.ExitStack, fixture: Any, template: Any, make_exporter: Any, folder: Path) -> Target:
    """Start a copy of a server and an exporter of it, until the stack is closed."""
    server = stack.enter_context(_large_database.copied_server(fixture, template))
    exporter: Server = make_exporter(server)
    process = stack.enter_context(exporter.run_in(folder)).process
    if process is None:
        raise RuntimeError(f"{exporter.title} is not running")
    return Target(exporter, server, process.pid)


def deckwatch_for(server: Any, *, checkout: Path | None = None, title: str = OURS) -> Server:
    """Return ours, this build or another, with the page of the job `postgres`."""
    return replace(
        _peers.deckwatch_server(None, title=title, checkout=checkout),
        metrics="/metrics?collect[]=postgres",
        environment=(("DECKWATCH_POSTGRES_DSN", server.dsn),),
    )


def _peer_maker(index: int) -> Any:
    return lambda server: list(_peers.postgres_exporter_servers(f"{server.dsn}?sslmode=disable"))[index]


def cost_sheet(what: str, targets: Mapping[str, Target]) -> Sheet:
    """Return the figures of all targets."""
    rows = [
        ("exporter: CPU per minute, ms", *(format_value(target.minute[0]) for target in targets.values())),
        ("server: CPU per minute, ms", *(format_value(target.minute[1]) for target in targets.values())),
        ("series", *(format_value(target.series) for target in targets.values())),
    ]
    return Sheet(f"Databases: {what}", ("figure", *targets), rows, "each with a server of its own, at the same time")


def target_sheet(targets: Mapping[str, Target]) -> Sheet:
    """Return the ratios to postgres_exporter without tables, plus what 500 tables cost it, and to the other build."""
    ratios = Targets(f"Targets: {DATABASES} databases and {TABLES:,} tables")
    what = f"postgres_exporter without tables, plus what {SHOWN} tables add to it"
    for index, (name, limit) in enumerate((("exporter", 0.5), ("server", 0.25))):
        figure, ours = f"{name}: CPU per minute", targets[OURS].minute[index]
        if THEIRS in targets:
            tables = targets[PLAIN_FEW].minute[index] - targets[TUNED_FEW].minute[index]
            reference = targets[THEIRS].minute[index] + max(0.0, tables)
            ratios.add_target(1.0, Row(figure, ours, reference, what=what, key=f"peer_{name}"))
        if OTHER in targets:
            before = targets[OTHER].minute[index]
            ratios.add_target(limit, Row(figure, ours, before, what="the other build", key=f"build_{name}"))
    return ratios.to_sheet()


def _rest_sheet(targets: Mapping[str, Target]) -> Sheet:
    print_progress("nobody scrapes; measuring after five minutes …")
    time.sleep(_IDLE_SECONDS)
    ratios = Targets("Targets: nobody scrapes, after five minutes")
    for target in targets.values():
        target.clear()
    _large_database.measure_rest(targets, 60.0)
    for index, name in enumerate(("exporter", "server")):
        row = Row(
            f"{name}: CPU per minute", targets[OURS].minute[index], _REST_MS, what="0.2 % of a core", key=f"rest_{name}"
        )
        ratios.add_target(1.0, row)
    return ratios.to_sheet()
