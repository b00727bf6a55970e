"""The container collectors beside a real Docker engine with real containers."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from deckwatch.core.contract import load_contract

pytestmark = pytest.mark.live

# docker-py leaves it to the interpreter to close a socket with which it could not connect.
docker_py_forgets = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")

NAME = "shop-web-1"
TYPICAL = {
    "name": NAME,
    "labels": {"com.docker.compose.project": "shop", "com.docker.compose.service": "web"},
    "mem_limit": "64m",
    "nano_cpus": 500_000_000,
    "restart_policy": {"Name": "always"},
}
SECOND = 1_000_000_000
ALLOWED = re.compile(
    r"GET (/v1\.\d+)?/(_ping|version|info|events\?.*|containers/json\?.*|containers/[0-9a-f]{64}/json)"
)


def health(command: str, **more: int) -> dict[str, object]:
    return {"test": ["CMD-SHELL", command], "interval": SECOND // 5, "timeout": SECOND, "retries": 2, **more}


def descriptors() -> int:
    """Return how many files of control groups and folders of processes this process holds open."""
    targets = [str(path.readlink()) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
    return len([target for target in targets if re.match(r"/sys/fs/cgroup|/proc/\d+$", target)])


def test_values_are_those_of_docker_stats_and_of_the_kernel(engine, watch, eventually):
    work = "x=$(head -c 16000000 /dev/zero | tr '\\0' x); i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done"
    container = engine.run(f"{work}; sleep 1000; true", **TYPICAL)
    eventually(lambda: "sleep 1000" in {process[-1] for process in container.top()["Processes"]})  # the work is done
    page = watch(engine.url).page()
    stats = container.stats(stream=False, one_shot=True)
    assert not page.errors
    cpu = stats["cpu_stats"]["cpu_usage"]
    assert page.value("container_cpu_usage_seconds_total", name=NAME, cpu="total") == pytest.approx(
        cpu["total_usage"] / 1e9, rel=0.05
    )
    assert page.value("container_cpu_user_seconds_total", name=NAME) == pytest.approx(
        cpu["usage_in_usermode"] / 1e9, abs=0.02
    )
    memory = stats["memory_stats"]
    # Each CPU keeps up to 64 pages in stock, which the kernel counts as used.
    assert page.value("container_memory_usage_bytes", name=NAME) == pytest.approx(memory["usage"], abs=1 << 20)
    held = memory["stats"].get("total_rss") or memory["stats"]["anon"]
    assert page.value("container_memory_rss", name=NAME) == pytest.approx(held, abs=1 << 20)
    assert held > 16_000_000
    assert page.value("container_spec_memory_limit_bytes", name=NAME) == memory["limit"] == 64 << 20
    assert page.value("container_spec_cpu_quota", name=NAME) == 50_000
    assert page.value("container_processes", name=NAME) == stats["pids_stats"]["current"] == 2
    network = stats["networks"]["eth0"]
    assert page.value("container_network_receive_bytes_total", name=NAME, interface="eth0") == pytest.approx(
        network["rx_bytes"], abs=2_000
    )
    throttling = stats["cpu_stats"]["throttling_data"]
    assert page.value("container_cpu_cfs_periods_total", name=NAME) == pytest.approx(throttling["periods"], abs=3)
    [labels] = [labels for labels, _ in page.series["container_memory_rss"]]
    assert labels == {
        "id": f"/docker/{container.id}",
        "name": NAME,
        "image": "deckwatch-test",
        "container_label_com_docker_compose_project": "shop",
        "container_label_com_docker_compose_service": "web",
    }
    started = page.value("container_start_time_seconds", name=NAME)
    assert time.time() - 60 < started < time.time()


def test_reads_and_writes_of_a_disk_are_the_containers_own(engine, watch, eventually):
    disk = engine.disk
    # With version 1, kernels from 6.10 on count only once a limit was set on the disk.
    limit = [{"Path": disk, "Rate": 1 << 40}]
    script = (
        "dd if=/dev/zero of=/tmp/x bs=64k count=16 oflag=direct; dd if=/tmp/x of=/dev/null bs=64k count=8 iflag=direct"
    )
    engine.run(f"{script}; sleep 1000", name=NAME, device_write_bps=limit)
    watched = watch(engine.url)
    read = ("container_fs_reads_bytes_total", {"name": NAME, "device": disk})
    # Its programs may have to be read from there too.
    eventually(lambda: (watched.page().value(read[0], **read[1]) or 0) >= 8 << 16)
    page = watched.page()
    assert page.value("container_fs_writes_bytes_total", name=NAME, device=disk) == 16 << 16
    assert page.value("container_fs_writes_total", name=NAME, device=disk) == 16
    assert page.value("container_fs_reads_total", name=NAME, device=disk) >= 8


@pytest.mark.parametrize(("end", "code"), [("stop", 0), ("kill", 137)])
def test_a_container_that_ends(engine, watch, eventually, end, code):
    container = engine.run(name=NAME, restart_policy={"Name": "unless-stopped"})
    watched = watch(engine.url)
    page = watched.page()
    assert (page.state(NAME), page.value("deckwatch_container_finished_timestamp_seconds", name=NAME)) == ("running", 0)
    before = time.time()
    getattr(container, end)()
    eventually(lambda: watched.page().state(NAME) == "exited")
    page = watched.page()
    assert page.value("deckwatch_container_exit_code", name=NAME) == code
    assert page.value("deckwatch_container_expected_running", name=NAME) == 1
    assert before - 1 < page.value("deckwatch_container_finished_timestamp_seconds", name=NAME) < time.time() + 1
    assert page.value("deckwatch_container_restarts_total", name=NAME) == 0
    [last_seen] = page.values("container_last_seen", name=NAME)
    assert before - 5 < last_seen < time.time()
    assert page.values("container_cpu_usage_seconds_total", name=NAME) == []
    assert not page.errors


def test_a_paused_container(engine, watch, eventually):
    container = engine.run(name=NAME)
    watched = watch(engine.url)
    watched.page()
    container.pause()
    eventually(lambda: watched.page().state(NAME) == "paused")
    assert watched.page().values("container_memory_rss", name=NAME)
    container.unpause()
    eventually(lambda: watched.page().state(NAME) == "running")


def test_a_renamed_container_has_one_name(engine, watch, eventually):
    container = engine.run(name="old")
    watched = watch(engine.url)
    assert watched.page().state("old") == "running"
    container.rename("new")
    eventually(lambda: watched.page().state("new") == "running")
    assert watched.page().of("old") == set()


def test_an_oom_killed_container(engine, watch, eventually):
    watched = watch(engine.url)
    watched.page()
    engine.run("x=0123456789abcdef; while :; do x=$x$x; done", name=NAME, mem_limit="16m")
    eventually(lambda: watched.page().value("deckwatch_container_oom_kills_total", name=NAME) == 1)
    eventually(lambda: watched.page().state(NAME) == "exited")
    page = watched.page()
    assert page.value("deckwatch_container_exit_code", name=NAME) == 137
    assert page.value("deckwatch_container_oom_kills_total", name=NAME) == 1


def test_a_kill_inside_a_container_that_goes_on(engine, watch, eventually):
    watched = watch(engine.url)
    watched.page()
    eat = "sh -c 'x=0123456789abcdef; while :; do x=$x$x; done'"
    engine.run(f"{eat}; {eat}; sleep 1000", name=NAME, mem_limit="16m")
    eventually(lambda: watched.page().value("container_oom_events_total", name=NAME) == 2)
    eventually(lambda: watched.page().value("deckwatch_container_oom_kills_total", name=NAME) == 2)
    assert watched.page().state(NAME) == "running"


def test_what_happened_to_a_container_between_two_scrapes_is_seen(engine, watch, eventually):
    watched = watch(engine.url)
    watched.page()
    script = "x=0123456789abcdef; while :; do x=$x$x; done"
    engine.run(script, name=NAME, mem_limit="16m", auto_remove=True, labels={"com.docker.compose.service": "job"})
    eventually(lambda: not engine.client.containers.list(all=True, sparse=True))
    eventually(lambda: watched.page().value("deckwatch_container_oom_kills_total", name=NAME) == 1)
    page = watched.page()
    assert page.state(NAME) is None
    [labels] = [labels for labels, _ in page.series["deckwatch_container_oom_kills_total"]]
    assert labels["container_label_com_docker_compose_service"] == "job"


def test_health(engine, watch, eventually):
    engine.run(name=NAME, healthcheck=health("test -e /tmp/well"))
    engine.run(name="plain")
    watched = watch(engine.url)
    status = "deckwatch_container_health_status"
    eventually(lambda: watched.page().value(status, name=NAME, status="unhealthy") == 1)
    page = watched.page()
    assert sorted(page.values(status, name=NAME)) == [0, 0, 1]
    assert page.value("deckwatch_container_health_failing_streak", name=NAME) >= 2
    assert page.value("container_health_state", name=NAME) == 0
    engine.client.containers.get(NAME).exec_run("touch /tmp/well")
    eventually(lambda: watched.page().value(status, name=NAME, status="healthy") == 1)
    page = watched.page()
    assert page.value("deckwatch_container_health_failing_streak", name=NAME) == 0
    assert page.value("container_health_state", name=NAME) == 1
    assert page.values(status, name="plain") == []


def test_a_restart_loop_is_counted_and_adds_no_series(engine, watch, eventually):
    watched = watch(engine.url)
    watched.page()
    engine.run("sleep 0.2; exit 4", **{**TYPICAL, "name": NAME})
    restarts = "deckwatch_container_restarts_total"
    eventually(lambda: watched.page().values(restarts, name=NAME) >= [1])
    first = watched.page()

    def agrees() -> bool:
        page = watched.page()
        container = engine.client.api.inspect_container(NAME)
        return page.value(restarts, name=NAME) == container["RestartCount"] >= 3

    eventually(agrees)
    page = watched.page()
    assert page.value("deckwatch_container_exit_code", name=NAME) == 4
    always = {series for series in first.of(NAME) if series[0].startswith("deckwatch_")}
    assert always == {series for series in page.of(NAME) if series[0].startswith("deckwatch_")}


def test_a_typical_container_keeps_the_budget_of_series_and_a_restart_adds_none(engine, watch, eventually):
    limit = [{"Path": engine.disk, "Rate": 1 << 40}]
    script = "dd if=/dev/zero of=/tmp/x bs=64k count=4 oflag=direct; sleep 1000"
    container = engine.run(script, **TYPICAL, device_write_bps=limit, healthcheck=health("true"))
    watched = watch(engine.url)
    writes = "container_fs_writes_total"
    eventually(lambda: watched.page().values(writes, name=NAME))
    before = watched.page().of(NAME)
    assert len(before) <= load_contract()["container_series_most"]
    container.restart(timeout=0)
    eventually(lambda: watched.page().value("deckwatch_container_restarts_total", name=NAME) == 1)
    eventually(lambda: watched.page().values(writes, name=NAME))
    assert watched.page().of(NAME) == before


def test_restarts_by_hand_are_counted(engine, watch, eventually):
    container = engine.run(name=NAME)
    watched = watch(engine.url)
    watched.page()
    container.restart(timeout=0)
    container.stop(timeout=0)
    container.start()
    eventually(lambda: watched.page().value("deckwatch_container_restarts_total", name=NAME) == 2)
    assert watched.page().state(NAME) == "running"


@pytest.mark.parametrize("mode", ["host", "none", "container"])
def test_a_container_without_a_network_of_its_own_has_no_traffic(engine, watch, mode):
    engine.run(name="first")
    engine.run(name=NAME, network_mode="container:first" if mode == "container" else mode)
    page = watch(engine.url).page()
    assert page.values("container_network_receive_bytes_total", name="first")
    assert page.values("container_network_receive_bytes_total", name=NAME) == []
    assert page.values("container_memory_rss", name=NAME)
    assert not page.errors


def test_containers_that_come_and_go_while_they_are_read_are_no_fault(engine, watch):
    watched = watch(engine.url)
    watched.page()
    done = threading.Event()

    def churn() -> None:
        while not done.is_set():
            engine.run("exit 0", auto_remove=True)
            engine.run().remove(force=True)

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            assert watched.page().errors == {}
    finally:
        done.set()
        thread.join()


def still_known(page, *, running: str, exited: str) -> None:
    """What a page says while the engine does not answer."""
    assert page.errors == {"container_state": "EngineUnreachable"}
    assert page.value("container_scrape_error") == 1
    assert (page.state(running), page.state(exited)) == ("running", "exited")
    assert page.value("deckwatch_container_exit_code", name=exited) == 3
    assert page.value("deckwatch_container_expected_running", name=exited) == 1
    assert page.values("deckwatch_container_restarts_total") == []
    assert page.values("container_memory_rss", name=running)


@docker_py_forgets
@pytest.mark.parametrize("how", ["freeze", "kill"])
def test_an_engine_that_does_not_answer(engine, watch, eventually, how):
    engine.run("while :; do :; done", name="busy")
    engine.run("exit 3", name="ended", labels={"deckwatch.expected": "running"})
    watched = watch(engine.url)
    eventually(lambda: watched.page().state("ended") == "exited")
    getattr(engine, how)()
    stopped = time.monotonic()
    eventually(lambda: not watched.page().success["container_state"])
    assert time.monotonic() - stopped < 10
    page = watched.page()
    still_known(page, running="busy", exited="ended")
    cpu = "container_cpu_usage_seconds_total"
    time.sleep(0.3)
    later = watched.page()
    assert later.value(cpu, name="busy") > page.value(cpu, name="busy"), "read afresh, not held"
    still_known(later, running="busy", exited="ended")
    if how == "freeze":
        engine.thaw()
    else:
        engine.start()
    eventually(lambda: watched.page().success["container_state"])
    page = watched.page()
    assert not page.errors
    assert page.value("deckwatch_container_restarts_total", name="ended") == 0
    # An engine that was killed ends what it finds running when it starts.
    eventually(lambda: watched.page().state("busy") == ("running" if how == "freeze" else "exited"))


def test_a_container_that_ends_while_the_engine_does_not_answer(engine, watch, eventually):
    container = engine.run("exec sleep 1000", name=NAME)
    watched = watch(engine.url)
    container.reload()
    pid = container.attrs["State"]["Pid"]
    assert watched.page().values("container_processes", name=NAME) == [1]
    engine.freeze()
    eventually(lambda: not watched.page().success["container_state"])
    os.kill(pid, 9)
    eventually(lambda: not watched.page().values("container_processes", name=NAME))
    page = watched.page()
    assert page.errors == {"container_state": "EngineUnreachable"}
    assert page.state(NAME) == "running", "as it was last known"
    assert page.values("container_network_receive_bytes_total", name=NAME) == []
    engine.thaw()
    eventually(lambda: watched.page().state(NAME) == "exited")


@docker_py_forgets
def test_an_engine_that_is_not_there_yet(engine, watch, eventually):
    engine.kill()
    watched = watch(engine.url)
    page = watched.page()
    assert page.errors["container_state"] == page.errors["container_cpu"] == "EngineUnreachable"
    assert page.values("machine_cpu_cores")
    engine.start()
    eventually(lambda: not watched.page().errors)


def test_only_the_calls_that_a_proxy_allows_and_none_for_a_scrape(engine, relay, watch, eventually):
    for number in range(3):
        engine.run(name=f"web-{number}")
    watched = watch(relay.url)
    watched.page()
    engine.client.containers.get("web-0").restart(timeout=0)
    eventually(lambda: watched.page().value("deckwatch_container_restarts_total", name="web-0") == 1)
    before = len([one for one in relay.requests if "_ping" not in one])
    for _ in range(50):
        assert not watched.page().errors
    assert len([one for one in relay.requests if "_ping" not in one]) == before
    eventually(lambda: any("_ping" in one for one in relay.requests))
    assert [one for one in relay.requests if not ALLOWED.fullmatch(one)] == []
    assert relay.open_connections() <= 2, "events, and the rest"


def test_what_happens_while_the_stream_of_events_is_lost_is_not(engine, relay, watch, eventually):
    container = engine.run(name=NAME)
    watched = watch(relay.url)
    watched.page()
    relay.drop()
    for _ in range(2):
        container.restart(timeout=0)
    eventually(lambda: watched.page().success["container_state"])
    eventually(lambda: watched.page().value("deckwatch_container_restarts_total", name=NAME) == 2)
    relay.drop()
    container.restart(timeout=0)
    eventually(lambda: watched.page().values("deckwatch_container_restarts_total", name=NAME) >= [3])
    assert watched.page().value("deckwatch_container_restarts_total", name=NAME) == 3, "a replayed event counts once"


def test_pressure_where_the_kernel_tells_it(engine, watch, need):
    unified = [path for path in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified") if Path(path, "cgroup.pressure").exists()]
    found = any(Path(path, "docker").exists() for path in unified) or Path("/sys/fs/cgroup/unified").exists()
    need.luck(found and Path("/proc/pressure").exists(), "this kernel has no pressure of control groups (psi=1)")
    engine.run("while :; do :; done", name=NAME)
    page = watch(engine.url, also=["container_pressure"]).page()
    assert not page.errors
    assert page.value("container_pressure_cpu_waiting_seconds_total", name=NAME) >= 0
    assert len(page.series["container_pressure_io_stalled_seconds_total"]) == 1


def test_the_exporter_in_a_container_without_privileges_sees_the_others(engine):
    """As the Compose file runs it: a user and namespaces of its own, no capabilities, the host's mounts read-only."""
    engine.run("while :; do :; done", name="busy")
    python = {sys.base_prefix, sys.prefix, str(Path(__file__).parents[2]), "/usr", "/lib", "/lib64"}
    mounts = {path: {"bind": path, "mode": "ro"} for path in python if Path(path).exists()}
    mounts |= {"/proc": {"bind": "/host/proc", "mode": "ro"}, "/sys": {"bind": "/host/sys", "mode": "ro"}}
    mounts[str(engine.folder)] = {"bind": "/engine", "mode": "ro"}
    options = {
        "volumes": mounts,
        "user": "65534:65534",
        "group_add": [(engine.folder / "docker.sock").stat().st_gid],
        "cap_drop": ["ALL"],
        "read_only": True,
        "cgroupns": "private",
        "name": "deckwatch",
    }
    flags = "--path.procfs /host/proc --path.sysfs /host/sys --docker-host unix:///engine/docker.sock"
    command = f"{sys.prefix}/bin/deckwatch scrape {flags} --collect container"
    engine.folder.chmod(0o755)
    container = engine.run(command, **options)
    assert container.wait(timeout=60)["StatusCode"] == 0, container.logs().decode()
    text = container.logs(stderr=False).decode()
    found = re.findall(r'^(container_\w+)\{id="([^"]*)",name="(\w+)".*} (\S+)$', text, re.MULTILINE)
    ids = {name: id_ for _, id_, name, _ in found}
    busy = engine.client.containers.get("busy")
    assert ids == {"busy": f"/docker/{busy.id}", "deckwatch": f"/docker/{container.id}"}
    for name in ("container_cpu_usage_seconds_total", "container_memory_working_set_bytes"):
        assert {container for metric, _, container, _ in found if metric == name} == {"busy", "deckwatch"}
    assert 'container_network_receive_bytes_total{id="/docker/' + busy.id in text
    assert re.search(r'deckwatch_collector_success\{collector="\w+"} 0', text) is None


def test_descriptors_of_thirty_containers_are_given_back(engine, watch, eventually):
    watched = watch(engine.url)
    watched.page()
    before = descriptors()
    for number in range(30):
        engine.run("exec sleep 1000", name=f"web-{number}")
    eventually(lambda: len(watched.page().series["container_memory_rss"]) == 30)
    assert descriptors() - before >= 30 * 6
    for container in engine.client.containers.list(sparse=True):
        container.remove(force=True)
    eventually(lambda: not watched.page().series["container_memory_rss"])
    watched.page()
    assert descriptors() == before


def test_deckwatch_scrape_shows_containers(engine):
    engine.run(name=NAME)
    command = [f"{sys.prefix}/bin/deckwatch", "scrape", "--docker-host", engine.url, "--collect", "container"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert f'name="{NAME}"' in text
    assert json.dumps(text).count("deckwatch_container_state{") == 7
