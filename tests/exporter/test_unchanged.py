"""What has not changed since the last scrape is the same object, and is not read where something cheaper says so."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from deckwatch.exporter import collector
from deckwatch.exporter.metric import Lines
from deckwatch.exporter.scrape import Scraper

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.world import World

VERSION_1, VERSION_2 = "vm-kernel6.18-cgroup1", "debian12-kernel6.1-docker"
NAMES = ("container_cpu", "container_io", "container_memory", "container_network", "container_pids", "container_state")


def rendered(world: World) -> dict[str, Lines]:
    chosen = {name: collector.load_collectors()[name] for name in NAMES}
    outcomes = Scraper(world, chosen).scrape(seconds=60)
    assert not [outcome.error for outcome in outcomes if outcome.error]
    lines = [sample for outcome in outcomes for sample in outcome.samples if isinstance(sample, Lines)]
    return {line.metric.name: line for line in lines if line.metric.name != "container_last_seen"}


@pytest.fixture(params=[VERSION_1, VERSION_2])
def machine(request, changing_machine):
    with changing_machine(request.param) as machine:
        yield machine


@pytest.fixture
def world(machine) -> Iterator[World]:
    with machine.open_world() as world:
        machine.tell(world)
        yield world


def test_lines_of_a_metric_are_the_same_object_until_one_of_them_changes(machine, world) -> None:
    first = rendered(world)
    assert len(first) > 20
    again = rendered(world)
    assert [name for name, lines in again.items() if lines is not first[name]] == []
    for path in machine.folder.glob("sys/fs/cgroup/**/memory.*"):
        if path.name in ("memory.usage_in_bytes", "memory.current"):
            machine.count(path, 4096)
    after = rendered(world)
    changed = {"container_memory_usage_bytes", "container_memory_working_set_bytes"}
    assert {name for name, lines in after.items() if lines is not first[name]} == changed


@pytest.fixture
def opened(monkeypatch) -> list[str]:
    paths: list[str] = []
    real = os.open

    def record(path: str, *args: object, **keywords: object) -> int:
        paths.append(str(path))
        return real(path, *args, **keywords)

    monkeypatch.setattr(os, "open", record)
    return paths


@pytest.mark.parametrize("moved", [False, True])
def test_processes_of_version_1_are_listed_only_after_a_sign_of_change(changing_machine, opened, moved: bool) -> None:
    with changing_machine(VERSION_1) as machine, machine.open_world() as world:
        machine.tell(world)

        def lists() -> int:
            return sum(path.endswith("/cgroup.procs") for path in opened)

        counts = rendered(world)["container_processes"]
        before = lists()
        assert before == 2
        assert rendered(world)["container_processes"] is counts
        assert lists() == before
        machine.fork(0, 5, moved=moved)
        assert rendered(world)["container_processes"].to_text().count("} 5\n") == 1
        assert lists() == before + 1


def test_a_list_is_read_again_where_its_signs_are_missing_or_do_not_move(changing_machine) -> None:
    with changing_machine(VERSION_1) as machine, machine.open_world() as world:
        machine.tell(world)
        first, second = machine.slots
        for usage in machine.folder.glob(f"sys/fs/cgroup/cpuacct/docker/{first['Id']}/cpuacct.usage"):
            usage.write_bytes(b"0\n")  # its processes are in another group of that controller
        for current in machine.folder.glob(f"sys/fs/cgroup/pids/docker/{second['Id']}/pids.current"):
            current.unlink()
        rendered(world)
        for path in machine.folder.glob("sys/fs/cgroup/pids/docker/*/cgroup.procs"):
            path.write_bytes(b"1\n2\n3\n")
        assert rendered(world)["container_processes"].to_text().count("} 3\n") == 2


@pytest.mark.parametrize("captured_name", [VERSION_1, VERSION_2])
@pytest.mark.parametrize("scrapes_before", [0, 1])
def test_a_group_that_ends_between_two_of_its_files_has_no_values(
    changing_machine, captured_name: str, scrapes_before: int
) -> None:
    """Otherwise a counter, such as that of OOM kills, would fall to 0 for one scrape."""
    with changing_machine(captured_name) as machine, machine.open_world() as world:
        machine.tell(world)
        inspect, ended = machine.slots[0], []

        def end(path: str) -> None:
            if inspect["Id"] in path and path.endswith("/memory.stat") and not ended:
                ended.append(path)
                machine.remove_files(inspect)

        for _ in range(scrapes_before):
            assert inspect["Id"] in rendered(world)["container_oom_events_total"].to_text()
        machine.during = end
        assert inspect["Id"] not in rendered(world)["container_oom_events_total"].to_text()
        assert ended
