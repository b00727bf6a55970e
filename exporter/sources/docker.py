"""The Docker engine: its containers and their events, available without a call during a scrape.

One stream of `/events`, an inspect for every change, the full list once a minute, and a ping every few seconds: the
stream has no time limit, so a stopped engine is silent, and a killed one ends the stream without an error.
After a reconnect, everything is inspected again and the stream continues from the last event (`since`).

Calls: GET /version /info /_ping /events /containers/json /containers/{id}/json, which are all that a proxy before the
engine's socket must allow; the first without a version in its path, the others below /v1.NN. Optional requests in the
background: docker_stats.py, docker_sizes.py.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import logging
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from deckwatch.core import extras
from deckwatch.exporter.sources import cri_table, rootfs
from deckwatch.exporter.sources.container import unix_time
from deckwatch.exporter.sources.container_table import ContainerTable
from deckwatch.exporter.sources.docker_snapshot import Snapshot, info_fields
from deckwatch.exporter.world import Source

if TYPE_CHECKING:
    from deckwatch.exporter.sources.cri_watch import RuntimeWatch
    from deckwatch.exporter.sources.docker_watch import EngineWatch
    from deckwatch.exporter.world import World

log = logging.getLogger("deckwatch.docker")

CRI_SCHEME = "cri://"
# containerd, CRI-O, and containerd as k3s and as MicroK8s have it.
CRI_SOCKETS = (
    "/run/containerd/containerd.sock",
    "/run/crio/crio.sock",
    "/run/k3s/containerd/containerd.sock",
    "/var/snap/microk8s/common/run/containerd.sock",
)
SOCKET = Path("/var/run/docker.sock")
_FIRST_LIST_SECONDS = 5.0  # how long a scrape waits for the first list, once


class Engine(Source):
    """The World's Docker engine.

    `World.docker_host` is its address, `unix://…` or `tcp://…`; None stands for DOCKER_HOST or the usual socket where
    there is one, an empty text for no engine, and `file://…` for a captured engine: a JSON file with `version`, `info`,
    `containers` (a list of inspects) and `events`, or `cri` with a captured CRI runtime. `cri://PATH` is the socket of
    a CRI runtime (containerd, CRI-O), and `cri://` the first of the usual ones below --path.rootfs.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._lock = threading.Lock()
        self._watch: EngineWatch | RuntimeWatch | None = None
        self._captured: Snapshot | None = None

    def latest_snapshot(self) -> Snapshot | None:
        """Return the newest snapshot, without a call to the engine; None if there is no engine to watch.

        Only the very first call waits, for the first list.
        """
        if self._captured is not None:
            return self._captured
        watch = self._watch
        if watch is None:
            address = self.engine_address()
            if not address:
                return None
            if address.startswith("file://"):
                self._captured = load_captured(Path(address.removeprefix("file://")), self._world.age_clock())
                return self._captured
            watch = self._start_watch(address)
        return watch.latest_snapshot(_FIRST_LIST_SECONDS)

    def engine_address(self) -> str:
        """Return where the engine is: configured, from the environment, or the usual socket if it is there."""
        if self._world.docker_host is not None:
            return self._world.docker_host
        if host := os.environ.get("DOCKER_HOST"):
            return host
        return f"unix://{SOCKET}" if SOCKET.exists() and not self._missing_package else ""

    @property
    def has_docker_api(self) -> bool:
        """Whether the engine answers Docker's API, as one that is captured and a CRI runtime do not."""
        return not self.engine_address().startswith(("file://", CRI_SCHEME))

    def absence_reason(self) -> str:
        """Return why there is no engine to watch, where `latest_snapshot` returns None."""
        if self.engine_address() or not SOCKET.exists():
            return f"{SOCKET} does not exist and no address is configured"
        return self._missing_package

    @functools.cached_property
    def _missing_package(self) -> str:
        """What to install to watch the engine at the usual socket; empty if nothing."""
        if importlib.util.find_spec("docker") is not None:
            return ""
        reason = extras.describe_missing_module("docker") or ""
        log.warning("the Docker engine at %s is not watched: %s", SOCKET, reason)
        return reason

    def _find_cri_socket(self, address: str) -> str:
        """Return the path of a CRI socket: the given one, or the first of the usual ones, also if there is none."""
        if given := address.removeprefix(CRI_SCHEME):
            return given
        usual = [rootfs.host_path(self._world, path) for path in CRI_SOCKETS]
        return next((path for path in usual if os.path.exists(path)), usual[0])  # noqa: PTH110 - texts

    def close(self) -> None:
        """End the threads and the connections."""
        with self._lock:
            if self._watch is not None:
                self._watch.close()

    def _start_watch(self, address: str) -> EngineWatch | RuntimeWatch:
        if address.startswith(CRI_SCHEME):
            from deckwatch.exporter.sources.cri_watch import RuntimeWatch  # noqa: PLC0415 - only on nodes of Kubernetes

            with self._lock:
                if self._watch is None:
                    self._watch = RuntimeWatch(
                        lambda: self._find_cri_socket(address), self._world.clock, self._world.age_clock
                    )
                return self._watch
        # Imported here: `docker` and `requests` cost 20 MB and 100 ms, which a machine without an engine need not pay.
        from deckwatch.exporter.sources.docker_watch import EngineWatch  # noqa: PLC0415

        with self._lock:
            if self._watch is None:
                self._watch = EngineWatch(address, self._world.age_clock)
            return self._watch


def load_captured(path: Path, now: float) -> Snapshot:
    """Return the snapshot of a captured engine at `now` of World.age_clock; raises OSError, ValueError or KeyError."""
    data = json.loads(path.read_text())
    if "cri" in data:
        return cri_table.load_captured(data["cri"], now)
    table = ContainerTable()
    table.start_watching(unix_time(data.get("info", {}).get("SystemTime", "")))
    for inspect in data["containers"]:
        table.apply_inspect(inspect)
    for event in data.get("events", ()):
        table.apply_event(event, now)
    return Snapshot(
        reachable=True,
        containers=table.all_containers(),
        departed=table.removed_containers(now),
        **info_fields({"ServerVersion": data.get("version", {}).get("Version"), **data.get("info", {})}),
    )
