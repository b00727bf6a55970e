"""A scrape that has begun: its runs, and how to wait for those on the World's EventLoop without a thread."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deckwatch.exporter.run import Run


class CollectorSelection(NamedTuple):
    """Collectors to run or to exclude, by name or prefix, and the one subject to read, by the label of its kind."""

    only: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    subjects: Mapping[str, str] | None = None


@dataclass
class PendingScrape:
    """The runs of a scrape of `seconds`; `is_refreshed` once runs that began too long before it were repeated."""

    runs: list[Run]
    seconds: float
    is_short: bool = False
    is_refreshed: bool = False
    started: float = field(default_factory=time.monotonic)

    @property
    def deadline(self) -> float:
        """When the scrape ends, on the monotonic clock."""
        return self.started + self.seconds

    @property
    def is_waiting(self) -> bool:
        """Whether a run has not ended and may still do so in time."""
        return time.monotonic() < self.deadline and not all(run.done for run in self.runs)

    async def wait_on_loop(self) -> None:
        """Wait until all runs have ended, at most until the deadline; hundreds of scrapes may do so on one thread."""
        loop = asyncio.get_running_loop()

        async def wait_for_run(run: Run) -> None:
            ended = asyncio.Event()

            def wake_loop() -> None:
                with contextlib.suppress(RuntimeError):  # the loop has ended, so nobody waits
                    loop.call_soon_threadsafe(ended.set)

            run.call_when_done(wake_loop)
            await ended.wait()

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.deadline - time.monotonic()):
                for run in reversed(self.runs):  # the last to start usually ends last: one wake-up for all
                    if not run.done:
                        await wait_for_run(run)
