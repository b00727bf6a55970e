"""A scrape with 30 containers, beside Debian's node_exporter, which shows no containers at all.

Both on this machine in one run: 100 scrapes with gzip each, after ten that do not count; CPU as the kernel accounts
it to the process (/proc/PID/stat). The containers sleep, each with a network of its own. At rest nobody scrapes.
"""

from __future__ import annotations

import contextlib
import importlib.util
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench._measure import Row, Scrapes, cpu_seconds, resident_mib, scrape
from provisioning.program import Program, find, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

CONTAINERS = 30
REST_SECONDS = 20


def rows() -> Iterator[Row]:
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        docker_host = stack.enter_context(_containers(folder, CONTAINERS))
        deckwatch = str(Path(sys.executable).with_name("deckwatch"))
        address = f"127.0.0.1:{free_port()}"
        argv = [deckwatch, "serve", "--listen", address, *(["--docker-host", docker_host] if docker_host else [])]
        ours = stack.enter_context(Program("deckwatch", argv, folder / "ours.log", f"http://{address}/readyz"))
        peer_address = f"127.0.0.1:{free_port()}"
        peer, path = None, find("prometheus-node-exporter", "node_exporter")
        if path:
            argv = [path, f"--web.listen-address={peer_address}", "--log.level=error"]
            url = f"http://{peer_address}/"
            peer = stack.enter_context(Program("node_exporter", argv, folder / "peer.log", url))
        time.sleep(2)
        at_rest = _rest(ours, peer)
        host = scrape(f"http://{address}/metrics?collect[]=host", _pid(ours))
        whole = scrape(f"http://{address}/metrics", _pid(ours))
        beside = scrape(f"http://{peer_address}/metrics", _pid(peer)) if peer else None
        there = f"with {CONTAINERS} containers" if docker_host else "no Docker engine could be started"
        yield from _compare("whole page", whole, beside, f"{there}; beside: node_exporter's page")
        yield from _compare("host only", host, beside, "the collectors that node_exporter has; beside: its page")
        yield Row("CPU at rest", at_rest[0], at_rest[1], "% of a core", f"nobody scrapes, {REST_SECONDS} s; {there}")
        yield Row("memory", resident_mib(_pid(ours)), resident_mib(_pid(peer)) if peer else None, "MiB", "resident")


def _compare(name: str, ours: Scrapes, beside: Scrapes | None, what: str) -> Iterator[Row]:
    yield Row(f"{name}: CPU", ours.cpu, beside and beside.cpu, what=what)
    yield Row(f"{name}: wall p50", ours.p50, beside and beside.p50)
    yield Row(f"{name}: wall p99", ours.p99, beside and beside.p99)
    yield Row(f"{name}: series", ours.series, beside and beside.series, "")
    per = [1000 * one.cpu / one.series for one in (ours, beside) if one]
    yield Row(f"{name}: CPU per 1,000 series", per[0], per[1] if beside else None)


def _rest(ours: Program, peer: Program | None) -> tuple[float, float | None]:
    """Return the share of a core, in percent, that each takes while nobody scrapes."""
    pids = [_pid(one) for one in (ours, peer) if one]
    before = [cpu_seconds(pid) for pid in pids]
    time.sleep(REST_SECONDS)
    shares = [100 * (cpu_seconds(pid) - was) / REST_SECONDS for pid, was in zip(pids, before, strict=True)]
    return shares[0], shares[1] if peer else None


@contextlib.contextmanager
def _containers(folder: Path, count: int) -> Iterator[str | None]:
    """Run containers on an engine of our own, the one of the live tests; None where that cannot be had."""
    dockerd, busybox, unshare = find("dockerd"), find("busybox"), find("unshare")
    if not (dockerd and busybox and unshare):
        yield None
        return
    module = _fixture("engine")
    home = Path(tempfile.mkdtemp(prefix="bench-engine-", dir=folder))
    engine = module.Engine(home, [unshare, "--net", "--", dockerd], Path(busybox))
    try:
        engine.start()
        engine.make_image()
        for number in range(count):
            engine.run("while :; do sleep 3600; done", name=f"bench-{number}", stop_signal="SIGKILL")
        yield engine.url
    finally:
        engine.close()
        shutil.rmtree(home, ignore_errors=True)


def _fixture(name: str) -> ModuleType:
    """Load a file of tests/fixtures, which is no package."""
    path = Path(__file__).parents[1] / "tests" / "fixtures" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"bench_{name}", path)
    if spec is None or spec.loader is None:
        raise ImportError(path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _pid(program: Program | None) -> int:
    if program is None or program.process is None:
        raise RuntimeError("the program is not running")
    return program.process.pid
