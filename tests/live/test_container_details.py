"""Collectors of containers that are off by default, beside what the kernel and the engine say themselves."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.live

NAME = "shop-web-1"


def test_open_files_of_all_processes(engine, watch, eventually):
    container = engine.run("nc -l -p 99 & exec 7</bin/sh 8</bin/sh; sleep 1000; true", name=NAME, ulimits=[nofile(123)])
    watched = watch(engine.url, ["container_files"])

    def sockets() -> int:
        pids = [int(process[1]) for process in container.top()["Processes"]]
        links = [str(link.readlink()) for pid in pids for link in Path(f"/proc/{pid}/fd").iterdir()]
        page = watched.page()
        assert not page.errors
        return page.value("container_file_descriptors", name=NAME) == len(links) and [
            link for link in links if link.startswith("socket:")
        ]

    opened = eventually(sockets)
    page = watched.page()
    assert page.value("container_sockets", name=NAME) == len(opened) == 1
    assert page.value("container_ulimits_soft", name=NAME, ulimit="max_open_files") == 123


def nofile(soft: int) -> dict[str, object]:
    return {"Name": "nofile", "Soft": soft, "Hard": soft}


def test_what_is_done_to_free_memory(engine, watch, eventually):
    write = "dd if=/dev/zero of=/tmp/x bs=1024k count=24; cat /tmp/x >/dev/null; cat /tmp/x >/dev/null"
    engine.run(f"{write}; sleep 1000", name=NAME, mem_limit="16m")
    watched = watch(engine.url, ["container_memory_reclaim", "container_memory_detail", "container_memory"])
    cache = ("container_memory_total_active_file_bytes", "container_memory_total_inactive_file_bytes")

    def settled() -> bool:
        """Return whether it met its limit; the test's parser gives every counter this ending."""
        page = watched.page()
        full = sum(sum(page.values(name, name=NAME)) for name in cache) > 8 << 20
        return full and page.value("container_memory_failcnt_total", name=NAME) > 0

    eventually(settled)
    page = watched.page()
    assert not page.errors
    both = sum(page.value(name, name=NAME) for name in cache)
    assert both == pytest.approx(page.value("container_memory_cache", name=NAME), rel=0.05, abs=1 << 20)


def test_when_it_was_made(engine, watch):
    before = time.time()
    engine.run(name=NAME)
    made = watch(engine.url, ["container_created"]).page().value("container_creation_time_seconds", name=NAME)
    assert before - 1 < made < time.time() + 1


def test_threads_by_state_and_load(engine, watch, eventually):
    engine.run("sleep 1000 & sleep 1000 & while :; do :; done", name=NAME)
    watched = watch(engine.url, ["container_tasks"])

    def busy() -> bool:
        page = watched.page()
        assert not page.errors
        return page.value("container_cpu_load_average_10s", name=NAME) > 500

    assert watched.page().value("container_tasks_state", name=NAME, state="sleeping") == 2
    eventually(busy)
    page = watched.page()
    assert page.value("container_tasks_state", name=NAME, state="running") == 1
    assert page.value("container_tasks_state", name=NAME, state="stopped") == 0


def test_sectors_are_the_bytes_in_other_units(engine, watch, eventually):
    engine.run("while :; do dd if=/dev/zero of=/tmp/x bs=4k count=9 conv=fsync; sleep 0.2; done", name=NAME)
    watched = watch(engine.url, ["container_io", "container_io_detail"])
    eventually(lambda: sum(watched.page().values("container_fs_writes_bytes_total", name=NAME)) > 0)
    page = watched.page()
    written = page.value("container_fs_writes_bytes_total", name=NAME, device=engine.disk)
    assert page.value("container_fs_sector_writes_total", name=NAME, device=engine.disk) * 512 == written
    usage = {"device": engine.disk, "operation": "Write"}
    assert page.value("container_blkio_device_usage_total", name=NAME, **usage) == written
