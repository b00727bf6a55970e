"""Background readings: one at a time, repeated, and dropped when they are old or have failed."""

from __future__ import annotations

import contextlib
import itertools
import logging
import threading
from types import SimpleNamespace

import pytest

from deckwatch.exporter.collector import Collector
from deckwatch.exporter.metric import Metric
from deckwatch.exporter.scrape import Scraper
from deckwatch.exporter.sources import background
from deckwatch.exporter.sources.background import Background, NotReadYet, ReadingFailed
from deckwatch.exporter.world import NoData, Reading, SourceDown, World

SIZE = Metric("deckwatch_test_size_bytes", "gauge", "A size.")


class Slow:
    """A source that returns `answers` in order and then repeats the last one.

    With `hold`, the second reading waits for `gate` too, so that a test can see the result of the first.
    """

    def __init__(self, *answers: object, hold: bool = False) -> None:
        self.answers = list(answers)
        self.hold = hold
        self.calls = 0
        self.inside = 0
        self.most_inside = 0
        self.gate = threading.Event()
        self.gate.set()

    def read(self) -> object:
        self.inside += 1
        self.most_inside = max(self.most_inside, self.inside)
        self.calls += 1
        assert self.gate.wait(20)
        if self.calls == 1 and self.hold:
            self.gate.clear()
        self.inside -= 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def start():
    """Create a Background of a Slow, and close it at the end."""
    opened: list[Background[object]] = []

    def make(slow: Slow, seconds: float = 0.01, first_seconds: float = 10.0, world: World | None = None):
        reader = Background(world or World(), "the size", slow.read, seconds=seconds, first_seconds=first_seconds)
        opened.append(reader)
        return reader

    yield make
    for reader in opened:
        reader.close()


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(background, "_FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(background, "_MISSED_READINGS", 10_000)  # of a hundredth of a second: the machine may be busy


def test_nothing_is_read_before_the_first_request(start):
    slow = Slow(1)
    reader = start(slow)
    assert slow.calls == 0
    assert reader.latest_reading().value == 1


def test_the_value_is_refreshed_without_requests(start, eventually):
    slow = Slow(1, 2, 3, hold=True)
    reader = start(slow)
    assert reader.latest_reading().value == 1
    slow.gate.set()
    eventually(lambda: slow.calls >= 5)
    assert reader.latest_reading().value == 3


def test_concurrent_requests_share_one_reading(start):
    slow = Slow(1)
    slow.gate.clear()
    reader = start(slow, seconds=100.0, first_seconds=0.0)
    for _ in range(50):
        with pytest.raises(NotReadYet):
            reader.latest_reading()
    slow.gate.set()
    reader._first_attempt_done.wait(10)
    assert reader.latest_reading().value == 1
    assert (slow.calls, slow.most_inside) == (1, 1)


def test_a_failure_and_the_recovery_are_logged_once(start, eventually, caplog):
    caplog.set_level(logging.INFO)
    slow = Slow(1, OSError("no"), OSError("no"), OSError("no"), 2, hold=True)
    reader = start(slow)
    assert reader.latest_reading().value == 1
    slow.gate.set()
    eventually(lambda: slow.calls >= 6)
    assert reader.latest_reading().value == 2
    reported = [record.getMessage() for record in caplog.records]
    assert reported == ["the size cannot be read: OSError", "the size can be read again"]


@pytest.mark.parametrize(
    ("logged", "reported"), [(True, []), (False, ["the size cannot be read: too busy", "the size can be read again"])]
)
def test_a_shared_source_that_is_down_and_logged_it_is_not_logged_again(start, eventually, caplog, logged, reported):
    caplog.set_level(logging.INFO)
    down = SourceDown("too busy")
    down.logged = logged
    slow = Slow(1, down, down, 2, hold=True)
    reader = start(slow)
    assert reader.latest_reading().value == 1
    slow.gate.set()
    eventually(lambda: slow.calls >= 5)
    assert reader.latest_reading().value == 2
    assert [record.getMessage() for record in caplog.records] == reported


@pytest.fixture
def pauses(monkeypatch):
    """Set how long each reading takes, and record how long the thread would pause after each."""
    seen: list[float] = []

    def of(reader: Background[object], seconds: float) -> list[float]:
        now = itertools.count(0.0, seconds)
        monkeypatch.setattr(background, "time", SimpleNamespace(monotonic=lambda: next(now)))
        wait = reader._closing.wait
        monkeypatch.setattr(reader._closing, "wait", lambda pause: seen.append(pause) or wait(0.001))
        return seen

    return of


def test_each_reason_of_a_failure_is_logged_once_and_a_few_at_most(start, eventually, caplog):
    texts = ("no answer in time", "status 500", "no answer in time", *(f"line {n}" for n in range(9)))
    failures = [ReadingFailed(text) for text in texts]
    for failure in failures:
        failure.logged = False
    slow = Slow(*failures)
    reader = start(slow, seconds=0.001)
    with contextlib.suppress(SourceDown, NoData):
        reader.latest_reading()
    eventually(lambda: slow.calls > len(texts))
    logged = [record.getMessage().partition("read: ")[2] for record in caplog.records]
    assert logged == ["no answer in time", "status 500", "line 0", "line 1", "line 2"]


def test_after_a_failure_the_old_value_is_dropped_and_retries_slow_down(start, eventually, pauses):
    slow = Slow(1, ValueError("no"), hold=True)
    reader = start(slow, seconds=0.05)
    seen = pauses(reader, 0.0)
    assert reader.latest_reading().value == 1
    slow.gate.set()
    eventually(lambda: len(seen) >= 6)
    with pytest.raises(ReadingFailed):
        reader.latest_reading()
    assert seen[:6] == [0.05, 0.01, 0.02, 0.04, 0.05, 0.05]


def test_it_pauses_as_long_as_the_reading_took(start, eventually, pauses):
    reader = start(Slow(1), seconds=1.0, first_seconds=0.0)
    seen = pauses(reader, 7.0)
    with contextlib.suppress(NotReadYet):
        reader.latest_reading()
    eventually(lambda: seen)
    assert seen[0] >= 7.0


def test_a_stuck_reading_counts_as_failed_and_no_second_one_starts(start, eventually, monkeypatch):
    slow = Slow(1)
    reader = start(slow)
    assert reader.latest_reading().value == 1
    slow.gate.clear()
    monkeypatch.setattr(background, "_MISSED_READINGS", 3)
    eventually(lambda: slow.inside and _raises(ReadingFailed, reader.latest_reading))
    calls = slow.calls
    for _ in range(20):
        with pytest.raises(ReadingFailed, match="stuck"):
            reader.latest_reading()
    assert (slow.calls, slow.most_inside) == (calls, 1)
    slow.gate.set()
    eventually(lambda: not _raises(ReadingFailed, reader.latest_reading))


def _raises(kind: type[Exception], call) -> bool:
    try:
        call()
    except kind:
        return True
    return False


def test_an_absent_source_is_no_failure(start, eventually):
    reader = start(Slow(NoData("the proxy answers 403"), 1))
    with pytest.raises(NoData, match="403"):
        reader.latest_reading()
    eventually(lambda: not _raises(NoData, reader.latest_reading))


def test_the_thread_ends_at_close(start):
    slow = Slow(1)
    reader = start(slow, seconds=1000.0)
    reader.latest_reading()
    reader.close()
    assert reader._thread is not None
    assert not reader._thread.is_alive()
    calls = slow.calls
    assert reader.latest_reading().value == 1, "what was read is still there"
    assert slow.calls == calls


def test_close_before_the_first_reading(start):
    slow = Slow(1)
    reader = start(slow, first_seconds=0.0)
    reader.close()
    with pytest.raises(NotReadYet):
        reader.latest_reading()
    assert slow.calls == 0


def test_the_age_of_a_collector_is_that_of_its_oldest_reading(start):
    now = [1000.0]
    world = World(clock=lambda: now[0])
    old, young = (start(Slow(declared), seconds=1000.0, world=world) for declared in (1, 2))

    def collect(_world: World):
        readings = old.latest_reading(), young.latest_reading()
        return Reading([SIZE(sum(reading.value for reading in readings))], min(reading.at for reading in readings))

    declared = Collector("host_size", (SIZE,), collect, "Sizes.", True, None, None, "server", 10)
    scraper = Scraper(world, {"host_size": declared})
    old.latest_reading()
    now[0] = 1060.0
    young.latest_reading()
    now[0] = 1100.0
    [outcome] = scraper.scrape()
    assert (outcome.at, outcome.samples[0].value) == (1000.0, 3)

    def fresh(_world: World):
        yield SIZE(1)

    scraper.collectors["host_size"] = Collector("host_size", (SIZE,), fresh, "", True, None, None, "server", 10)
    [outcome] = scraper.scrape()
    assert outcome.at == 1100.0, "the next collector on the thread is not affected"


def test_without_requests_nothing_is_read_until_the_next_one(start, eventually, monkeypatch):
    monkeypatch.setattr(background, "_IDLE_SECONDS", 0.3)
    slow = Slow(1)
    reader = start(slow)
    assert reader.latest_reading().value == 1
    first = reader._thread
    eventually(lambda: not first.is_alive())
    calls = slow.calls
    assert calls > 1, "it went on reading for a while"
    assert reader.latest_reading().value == 1, "what was read is not too old yet"
    eventually(lambda: slow.calls > calls)


def test_a_value_that_expired_without_requests_is_no_failure(start, eventually, monkeypatch):
    monkeypatch.setattr(background, "_IDLE_SECONDS", 0.1)
    slow = Slow(1, 2)
    reader = start(slow, first_seconds=0.0)
    eventually(lambda: not _raises(NotReadYet, reader.latest_reading))
    first = reader._thread
    eventually(lambda: not first.is_alive())
    monkeypatch.setattr(background, "_MISSED_READINGS", 0)
    slow.gate.clear()
    with pytest.raises(NotReadYet):
        reader.latest_reading()
    monkeypatch.setattr(background, "_MISSED_READINGS", 10_000)
    slow.gate.set()
    eventually(lambda: not _raises(NotReadYet, reader.latest_reading))
    assert reader.latest_reading().value == 2
