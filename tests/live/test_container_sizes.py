"""Sizes on the engine's disk, beside what the engine and the disk itself say."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytestmark = pytest.mark.live

NAME = "shop-web-1"
SLOW = ["container_fs", "container_log", "container_volumes", "container_images", "container_reclaimable"]
MIB = 1 << 20
WRITE = "dd if=/dev/zero of={} bs=1024k count={} && sync"


def often(seconds: str = "1s") -> dict[str, dict[str, str]]:
    return {"containers": {"sizes_every": seconds}}


def test_layers_logs_volumes_and_images(engine, watch, eventually):
    script = f"{WRITE.format('/tmp/x', 5)}; {WRITE.format('/data/x', 3)}; yes | head -c 200000; sleep 1000"
    container = engine.run(script, name=NAME, volumes={"shop-data": {"bind": "/data", "mode": "rw"}})
    ended = engine.run(WRITE.format("/tmp/x", 2), name="job")
    ended.wait(timeout=30)
    engine.client.volumes.create("unused")
    watched = watch(engine.url, SLOW, config=often())
    usage = "container_fs_usage_bytes"
    eventually(lambda: watched.page().values(usage, name=NAME) >= [5 * MIB])
    eventually(lambda: watched.page().values("deckwatch_volume_size_bytes", volume="shop-data") == [3 * MIB])
    page = watched.page()
    assert not page.errors
    listed = {one["Id"]: one for one in engine.client.api.containers(all=True, size=True)}
    whole = engine.client.api.df()
    for one in (container, ended):
        assert page.value(usage, name=one.name) == listed[one.id]["SizeRw"] >= 2 * MIB
        assert page.value("deckwatch_container_root_size_bytes", name=one.name) == listed[one.id]["SizeRootFs"]
    space = os.statvfs(engine.folder / "data")
    assert page.value("container_fs_limit_bytes", name=NAME) == space.f_blocks * space.f_frsize
    assert page.value("container_fs_inodes_total", name=NAME) == space.f_files
    assert page.value("container_fs_inodes_free", name=NAME) == pytest.approx(space.f_ffree, rel=0.05)
    [device] = {labels["device"] for labels, _ in page.series[usage]}
    assert Path(device).exists(), "as mountinfo names it"

    log = Path(engine.client.api.inspect_container(NAME)["LogPath"])
    assert page.value("deckwatch_container_log_size_bytes", name=NAME) == log.stat().st_size > 200_000

    volumes = {one["Name"]: one["UsageData"] for one in whole["Volumes"]}
    assert page.value("deckwatch_volume_size_bytes", volume="shop-data") == volumes["shop-data"]["Size"] == 3 * MIB
    assert page.value("deckwatch_volume_containers", volume="shop-data") == 1
    assert page.value("deckwatch_volume_containers", volume="unused") == 0

    [image] = engine.client.api.images()
    assert page.value("deckwatch_image_created_timestamp_seconds", image="deckwatch-test") == image["Created"]
    assert page.value("deckwatch_image_size_bytes", image="deckwatch-test") == image["Size"]
    assert page.value("deckwatch_reclaimable_bytes", kind="containers") == listed[ended.id]["SizeRw"]
    assert page.value("deckwatch_reclaimable_bytes", kind="images") == 0
    engine.client.volumes.get("unused").remove()


def test_parts_of_a_log_that_were_set_aside_count(engine, watch, eventually):
    options = {"type": "json-file", "config": {"max-size": "10k", "max-file": "3"}}
    engine.run("yes | head -c 60000; sleep 1000", name=NAME, log_config=options)
    log = Path(engine.client.api.inspect_container(NAME)["LogPath"])
    eventually(lambda: len(list(log.parent.glob(f"{log.name}*"))) == 3)
    watched = watch(engine.url, ["container_log"])

    def whole() -> bool:
        try:
            parts = sum(path.stat().st_size for path in log.parent.glob(f"{log.name}*"))
        except FileNotFoundError:  # set aside between list and look
            return False
        return watched.page().value("deckwatch_container_log_size_bytes", name=NAME) == parts > 20_000

    eventually(whole)


def test_logs_that_cannot_be_seen(engine, watch, tmp_path):
    engine.run(name=NAME)
    watched = watch(engine.url, ["container_log"], rootfs=tmp_path)
    [outcome] = [one for one in watched.scraper.scrape() if one.collector.name == "container_log"]
    assert outcome.error is None
    assert outcome.absent is not None
    assert outcome.absent.startswith(f"no such file or directory: {tmp_path}/")
    none = watch(engine.url, ["container_log"])
    engine.tidy()
    engine.run(name=NAME, log_config={"type": "none"})
    [outcome] = [one for one in none.scraper.scrape() if one.collector.name == "container_log"]
    assert outcome.absent == "no container has its log in a file"


def test_no_scrape_causes_a_walk_over_the_disk(engine, relay, watch, eventually):
    engine.run(name=NAME, volumes={"shop-data": {"bind": "/data", "mode": "rw"}})
    watched = watch(relay.url, SLOW, config=often("1h"))
    for name in ("container_fs_usage_bytes", "deckwatch_volume_size_bytes", "deckwatch_reclaimable_bytes"):
        eventually(lambda name=name: watched.page().series[name])

    def slow() -> list[str]:
        words = ("size=1", "/system/df", "/images/json")
        return [one for one in relay.requests if any(word in one for word in words)]

    before = slow()
    assert len(before) == 4, before
    for _ in range(30):
        assert not watched.page().errors
    assert slow() == before


def test_a_proxy_that_does_not_let_sizes_through(engine, relay, watch, eventually):
    engine.run(name=NAME)
    relay.deny = r"GET [^ ]*/(system/df|images/json)"
    watched = watch(relay.url, SLOW, config=often())
    eventually(lambda: watched.page().values("container_fs_usage_bytes", name=NAME))
    absent = {one.collector.name: one.absent for one in watched.scraper.scrape() if one.absent}
    refused = "the proxy before the engine does not allow GET /v1."
    for name in ("container_volumes", "container_images", "container_reclaimable"):
        assert absent[name].startswith(refused)
    assert absent["container_volumes"].endswith("/system/df")


def test_without_an_engine_there_is_nothing_to_ask(watch):
    for outcome in watch("", SLOW).scraper.scrape():
        assert outcome.error is None
        assert outcome.absent is not None or outcome.collector.name == "container_machine"
