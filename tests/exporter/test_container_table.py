"""The container table, fed with events and inspects as sent by Docker 20.10."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deckwatch.exporter.sources.container_table import LINGER_SECONDS, ContainerTable

ID = "49140422"
BEGAN = 1_795_200_000


def stamp(second: float) -> str:
    """Return a time as RFC 3339 text, from seconds since the table started; negative ones are before that."""
    seconds, part = divmod(round((second + 480) * 1000), 1000)
    hours, seconds_of_hour = divmod(seconds, 3600)
    return f"2026-11-20T{18 + hours:02}:{32 + seconds_of_hour // 60:02}:{seconds_of_hour % 60:02}.{part:03}Z"


def event(action: str, second: float = 0.0, id_: str = ID, **attributes: str) -> dict[str, Any]:
    return {
        "Type": "container",
        "Action": action,
        "Actor": {"ID": id_, "Attributes": {"name": "web", "image": "shop:1", **attributes}},
        "timeNano": int((BEGAN + second) * 1e9),
    }


def inspect(
    status: str = "running",
    *,
    created: float = 1.0,
    started: float | None = None,
    finished: float | None = None,
    exit_code: int = 0,
    oom: bool = False,
    restarts: int = 0,
    health: dict[str, Any] | None = None,
) -> dict[str, Any]:
    state: dict[str, Any] = {
        "Status": status,
        "Pid": 4242 if status in ("running", "paused") else 0,
        "ExitCode": exit_code,
        "OOMKilled": oom,
        "StartedAt": stamp(started) if started is not None else "0001-01-01T00:00:00Z",
        "FinishedAt": stamp(finished) if finished is not None else "0001-01-01T00:00:00Z",
        "Health": health,
    }
    return {
        "Id": ID,
        "Name": "/web",
        "Created": stamp(created),
        "RestartCount": restarts,
        "State": state,
        "Config": {"Image": "shop:1", "Labels": {}},
        "HostConfig": {"NetworkMode": "default"},
    }


@pytest.fixture
def table() -> ContainerTable:
    table = ContainerTable()
    table.start_watching(BEGAN)
    return table


def counts(table: ContainerTable) -> tuple[int, int]:
    [container] = table.all_containers()
    return container.restarts, container.oom_kills


def test_timestamps_of_this_test_match_the_tables_clock(table):
    assert table.apply_inspect(inspect(created=1.5)).created == BEGAN + 1.5


def test_a_new_container_has_counters_at_zero(table):
    assert table.apply_event(event("create", 1), 0) == ID
    assert table.apply_event(event("start", 2), 0) == ID
    table.apply_inspect(inspect(started=2))
    assert counts(table) == (0, 0)


def test_the_first_start_is_no_restart_even_if_the_inspect_came_first(table):
    table.apply_event(event("create", 1), 0)
    table.apply_inspect(inspect("exited", started=2, finished=3))
    table.apply_event(event("start", 2.01), 0)
    table.apply_event(event("die", 3.01, exitCode="1"), 0)
    assert counts(table) == (0, 0)


def test_each_start_after_an_exit_is_a_restart(table):
    table.apply_inspect(inspect(started=2))
    for run in range(3):
        table.apply_event(event("die", 10 + run, exitCode="1"), 0)
        table.apply_event(event("start", 10.5 + run), 0)
        table.apply_inspect(inspect(started=10.49 + run, finished=9.99 + run, restarts=run + 1))
    assert counts(table) == (3, 0)


def test_a_manual_start_counts_although_it_resets_the_engines_count(table):
    table.apply_inspect(inspect(started=2, restarts=0))
    table.apply_event(event("die", 10), 0)
    table.apply_event(event("start", 11), 0)
    table.apply_inspect(inspect(started=11, finished=10, restarts=1))
    table.apply_event(event("die", 20), 0)
    table.apply_event(event("start", 21), 0)
    table.apply_inspect(inspect(started=21, finished=20, restarts=0))  # `docker restart`
    table.apply_event(event("die", 30), 0)
    table.apply_event(event("start", 31), 0)
    table.apply_inspect(inspect(started=31, finished=30, restarts=1))
    assert counts(table) == (3, 0)


def test_restarts_before_the_exporter_started_do_not_count(table):
    table.apply_inspect(inspect(created=-100, started=-5, finished=-6, restarts=7, oom=True))
    assert counts(table) == (0, 0)
    table.apply_event(event("die", 10), 0)
    table.apply_event(event("start", 11), 0)
    table.apply_inspect(inspect(created=-100, started=11, finished=10, restarts=8))
    assert counts(table) == (1, 0)


def test_starting_a_container_that_exited_before_the_exporter_started(table):
    table.apply_inspect(inspect("exited", created=-100, started=-50, finished=-20))
    table.apply_event(event("start", 5), 0)
    assert counts(table) == (1, 0)


def test_the_engines_own_count_replaces_lost_events(table):
    table.apply_inspect(inspect(started=2))
    table.apply_inspect(inspect(started=50, finished=49, restarts=4))
    assert counts(table) == (4, 0)


def test_a_restarted_engine_reports_the_start_but_not_the_exit(table):
    table.apply_inspect(inspect(started=2))
    table.apply_inspect(inspect(started=50, finished=40))
    table.apply_event(event("start", 50.01), 0)
    assert counts(table) == (1, 0)


def test_events_replayed_after_a_reconnect_are_older_than_the_inspect(table):
    table.apply_inspect(inspect(started=2))
    table.apply_inspect(inspect(started=21, finished=20))  # after the reconnect
    for action, second in (("die", 10), ("start", 11), ("die", 20.01), ("start", 21.01)):
        table.apply_event(event(action, second), 0)
    table.apply_inspect(inspect(started=21, finished=20))
    assert counts(table) == (2, 0)


def test_a_clock_set_back_hides_no_restart(table):
    table.apply_inspect(inspect(started=2))
    for action, second in (("die", 100), ("start", 101), ("die", 60), ("start", 61)):
        table.apply_event(event(action, second), 0)
    assert counts(table) == (2, 0)


def test_oom_kills_are_counted_across_runs(table):
    table.apply_inspect(inspect(started=2))
    table.apply_event(event("oom", 3), 0)
    table.apply_event(event("oom", 4), 0)
    table.apply_event(event("die", 5, exitCode="137"), 0)
    table.apply_inspect(inspect("exited", started=2, finished=5, oom=True, exit_code=137))
    table.apply_event(event("start", 6), 0)
    table.apply_inspect(inspect(started=6, finished=5))
    table.apply_event(event("oom", 7), 0)
    assert counts(table) == (1, 3)


def test_an_oom_kill_whose_event_was_lost_counts_once(table):
    table.apply_inspect(inspect(started=2))
    for _ in range(2):
        table.apply_inspect(inspect("exited", started=2, finished=5, oom=True, exit_code=137))
    table.apply_event(event("start", 6), 0)
    table.apply_inspect(inspect(started=6, finished=5))
    assert counts(table) == (1, 1)


def test_the_last_exit_code_is_kept_after_a_restart(table):
    table.apply_inspect(inspect(started=2))
    table.apply_event(event("die", 5, exitCode="3"), 0)
    table.apply_event(event("start", 6), 0)
    table.apply_inspect(inspect(started=6, finished=5, exit_code=0))
    assert table.all_containers()[0].exit_code == 3
    table.apply_inspect(inspect("exited", started=6, finished=8, exit_code=0))
    assert table.all_containers()[0].exit_code == 0


def test_podman_names_the_removal_event_differently(table):
    table.apply_inspect(inspect())
    assert table.all_containers()
    assert table.apply_event(event("remove", 2), 100) is None
    assert table.all_containers() == ()


def test_a_container_that_lived_between_two_scrapes_leaves_its_counters(table):
    for action, second in (("create", 1), ("start", 2), ("oom", 3), ("die", 3.1)):
        table.apply_event(event(action, second, exitCode="137", **{"com.docker.compose.service": "job"}), 100)
    assert table.apply_event(event("destroy", 3.2), 100) is None
    assert table.all_containers() == ()
    [gone] = table.removed_containers(100)
    assert (gone.name, gone.image, gone.oom_kills, gone.labels["com.docker.compose.service"]) == (
        "web",
        "shop:1",
        1,
        "job",
    )
    assert table.removed_containers(100 + LINGER_SECONDS) == (gone,)
    assert table.removed_containers(101 + LINGER_SECONDS) == ()


def test_a_removed_container_with_zero_counters_leaves_nothing(table):
    table.apply_inspect(inspect(started=2))
    table.apply_event(event("destroy", 3), 100)
    assert (table.all_containers(), table.removed_containers(100)) == ((), ())


def test_the_number_of_retained_containers_is_bounded(table):
    for number in range(500):
        id_ = f"{number:08}"
        for action in ("create", "start", "oom", "die", "destroy"):
            table.apply_event(event(action, number, id_), 100)
    departed = table.removed_containers(100)
    assert len(departed) == 200
    assert departed[-1].id == "00000499"


def test_new_changed_and_unhealthy_containers_of_the_list_are_inspected(table):
    table.apply_inspect(inspect(started=2))
    same = {"Id": ID, "Names": ["/web"], "State": "running"}
    assert table.apply_list([same], 0) == []
    assert table.apply_list([same | {"State": "exited"}], 0) == [ID]
    assert table.apply_list([same | {"Names": ["/other"]}], 0) == [ID]
    assert table.apply_list([same, {"Id": "new", "Names": ["/new"], "State": "running"}], 0) == ["new"]
    table.apply_inspect(inspect(started=2, health={"Status": "starting", "FailingStreak": 0}))
    assert table.apply_list([same], 0) == [ID]


@pytest.mark.parametrize(
    "order", ["die inspect start", "inspect die start", "die start inspect", "inspect die inspect start"]
)
def test_restarts_by_policy_count_once_whatever_the_order_of_inspects(table, order):
    table.apply_inspect(inspect(started=2))
    for number in (1, 2, 3):
        end = 10.0 * number
        for step in order.split():
            if step == "die":
                table.apply_event(event("die", end + 0.01, exitCode="1"), 0)
            elif step == "start":
                table.apply_event(event("start", end + 0.5), 0)
            else:
                table.apply_inspect(
                    inspect("restarting", started=end - 9.5, finished=end, exit_code=1, restarts=number)
                )
        table.apply_inspect(inspect(started=end + 0.4, finished=end, restarts=number))
        assert counts(table)[0] == number
    table.apply_event(event("die", 40), 0)
    table.apply_event(event("start", 41), 0)
    table.apply_inspect(inspect(started=41, finished=40))
    assert counts(table)[0] == 4, "by hand, which sets RestartCount back to 0"


def test_a_few_healthy_containers_are_inspected_at_a_time_in_rotation(table):
    ids = [f"{number:08}" for number in range(25)]
    listed = [{"Id": id_, "Names": ["/web"], "State": "running", "Status": "Up 2 hours (healthy)"} for id_ in ids]
    healthy = inspect(started=2, health={"Status": "healthy", "FailingStreak": 0})
    for id_ in ids:
        table.apply_inspect(healthy | {"Id": id_})
    asked = []
    for _ in range(3):
        asked.append(table.apply_list(listed, 0))
        for id_ in asked[-1]:
            table.apply_inspect(healthy | {"Id": id_})
    assert [len(once) for once in asked] == [10, 10, 10]
    assert {id_ for once in asked for id_ in once} == set(ids)
    assert [container.id for container in table.all_containers()] == ids, "in the order in which they were first seen"
    listed[24] |= {"Status": "Up 2 hours (unhealthy)"}
    assert table.apply_list(listed, 0)[0] == ids[24]


def test_containers_missing_from_the_list_are_removed(table):
    table.apply_inspect(inspect(started=2))
    table.apply_event(event("oom", 3), 0)
    assert table.apply_list([], 100) == []
    assert table.all_containers() == ()
    assert [container.oom_kills for container in table.removed_containers(100)] == [1]


def test_other_events_are_ignored(table):
    assert table.apply_event(event("exec_start: true", 1), 0) is None
    assert table.apply_event({**event("connect"), "Type": "network"}, 0) is None
    assert table.apply_event({}, 0) is None
    assert table.apply_event(event("health_status: unhealthy", 1), 0) == ID
    assert table.all_containers() == ()


def test_an_unchanged_container_is_the_same_object(table):
    table.apply_inspect(inspect(started=2))
    table.apply_event(event("oom", 3), 0)
    assert table.all_containers()[0] is table.all_containers()[0]


ACTIONS = st.sampled_from(["create", "start", "die", "oom", "destroy", "rename", "inspect", "list"])


@given(st.lists(ACTIONS, max_size=40))
def test_counters_never_decrease_while_a_container_exists(actions):
    table = ContainerTable()
    table.start_watching(BEGAN)
    last = (0, 0)
    for second, action in enumerate(actions, start=1):
        if action == "inspect":
            table.apply_inspect(inspect(started=1, restarts=second % 3, oom=second % 2 == 0))
        elif action == "list":
            table.apply_list([{"Id": ID, "Names": ["/web"], "State": "running"}], second)
        else:
            table.apply_event(event(action, second), second)
        if action == "destroy" or not table.all_containers():
            last = (0, 0)
        else:
            now = counts(table)
            assert now[0] >= last[0]
            assert now[1] >= last[1]
            last = now
