"""host_systemd beside systemctl, on a systemd of the tests' own."""

from __future__ import annotations

import json
import re
import socket
import time
from typing import TYPE_CHECKING

import pytest

from deckwatch.exporter.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.live


@pytest.fixture
def world(systemd, found) -> Iterator[World]:
    with World(rootfs=systemd.root, docker_host="") as made:
        answers(made, found)
        yield made


def answers(world, found) -> dict[tuple[str, ...], float]:
    """Return the samples as soon as there are any: systemd takes a moment to appear on a new bus."""
    deadline = time.monotonic() + 20
    while not (samples := found(world, "host_systemd")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return samples


def test_states_are_systemctls(systemd, world, found) -> None:
    systemd.ctl("start", "shop.service")
    systemd.until("shop.service", "active")
    samples = found(world, "host_systemd")
    units = json.loads(systemd.ctl("list-units", "--all", "--output=json"))
    theirs = {
        unit["unit"]: unit["active"]
        for unit in units
        if unit["load"] == "loaded" and not re.search(r"\.(automount|device|mount|scope|slice)$", unit["unit"])
    }
    shown = {key[1]: key[2] for key, value in samples.items() if key[0] == "node_systemd_unit_state" and value}
    assert shown == theirs
    assert shown["shop.service"] == "active"
    # Mounts and devices, which are counted too, come and go by themselves.
    assert samples["node_systemd_units", "failed"] == [unit["active"] for unit in units].count("failed")
    assert samples["node_systemd_units", "active"] >= list(theirs.values()).count("active")
    kinds = {key[1]: key[3] for key in samples if key[0] == "node_systemd_unit_state"}
    assert (kinds["shop.service"], kinds["dbus.socket"]) == ("simple", "")
    (version,) = [key[1] for key in samples if key[0] == "node_systemd_version"]
    assert version == systemd.ctl("show", "--property=Version", "--value")


def test_restarts_connections_and_timers(systemd, world, found) -> None:
    systemd.ctl("start", "--no-block", "broken.service")
    systemd.ctl("start", "echo.socket", "tick.timer")
    systemd.until("broken.service", "failed")
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(f"{systemd.folder}/echo.sock")
        connection.sendall(b"x")
        assert connection.recv(1) == b"x"
        samples = found(world, "host_systemd")
    restarts = samples["node_systemd_service_restart_total", "broken.service"]
    assert restarts == int(systemd.ctl("show", "broken.service", "--property=NRestarts", "--value")) > 1
    assert samples["node_systemd_unit_state", "broken.service", "failed", "exec"] == 1
    assert samples["node_systemd_system_running",] == 0
    assert samples["node_systemd_socket_accepted_connections_total", "echo.socket"] == 1
    assert samples["node_systemd_socket_current_connections", "echo.socket"] == 1
    assert samples["node_systemd_socket_refused_connections_total", "echo.socket"] == 0
    systemd.until("tick.service", "inactive")
    struck = found(world, "host_systemd")["node_systemd_timer_last_trigger_seconds", "tick.timer"]
    assert 0 <= world.clock() - struck < 60
    systemd.ctl("reset-failed", "broken.service")


def test_the_bus_may_be_started_anew(systemd, world, found) -> None:
    first = found(world, "host_systemd")
    systemd.ctl("restart", "dbus.service")
    assert answers(world, found).keys() & first.keys()
