"""Containers to monitor: a separate engine, as in the live tests, with any number of containers."""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench._machine import ENTERED
from bench._options import print_progress
from deckwatch.provisioning.program import find_program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

WORKING = 4  # one of so many containers works under load
_ONE_PERCENT = 10_000_000  # of a CPU, in nanoseconds per second: the engine's smallest limit
_ANSWER_SECONDS = 300.0  # timeout for starting a container on a busy machine
_REST = "while :; do sleep 3600; done"
_WORK = """
rm -f /tmp/rest
gateway=$(ip route | sed -n 's/default via \\([^ ]*\\).*/\\1/p')
while [ ! -e /tmp/rest ]; do
  i=0; while [ $i -lt 500 ]; do i=$((i+1)); done
  dd if=/dev/zero of=/tmp/work bs=64k count=4 2>/dev/null
  ping -q -c 2 -s 1000 "$gateway" >/dev/null
done
"""


class Containers:
    """A separate engine and its containers, whose number only grows."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        engine.client.api.timeout = _ANSWER_SECONDS
        self._running: list[Any] = []

    @property
    def docker_host(self) -> str:
        return str(self._engine.url)

    def start_containers(self, count: int) -> None:
        """Start containers, with the labels that Compose sets, until `count` run."""
        started = time.monotonic()
        new = range(len(self._running), count)
        with ThreadPoolExecutor(4) as pool:
            self._running += pool.map(self._start_container, new)
        if new:
            print_progress(f"{len(new)} containers started in {time.monotonic() - started:.0f} s")

    @contextmanager
    def under_load(self) -> Iterator[None]:
        """Let every fourth container use CPU, disk and network, each up to 1 % of a CPU."""
        working = self._running[::WORKING]
        for container in working:
            container.exec_run(["sh", "-c", _WORK], detach=True)
        yield
        for container in working:
            container.exec_run(["touch", "/tmp/rest"])

    def kill_all(self) -> None:
        """Kill all containers without removing them, which would take a minute for hundreds."""
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda container: container.kill(), self._running))

    def _start_container(self, number: int) -> Any:
        limits = {} if number % WORKING else {"nano_cpus": _ONE_PERCENT}
        labels = {
            "project": "bench",
            "service": f"service-{number}",
            "container-number": "1",
            "oneoff": "False",
            "config-hash": f"{number:064x}",
            "project.working_dir": "/srv/bench",
            "project.config_files": "/srv/bench/docker-compose.yml",
            "version": "2.39.1",
        }
        labels = {f"com.docker.compose.{key}": value for key, value in labels.items()}
        name = f"bench-service-{number}-1"
        return self._engine.run(_REST, name=name, stop_signal="SIGKILL", labels=labels, **limits)


@contextmanager
def start_engine(folder: Path) -> Iterator[Containers | None]:
    """Run an engine as in the live tests; yield None if that is impossible here.

    Its mounts disappear with the mount namespace.
    """
    dockerd, busybox = find_program("dockerd"), find_program("busybox")
    if not (dockerd and busybox and os.environ.get(ENTERED)):
        print_progress("no containers: they require root, dockerd, busybox and unshare")
        yield None
        return
    engine = load_fixture("engine").Engine(
        Path(tempfile.mkdtemp(prefix="engine-", dir=folder)), [dockerd], Path(busybox)
    )
    engine.start()
    engine.make_image()
    containers = Containers(engine)
    yield containers
    containers.kill_all()
    engine.program.stop()


def load_fixture(name: str) -> ModuleType:
    """Import a file of tests/fixtures, which is not a package."""
    path = Path(__file__).parents[1] / "tests" / "fixtures" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"bench_{name}", path)
    if spec is None or spec.loader is None:
        raise ImportError(path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
