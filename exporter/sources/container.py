"""A container as the engine's inspect describes it. Fields: Docker Engine API, `GET /containers/{id}/json`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

STATES = ("created", "running", "paused", "restarting", "removing", "exited", "dead")
# States that only Podman has: on the way up, on the way down, and ended but not yet cleaned up.
_PODMAN_STATES = {"configured": "created", "initialized": "created", "stopping": "running", "stopped": "exited"}
HEALTH = ("healthy", "unhealthy", "starting")

UNREADABLE = (KeyError, ValueError, TypeError, AttributeError)  # an answer that is not of the API's shape

EXPECTED_LABEL = "deckwatch.expected"  # `running` or `stopped`; overrides the restart policy
_EXPECTED_POLICIES = ("always", "unless-stopped")

_NANO_CPU = 1_000_000_000
_CPU_PERIOD = 100_000  # microseconds; the engine's period where `--cpus` gives none

_NOT_IN_A_NAME = re.compile(r"[^a-zA-Z0-9_]")
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)")


class Limits(NamedTuple):
    """The limits of a container; 0 is no limit. Memory in bytes, the CPU's quota and period in microseconds."""

    memory: int = 0
    memory_swap: int = 0  # memory and swap together; -1 is no limit
    memory_reservation: int = 0
    cpu_shares: int = 0
    cpu_quota: int = 0
    cpu_period: int = 0


_UNLIMITED = Limits()


@dataclass(frozen=True, slots=True)
class Container:
    """One container. Times are Unix times, 0 for never.

    `health` is empty where there is no healthcheck. `exit_code` is that of the last end, 0 before the first.
    `restarts` and `oom_kills` are counted by the Table since it began to watch.
    """

    id: str
    name: str = ""
    image: str = ""
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    state: str = "created"
    pid: int = 0
    created: float = 0.0
    started: float = 0.0
    finished: float = 0.0
    exit_code: int = 0
    oom_killed: bool = False
    health: str = ""
    failing_streak: int = 0
    restart_policy: str = ""
    restart_count: int = 0  # the engine's own: restarts by policy since the last `docker start`
    network_mode: str = ""
    cgroup_parent: str = ""
    image_id: str = ""  # `sha256:…`
    log_path: str = ""  # on the engine's host; empty if its log is not in a reported file
    limits: Limits = _UNLIMITED
    is_pause: bool = False  # holds the namespaces of a pod of Kubernetes, and does nothing else
    attempt: int = 0  # of Kubernetes: how often the pod has started this container before
    restarts: int = 0
    oom_kills: int = 0

    @property
    def expected_running(self) -> bool:
        """Whether this container is expected to run: by its label, else by its restart policy."""
        wish = self.labels.get(EXPECTED_LABEL, "")
        return wish == "running" or (wish != "stopped" and self.restart_policy in _EXPECTED_POLICIES)

    @property
    def has_own_network(self) -> bool:
        """Whether its network namespace is its own: neither the host's nor that of another container."""
        return self.network_mode != "host" and not self.network_mode.startswith("container:")


def parse_inspect(data: Mapping[str, Any]) -> Container:
    """Return the container of an inspect; raises one of UNREADABLE if it is malformed."""
    state, config, host = data["State"], data["Config"], data["HostConfig"]
    health = state.get("Health") or {}
    status = health.get("Status") or ""
    return Container(
        id=data["Id"],
        name=data["Name"].removeprefix("/"),
        image=config.get("Image") or "",
        labels=config.get("Labels") or {},
        state=_PODMAN_STATES.get(state["Status"], state["Status"]),
        pid=int(state.get("Pid") or 0),
        created=unix_time(data["Created"]),
        started=unix_time(state.get("StartedAt") or ""),
        finished=unix_time(state.get("FinishedAt") or ""),
        exit_code=int(state.get("ExitCode") or 0),
        oom_killed=bool(state.get("OOMKilled")),
        health=status if status in HEALTH else "",
        failing_streak=int(health.get("FailingStreak") or 0),
        restart_policy=(host.get("RestartPolicy") or {}).get("Name") or "",
        restart_count=int(data.get("RestartCount") or 0),
        network_mode=host.get("NetworkMode") or "",
        cgroup_parent=host.get("CgroupParent") or "",
        image_id=data.get("Image") or "",
        log_path=data.get("LogPath") or "",
        limits=_parse_limits(host),
    )


def _parse_limits(host: Mapping[str, Any]) -> Limits:
    quota, period = int(host.get("CpuQuota") or 0), int(host.get("CpuPeriod") or 0)
    if nano := int(host.get("NanoCpus") or 0):
        quota, period = nano * _CPU_PERIOD // _NANO_CPU, _CPU_PERIOD
    return Limits(
        memory=int(host.get("Memory") or 0),
        memory_swap=int(host.get("MemorySwap") or 0),
        memory_reservation=int(host.get("MemoryReservation") or 0),
        cpu_shares=int(host.get("CpuShares") or 0),
        cpu_quota=max(0, quota),  # -1 lifts a limit
        cpu_period=period or _CPU_PERIOD if quota > 0 else 0,
    )


def label_name(key: str) -> str:
    """Return the name that a container's label has on the page, which is cAdvisor's."""
    return "container_label_" + _NOT_IN_A_NAME.sub("_", key)


def unix_time(text: str) -> float:
    """Return the Unix time of RFC 3339 text with up to nine decimals; 0 for Go's zero time and for no text."""
    if not text or text.startswith("0001-"):
        return 0.0
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError(f"not a time as the engine writes it: {text!r}")
    second, fraction, zone = match.groups()
    moment = datetime.fromisoformat(second + ("+00:00" if zone == "Z" else zone))
    return moment.timestamp() + float(fraction or 0)
