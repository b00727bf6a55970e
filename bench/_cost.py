"""Cost of servers that run side by side: at rest, scraped every 15 seconds, and scraped continuously."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench._options import print_progress
from bench._process import Client, Scrapes, Target, cpu_seconds, resident_mib, scrape_targets
from bench._sheet import Sheet, format_value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from bench._options import Options
    from bench._peers import Server
    from bench._series import Series
    from deckwatch.provisioning.program import Program

INTERVAL_SECONDS = 15.0
_THAW_SECONDS = 1.0  # for the work that a server catches up on after SIGCONT
_BUSY = 0.01  # of a core, at rest


@dataclass(frozen=True)
class Cost:
    """One server's cost: percent of a core at rest, CPU in ms per minute, continuous scrapes, memory in MiB."""

    title: str
    rest_percent: float
    ms_per_minute: float
    scrapes: Scrapes
    resident_mib: float

    @property
    def page(self) -> Series:
        return self.scrapes.page

    def ms_per_minute_and_1000(self, shared: int) -> float | None:
        """Return the CPU in ms per minute per 1,000 shared series; None if none are shared."""
        return 1000 * self.ms_per_minute / shared if shared else None


def measure_costs(servers: Iterable[Server], folder: Path, options: Options) -> dict[str, Cost]:
    """Run all servers at the same time and return their costs, by title.

    They run side by side throughout, so that conditions are the same for all; a server that is busy at rest is frozen
    while the others are scraped continuously, and is then scraped alone.
    """
    servers = list(servers)
    with contextlib.ExitStack() as stack:
        pids = {server: _process_id(stack.enter_context(server.run_in(folder))) for server in servers}
        clients = {server: stack.enter_context(contextlib.closing(Client(server.url))) for server in servers}
        for client in clients.values():
            client.get_page()
        print_progress(f"{', '.join(server.title for server in servers)} running; measuring at rest …")
        time.sleep(options.settle_seconds)
        shares = _cpu_during(pids, options.rest_seconds, lambda: time.sleep(options.rest_seconds))
        print_progress("scraping every 15 s …")
        seconds = options.rounds * INTERVAL_SECONDS
        minutes = _cpu_during(pids, seconds / 60 / 1000, lambda: _scrape_rounds(list(clients.values()), options.rounds))
        targets = {server: Target(server.url, pid, shares[server]) for server, pid in pids.items()}
        busy = [server for server in servers if shares[server] > _BUSY]
        runs: dict[Server, Scrapes] = {}
        for turn in ([server for server in servers if server not in busy], *([server] for server in busy)):
            print_progress(f"{options.scrapes} scrapes of {'; '.join(server.title for server in turn)} …")
            with _frozen_processes(pids[server] for server in busy if server not in turn):
                time.sleep(_THAW_SECONDS)
                runs |= scrape_targets({server: targets[server] for server in turn}, times=options.scrapes)
        return {
            server.title: Cost(server.title, 100 * shares[server], minutes[server], runs[server], resident_mib(pid))
            for server, pid in pids.items()
        }


def cost_sheet(title: str, costs: Mapping[str, Cost], note: str = "") -> Sheet:
    """Return the figures of all servers. Ours share series with any peer, each peer with the first of ours."""
    columns = list(costs.values())
    ours, peers = _select(columns, ours=True), _select(columns, ours=False)
    shared = [cost.page.count_shared(peer.page for peer in peers) for cost in ours]
    shared += [peer.page.count_shared([ours[0].page]) for peer in peers]
    rows = [
        ("CPU per scrape, ms", *(format_value(cost.scrapes.cpu) for cost in columns)),
        ("wall p50, ms", *(format_value(cost.scrapes.p50) for cost in columns)),
        ("wall p99, ms", *(format_value(cost.scrapes.p99) for cost in columns)),
        ("CPU at rest, % of a core", *(format_value(cost.rest_percent) for cost in columns)),
        ("CPU per minute, ms", *(format_value(cost.ms_per_minute) for cost in columns)),
        ("resident, MiB", *(format_value(cost.resident_mib) for cost in columns)),
        ("series", *(format_value(cost.page.count) for cost in columns)),
        ("series shared with deckwatch (deckwatch: with any peer)", *map(format_value, shared)),
        (
            "CPU per minute per 1,000 shared series, ms",
            *(format_value(cost.ms_per_minute_and_1000(n)) for cost, n in zip(columns, shared, strict=True)),
        ),
        (
            "CPU per scrape per 1,000 series, ms",
            *(format_value(1000 * cost.scrapes.cpu / cost.page.count) for cost in columns),
        ),
    ]
    return Sheet(title, ("figure", *(cost.title for cost in columns)), rows, note)


def _select(costs: list[Cost], *, ours: bool) -> list[Cost]:
    return [cost for cost in costs if cost.title.startswith("deckwatch") == ours]


def _cpu_during(pids: dict[Server, int], per: float, work: Callable[[], None]) -> dict[Server, float]:
    """Return the CPU seconds that each process used while `work` ran, divided by `per`."""
    before = {server: cpu_seconds(pid) for server, pid in pids.items()}
    work()
    return {server: (cpu_seconds(pid) - before[server]) / per for server, pid in pids.items()}


def _scrape_rounds(clients: list[Client], rounds: int) -> None:
    started = time.monotonic()
    for number in range(1, rounds + 1):
        for client in clients:
            client.get_page()
        time.sleep(max(0.0, started + number * INTERVAL_SECONDS - time.monotonic()))


@contextlib.contextmanager
def _frozen_processes(pids: Iterable[int]) -> Iterator[None]:
    pids = list(pids)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def _process_id(program: Program) -> int:
    if program.process is None:
        raise RuntimeError(f"{program.name} is not running")
    return program.process.pid
