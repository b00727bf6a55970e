"""Containers that come and go in hundreds, and more of them than there are descriptors: nothing is left behind."""

from __future__ import annotations

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

pytestmark = pytest.mark.live

# DECKWATCH_CHURN=500 for the whole number; making one takes a sixth of a second on two processors.
CHURN = int(os.environ.get("DECKWATCH_CHURN", "100"))
FIRST, AT_ONCE = 8, 8
FEW = 10
MORE_KB = 16 << 10  # 100 containers and 500 cost the same 7 to 8 MB once: what eight at a time need
RSS = "container_memory_rss"
LAST_SEEN = "container_last_seen"  # shown for five more minutes
NAMESPACES = Path("/sys/kernel/slab/net_namespace")


def come_and_go(engine, number: int) -> None:
    """Create a container, start it, and remove it while it runs, as `docker rm --force` does."""
    engine.run("exec sleep 1000", name=f"job-{number}").remove(force=True, v=True)


def veths(engine) -> int:
    """Return how many virtual network devices the engine's side of the machine has."""
    listed = subprocess.run(engine.inside("cat", "/proc/net/dev"), check=True, capture_output=True, text=True).stdout
    return sum(line.strip().startswith("veth") for line in listed.splitlines())


def namespaces() -> int:
    """Return how many network namespaces the kernel has, held by any process; 0 where it does not report it."""
    try:
        (NAMESPACES / "shrink").write_text("1")
        return int((NAMESPACES / "objects").read_text().split()[0])
    except OSError:
        return 0


def count_series(page) -> int:
    """Return how many series a page has, apart from those that outlive their container on purpose."""
    return len(page) - len(page.values(LAST_SEEN))


def churn(engine, exporter, numbers: range) -> set[str]:
    """Make containers, several at once, while the page is read; return whose figures it showed meanwhile."""
    seen: set[str] = set()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        under_way = [pool.submit(come_and_go, engine, number) for number in numbers]
        while not all(one.done() for one in under_way):
            page = exporter.page()
            assert page.failed <= {"container_state"}, "an engine as busy as this may not answer in time"
            seen |= page.texts(RSS, "name")
        for one in under_way:
            one.result()
    return seen


def test_hundreds_of_containers_leave_nothing_behind(engine, serving, eventually):
    engine.run("exec sleep 1000", name="shop")
    exporter = serving(engine.url)
    eventually(lambda: exporter.page().texts(RSS, "name") == {"shop"})
    churn(engine, exporter, range(FIRST))  # what these cost once stays, and is no leak
    eventually(lambda: exporter.page().texts(RSS, "name") == {"shop"})
    threads, descriptors, resident = exporter.threads(), exporter.descriptors(), exporter.resident_kb()
    series, devices, spaces = count_series(exporter.page()), veths(engine), namespaces()
    seen = churn(engine, exporter, range(FIRST, FIRST + CHURN))
    assert len(seen) > CHURN / 20, "the exporter did look at them"
    eventually(lambda: exporter.page().texts(RSS, "name") == {"shop"})
    eventually(lambda: count_series(exporter.page()) <= series + FEW)
    eventually(lambda: exporter.descriptors() <= descriptors + FEW)
    eventually(lambda: exporter.threads() <= threads + FEW)
    eventually(lambda: veths(engine) == devices)
    # Other tests on this machine make and leave namespaces, too.
    eventually(lambda: namespaces() <= spaces + CHURN / 5)
    print(f"{CHURN}: {resident} kB -> {exporter.resident_kb()} kB, {spaces} namespaces -> {namespaces()}", len(seen))
    assert exporter.resident_kb() < resident + MORE_KB
