"""What goes wrong on the machine itself: a mount that hangs, while scrapes go on; and many scrapers at once."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor

import pytest

pytestmark = pytest.mark.live

ERROR, SIZE = "node_filesystem_device_error", "node_filesystem_size_bytes"
STUCK = "mountpoint timeout"
SCRAPERS = 50
STAYING = 10  # threads that stay for what goes over a network, once made


def test_a_hung_mount_is_reported_and_does_not_cost_a_thread_per_scrape(mounted, serving, eventually):
    point = str(mounted.point)
    exporter = serving("", through=mounted.inside())
    page = exporter.page()
    assert page.values(SIZE, mountpoint=point) == [4096 * 1000]
    others = page.texts(SIZE, "mountpoint") - {point}
    assert others
    mounted.hang()
    eventually(lambda: exporter.page().values(ERROR, mountpoint=point, device_error=STUCK) == [1])
    threads = exporter.threads()
    for _ in range(30):
        page = exporter.page()
        assert page.values(ERROR, mountpoint=point, device_error=STUCK) == [1]
        assert page.values(SIZE, mountpoint=point) == []
        assert page.texts(SIZE, "mountpoint") == others, "all the others are shown"
        assert page.failed == set()
    eventually(lambda: exporter.threads() <= threads + STAYING)
    mounted.come_back()
    eventually(lambda: exporter.page().values(ERROR, mountpoint=point) == [0])
    page = exporter.page()
    assert page.values(SIZE, mountpoint=point) == [4096 * 1000]
    assert page.texts(SIZE, "mountpoint") == others | {point}
    assert page.values("deckwatch_collector_timeouts_total", collector="host_filesystem") == [0]


def test_an_exporter_that_starts_beside_a_hung_mount_and_ends_beside_it(mounted, serving):
    mounted.hang()
    exporter = serving("", through=mounted.inside())
    page = exporter.page()
    assert page.values(ERROR, mountpoint=str(mounted.point), device_error=STUCK) == [1]
    assert page.values("node_load1")
    assert exporter.get("/readyz") == "ready\n"
    exporter.end()
    assert "Traceback" not in exporter.program.log_tail(50)


def test_fifty_scrapers_at_once_get_whole_pages_of_few_readings(mounted, serving, eventually):
    """The file system counts how often it is asked: once for each reading, the first of which lasts until all wait."""
    exporter = serving("", through=mounted.inside())
    alone = exporter.page()
    before, threads, idle = mounted.asked, exporter.threads(), exporter.descriptors()
    mounted.hang()
    with ThreadPoolExecutor(SCRAPERS) as pool:
        under_way = [pool.submit(exporter.page) for _ in range(SCRAPERS)]
        with contextlib.suppress(pytest.fail.Exception):
            eventually(lambda: exporter.descriptors() >= idle + SCRAPERS, seconds=1)
        mounted.come_back()
        pages = [one.result() for one in under_way]
    for page in pages:
        assert page.failed == set()
        assert page.series.keys() == alone.series.keys()
    assert mounted.asked - before < SCRAPERS / 2
    eventually(lambda: exporter.threads() <= threads + STAYING)
