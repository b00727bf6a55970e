"""An engine whose control groups cannot be seen: remote, or in a virtual machine of its own."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys

import pytest

from deckwatch.exporter.collectors import _container

pytestmark = pytest.mark.live

NAME = "shop-web-1"
WORK = "x=$(head -c 16000000 /dev/zero | tr '\\0' x); i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done"
STATS = "/stats"


def elsewhere() -> os.uname_result:
    """A kernel that is not the engine's."""
    return os.uname_result(("Linux", "laptop", "5.10.0-elsewhere", "#1", "x86_64"))


@pytest.fixture
def blind(tmp_path):
    """What a World is that sees none of the engine's /proc and /sys."""
    for name in ("proc", "sys"):
        (tmp_path / name).mkdir()
    return {"procfs": tmp_path / "proc", "sysfs": tmp_path / "sys", "uname": elsewhere}


def often(seconds: str = "1s", **more: str) -> dict[str, dict[str, str]]:
    return {"containers": {"stats_every": seconds, **more}}


def asked(relay) -> int:
    return len([one for one in relay.requests if STATS in one])


def test_figures_are_those_of_the_control_groups(engine, relay, watch, blind, eventually):
    script = f"{WORK}; dd if=/dev/zero of=/tmp/x bs=64k count=16 oflag=direct; sleep 1000; true"
    options = {"mem_limit": "64m", "nano_cpus": 500_000_000, "labels": {"com.docker.compose.service": "web"}}
    container = engine.run(script, name=NAME, **options)
    eventually(lambda: container.top()["Processes"][-1][-1].startswith("sleep"))
    also = ["container_memory_detail", "container_threads"]
    near = watch(engine.url, also)
    far = watch(relay.tcp, also, config=often(), **blind)
    eventually(lambda: far.page().values("container_cpu_usage_seconds_total", name=NAME))

    def settled():
        """Return both pages once the one that is a second old says what the other says."""
        here, there = near.page(), far.page()
        assert not here.errors
        assert not there.errors
        names = ("container_network_receive_bytes_total", "container_cpu_cfs_periods_total")
        return all(here.values(name, name=NAME) == there.values(name, name=NAME) for name in names) and (here, there)

    here, there = eventually(settled)
    same = {name for name, series in here.series.items() if series and name.startswith("container_")}
    listed = {name for name, series in there.series.items() if series and name.startswith("container_")}
    assert same - listed <= {"container_processes", "container_memory_swap"}, "what the API does not report"
    assert listed - same == set()
    compared = 0
    for name in sorted(listed & same):
        for labels, value in here.series[name]:
            found = {key: text for key, text in labels.items() if key != "device"}
            [shown] = there.values(name, **found)
            if name != "container_last_seen":
                # Each CPU keeps up to 64 pages in stock, which the kernel counts as used.
                assert shown == pytest.approx(value, rel=0.05, abs=1 << 20 if "memory" in name else 0.02), name
                compared += 1
    assert compared > 25
    assert there.value("container_memory_rss", name=NAME) > 16_000_000
    assert there.value("machine_cpu_cores") == here.value("machine_cpu_cores"), "reported by the engine"
    assert there.value("machine_memory_bytes") == here.value("machine_memory_bytes")
    [(version, _)] = there.series["cadvisor_version_info"]
    assert version["kernelVersion"] == os.uname().release
    assert there.value("container_cpu_usage_seconds_total", name=NAME) > 0.1


def test_no_scrape_causes_a_call_and_the_age_is_reported(engine, relay, watch, blind, eventually):
    for number in range(12):
        engine.run(name=f"web-{number}")
    watched = watch(relay.url, config=often("1h"), **blind)
    eventually(lambda: len(watched.page().series["container_memory_rss"]) == 12)
    before = asked(relay)
    assert before == 12
    for _ in range(50):
        assert not watched.page().errors
    assert asked(relay) == before
    begun = watched.scraper.world.age_clock()
    outcomes = {one.collector.name: one for one in watched.scraper.scrape()}
    assert outcomes["container_cpu"].at < begun - 0.5, "as old as the reading"
    assert outcomes["container_state"].at >= begun - 0.5
    assert outcomes["container_spec"].at >= begun - 0.5


def test_one_scrape_of_the_command_line_waits_for_the_first_reading(engine, relay, blind):
    engine.run(WORK + "; sleep 1000; true", name=NAME)
    flags = ["--docker-host", relay.tcp, "--path.procfs", str(blind["procfs"]), "--path.sysfs", str(blind["sysfs"])]
    command = [f"{sys.prefix}/bin/deckwatch", "scrape", *flags, "--collect", "container"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert re.search(
        rf'^container_cpu_usage_seconds_total{{id="/docker/[0-9a-f]+",name="{NAME}",.*}} [0-9.]+$', text, re.MULTILINE
    )
    ages = dict(re.findall(r'^deckwatch_collector_age_seconds{collector="(\w+)"} (\S+)$', text, re.MULTILINE))
    assert float(ages["container_cpu"]) > float(ages["container_state"])


def test_so_many_calls_at_once(engine, relay, watch, blind, eventually):
    for number in range(15):
        engine.run("exec sleep 1000", name=f"web-{number}")
    most = []
    watched = watch(relay.url, config=often(), **blind)

    def all_there() -> bool:
        shown = len(watched.page().series["container_memory_rss"])
        most.append(relay.open_connections())
        return shown == 15

    eventually(all_there)
    eventually(lambda: most.append(relay.open_connections()) or asked(relay) > 60, 90.0)
    assert max(most) <= 10 + 2, "those calls, events, and the rest"
    watched.world.close()
    eventually(lambda: relay.open_connections() == 0)


def test_a_container_that_ends_is_not_shown_any_more(engine, watch, blind, eventually):
    container = engine.run(name=NAME)
    watched = watch(engine.url, config=often("1h"), **blind)
    eventually(lambda: watched.page().values("container_memory_rss", name=NAME))
    container.kill()
    eventually(lambda: watched.page().state(NAME) == "exited")
    assert watched.page().values("container_memory_rss", name=NAME) == []
    assert watched.page().values("container_spec_memory_limit_bytes", name=NAME) == []


def test_a_stopped_engine_is_reported_and_no_counter_is_retained(engine, watch, blind, eventually):
    engine.run(name=NAME)
    watched = watch(engine.url, config=often(), **blind)
    eventually(lambda: watched.page().values("container_memory_rss", name=NAME))
    engine.freeze()
    eventually(lambda: watched.page().errors.get("container_cpu") == "ReadingFailed", seconds=60)
    page = watched.page()
    assert page.values("container_cpu_usage_seconds_total") == []
    engine.thaw()
    eventually(lambda: not watched.page().errors, seconds=60)
    assert watched.page().values("container_cpu_usage_seconds_total", name=NAME)


def test_a_proxy_that_does_not_let_it_through(engine, relay, watch, blind, eventually):
    engine.run(name=NAME)
    relay.deny = r"GET [^ ]*/stats"
    watched = watch(relay.url, config=often(), **blind)
    watched.page()
    [outcome] = [one for one in watched.scraper.scrape() if one.collector.name == "container_cpu"]
    assert outcome.error is None
    assert outcome.absent is not None
    assert outcome.absent.startswith("the proxy before the engine does not allow GET /v1.")
    assert outcome.absent.endswith("/containers/{id}/stats")
    assert watched.page().state(NAME) == "running"


@pytest.fixture
def at_once(monkeypatch):
    monkeypatch.setattr(_container, "_SETTLED_SECONDS", -60.0)


@pytest.fixture
def here(blind):
    """A view of this very kernel in which the groups ought to be seen, and are not."""
    (blind["sysfs"] / "fs/cgroup").mkdir(parents=True)
    (blind["sysfs"] / "fs/cgroup/cgroup.controllers").write_text("memory\n")
    return {**blind, "uname": os.uname}


@pytest.mark.usefixtures("at_once")
def test_groups_that_ought_to_be_seen_are_missed_aloud(engine, watch, here, eventually, caplog):
    engine.run(name=NAME)
    caplog.set_level(logging.WARNING)
    watched = watch(engine.url, config=often(), **here)
    eventually(lambda: watched.page().values("container_memory_rss", name=NAME))
    [listed] = [record.getMessage() for record in caplog.records if "has a group" in record.getMessage()]
    assert "read from the engine's API" in listed


@pytest.mark.usefixtures("at_once")
def test_groups_that_ought_to_be_seen_are_a_fault_where_nothing_else_is_left(engine, relay, watch, here, eventually):
    engine.run(name=NAME)
    never = watch(relay.url, config=often(stats="never"), **here)
    eventually(lambda: never.page().errors.get("container_cpu") == "CgroupsNotVisible")
    assert asked(relay) == 0
    relay.deny = r"GET [^ ]*/stats"
    refused = watch(relay.url, config=often(), **here)
    eventually(lambda: refused.page().errors.get("container_cpu") == "CgroupsNotVisible")
    assert asked(relay) > 0


def test_an_engine_that_is_here_is_asked_only_if_that_is_wanted(engine, relay, watch, eventually):
    engine.run(name=NAME)
    assert watch(relay.url).page().values("container_processes", name=NAME)
    assert asked(relay) == 0
    always = watch(relay.url, config=often(stats="always"))
    eventually(lambda: always.page().values("container_memory_rss", name=NAME))
    assert asked(relay) > 0
