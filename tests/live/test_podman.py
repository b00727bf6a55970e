"""The container collectors beside Podman's Docker-compatible socket."""

from __future__ import annotations

import os
import time

import pytest

pytestmark = pytest.mark.live

NAME = "shop-web-1"
SECOND = 1_000_000_000


def elsewhere() -> os.uname_result:
    """A kernel that is not the engine's."""
    return os.uname_result(("Linux", "laptop", "5.10.0-elsewhere", "#1", "x86_64"))


def test_values_are_those_of_podman_stats(podman, watch, eventually):
    work = "x=$(head -c 16000000 /dev/zero | tr '\\0' x); i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done"
    labels = {"com.docker.compose.project": "shop", "com.docker.compose.service": "web"}
    container = podman.run(f"{work}; sleep 1000; true", name=NAME, labels=labels, mem_limit="64m", cpu_quota=50_000)
    eventually(lambda: container.stats(stream=False)["pids_stats"].get("current") == 2)
    page = watch(podman.url).page()
    stats = container.stats(stream=False)
    assert not page.errors
    assert page.value("container_cpu_usage_seconds_total", name=NAME, cpu="total") == pytest.approx(
        stats["cpu_stats"]["cpu_usage"]["total_usage"] / 1e9, rel=0.05
    )
    assert page.value("container_memory_usage_bytes", name=NAME) == pytest.approx(
        stats["memory_stats"]["usage"], abs=1 << 20
    )
    assert page.value("container_memory_rss", name=NAME) > 16_000_000
    assert page.value("container_spec_memory_limit_bytes", name=NAME) == 64 << 20
    assert page.value("container_processes", name=NAME) == 2
    [labels] = [labels for labels, _ in page.series["container_memory_rss"]]
    assert labels == {
        "id": f"/libpod_parent/libpod-{container.id}",
        "name": NAME,
        "image": "localhost/deckwatch-test:latest",
        "container_label_com_docker_compose_project": "shop",
        "container_label_com_docker_compose_service": "web",
    }
    started = page.value("container_start_time_seconds", name=NAME)
    assert time.time() - 60 < started < time.time()


def test_the_life_of_a_container(podman, watch, eventually):
    watched = watch(podman.url)
    watched.page()
    container = podman.run(name=NAME, restart_policy={"Name": "always"})
    eventually(lambda: watched.page().state(NAME) == "running")
    container.pause()
    eventually(lambda: watched.page().state(NAME) == "paused")
    container.unpause()
    eventually(lambda: watched.page().state(NAME) == "running")
    container.rename("other")
    eventually(lambda: watched.page().state("other") == "running")
    assert watched.page().of(NAME) == set()
    container.restart(timeout=0)
    eventually(lambda: watched.page().value("deckwatch_container_restarts_total", name="other") == 1)
    before = time.time()
    container.stop(timeout=1)
    eventually(lambda: watched.page().state("other") == "exited")
    page = watched.page()
    assert before - 1 < page.value("deckwatch_container_finished_timestamp_seconds", name="other") < time.time() + 1
    assert page.value("deckwatch_container_expected_running", name="other") == 1
    assert page.values("container_memory_rss", name="other") == []
    container.remove()
    eventually(lambda: watched.page().state("other") is None, seconds=10)
    assert not watched.page().errors


def test_an_end_by_itself(podman, watch, eventually):
    watched = watch(podman.url)
    watched.page()
    podman.run("exit 3", name=NAME)
    eventually(lambda: watched.page().state(NAME) == "exited")
    eventually(lambda: watched.page().value("deckwatch_container_exit_code", name=NAME) == 3)


def test_an_oom_killed_container(podman, watch, eventually):
    watched = watch(podman.url)
    watched.page()
    podman.run("x=0123456789abcdef; while :; do x=$x$x; done", name=NAME, mem_limit="16m")
    eventually(lambda: watched.page().state(NAME) == "exited")
    page = watched.page()
    assert page.value("deckwatch_container_exit_code", name=NAME) == 137
    # Podman makes no event of it, and its own flag is for its monitor to see, which it does not everywhere.
    flag = podman.client.api.inspect_container(NAME)["State"]["OOMKilled"]
    assert page.value("deckwatch_container_oom_kills_total", name=NAME) == int(flag)


def test_figures_of_one_elsewhere(podman, watch, eventually, tmp_path):
    podman.run("x=$(head -c 16000000 /dev/zero | tr '\\0' x); while :; do sleep 0.1; done", name=NAME)
    blind = {"procfs": tmp_path / "proc", "sysfs": tmp_path / "sys", "uname": elsewhere}
    near = watch(podman.url)
    far = watch(podman.url, config={"containers": {"stats_every": "1s"}}, **blind)
    eventually(lambda: far.page().values("container_memory_usage_bytes", name=NAME) > [16_000_000])
    here, there = near.page(), far.page()
    assert {"container_machine"} >= set(there.errors)
    for name in ("container_memory_usage_bytes", "container_cpu_usage_seconds_total"):
        assert there.value(name, name=NAME) == pytest.approx(here.value(name, name=NAME), rel=0.05, abs=1 << 20)


def test_sizes(podman, watch, eventually):
    podman.run("dd if=/dev/zero of=/tmp/x bs=1024k count=2; yes | head -c 50000; sleep 1000", name=NAME)
    slow = ["container_fs", "container_log", "container_volumes", "container_images", "container_reclaimable"]
    watched = watch(podman.url, slow, config={"containers": {"sizes_every": "1s"}})
    eventually(lambda: watched.page().values("container_fs_usage_bytes", name=NAME) >= [2 << 20])
    page = watched.page()
    assert not page.errors
    assert page.value("deckwatch_container_log_size_bytes", name=NAME) > 50_000
    assert page.value("deckwatch_image_size_bytes", image="localhost/deckwatch-test:latest") > 1_000_000
