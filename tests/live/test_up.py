"""`deckwatch up` with the real programs: what it starts, says, leaves alone and ends."""

from __future__ import annotations

import math
import os
import re
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests

from deckwatch.core.http import Client
from deckwatch.provisioning.program import find_program, is_answering

# `deckwatch up` takes the usual ports where nobody else does.
pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.xdist_group("up")]

DECKWATCH = Path(sys.executable).with_name("deckwatch")
GET = "apt-get install prometheus prometheus-alertmanager"
SECONDS = 90


@dataclass
class Up:
    """A running `deckwatch up`; `urls` are the addresses that it printed."""

    process: subprocess.Popen[str]
    state: Path
    lines: list[str] = field(default_factory=list)

    @property
    def urls(self) -> dict[str, str]:
        return dict(re.findall(r"^ (\w+) +(http://\S+)", "".join(self.lines), re.MULTILINE))

    def listen(self) -> None:
        """Read its output until the last line of the start."""
        assert self.process.stdout is not None
        while "Ctrl-C" not in (line := self.process.stdout.readline()):
            assert line or self.process.poll() is None, self.rest()
            self.lines.append(line)

    def rest(self) -> str:
        return self.process.communicate(timeout=SECONDS)[1]

    def children(self) -> dict[str, int]:
        """Return the process ids of what it started, by the program's name; ours is python's."""
        found = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                parent = stat.read_text().rpartition(")")[2].split()[1]
                program = stat.with_name("cmdline").read_text().partition("\0")[0]
            except OSError:  # it has just ended
                continue
            if parent == str(self.process.pid):
                found[Path(program).name] = int(stat.parent.name)
        return found


def start(state: Path, *options: str, **environment: str) -> Up:
    argv = [DECKWATCH, "--project", str(state.parent), "up", "--no-open", "--state-dir", str(state), *options]
    process = subprocess.Popen(
        argv,
        env={**os.environ, "COLUMNS": "200", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A gate that a shell started in the background ignores SIGINT, and its children would inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no thread of ours forks
    )
    return Up(process, state)


@pytest.fixture(scope="module")
def taken():
    """Occupies the default ports of the exporter and Prometheus, as a Debian service might."""
    sockets = []
    for port in (9877, 9090):
        one = socket.socket()
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections of an earlier test may linger
        try:
            one.bind(("127.0.0.1", port))
            one.listen()
        except OSError:  # it is taken already, by somebody else
            pass
        sockets.append(one)
    yield {9877, 9090}
    for one in sockets:
        one.close()


@pytest.fixture(scope="module")
def installed(need):
    need("prometheus", get=GET)
    need("prometheus-alertmanager", "alertmanager", get=GET)


@pytest.fixture(scope="module")
def up(installed, taken, tmp_path_factory):
    """One that all tests may look at, and none may end."""
    running = start(tmp_path_factory.mktemp("deck") / "state")
    try:
        running.listen()
        yield running
    finally:
        end(running)


def end(running: Up) -> None:
    if running.process.poll() is None:
        running.process.terminate()
    running.process.communicate(timeout=SECONDS)


def dead(pids) -> bool:
    return not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_everything_that_is_installed_runs_where_it_says(up, taken) -> None:
    assert {"exporter", "prometheus", "alertmanager"} <= set(up.urls)
    assert ("grafana" in up.urls) == (find_program("grafana", "grafana-server") is not None)
    assert len(up.children()) == len(up.urls)
    for name, url in up.urls.items():
        assert url.startswith("http://127.0.0.1:")
        assert is_answering({"exporter": url + "/metrics", "grafana": url + "/api/health"}.get(name, url + "/-/ready"))
    ports = {int(url.rpartition(":")[2]) for url in up.urls.values()}
    assert not ports & taken
    for name, port in (("exporter", 9877), ("prometheus", 9090)):
        (line,) = [line for line in up.lines if line.startswith(f" {name} ")]
        assert line.endswith(f"; the default port {port} is in use\n")


def test_prometheus_has_targets_rules_and_an_alertmanager(up, eventually) -> None:
    with Client(up.urls["prometheus"]) as prometheus:

        def targets():
            found = prometheus.get("/api/v1/targets")["data"]["activeTargets"]
            return {one["labels"]["job"]: (one["labels"]["instance"], one["health"]) for one in found}

        jobs = {"node", "cadvisor", "deckwatch", "prometheus", "alertmanager"}
        jobs |= {"grafana"} & up.urls.keys()
        host = socket.gethostname().partition(".")[0]
        eventually(lambda: targets() == dict.fromkeys(jobs, (host, "up")), 60)
        groups = prometheus.get("/api/v1/rules")["data"]["groups"]
        assert {group["name"] for group in groups} >= {"host", "containers", "postgres", "application"}
        eventually(lambda: prometheus.get("/api/v1/alertmanagers")["data"]["activeAlertmanagers"])


def test_grafana_has_the_dashboards_and_opens_on_the_overview(up, need, eventually) -> None:
    need.luck(
        find_program("grafana", "grafana-server"), "grafana is not installed; https://grafana.com/grafana/download"
    )
    with Client(up.urls["grafana"]) as grafana:
        # It indexes what it finds after it answers.
        dashboards = {"overview", "host", "containers", "postgres-database", "application"}
        eventually(lambda: {one["uid"] for one in grafana.get("/api/search", type="dash-db")} == dashboards, 60)
        assert grafana.get("/api/dashboards/home")["dashboard"]["uid"] == "overview"
        sources = grafana.get("/api/frontend/settings")["datasources"]
        assert sources["Prometheus"]["jsonData"]["timeInterval"] == "15s"
        answer = grafana.get("/api/datasources/proxy/uid/deckwatch-prometheus/api/v1/query", query="up")
        assert answer["status"] == "success"
    log = (up.state / "log" / "grafana.log").read_text()
    assert re.findall(r"^logger=provisioning.*level=(?:warn|error).*$", log, re.MULTILINE) == []
    password = up.state / "grafana" / "admin-password"
    assert password.stat().st_mode & 0o777 == 0o600
    assert password.read_text() not in log
    for secret, statuses in ((password.read_text(), {200}), ("admin", {401, 403})):
        answer = requests.get(up.urls["grafana"] + "/api/admin/stats", auth=("admin", secret), timeout=10)
        assert answer.status_code in statuses


def test_nobody_outside_reaches_it(up) -> None:
    listening = Path("/proc/net/tcp").read_text().splitlines() + Path("/proc/net/tcp6").read_text().splitlines()
    addresses = {line.split()[1] for line in listening[1:] if " 0A " in line}
    for url in up.urls.values():
        port = f"{int(url.rpartition(':')[2]):04X}"
        assert {one for one in addresses if one.endswith(f":{port}")} == {f"0100007F:{port}"}


def test_the_owners_tools_like_the_configuration(up) -> None:
    bundle = up.state / "bundle"
    for argv in (
        ["promtool", "check", "config", bundle / "prometheus" / "prometheus.yml"],
        ["amtool", "check-config", bundle / "alertmanager" / "alertmanager.yml"],
    ):
        ran = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr


def test_a_second_one_in_the_same_folder_is_refused(up) -> None:
    other = start(up.state)
    assert f"another stack uses {up.state} (process {up.process.pid})" in other.rest()
    assert other.process.returncode == 1


def test_it_supervises_nothing_ends_what_it_started_and_keeps_the_state(installed, tmp_path, eventually) -> None:
    stranger = subprocess.Popen(["sleep", "120"])
    up = start(tmp_path / "state")
    try:
        up.listen()
        before = up.children()
        (name,) = (name for name in before if "alertmanager" in name)
        os.kill(before[name], signal.SIGKILL)
        assert up.process.stderr is not None
        assert up.process.stderr.readline().startswith("alertmanager exited with code -9; its log is ")
        with Client(up.urls["prometheus"]) as prometheus:
            eventually(lambda: prometheus.get("/api/v1/query", query="up")["data"]["result"], 60)
        after = up.children()
        assert set(after.values()) == set(before.values()) - {before[name]}, "it is not started again"
        up.process.terminate()
        assert up.process.wait(SECONDS) == 0
        assert dead(after.values())
        assert stranger.poll() is None
    finally:
        end(up)
        stranger.kill()
        stranger.wait()

    password = (up.state / "grafana" / "admin-password").read_text() if "grafana" in up.urls else ""
    began = time.time()
    again = start(up.state)
    try:
        again.listen()
        assert set(again.urls) == set(up.urls)
        with Client(again.urls["prometheus"]) as prometheus:
            before = {"start": f"{began - 120:.0f}", "end": str(math.ceil(began)), "step": "1"}
            found = prometheus.get("/api/v1/query_range", query="up", **before)["data"]["result"]
        assert found, "the figures from before are there"
        if password:
            assert (up.state / "grafana" / "admin-password").read_text() == password
        again.process.send_signal(signal.SIGINT)
        assert again.process.wait(SECONDS) == 0
    finally:
        end(again)


@pytest.fixture
def alone(tmp_path):
    """The exporter only: no server is found on this path."""
    running = start(tmp_path / "state", PATH="/nowhere")
    yield running
    if running.process.poll() is None:
        running.process.kill()
    running.process.communicate(timeout=SECONDS)


def test_a_missing_program_is_reported_with_how_to_install_it(alone) -> None:
    alone.listen()
    assert "exporter" in alone.urls
    missing = [line for line in alone.lines if "not installed" in line]
    assert any(line.split()[0] == "prometheus" for line in missing)
    for line in missing:
        assert "docker compose up" in line


def test_addresses_and_paths_stay_whole_on_a_narrow_screen(tmp_path) -> None:
    state = tmp_path / "a folder with a name that is longer than the screen is wide" / "state"
    state.parent.mkdir()
    running = start(state, PATH="/nowhere", COLUMNS="40")
    try:
        running.listen()
        lines = "".join(running.lines)
    finally:
        end(running)
    for whole in (
        str(state),
        running.urls["exporter"],
        "https://prometheus.io/download",
        "https://grafana.com/grafana/download?edition=oss",
    ):
        assert whole in lines
    assert max(len(line) for line in lines.splitlines() if "/" not in line) <= 40


def test_killed_it_takes_its_programs_with_it(alone, eventually) -> None:
    alone.listen()
    children = alone.children()
    assert children
    alone.process.kill()
    alone.process.wait()
    eventually(lambda: dead(children.values()))


def test_where_nothing_is_left_it_ends_too(alone) -> None:
    alone.listen()
    for pid in alone.children().values():
        os.kill(pid, signal.SIGKILL)
    lines = alone.rest()
    assert alone.process.returncode == 1
    assert lines.endswith("all programs have exited\n")


def test_where_one_is_not_ready_all_are_ended_and_its_log_is_shown(need, tmp_path, eventually) -> None:
    need("prometheus", get=GET)
    state = tmp_path / "state"
    state.mkdir()
    (state / "prometheus").mkdir()
    (state / "prometheus" / "wal").write_text("not a folder")
    running = start(state)
    lines = running.rest()
    assert running.process.returncode == 1
    assert "prometheus exited with code" in lines
    assert "wal" in lines
    assert running.children() == {}
