"""Pods and containers as a CRI runtime (containerd, CRI-O) describes them: runtime.v1 of k8s.io/cri-api, api.proto.

The process id, the group's path and, before Kubernetes 1.27, the limits are only in the `info` of a verbose status:
JSON that each runtime defines for itself. Both keep the first process's number in `pid` and the OCI specification in
`runtimeSpec`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from deckwatch.exporter.sources import protobuf_wire as wire
from deckwatch.exporter.sources.container import Container, Limits

if TYPE_CHECKING:
    from collections.abc import Mapping

POD_NAME, POD_NAMESPACE = "io.kubernetes.pod.name", "io.kubernetes.pod.namespace"
CONTAINER_NAME = "io.kubernetes.container.name"

POD_READY = 0
CONTAINER_RUNNING, CONTAINER_EXITED = 1, 2
_CONTAINER_STATES = {0: "created", CONTAINER_RUNNING: "running", CONTAINER_EXITED: "exited"}
_UNKNOWN_STATE = "dead"
_NETWORK_OF_NODE = 2
_OOM_KILLED = "OOMKilled"
_NANOSECONDS = 1e9
_IMAGE_ID = "sha256:"
_INFRA_CONTAINER = "POD"  # as which CRI-O labels a pod's own container


class Runtime(NamedTuple):
    """Name and version of a runtime."""

    name: str
    version: str


class Listed(NamedTuple):
    """An entry of a list: the id of a pod or container, its state, and of a container its pod's id."""

    id: str
    state: int
    pod_id: str = ""


class Details(NamedTuple):
    """What only the verbose information has: 0 and empty where it is missing."""

    pid: int = 0
    cgroups_path: str = ""  # as in the OCI specification: a path, or `slice:prefix:name` for systemd
    image: str = ""  # of a pod's own container
    limits: Limits = Limits()


class Pod(NamedTuple):
    """A pod's sandbox; `created` is a Unix time."""

    id: str
    name: str
    namespace: str
    uid: str
    attempt: int
    state: int
    created: float
    uses_node_network: bool
    details: Details


class Status(NamedTuple):
    """A container's status; times are Unix times, 0 for never. `attempt` is how often it was restarted before."""

    id: str
    name: str
    attempt: int
    state: int
    created: float
    started: float
    finished: float
    exit_code: int
    image: str
    reason: str
    labels: Mapping[str, str]
    details: Details


def decode_version(message: bytes) -> Runtime:
    """Return name and version of the runtime in a VersionResponse; raises UnexpectedAnswer, as all of these."""
    fields = wire.decode_fields(message)
    return Runtime(wire.get_text(fields, 2), wire.get_text(fields, 3))


def decode_pod_list(message: bytes) -> list[Listed]:
    """Return the pods in a ListPodSandboxResponse."""
    pods = wire.get_messages(wire.decode_fields(message), 1)
    return [Listed(wire.get_text(pod, 1), wire.get_number(pod, 3)) for pod in pods]


def decode_container_list(message: bytes) -> list[Listed]:
    """Return the containers in a ListContainersResponse."""
    containers = wire.get_messages(wire.decode_fields(message), 1)
    return [Listed(wire.get_text(each, 1), wire.get_number(each, 6), wire.get_text(each, 2)) for each in containers]


def decode_pod(message: bytes) -> Pod:
    """Return the pod in a verbose PodSandboxStatusResponse."""
    response = wire.decode_fields(message)
    status = wire.get_message(response, 1)
    metadata = wire.get_message(status, 2)
    options = wire.get_message(wire.get_message(wire.get_message(status, 6), 1), 2)
    return Pod(
        id=wire.get_text(status, 1),
        name=wire.get_text(metadata, 1),
        namespace=wire.get_text(metadata, 3),
        uid=wire.get_text(metadata, 2),
        attempt=wire.get_number(metadata, 4),
        state=wire.get_number(status, 3),
        created=wire.get_number(status, 4) / _NANOSECONDS,
        uses_node_network=wire.get_number(options, 1) == _NETWORK_OF_NODE,
        details=parse_details(wire.get_map(response, 2).get("info", "")),
    )


def decode_status(message: bytes) -> Status:
    """Return the container in a verbose ContainerStatusResponse."""
    response = wire.decode_fields(message)
    status = wire.get_message(response, 1)
    metadata = wire.get_message(status, 2)
    details = parse_details(wire.get_map(response, 2).get("info", ""))
    linux = wire.get_message(wire.get_message(status, 16), 1)
    if linux:
        limits = _decode_limits(linux)
        # containerd has only in its specification that the memory limit covers swap too, without a wish of kubelet.
        swap = limits.memory_swap or details.limits.memory_swap
        details = details._replace(limits=limits._replace(memory_swap=swap))
    return Status(
        id=wire.get_text(status, 1),
        name=wire.get_text(metadata, 1),
        attempt=wire.get_number(metadata, 2),
        state=wire.get_number(status, 3),
        created=wire.get_number(status, 4) / _NANOSECONDS,
        started=wire.get_number(status, 5) / _NANOSECONDS,
        finished=wire.get_number(status, 6) / _NANOSECONDS,
        exit_code=wire.get_number(status, 7),
        image=_choose_image(wire.get_text(wire.get_message(status, 8), 1), wire.get_text(status, 9)),
        reason=wire.get_text(status, 10),
        labels=wire.get_map(status, 12),
        details=details,
    )


def parse_details(text: str) -> Details:
    """Return the fields of a runtime's own JSON; none of other JSON."""
    try:
        info = json.loads(text)
        specification = info.get("runtimeSpec") or {}
        linux = specification.get("linux") or {}
        resources = linux.get("resources") or {}
        cpu, memory = resources.get("cpu") or {}, resources.get("memory") or {}
        return Details(
            pid=int(info.get("pid") or 0),
            cgroups_path=str(linux.get("cgroupsPath") or ""),
            image=str(info.get("image") or ""),
            limits=_make_limits(
                memory.get("limit"), memory.get("swap"), cpu.get("shares"), cpu.get("quota"), cpu.get("period")
            ),
        )
    except (ValueError, TypeError, AttributeError, RecursionError):
        return Details()


def _decode_limits(linux: wire.Fields) -> Limits:
    """Return the limits in LinuxContainerResources."""
    period, quota, shares, memory, swap = (wire.get_number(linux, field) for field in (1, 2, 3, 4, 10))
    return _make_limits(memory, swap, shares, quota, period)


def _choose_image(name: str, reference: str) -> str:
    """Return the image's name; its reference by digest where a pod asked for that, and the name is a mere id."""
    return reference if name.startswith(_IMAGE_ID) and "@" in reference else name


def _make_limits(memory: Any, swap: Any, shares: Any, quota: Any, period: Any) -> Limits:
    quota = max(0, int(quota or 0))  # -1 is no limit
    return Limits(
        memory=max(0, int(memory or 0)),
        memory_swap=int(swap or 0),
        cpu_shares=int(shares or 0),
        cpu_quota=quota,
        cpu_period=int(period or 0) if quota else 0,
    )


def make_container(status: Status, pod: Pod, runtime: Runtime, *, has_network: bool = False) -> Container:
    """Return a container with the labels that kubelet gives it, also where another client of CRI started it.

    `has_network` is whether it stands for the pod's network, because the pod has no container of its own.
    """
    running = status.state == CONTAINER_RUNNING
    network = "host" if pod.uses_node_network else "" if has_network else f"container:{pod.id}"
    labels = {POD_NAME: pod.name, POD_NAMESPACE: pod.namespace, CONTAINER_NAME: status.name, **status.labels}
    return Container(
        id=status.id,
        name=_name_container(runtime, status.id, status.name, pod, status.attempt),
        image=status.image,
        labels=labels,
        state=_CONTAINER_STATES.get(status.state, _UNKNOWN_STATE),
        pid=status.details.pid if running else 0,
        created=status.created,
        started=status.started,
        finished=status.finished,
        exit_code=status.exit_code,
        oom_killed=status.reason == _OOM_KILLED,
        network_mode=network,
        cgroup_parent=expand_cgroups_path(status.details.cgroups_path),
        limits=status.details.limits,
        attempt=status.attempt,
    )


def make_pause_container(pod: Pod, runtime: Runtime) -> Container | None:
    """Return the container that holds a pod's namespaces; None if it has none.

    Its cgroup is that of the sandbox, and kubelet counts the network of the pod for it. CRI-O runs none for pods with
    namespaces of their own (`drop_infra_ctr`), and labels it POD, containerd not at all.
    """
    if not pod.details.pid or pod.state != POD_READY:
        return None
    labels = {POD_NAME: pod.name, POD_NAMESPACE: pod.namespace}
    if is_crio(runtime):
        labels[CONTAINER_NAME] = _INFRA_CONTAINER
    return Container(
        id=pod.id,
        name=_name_container(runtime, pod.id, _INFRA_CONTAINER, pod, pod.attempt),
        image=pod.details.image,
        labels=labels,
        state="running",
        pid=pod.details.pid,
        created=pod.created,
        started=pod.created,
        network_mode="host" if pod.uses_node_network else "",
        cgroup_parent=expand_cgroups_path(pod.details.cgroups_path),
        limits=pod.details.limits,
        is_pause=True,
    )


def is_crio(runtime: Runtime) -> bool:
    """Return whether a runtime is CRI-O."""
    return runtime.name == "cri-o"


def _name_container(runtime: Runtime, id_: str, name: str, pod: Pod, attempt: int) -> str:
    """Return the label `name` as cAdvisor sets it: with containerd the id, with CRI-O the name it makes."""
    if not is_crio(runtime):
        return id_
    return f"k8s_{name}_{pod.name}_{pod.namespace}_{pod.uid}_{attempt}"


def expand_cgroups_path(path: str) -> str:
    """Return the path of a group in the tree, from that in an OCI specification.

    For systemd it is `slice:prefix:name`, and a slice `a-b.slice` is in the slice `a.slice`: systemd.slice(5).
    """
    if path.count(":") != 2:
        return path
    slice_, prefix, name = path.split(":")
    parts = slice_.removesuffix(".slice").split("-")
    slices = ["-".join(parts[: index + 1]) + ".slice" for index in range(len(parts))]
    return "/" + "/".join([*slices, f"{prefix}-{name}.scope"])
