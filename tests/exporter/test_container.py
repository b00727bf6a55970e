from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deckwatch.exporter.sources.container import Limits, parse_inspect, unix_time


def inspect(**changes: Any) -> dict[str, Any]:
    """Return an inspect with the fields that are read, as written by Docker 20.10."""
    state = {
        "Status": "running",
        "Pid": 28598,
        "ExitCode": 0,
        "OOMKilled": False,
        "StartedAt": "2026-11-20T18:51:37.831694956Z",
        "FinishedAt": "0001-01-01T00:00:00Z",
    }
    host = {"NetworkMode": "default", "RestartPolicy": {"Name": "no"}, "Memory": 0, "NanoCpus": 0}
    return {
        "Id": "49140422",
        "Name": "/shop-web-1",
        "Created": "2026-11-20T18:51:37.621688091Z",
        "RestartCount": 0,
        "State": state | changes.get("state", {}),
        "Config": {"Image": "shop:1", "Labels": changes.get("labels", {})},
        "HostConfig": host | changes.get("host", {}),
    }


def test_a_running_container():
    container = parse_inspect(inspect())
    assert (container.id, container.name, container.image) == ("49140422", "shop-web-1", "shop:1")
    assert (container.state, container.pid, container.health, container.failing_streak) == ("running", 28598, "", 0)
    assert container.started == pytest.approx(1795200697.831695, abs=1e-6)
    assert container.finished == 0
    assert container.limits == Limits()
    assert container.has_own_network
    assert not container.expected_running


def test_fields_that_engines_leave_out_or_set_to_null():
    data = inspect(host={"RestartPolicy": None, "Memory": None}, state={"Health": None, "Pid": None})
    data["Config"]["Labels"] = None
    del data["RestartCount"]
    container = parse_inspect(data)
    assert (container.labels, container.restart_count, container.pid, container.restart_policy) == ({}, 0, 0, "")


@pytest.mark.parametrize(
    ("policy", "labels", "expected"),
    [
        ("no", {}, False),
        ("on-failure", {}, False),
        ("always", {}, True),
        ("unless-stopped", {}, True),
        ("no", {"deckwatch.expected": "running"}, True),
        ("always", {"deckwatch.expected": "stopped"}, False),
        ("always", {"deckwatch.expected": "perhaps"}, True),
    ],
)
def test_expected_to_run(policy, labels, expected):
    container = parse_inspect(inspect(host={"RestartPolicy": {"Name": policy}}, labels=labels))
    assert container.expected_running is expected


@pytest.mark.parametrize(
    ("host", "limits"),
    [
        ({"Memory": 67108864, "MemorySwap": 134217728}, Limits(memory=67108864, memory_swap=134217728)),
        ({"NanoCpus": 1_500_000_000}, Limits(cpu_quota=150_000, cpu_period=100_000)),
        ({"CpuQuota": 20_000, "CpuPeriod": 50_000}, Limits(cpu_quota=20_000, cpu_period=50_000)),
        ({"CpuQuota": 20_000}, Limits(cpu_quota=20_000, cpu_period=100_000)),
        ({"CpuQuota": -1, "CpuPeriod": 50_000}, Limits()),
        ({"CpuShares": 512, "MemoryReservation": 4096}, Limits(cpu_shares=512, memory_reservation=4096)),
    ],
)
def test_limits(host, limits):
    assert parse_inspect(inspect(host=host)).limits == limits


@pytest.mark.parametrize(
    ("reported", "state"),
    [("running", "running"), ("stopped", "exited"), ("stopping", "running"), ("configured", "created")],
)
def test_states_of_podman(reported, state):
    assert parse_inspect(inspect(state={"Status": reported})).state == state


@pytest.mark.parametrize("mode", ["host", "container:49140422"])
def test_a_shared_network(mode):
    assert not parse_inspect(inspect(host={"NetworkMode": mode})).has_own_network


def test_health():
    container = parse_inspect(inspect(state={"Health": {"Status": "unhealthy", "FailingStreak": 4}}))
    assert (container.health, container.failing_streak) == ("unhealthy", 4)
    # Without a healthcheck, Podman and some images write a health of `none` or an empty one.
    assert parse_inspect(inspect(state={"Health": {"Status": "none"}})).health == ""
    assert parse_inspect(inspect(state={"Health": {"Status": ""}})).health == ""


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-11-20T18:51:37Z", 1795200697.0),
        ("2026-11-20T18:51:37.5Z", 1795200697.5),
        ("2026-11-20T19:51:37.25+01:00", 1795200697.25),
        ("0001-01-01T00:00:00Z", 0.0),
        ("", 0.0),
    ],
)
def test_times(text, time):
    assert unix_time(text) == time


@given(st.text(max_size=40) | st.from_regex(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", fullmatch=True))
def test_an_invalid_time_is_a_value_error(text):
    with contextlib.suppress(ValueError):
        assert isinstance(unix_time(text), float)
