"""Cost of servers that run side by side: at rest, scraped every 15 seconds, and scraped continuously."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench._options import print_progress
from bench._process import Client, Target, VisitLog, cpu_seconds, resident_mib, scrape_targets, visit_page
from bench._samples import Samples, describe_outliers
from bench._sheet import Sheet, format_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from bench._options import Options
    from bench._peers import Server
    from bench._process import Scrapes
    from bench._series import Series
    from deckwatch.provisioning.program import Program

INTERVAL_SECONDS = 15.0
_PER_MINUTE = 4  # scrapes
_THAW_SECONDS = 1.0  # for the work that a server catches up on after SIGCONT
_BUSY = 0.01  # of a core, at rest


@dataclass(frozen=True)
class Plan:
    """How long to measure: seconds at rest, minutes with a scrape every 15 s, continuous scrapes with a time limit."""

    settle_seconds: float
    rest_seconds: float
    minutes: int
    scrapes: int
    longest_seconds: float = 30.0
    freezes_busy: bool = True  # a server that is busy at rest is frozen while others are scraped continuously

    @classmethod
    def from_options(cls, options: Options) -> Plan:
        return cls(options.settle_seconds, options.rest_seconds, options.minutes, options.scrapes)


@dataclass(frozen=True)
class Cost:
    """One server's cost: percent of a core at rest, CPU in ms of each minute with scrapes, and memory in MiB.

    `spaced` are the scrapes every 15 s, of which the minutes consist, `scrapes` the continuous ones.
    """

    title: str
    rest_percent: float
    minutes: Samples
    spaced: Scrapes
    scrapes: Scrapes
    resident_mib: float

    @property
    def page(self) -> Series:
        return self.scrapes.page

    @property
    def ms_per_minute(self) -> float:
        """Median of the minutes, with all that the server does in them."""
        return self.minutes.median

    @property
    def rest_ms_per_minute(self) -> float:
        """CPU in ms per minute without scrapes."""
        return self.rest_percent / 100 * 60_000

    def ms_per_minute_and_1000(self, shared: int) -> float | None:
        """Return the CPU in ms per minute per 1,000 shared series; None if none are shared."""
        return 1000 * self.ms_per_minute / shared if shared else None

    def outliers(self) -> list[str]:
        """Return the pages and minutes that cost far more than the others, one text for each kind."""
        kinds = ((self.spaced.pages, "page at 15 s"), (self.scrapes.pages, "page"), (self.minutes, "minute"))
        texts = [describe_outliers(samples, unit) for samples, unit in kinds]
        return [f"{self.title}: {text}" for text in texts if text]


def measure_costs(
    servers: Iterable[Server], folder: Path, options: Options, plan: Plan | None = None
) -> dict[str, Cost]:
    """Run all servers at the same time and return their costs, by title.

    They run side by side throughout, so that conditions are the same for all.
    """
    servers, plan = list(servers), plan or Plan.from_options(options)
    with contextlib.ExitStack() as stack:
        pids = {server: _process_id(stack.enter_context(server.run_in(folder))) for server in servers}
        clients = {server: stack.enter_context(contextlib.closing(Client(server.url))) for server in servers}
        for client in clients.values():
            client.get_page()
        print_progress(f"{', '.join(server.title for server in servers)} running; measuring at rest …")
        time.sleep(plan.settle_seconds)
        shares = _measure_rest(pids, plan.rest_seconds)
        targets = {server: Target(server.url, pid, shares[server]) for server, pid in pids.items()}
        print_progress(f"scraping every 15 s for {plan.minutes} min …")
        minutes, spaced = _scrape_minutes(clients, targets, plan.minutes)
        runs = _scrape_continuously(targets, plan)
        return {
            server.title: Cost(
                server.title, 100 * shares[server], minutes[server], spaced[server], runs[server], resident_mib(pid)
            )
            for server, pid in pids.items()
        }


def cost_sheet(title: str, costs: Mapping[str, Cost], note: str = "") -> Sheet:
    """Return the figures of all servers. Ours share series with any peer, each peer with the first of ours."""
    columns = list(costs.values())
    ours, peers = _select(columns, ours=True), _select(columns, ours=False)
    shared = [cost.page.count_shared(peer.page for peer in peers) for cost in ours]
    shared += [peer.page.count_shared([ours[0].page]) for peer in peers]
    rows = [
        ("CPU per scrape, ms (quartiles)", *(_format_samples(cost.scrapes.pages) for cost in columns)),
        ("CPU per scrape every 15 s, ms (quartiles)", *(_format_samples(cost.spaced.pages) for cost in columns)),
        ("CPU p99 of a scrape, ms", *(format_value(cost.scrapes.pages.p99) for cost in columns)),
        ("wall p50, ms", *(format_value(cost.scrapes.p50) for cost in columns)),
        ("wall p99, ms", *(format_value(cost.scrapes.p99) for cost in columns)),
        ("scrapes", *(format_value(len(cost.scrapes.walls.values)) for cost in columns)),
        ("CPU per minute without scrapes, ms", *(format_value(cost.rest_ms_per_minute) for cost in columns)),
        ("CPU per minute, ms (quartiles)", *(_format_samples(cost.minutes) for cost in columns)),
        ("CPU per minute, mean, ms", *(format_value(cost.minutes.mean) for cost in columns)),
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
    notes = [*([note] if note else []), *(f"outlier: {text}" for cost in columns for text in cost.outliers())]
    return Sheet(title, ("figure", *(cost.title for cost in columns)), rows, "\n".join(notes))


def _format_samples(samples: Samples) -> str:
    first, third = samples.quartiles
    return f"{format_value(samples.median)} ({format_value(first)}-{format_value(third)})"


def _select(costs: list[Cost], *, ours: bool) -> list[Cost]:
    return [cost for cost in costs if cost.title.startswith("deckwatch") == ours]


def _measure_rest(pids: Mapping[Server, int], seconds: float) -> dict[Server, float]:
    """Return the share of a core that each process uses without scrapes."""
    before = {server: cpu_seconds(pid) for server, pid in pids.items()}
    time.sleep(seconds)
    return {server: (cpu_seconds(pid) - before[server]) / seconds for server, pid in pids.items()}


def _scrape_minutes(
    clients: Mapping[Server, Client], targets: Mapping[Server, Target], count: int
) -> tuple[dict[Server, Samples], dict[Server, Scrapes]]:
    """Scrape all every 15 s, in random order; return the CPU of each whole minute in ms, and the scrapes."""
    order, names = random.Random(count), list(targets)
    logs = {server: VisitLog() for server in targets}
    used: dict[Server, list[float]] = {server: [cpu_seconds(target.pid)] for server, target in targets.items()}
    started = time.monotonic()
    for number in range(1, count * _PER_MINUTE + 1):
        order.shuffle(names)
        for server in names:
            logs[server].add_visit(visit_page(clients[server], targets[server]))
        time.sleep(max(0.0, started + number * INTERVAL_SECONDS - time.monotonic()))
        if number % _PER_MINUTE == 0:
            for server, target in targets.items():
                used[server].append(cpu_seconds(target.pid))
    minutes = {
        server: Samples(tuple(1000 * (after - before) for before, after in itertools.pairwise(times)))
        for server, times in used.items()
    }
    return minutes, {server: log.to_scrapes() for server, log in logs.items()}


def _scrape_continuously(targets: Mapping[Server, Target], plan: Plan) -> dict[Server, Scrapes]:
    """Scrape all in turn; those that are busy at rest are scraped alone, and frozen before, if the plan says so."""
    busy = [server for server, target in targets.items() if plan.freezes_busy and target.rest_share > _BUSY]
    runs: dict[Server, Scrapes] = {}
    for turn in ([server for server in targets if server not in busy], *([server] for server in busy)):
        print_progress(f"{plan.scrapes} scrapes of {'; '.join(server.title for server in turn)} …")
        with _frozen_processes(targets[server].pid for server in busy if server not in turn):
            time.sleep(_THAW_SECONDS)
            chosen = {server: targets[server] for server in turn}
            runs |= scrape_targets(chosen, times=plan.scrapes, longest=plan.longest_seconds)
    return runs


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
