"""More containers than descriptors, and control groups that vanish while they are read.

The control groups and their processes are real; the engine that knows them as containers is a captured one.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

pytestmark = pytest.mark.live

NUMBER, VANISHING = 200, 60
LIMIT = 1024
SCRAPERS = 50
RSS, RECEIVED = "container_memory_rss", "container_network_receive_bytes_total"


def soft_limit(pid: int) -> int:
    [found] = re.findall(r"Max open files\s+(\d+)", Path(f"/proc/{pid}/limits").read_text())
    return int(found)


@pytest.mark.parametrize(
    ("hard", "number"), [("", NUMBER), (str(LIMIT), NUMBER), (str(LIMIT), 3 * NUMBER)], ids=["soft", "hard", "many"]
)
def test_more_files_than_descriptors(groups, serving, need, hard, number):
    prlimit = need("prlimit", get="apt-get install util-linux")
    exporter = serving(groups(number).url, through=[prlimit, f"--nofile={LIMIT}:{hard}"])
    assert (soft_limit(exporter.pid) == LIMIT) == bool(hard)
    names = {f"shop-{index}" for index in range(number)}
    for _ in range(2):
        page = exporter.page()
        assert page.failed == set()
        assert page.texts(RSS, "name") == page.texts(RECEIVED, "name") == names
        assert page.values("node_load1")
    with ThreadPoolExecutor(SCRAPERS) as pool:
        answers = list(pool.map(lambda _: exporter.get("/metrics?collect[]=host"), range(SCRAPERS)))
    assert all("node_load1 " in answer for answer in answers)
    page = exporter.page()
    assert page.failed == set()
    assert page.texts(RSS, "name") == names
    # As many connections as it takes, and some to spare.
    assert exporter.descriptors() < soft_limit(exporter.pid) - 2 * SCRAPERS
    assert "Too many open files" not in exporter.program.log_tail(100)


def test_groups_that_vanish_between_the_list_and_the_reading(groups, serving):
    """The engine's list still names them: it is a captured one, and knows nothing of their end."""
    made = groups(VANISHING)
    exporter = serving(made.url)
    assert len(exporter.page().texts(RSS, "name")) == VANISHING
    descriptors = exporter.descriptors()
    with ThreadPoolExecutor(1) as pool:
        under_way = pool.submit(lambda: [made.remove(id_) for id_ in list(made.processes)[1:]])
        while not under_way.done():
            page = exporter.page()
            assert page.failed == set()
            assert "shop-0" in page.texts(RSS, "name")
        under_way.result()
    page = exporter.page()
    assert page.texts(RSS, "name") == page.texts(RECEIVED, "name") == {"shop-0"}
    assert page.failed == set()
    assert exporter.descriptors() < descriptors
