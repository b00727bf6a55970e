"""The outcome of a collector's run, and the state of a collector kept between runs."""

from __future__ import annotations

import logging
import traceback
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from deckwatch.exporter.metric import Lines, count_series
from deckwatch.exporter.sources.errors import drop_tracebacks
from deckwatch.exporter.world import NoData, NotSupported, SourceDown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from deckwatch.exporter.collector import Collector
    from deckwatch.exporter.metric import Metric, Sample
    from deckwatch.exporter.world import World

log = logging.getLogger("deckwatch.scrape")

KEEP_STATE_SECONDS = 15 * 60.0  # how long a state that can no longer be read is still exported


class Outcome(NamedTuple):
    """The end of one run.

    `error` is the class of a failure, never its text, which could contain a secret. `absent` is the collector's reason
    for having nothing to watch. `at` is the time of the last complete reading, by `World.age_clock`; None where there
    was none. `retained` is the part of `samples` that comes from that reading, not from this run.
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

    @property
    def is_partial(self) -> bool:
        """Whether the collector failed after it had read a part of its subject, which is shown."""
        if self.error is None:
            return False
        read = count_series(sample for sample in self.samples if not sample.metric.is_about_reading)
        return read > count_series(self.retained)


@dataclass
class Record:
    """The history of one collector, for one subject, over the life of the process."""

    outcome: Outcome | None = None  # the newest
    answered: bool = False  # whether any run has ended
    good_at: float | None = None  # the last complete reading, by World.age_clock
    quiet: bool = False  # whether the newest failure is that of a source, which logs it itself
    states: list[Sample | Lines] = field(default_factory=list)  # from the last complete reading
    timeouts: Counter[float] = field(default_factory=Counter)  # by the deadline of the scrape: see round_deadline
    dropped: int = 0
    errors: Counter[str] = field(default_factory=Counter)

    def list_retained(self, samples: Sequence[Sample | Lines], now: float) -> list[Sample | Lines]:
        """Return the known states that a failed run has not read, if they are not too old."""
        if self.good_at is None or now - self.good_at > KEEP_STATE_SECONDS:
            return []
        fresh = {_series_of(sample) for sample in samples}
        return [sample for sample in self.states if _series_of(sample) not in fresh]


def _series_of(sample: Sample | Lines) -> tuple[Metric, tuple[str, ...] | None]:
    """Return the identity of a sample's series; for Lines, of all series of their metric."""
    return sample.metric, None if isinstance(sample, Lines) else sample.labels


def round_deadline(seconds: float) -> float:
    """Return the deadline under which a timeout is counted, in steps of half a second.

    Every scraper chooses its own deadline. A page counts only the timeouts of scrapes with its own, so that one client
    with an impatient deadline raises no alert of another; and the steps bound the number of counters.
    """
    return round(seconds * 2) / 2


@dataclass(frozen=True)
class Failure:
    """What is kept of an exception: neither the object, whose frames hold the data read, nor its text (see Outcome).

    `absent` is the reason of a NoData, and `final` marks that of a source that answers. `from_source` marks the failure
    of a source that many collectors share.
    """

    name: str
    message: str
    frames: str = ""
    absent: str | None = None
    from_source: bool = False
    final: bool = False

    @classmethod
    def from_exception(cls, error: BaseException) -> Failure:
        """Return the failure for an exception, with its traceback if the log level is DEBUG.

        Drops the tracebacks of the exception.
        """
        absent = (str(error) or "it is not there") if isinstance(error, NoData) else None
        frames = "".join(traceback.format_tb(error.__traceback__)) if log.isEnabledFor(logging.DEBUG) else ""
        message = absent or _system_message(error)
        drop_tracebacks(error)
        return cls(
            type(error).__name__,
            message,
            frames,
            absent,
            isinstance(error, SourceDown),
            isinstance(error, NotSupported),
        )


TIMEOUT = Failure("Timeout", "it did not answer in time")


def list_subjects(collector: Collector, world: World) -> Mapping[str, Any] | Failure:
    """Return the subjects of a collector, which has some, or why they cannot be listed."""
    try:
        return collector.subjects(world)  # type: ignore[misc]
    except Exception as error:  # noqa: BLE001 - reported as the outcome of their collectors, like a failure of a run
        return Failure.from_exception(error)


def _system_message(error: BaseException) -> str:
    """Return the class of an error; for an OSError also the system's message, the only text that holds no secret."""
    name = type(error).__name__
    if not isinstance(error, OSError) or not error.strerror or not isinstance(error.errno, int):
        return name
    file = f": {error.filename}" if isinstance(error.filename, str) else ""
    return f"{name} ({error.strerror}{file})"
