from __future__ import annotations

import asyncio
import contextlib
import logging
import subprocess
import sys
import textwrap
import threading
import time
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from deckwatch.exporter import scrape as scraping
from deckwatch.exporter.collector import Collector, NoData
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.outcome import KEEP_STATE_SECONDS
from deckwatch.exporter.scrape import Scraper
from deckwatch.exporter.world import NotSupported, SourceDown, World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deckwatch.exporter.outcome import Outcome

VALUE = Metric("deckwatch_test_value", "gauge", "A measured value.")
STATE = Metric("deckwatch_test_state", "gauge", "A state.", ("name",), state=True)


def make_collector(name: str, collect: Callable, *metrics: Metric, **options: object) -> Collector:
    settings = {"default": True, "peer": None, "subjects": None, "subject_label": "server", "budget": 1000, **options}
    return Collector(name, metrics or (VALUE,), collect, "A test.", **settings)


@pytest.fixture
def scraper_of() -> Iterator[Callable[..., Scraper]]:
    scrapers: list[Scraper] = []
    others = set(threading.enumerate())

    def make(*collectors: Collector, world: World | None = None) -> Scraper:
        scrapers.append(Scraper(world or World(), {each.name: each for each in collectors}))
        return scrapers[-1]

    yield make
    for scraper in scrapers:
        scraper.close()
    for thread in set(threading.enumerate()) - others:  # a run that ends later would log into the next test
        thread.join(5)


def values(outcome: Outcome) -> list[float]:
    return [sample.value for sample in outcome.samples]


class Gate:
    """A collector that waits until it is released; each run yields its number."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.entered = threading.Event()
        self.runs = 0

    def __call__(self, _world: World) -> Iterator[Sample]:
        self.runs += 1
        run = self.runs
        self.entered.set()
        self.open.wait(10)
        yield VALUE(run)


def test_concurrent_scrapes_share_one_run(scraper_of):
    gate = Gate()
    scraper = scraper_of(make_collector("slow", gate))
    results: list[list[Outcome]] = []
    threads = [threading.Thread(target=lambda: results.append(scraper.scrape())) for _ in range(2)]
    for thread in threads:
        thread.start()
    gate.entered.wait(5)
    time.sleep(0.05)
    gate.open.set()
    for thread in threads:
        thread.join(5)
    assert gate.runs == 1
    assert [values(outcome) for [outcome] in results] == [[1], [1]]


def test_a_stuck_collector_is_reported_and_the_others_are_served_in_time(scraper_of):
    gate = Gate()
    scraper = scraper_of(make_collector("stuck", gate), make_collector("well", lambda _: [VALUE(7)]))
    durations = []
    for scrapes in (1, 2, 3):
        start = time.monotonic()
        stuck, well = scraper.scrape(seconds=0.2)
        durations.append(time.monotonic() - start)
        assert (stuck.error, values(stuck)) == ("Timeout", [])
        assert values(well) == [7]
        assert scraper.records["stuck", ""].timeouts.total() == scrapes
    assert min(durations) < 0.6
    assert gate.runs == 1
    assert stuck.seconds > 0.4  # of the whole run, not only of this scrape
    gate.open.set()
    time.sleep(0.05)
    assert values(scraper.scrape(seconds=1)[0]) == [2]


def test_a_late_scrape_gets_a_fresh_reading(scraper_of, monkeypatch):
    monkeypatch.setattr(scraping, "SAME_MOMENT_SECONDS", 0.05)
    gate = Gate()
    scraper = scraper_of(make_collector("slow", gate))
    scraper.scrape(seconds=0.1)
    threading.Timer(0.1, gate.open.set).start()
    [outcome] = scraper.scrape(seconds=5)
    assert values(outcome) == [2]
    assert gate.runs == 2


def test_slow_collectors_run_in_parallel(scraper_of):
    together = threading.Barrier(10, timeout=10)

    def slow(_world: World) -> Iterator[Sample]:
        together.wait()  # BrokenBarrierError, if they run one after another
        yield VALUE(1)

    scraper = scraper_of(*(make_collector(f"slow{number}", slow) for number in range(10)))
    assert all(outcome.success for outcome in scraper.scrape(seconds=20))


def flaky(steps: list) -> Callable[[World], Iterator[Sample]]:
    """Return a collector whose runs follow the list: samples to yield, or an exception to raise after them."""
    runs = iter(steps)

    def collect(_world: World) -> Iterator[Sample]:
        for step in next(runs):
            if isinstance(step, BaseException):
                raise step
            yield step

    return collect


def test_states_are_retained_for_a_bounded_time_and_measured_values_are_not(scraper_of):
    now = [1000.0]
    good = [STATE(1, "db"), VALUE(5)]
    gone = [[OSError()]] * 3
    collector = make_collector("states", flaky([good, *gone, [STATE(0, "db")]]), STATE, VALUE)
    scraper = scraper_of(collector, world=World(clock=lambda: now[0]))
    assert scraper.scrape()[0].at == 1000.0
    now[0] += 60
    [outcome] = scraper.scrape()
    assert (outcome.error, outcome.samples, outcome.at) == ("OSError", [STATE(1, "db")], 1000.0)
    now[0] = 1000 + KEEP_STATE_SECONDS
    assert scraper.scrape()[0].samples == [STATE(1, "db")]
    now[0] += 1
    [outcome] = scraper.scrape()
    assert (outcome.samples, outcome.at) == ([], 1000.0)
    [outcome] = scraper.scrape()
    assert (outcome.error, outcome.samples, outcome.at) == (None, [STATE(0, "db")], now[0])


def test_samples_before_a_failure_are_shown_and_override_retained_states(scraper_of):
    steps = [[STATE(1, "a"), STATE(1, "b")], [STATE(0, "a"), VALUE(3), RuntimeError()]]
    scraper = scraper_of(make_collector("states", flaky(steps), STATE, VALUE))
    scraper.scrape()
    [outcome] = scraper.scrape()
    assert outcome.samples == [STATE(0, "a"), VALUE(3), STATE(1, "b")]
    assert outcome.is_partial


def test_a_metric_about_the_reading_is_not_a_part_of_it(scraper_of):
    answers = Metric("x_scrape_error", "gauge", "Whether it answers.", is_about_reading=True)
    steps = [[answers(0), STATE(1, "a")], [answers(1), RuntimeError()]]
    scraper = scraper_of(make_collector("states", flaky(steps), STATE, answers))
    scraper.scrape()
    [outcome] = scraper.scrape()
    assert outcome.samples == [answers(1), STATE(1, "a")]
    assert not outcome.is_partial, "its alerts must be muted"


def test_states_are_retained_while_the_collector_hangs(scraper_of):
    gate = Gate()

    def collect(world: World) -> Iterator[Sample]:
        yield STATE(1, "db")
        yield from gate(world)

    scraper = scraper_of(make_collector("states", collect, STATE, VALUE))
    gate.open.set()
    scraper.scrape()
    gate.open.clear()
    [outcome] = scraper.scrape(seconds=0.1)
    assert (outcome.error, outcome.samples) == ("Timeout", [STATE(1, "db")])
    assert not outcome.is_partial
    gate.open.set()


def test_an_absent_source_is_not_a_failure(scraper_of):
    scraper = scraper_of(make_collector("none", flaky([[NoData("no such file")]])))
    [outcome] = scraper.scrape()
    assert (outcome.success, outcome.absent, outcome.samples) == (True, "no such file", ())


def test_a_source_that_had_states_cannot_become_absent(scraper_of):
    steps = [[STATE(1, "web")], [NoData("no socket")]]
    scraper = scraper_of(make_collector("engine", flaky(steps), STATE))
    scraper.scrape()
    [outcome] = scraper.scrape()
    assert (outcome.error, outcome.absent, outcome.samples) == ("NoData", None, [STATE(1, "web")])


def test_a_source_that_answers_that_it_has_no_such_data_is_absent_even_with_states(scraper_of):
    steps = [[STATE(1, "web")], [NotSupported("feature not supported")]]
    scraper = scraper_of(make_collector("server", flaky(steps), STATE))
    scraper.scrape()
    [outcome] = scraper.scrape()
    assert (outcome.error, outcome.absent, outcome.samples) == (None, "feature not supported", ())


def test_a_source_without_states_may_become_absent(scraper_of):
    scraper = scraper_of(make_collector("files", flaky([[VALUE(1)], [NoData("no folder")]])))
    scraper.scrape()
    assert scraper.scrape()[0].absent == "no folder"


def test_a_failure_and_its_end_are_logged_once_without_the_error_text(scraper_of, caplog):
    caplog.set_level(logging.DEBUG)
    fault = ValueError("postgresql://me:hunter2@db/shop")
    file = PermissionError(13, "Permission denied", "/proc/pressure/cpu")
    scraper = scraper_of(make_collector("pg", flaky([[fault], [fault], [VALUE(1)], [VALUE(1)], [file]])))
    for _ in range(5):
        scraper.scrape()
    assert [record.getMessage() for record in caplog.records if record.levelno > logging.DEBUG] == [
        "collector pg failed: ValueError",
        "collector pg works again",
        "collector pg failed: PermissionError (Permission denied: /proc/pressure/cpu)",
    ]
    assert "hunter2" not in caplog.text
    assert "in collect" in caplog.text  # the traceback is logged at level DEBUG
    assert scraper.records["pg", ""].errors == {"ValueError": 2, "PermissionError": 1}


def test_alternating_deadlines_do_not_flood_the_log(scraper_of, caplog):
    caplog.set_level(logging.INFO)

    def take_long(_world):
        time.sleep(0.1)
        yield VALUE(1)

    scraper = scraper_of(make_collector("slow", take_long))
    for _ in range(5):
        assert scraper.scrape(seconds=0.02)[0].error == "Timeout"
        assert scraper.scrape(seconds=5)[0].success
    assert [record.getMessage() for record in caplog.records] == [
        "collector slow failed: it did not answer in time",
        "collector slow works again",
    ]
    assert scraper.records["slow", ""].timeouts == {0.0: 5}


def test_an_unavailable_source_logs_for_itself(scraper_of, caplog):
    caplog.set_level(logging.DEBUG)
    down = SourceDown("refused")
    scraper = scraper_of(make_collector("pg", flaky([[down], [VALUE(1)], [ValueError()], [VALUE(1)]])))
    for _ in range(4):
        scraper.scrape()
    assert [record.getMessage() for record in caplog.records if record.levelno > logging.DEBUG] == [
        "collector pg failed: ValueError",
        "collector pg works again",
    ]
    assert "collector pg failed: SourceDown" in caplog.text
    assert scraper.records["pg", ""].errors == {"SourceDown": 1, "ValueError": 1}


def test_absence_is_logged_once(scraper_of, caplog):
    caplog.set_level(logging.DEBUG)
    scraper = scraper_of(make_collector("none", flaky([[NoData("no engine")]] * 3)))
    for _ in range(3):
        scraper.scrape()
    assert caplog.text.count("no engine") == 1


def test_series_over_the_budget_are_counted(scraper_of):
    scraper = scraper_of(
        make_collector("many", lambda _: (STATE(1, str(number)) for number in range(25)), STATE, budget=10)
    )
    for dropped in (15, 30):
        [outcome] = scraper.scrape()
        assert len(outcome.samples) == 10
        assert scraper.records["many", ""].dropped == dropped


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (STATE(1), "ValueError"),
        (VALUE("7"), None),
        (VALUE("seven"), "ValueError"),
        (VALUE(None), "TypeError"),
        (VALUE(10**400), "ValueError"),
        (("deckwatch_x", 1), "ValueError"),
        (STATE(1, 7), "AttributeError"),
    ],
)
def test_an_invalid_sample_fails_its_collector(scraper_of, bad, error):
    scraper = scraper_of(
        make_collector("bad", flaky([[VALUE(1), bad]]), STATE, VALUE), make_collector("well", lambda _: [VALUE(2)])
    )
    outcome, well = scraper.scrape()
    assert outcome.error == error
    assert values(outcome)[0] == 1
    assert values(well) == [2]


def test_other_number_types_become_floats(scraper_of):
    scraper = scraper_of(make_collector("numbers", lambda _: [VALUE(Decimal("1.5")), VALUE(value=True), VALUE(2**64)]))
    numbers = values(scraper.scrape()[0])
    assert [(type(value), value) for value in numbers] == [(float, 1.5), (float, 1.0), (int, 2**64)]


def test_no_exception_of_a_collector_ends_the_thread(scraper_of):
    scraper = scraper_of(make_collector("exits", flaky([[SystemExit(3)], [KeyboardInterrupt()], [VALUE(1)]])))
    assert [scraper.scrape(seconds=2)[0].error for _ in range(3)] == ["SystemExit", "KeyboardInterrupt", None]


def by_name(_world: World, value: float) -> Iterator[Sample]:
    if value < 0:
        raise ConnectionError
    yield VALUE(value)


def test_each_subject_has_its_own_outcome(scraper_of):
    scraper = scraper_of(make_collector("pg", by_name, subjects=lambda _: {"a": 1, "b": -1}))
    a, b = scraper.scrape()
    assert (a.subject, a.error, values(a)) == ("a", None, [1])
    assert (b.subject, b.error, values(b)) == ("b", "ConnectionError", [])


def test_server_selects_servers_and_keeps_other_collectors(scraper_of):
    scraper = scraper_of(
        make_collector("pg", by_name, subjects=lambda _: {"a": 1, "b": 2}),
        make_collector("probe", by_name, subjects=lambda _: {"shop": 3}, subject_label="service"),
        make_collector("host", lambda _: [VALUE(4)]),
    )
    assert [(each.collector.name, each.subject) for each in scraper.scrape(subjects={"server": "b"})] == [
        ("pg", "b"),
        ("probe", "shop"),
        ("host", ""),
    ]


def test_a_failure_to_list_subjects_is_reported_until_it_ends(scraper_of):
    answers = iter([OSError("no file"), {}, {"a": 1}])

    def subjects(_world: World) -> dict[str, float]:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    scraper = scraper_of(make_collector("pg", by_name, subjects=subjects))
    assert scraper.scrape()[0].error == "OSError"
    assert scraper.scrape()[0].absent == "none is configured"
    assert scraper.scrape()[0].subject == "a"
    assert list(scraper.records) == [("pg", "a")]


def test_collectors_are_selected_by_name_and_prefix(scraper_of):
    scraper = scraper_of(
        *(make_collector(name, lambda _: []) for name in ("host_cpu", "host_disk", "hostage", "app_probe"))
    )

    def chosen(**choice: object) -> list[str]:
        return [outcome.collector.name for outcome in scraper.scrape(**choice)]

    assert chosen(only=["host"]) == ["host_cpu", "host_disk"]
    assert chosen(only=["host_cpu", "app"]) == ["host_cpu", "app_probe"]
    assert chosen(exclude=["host", "app_probe"]) == ["hostage"]


def test_pending_collectors_are_listed(scraper_of):
    gate = Gate()
    scraper = scraper_of(
        make_collector("stuck", gate),
        make_collector("broken", flaky([[ValueError()]])),
        make_collector("none", flaky([[NoData("none")]])),
        make_collector("pg", by_name, subjects=lambda _: {"a": 1}),
    )
    assert scraper.unanswered() == [("broken", ""), ("none", ""), ("pg", ""), ("stuck", "")]
    scraper.scrape(seconds=0.1)
    assert scraper.unanswered() == [("stuck", "")]
    gate.open.set()
    scraper.scrape(seconds=1)
    assert scraper.unanswered() == []


def test_the_process_exits_although_a_collector_is_stuck():
    program = """
        import threading
        from deckwatch.exporter.collector import Collector
        from deckwatch.exporter.scrape import Scraper
        from deckwatch.exporter.world import World

        def stuck(world):
            threading.Event().wait()

        with World() as world:
            declared = Collector("stuck", (), stuck, "", True, None, None, "server", 10)
            [outcome] = Scraper(world, {"stuck": declared}).scrape(seconds=0.1)
            print(outcome.error)
    """
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=20, check=False
    )
    assert (ran.returncode, ran.stdout) == (0, "Timeout\n"), ran.stderr


def test_collectors_that_are_coroutines_wait_beside_each_other_and_fail_alone(scraper_of):
    async def slow(_world: World, number: int) -> list[Sample]:
        await asyncio.sleep(0.3)
        return [VALUE(1 // number)]  # the one of number 0 fails

    declared = make_collector("slow", slow, subjects=lambda _: {str(number): number for number in range(100)})
    world = World()
    with contextlib.closing(world):
        threads, begun = threading.active_count(), time.monotonic()
        failed, *outcomes = scraper_of(declared, world=world).scrape(seconds=5)
        assert time.monotonic() - begun < 3
        assert threading.active_count() <= threads + 1
    assert failed.error == "ZeroDivisionError"
    assert [values(outcome) for outcome in outcomes] == [[1], *([[0]] * 98)]


def test_a_coroutine_that_hangs_ends_with_its_world(scraper_of):
    async def hang(_world: World) -> list[Sample]:
        await asyncio.sleep(60)
        return []

    world = World()
    scraper = scraper_of(make_collector("hang", hang), world=world)
    assert [outcome.error for outcome in scraper.scrape(seconds=0.1)] == ["Timeout"]
    [thread] = [thread for thread in threading.enumerate() if thread.name == "loop"]
    world.close()
    thread.join(5)
    assert not thread.is_alive()
