"""Cost of servers that run side by side: at rest, scraped every 15 seconds, and scraped back to back."""

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
_THAW_SECONDS = 1.0  # for a server to catch up after it was stopped
_BUSY = 0.01  # of a core; a server above this is busy at rest


@dataclass(frozen=True)
class Cost:
    """Cost of a server: CPU at rest in percent of a core, CPU in ms per minute, scrapes back to back, MiB."""

    title: str
    rest_percent: float
    ms_per_minute: float
    scrapes: Scrapes
    resident_mib: float

    @property
    def page(self) -> Series:
        return self.scrapes.page

    def ms_per_minute_and_1000(self, shared: int) -> float | None:
        """CPU in ms per minute and 1,000 shared series."""
        return 1000 * self.ms_per_minute / shared if shared else None


def measure_costs(servers: Iterable[Server], folder: Path, options: Options) -> dict[str, Cost]:
    """Run all servers at the same time and return their costs by title.

    They run side by side, so that all share the same conditions; but a server that is busy at rest is stopped (SIGSTOP)
    while the others are scraped back to back, and is scraped afterwards.
    """
    servers = list(servers)
    with contextlib.ExitStack() as stack:
        pids = {one: _process_id(stack.enter_context(one.run_in(folder))) for one in servers}
        clients = {one: stack.enter_context(contextlib.closing(Client(one.url))) for one in servers}
        for client in clients.values():
            client.get_page()
        print_progress(f"{', '.join(one.title for one in servers)} run; at rest …")
        time.sleep(options.settle_seconds)
        shares = _cpu_during(pids, options.rest_seconds, lambda: time.sleep(options.rest_seconds))
        print_progress("a scrape every 15 s …")
        seconds = options.rounds * INTERVAL_SECONDS
        minutes = _cpu_during(pids, seconds / 60 / 1000, lambda: _scrape_rounds(list(clients.values()), options.rounds))
        targets = {one: Target(one.url, pid, shares[one]) for one, pid in pids.items()}
        busy = [one for one in servers if shares[one] > _BUSY]
        runs: dict[Server, Scrapes] = {}
        for turn in ([one for one in servers if one not in busy], *([one] for one in busy)):
            print_progress(f"{options.scrapes} scrapes of {'; '.join(one.title for one in turn)} …")
            with _frozen_processes(pids[one] for one in busy if one not in turn):
                time.sleep(_THAW_SECONDS)
                runs |= scrape_targets({one: targets[one] for one in turn}, times=options.scrapes)
        return {
            one.title: Cost(one.title, 100 * shares[one], minutes[one], runs[one], resident_mib(pid))
            for one, pid in pids.items()
        }


def cost_sheet(title: str, costs: Mapping[str, Cost], note: str = "") -> Sheet:
    """Return the sheet of all costs. Our series count as shared with any peer, a peer's with the first of ours."""
    every = list(costs.values())
    ours, peers = _select(every, ours=True), _select(every, ours=False)
    shared = [one.page.count_shared(other.page for other in peers) for one in ours]
    shared += [one.page.count_shared([ours[0].page]) for one in peers]
    rows = [
        ("CPU a scrape, ms", *(format_value(one.scrapes.cpu) for one in every)),
        ("wall p50, ms", *(format_value(one.scrapes.p50) for one in every)),
        ("wall p99, ms", *(format_value(one.scrapes.p99) for one in every)),
        ("CPU at rest, % of a core", *(format_value(one.rest_percent) for one in every)),
        ("CPU a minute, ms", *(format_value(one.ms_per_minute) for one in every)),
        ("resident, MiB", *(format_value(one.resident_mib) for one in every)),
        ("series", *(format_value(one.page.count) for one in every)),
        ("series shared with us (ours: with any)", *map(format_value, shared)),
        (
            "CPU a minute per 1,000 shared, ms",
            *(format_value(one.ms_per_minute_and_1000(n)) for one, n in zip(every, shared, strict=True)),
        ),
        (
            "CPU a scrape per 1,000 series, ms",
            *(format_value(1000 * one.scrapes.cpu / one.page.count) for one in every),
        ),
    ]
    return Sheet(title, ("figure", *(one.title for one in every)), rows, note)


def _select(every: list[Cost], *, ours: bool) -> list[Cost]:
    return [one for one in every if one.title.startswith("deckwatch") == ours]


def _cpu_during(pids: dict[Server, int], per: float, work: Callable[[], None]) -> dict[Server, float]:
    """Return the CPU seconds that each server used while `work` ran, divided by `per`."""
    before = {one: cpu_seconds(pid) for one, pid in pids.items()}
    work()
    return {one: (cpu_seconds(pid) - before[one]) / per for one, pid in pids.items()}


def _scrape_rounds(clients: list[Client], rounds: int) -> None:
    begun = time.monotonic()
    for number in range(1, rounds + 1):
        for client in clients:
            client.get_page()
        time.sleep(max(0.0, begun + number * INTERVAL_SECONDS - time.monotonic()))


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
