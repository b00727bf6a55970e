"""The outcome of a collector's run, and the state of a collector kept between runs."""

from __future__ import annotations

import logging
import traceback
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from deckwatch.exporter.world import NoData, SourceDown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deckwatch.exporter.collector import Collector
    from deckwatch.exporter.metric import Lines, Sample

log = logging.getLogger("deckwatch.scrape")


@dataclass(frozen=True)
class Outcome:
    """The end of one run.

    `error` is the class of a failure, never its text, which could contain a secret. `absent` is the collector's reason
    for having nothing to watch. `at` is the wall time of the last complete reading, in seconds since the epoch; None
    where there was none. `retained` is the part of `samples` that comes from that reading, not from this run.
    """

    collector: Collector
    subject: str
    samples: Sequence[Sample | Lines]
    seconds: float
    at: float | None
    error: str | None = None
    absent: str | None = None
    retained: Sequence[Sample | Lines] = ()

    @property
    def success(self) -> bool:
        """Whether the collector could read its subject, or there is nothing to read."""
        return self.error is None


@dataclass
class Record:
    """The history of one collector, for one subject, over the life of the process."""

    outcome: Outcome | None = None  # the newest
    answered: bool = False  # whether any run has ended
    good_at: float | None = None  # wall time of the last complete reading
    quiet: bool = False  # whether the newest failure is that of a source, which logs it itself
    states: list[Sample | Lines] = field(default_factory=list)  # from the last complete reading
    timeouts: int = 0
    dropped: int = 0
    errors: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Failure:
    """What is kept of an exception: neither the object, whose frames hold the data read, nor its text (see Outcome).

    `absent` is the reason of a NoData; `from_source` marks the failure of a source that many collectors share.
    """

    name: str
    message: str
    frames: str = ""
    absent: str | None = None
    from_source: bool = False

    @classmethod
    def from_exception(cls, error: BaseException) -> Failure:
        """Return the failure for an exception, with its traceback if the log level is DEBUG."""
        absent = (str(error) or "it is not there") if isinstance(error, NoData) else None
        frames = "".join(traceback.format_tb(error.__traceback__)) if log.isEnabledFor(logging.DEBUG) else ""
        message = absent or _system_message(error)
        return cls(type(error).__name__, message, frames, absent, isinstance(error, SourceDown))


TIMEOUT = Failure("Timeout", "it did not answer in time")


def _system_message(error: BaseException) -> str:
    """Return the class of an error; for an OSError also the system's message, the only text that holds no secret."""
    name = type(error).__name__
    if not isinstance(error, OSError) or not error.strerror or not isinstance(error.errno, int):
        return name
    file = f": {error.filename}" if isinstance(error.filename, str) else ""
    return f"{name} ({error.strerror}{file})"
