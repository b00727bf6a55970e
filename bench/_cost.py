"""What servers cost that run side by side: at rest, scraped every 15 seconds, and scraped in a row."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench._options import say
from bench._process import Client, Scrapes, Target, cpu_seconds, resident_mib, scrape
from bench._sheet import Sheet, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from bench._options import Options
    from bench._pages import Series
    from bench._peers import Server
    from deckwatch.provisioning.program import Program

INTERVAL_SECONDS = 15.0
_THAW_SECONDS = 1.0  # for what a server does after it was frozen
_BUSY = 0.01  # of a core, at rest


@dataclass(frozen=True)
class Cost:
    """Of one server: the share of a core at rest in percent, CPU in ms a minute, scrapes in a row, MiB."""

    title: str
    rest: float
    minute: float
    scrapes: Scrapes
    memory: float

    @property
    def page(self) -> Series:
        return self.scrapes.page

    def minute_per(self, shared: int) -> float | None:
        """CPU in ms a minute for each 1,000 of so many series."""
        return 1000 * self.minute / shared if shared else None


def measure(servers: Iterable[Server], folder: Path, options: Options) -> dict[str, Cost]:
    """Run all servers at the same time and return what each costs, by title.

    They run side by side all the time, so that all meet the same machine; but who is busy at rest is frozen while the
    others are scraped in a row, and then has its turn.
    """
    servers = list(servers)
    with contextlib.ExitStack() as stack:
        pids = {one: _pid(stack.enter_context(one.run(folder))) for one in servers}
        clients = {one: stack.enter_context(contextlib.closing(Client(one.url))) for one in servers}
        for client in clients.values():
            client.page()
        say(f"{', '.join(one.title for one in servers)} run; at rest …")
        time.sleep(options.settle)
        shares = _spent(pids, options.rest, lambda: time.sleep(options.rest))
        say("a scrape every 15 s …")
        seconds = options.rounds * INTERVAL_SECONDS
        minutes = _spent(pids, seconds / 60 / 1000, lambda: _rounds(list(clients.values()), options.rounds))
        targets = {one: Target(one.url, pid, shares[one]) for one, pid in pids.items()}
        busy = [one for one in servers if shares[one] > _BUSY]
        runs: dict[Server, Scrapes] = {}
        for turn in ([one for one in servers if one not in busy], *([one] for one in busy)):
            say(f"{options.scrapes} scrapes of {'; '.join(one.title for one in turn)} …")
            with _frozen(pids[one] for one in busy if one not in turn):
                time.sleep(_THAW_SECONDS)
                runs |= scrape({one: targets[one] for one in turn}, times=options.scrapes)
        return {
            one.title: Cost(one.title, 100 * shares[one], minutes[one], runs[one], resident_mib(pid))
            for one, pid in pids.items()
        }


def table(title: str, costs: Mapping[str, Cost], note: str = "") -> Sheet:
    """Return the figures of all, ours first; ours share with any peer, each peer with the first of ours."""
    every = list(costs.values())
    ours, peers = _split(every, ours=True), _split(every, ours=False)
    shared = [one.page.shared(other.page for other in peers) for one in ours]
    shared += [one.page.shared([ours[0].page]) for one in peers]
    rows = [
        ("CPU a scrape, ms", *(shown(one.scrapes.cpu) for one in every)),
        ("wall p50, ms", *(shown(one.scrapes.p50) for one in every)),
        ("wall p99, ms", *(shown(one.scrapes.p99) for one in every)),
        ("CPU at rest, % of a core", *(shown(one.rest) for one in every)),
        ("CPU a minute, ms", *(shown(one.minute) for one in every)),
        ("resident, MiB", *(shown(one.memory) for one in every)),
        ("series", *(shown(one.page.count) for one in every)),
        ("series shared with us (ours: with any)", *map(shown, shared)),
        (
            "CPU a minute per 1,000 shared, ms",
            *(shown(one.minute_per(n)) for one, n in zip(every, shared, strict=True)),
        ),
        ("CPU a scrape per 1,000 series, ms", *(shown(1000 * one.scrapes.cpu / one.page.count) for one in every)),
    ]
    return Sheet(title, ("figure", *(one.title for one in every)), rows, note)


def _split(every: list[Cost], *, ours: bool) -> list[Cost]:
    return [one for one in every if one.title.startswith("deckwatch") == ours]


def _spent(pids: dict[Server, int], per: float, work: Callable[[], None]) -> dict[Server, float]:
    """Return how much CPU time each spent while `work` ran, in seconds by `per`."""
    before = {one: cpu_seconds(pid) for one, pid in pids.items()}
    work()
    return {one: (cpu_seconds(pid) - before[one]) / per for one, pid in pids.items()}


def _rounds(clients: list[Client], rounds: int) -> None:
    begun = time.monotonic()
    for number in range(1, rounds + 1):
        for client in clients:
            client.page()
        time.sleep(max(0.0, begun + number * INTERVAL_SECONDS - time.monotonic()))


@contextlib.contextmanager
def _frozen(pids: Iterable[int]) -> Iterator[None]:
    pids = list(pids)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def _pid(program: Program) -> int:
    if program.process is None:
        raise RuntimeError(f"{program.name} is not running")
    return program.process.pid
